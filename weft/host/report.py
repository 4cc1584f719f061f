"""Reports on what blocked tasks wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.host.calls import Call
from weft.runtime.ends import CopyEnd
from weft.runtime.shared import SharedFuture, SharedStream
from weft.runtime.subtask import Subtask
from weft.runtime.task import Task
from weft.runtime.waitable import EventCode, WaitableSet

if TYPE_CHECKING:
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.store import StoreState
    from weft.runtime.thread import Thread

_VERBS = {
    EventCode.STREAM_READ: "read of a stream",
    EventCode.STREAM_WRITE: "write to a stream",
    EventCode.FUTURE_READ: "read of a future",
    EventCode.FUTURE_WRITE: "write to a future",
}


def deadlock_report(state: StoreState) -> tuple[str, ...]:
    """Return one line for each blocked thread: the export it came from and what it waits for."""
    return tuple(
        f"{_thread(thread)} {_waits(thread)}"
        for root in state.roots
        for inst in root.instances
        for thread in [*inst.threads, *inst.entering]
    )


def _thread(thread: Thread) -> str:
    task = thread.task
    name = f"task of `{_name(task)}`"
    if task.inst.name:
        name += f" in instance `{task.inst.name}`"
    return name if thread is task.implicit_thread else f"thread {thread.index} of the {name}"


def _name(task: Task) -> str:
    """Return what a task runs: as the host looked it up, else as its component or its caller calls it."""
    caller = task.caller
    if isinstance(caller, Call):
        return caller.name
    if not task.lifted.name and isinstance(caller, Subtask):
        return caller.lowered.name or "?"
    return task.lifted.name or "?"


def _waits(thread: Thread) -> str:
    inst = thread.task.inst
    if thread in inst.entering:
        return f"waits to be let in: {_why_not_in(thread)}"
    if thread.suspended:
        return "is suspended until another thread resumes it"
    text = f"waits for {_reason(thread.reason, inst)}"
    if inst.holders and inst.is_held_against(thread):
        text += f", and {_held(thread)}"
    elif inst.exclusive_thread not in {None, thread} and thread in inst.lock_waiters:
        assert inst.exclusive_thread is not None
        text += f", and until the task of `{_name(inst.exclusive_thread.task)}` lets go of its instance"
    return text


def _why_not_in(thread: Thread) -> str:
    inst = thread.task.inst
    if inst.holders and inst.is_held_against(thread):
        return _held(thread)
    if inst.backpressure:
        return f"its instance asked for backpressure (counter {inst.backpressure})"
    if thread.task.lifted.needs_exclusive and inst.exclusive_thread is not None:
        return f"the task of `{_name(inst.exclusive_thread.task)}` has its instance to itself"
    return "others came before"


def _held(thread: Thread) -> str:
    names = ", ".join(f"`{_name(holder.task)}`" for holder in thread.task.inst.holders)
    return f"its instance is in the middle of a call of {names}"


def _reason(reason: object, inst: ComponentInstance) -> str:
    match reason:
        case WaitableSet():
            members = ", ".join(_reason(waitable, inst) for waitable in reason.elems)
            return f"an event of a waitable set, in which there is {members or 'nothing'}"
        case Subtask():
            return _subtask(reason)
        case CopyEnd():
            return _copy(reason, inst)
        case _:
            return "its turn"


def _subtask(subtask: Subtask) -> str:
    state = subtask.state.name.lower().replace("_", " ")
    if subtask.cancellation_requested:
        state += ", asked to stop"
    callee = "" if isinstance(subtask.call, Task) else "host function "
    return f"its call of {callee}`{subtask.lowered.name or '?'}` ({state})"


def _copy(end: CopyEnd, inst: ComponentInstance) -> str:
    what = _VERBS[end.event_code] if end.copying() else f"nothing, on an idle end of a {end.kind}"
    return f"its {what} (handle {end.index}; {_other_end(end, inst)})"


def _other_end(end: CopyEnd, inst: ComponentInstance) -> str:
    shared = getattr(end, "shared", None)
    if not isinstance(shared, SharedStream | SharedFuture) or shared.sink is not None:
        return "the host has the other end"
    for root in inst.store.roots:
        for other_inst in root.instances:
            for other in other_inst.handles:
                if isinstance(other, CopyEnd) and other is not end and getattr(other, "shared", None) is shared:
                    return f"the other end is handle {other.index} of {_where(other_inst, inst)}, {other.state.value}"
    return "no guest has the other end"


def _where(inst: ComponentInstance, own: ComponentInstance) -> str:
    if inst is own:
        return "the same instance"
    return f"instance `{inst.name}`" if inst.name else "another instance"
