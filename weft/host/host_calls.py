"""Calls of async host functions in progress.

A function that returns or raises before it waits for anything costs no task of the event loop: see `Stepper`.

Source: Wasmtime's ``first_poll``.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Protocol, final

from attrs import define

from weft.errors import StoreError
from weft.host.call_stack import current_stack
from weft.host.steps import Steps
from weft.host.tasks import is_cancellation
from weft.runtime.observer import HostCallKind, HostCallOutcome
from weft.runtime.subtask import Subtask
from weft.runtime.task import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from weft.host.steppers import Stepper, Steppers
    from weft.host.store import Store
    from weft.runtime.instance import RootInstance
    from weft.runtime.observer import HostCallInfo
    from weft.runtime.store import StoreState
    from weft.runtime.task import Caller


class Stoppable(Protocol):
    """What runs the steps of a call."""

    def abort(self) -> None:
        """Cancel what it runs."""


class AsyncFunc(Protocol):
    """A host function that awaits."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def blocks(self) -> bool:
        """Whether the guest that calls it waits until it is over."""
        ...

    def value(self, store: Store, args: tuple[object, ...]) -> Coroutine[Any, Any, object]:
        """Call it and return the value to lower."""
        ...

    def release_args(self, args: tuple[object, ...]) -> None:
        """Let go of what is in arguments that it will not get."""


def start_host_call(store: Store, func: AsyncFunc, caller: Caller, args: tuple[object, ...]) -> HostCall | None:
    """Call `func`; None when the call is over, and `caller` has the result."""
    state = store.state
    blocked = state.current if func.blocks else None
    steps = Steps(partial(func.value, store, args), (state, current_stack(state)), blocked)
    call = HostCall(store, func, caller, steps, args)
    steppers = store.steppers
    if steppers is None:
        call.handle = store.spawn_host_task(call.run)
        call.tell_begin()
    else:
        call.tell_begin()
        if not _may_begin_here(store, func, caller):
            call.hand_over(steppers.take())
        elif call.begin(steppers):
            return None
    call.register()
    return call


def _may_begin_here(store: Store, func: AsyncFunc, caller: Caller) -> bool:
    """Whether the first step is made inside the guest's call.

    It is, unless the guest runs for so long that others shall have their turn first, and the call may wait. What must
    not wait never does for that reason: whether it traps shall not depend on the time.
    """
    state = store.state
    if state.pinned or store.in_blocking_call:
        return False
    return time.monotonic() < store.turn_end or not _may_wait(state, func, caller)


def _may_wait(state: StoreState, func: AsyncFunc, caller: Caller) -> bool:
    thread = state.current
    if thread is None or not isinstance(caller, Subtask):
        return True
    return thread.may_suspend and (thread.task.lifted.is_async or func.blocks)


@final
@define(eq=False)
class HostCall:
    """A call of an async host function.

    Attributes:
        args: the arguments, until the steps that are left are made.
        handle: what stops the task that makes the steps, while there is one.
        counted: whether it is one of what the store knows to be pending; what `Store.spawn_host_task` runs is anyway.
        info: what observers call it.
    """

    store: Store
    func: AsyncFunc
    caller: Caller
    steps: Steps
    args: tuple[object, ...]
    handle: Stoppable | None = None
    counted: bool = False
    cancelled: bool = False
    info: HostCallInfo | None = None

    @property
    def root(self) -> RootInstance | None:
        """The instances whose trap cancels the call: those of the guest that made it."""
        return self.caller.lowered.inst.root if isinstance(self.caller, Subtask) else None

    def begin(self, steppers: Steppers) -> bool:
        """Make the first step now; whether it was the only one, and `caller` has the result.

        Raises:
            BaseException: what the function raised.
        """
        stepper = steppers.take()
        try:
            self._begin_outside(stepper)
        except StopIteration as stop:
            value = stop.value
        except BaseException as error:
            steppers.give_back(stepper)
            self._tell_end(HostCallOutcome.FAILED)
            if is_cancellation(error):
                raise self._cancelled_from_outside() from error
            raise
        else:
            self.hand_over(stepper)
            return False
        steppers.give_back(stepper)
        self._tell_end(HostCallOutcome.RETURNED)
        self.caller.on_resolve(value)
        return True

    def _begin_outside(self, stepper: Stepper) -> None:
        """Make the first step; to the function no guest is running, as in its later steps."""
        state = self.store.state
        calling, state.current = state.current, None
        try:
            stepper.begin(self.steps)
        finally:
            state.current = calling

    def register(self) -> None:
        """Have the call cancelled when the guest that made it is stopped; it may have been in the first step."""
        root = self.root
        if root is None:
            return
        if root.poisoned is None:
            root.host_calls[self] = None
        else:
            self.request_cancellation()

    def hand_over(self, stepper: Stepper) -> None:
        """Leave the steps that are left to a task."""
        self.handle = stepper
        self.counted = True
        self.store.pending_host_tasks += 1
        stepper.go_on(self)

    async def run(self) -> None:
        """Make the steps that are left, then resolve the call from the scheduler."""
        resolve: Callable[[], None] = self._stopped
        outcome = HostCallOutcome.CANCELLED
        args, self.args = self.args, ()
        try:
            value = await self.steps if self.steps.begun or not self.cancelled else CANCELLED
            resolve = self.deliver
            self.store.undelivered[self] = value
            outcome = HostCallOutcome.CANCELLED if value is CANCELLED else HostCallOutcome.RETURNED
        except BaseException as error:  # whatever it is, it goes to the caller
            if is_cancellation(error):
                raise
            resolve = partial(self._fail, error)
            outcome = HostCallOutcome.FAILED
        finally:
            if not self.steps.begun:
                self.func.release_args(args)
            self.handle = None  # it serves other calls now
            if self.root is not None:
                self.root.host_calls.pop(self, None)
            self.store.pending_host_tasks -= self.counted
            self.store.state.scheduler.push_job(resolve)
            self._tell_end(outcome)

    def deliver(self) -> None:
        """Give the result to the guest that called, or to nobody if that was stopped."""
        self.caller.on_resolve(self.store.undelivered.pop(self))

    def tell_begin(self) -> None:
        """Tell observers of the call."""
        state = self.store.state
        if state.observation is not None:
            kind = HostCallKind.BLOCKING if self.func.blocks else HostCallKind.CONCURRENT
            self.info = state.observation.host_call_begun(self.func.name, kind, state.current)

    def _tell_end(self, outcome: HostCallOutcome) -> None:
        observation = self.store.state.observation
        if self.info is not None and observation is not None:
            observation.host_call_ended(self.info, outcome)

    def _stopped(self) -> None:
        if self.cancelled or self.store.closed:
            self.caller.on_resolve(CANCELLED)
        else:
            self._fail(self._cancelled_from_outside())

    def _cancelled_from_outside(self) -> StoreError:
        return StoreError(f"the host function {self.func.name} was cancelled from outside")

    def _fail(self, error: BaseException) -> None:
        self.caller.on_fail(error)
        raise error

    def request_cancellation(self) -> None:
        """Cancel the function's scope; what it returns from a shielded clean-up still counts."""
        self.cancelled = True
        if self.handle is not None:
            self.handle.abort()


__all__ = ["AsyncFunc", "HostCall", "start_host_call"]
