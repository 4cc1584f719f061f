"""Call stacks of guests' tasks, which may be asynchronous and cross components."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

from weft.host.accessor import as_store
from weft.host.calls import Call
from weft.runtime.task import next_number

if TYPE_CHECKING:
    from weft.host.accessor import StoreLike
    from weft.runtime.store import StoreState
    from weft.runtime.task import Task

TaskId: TypeAlias = int
"""What identifies a guest's task, in the whole program; for a call that the host made it is `Call.task`."""

CALLED_FROM: ContextVar[tuple[StoreState | None, tuple[TaskId, ...]]] = ContextVar("CALLED_FROM", default=(None, ()))
"""The stack that the host function that runs here was called from, if it is one that awaits, and the store of it."""


def async_call_stack(store: StoreLike) -> tuple[TaskId, ...]:
    """Return the tasks of guests that led to the host function that asks, youngest first.

    It goes on through every component that called the next, and ends with the call that the host made: compare with
    `Call.task`. Host functions are not in it, and it does not go on through the calls that they make, but where
    a function blocks the guest that called it. A function that awaits sees the stack it was called from, whatever has
    become of those tasks since; the background tasks of `Accessor.spawn` see none.

    Args:
        store: the store, or an accessor of it.

    Returns:
        The tasks; none outside host functions.

    Source: Wasmtime's ``Store::async_call_stack``.
    """
    state = as_store(store).state
    if state.current is not None:
        return current_stack(state)
    called_in, stack = CALLED_FROM.get()
    return stack if called_in is state else ()


def current_stack(state: StoreState) -> tuple[TaskId, ...]:
    """Return the task whose guest code runs now and those that called it, youngest first."""
    stack: list[TaskId] = []
    task = None if state.current is None else state.current.task
    while task is not None:
        stack.append(_id(task))
        task = task.parent
    return tuple(stack)


def _id(task: Task) -> TaskId:
    if isinstance(task.caller, Call):
        return task.caller.number
    task.number = task.number or next_number()
    return task.number


__all__ = ["CALLED_FROM", "TaskId", "async_call_stack", "current_stack"]
