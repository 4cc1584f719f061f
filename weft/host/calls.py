"""Calls of guest functions, as the host that makes them sees them."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, final

from weft.canon.lift import LiftedFunc
from weft.canon.types import ResultType
from weft.canon.values import Err, Ok
from weft.errors import CallAbortedError, CallCancelledError, StoreError
from weft.host.waiters import new_waiter, wake
from weft.runtime.task import CANCELLED, next_number

if TYPE_CHECKING:
    from weft.component.items import FuncItem
    from weft.host.failures import Failure
    from weft.host.store import Store
    from weft.host.waiters import Waiter
    from weft.runtime.task import Cancel
    from weft.runtime.thread import Thread

BLOCKED_CALLER: ContextVar[Thread | None] = ContextVar("BLOCKED_CALLER", default=None)
"""The guest's thread that is blocked in the host function that runs here: calls back into its instance are let in."""


@final
class Call:
    """A call in progress.

    Attributes:
        name: the function's name, as it was looked up.
        number: identifies the call; later calls have greater numbers.
    """

    __slots__ = (
        "_abandoned",
        "_args",
        "_cancel",
        "_cancel_requested",
        "_failure",
        "_item",
        "_made_by",
        "_resolved",
        "_result",
        "_started",
        "_waiters",
        "name",
        "number",
        "store",
    )

    def __init__(self, store: Store, item: FuncItem, name: str, args: tuple[object, ...]) -> None:
        wanted = len(item.type.params)
        if len(args) != wanted:
            raise TypeError(f"{name} takes {wanted} argument{'s' * (wanted != 1)}, {len(args)} given")
        self.store = store
        self.name = name
        self.number = next_number()
        self._item = item
        self._args = args
        self._cancel: Cancel | None = None
        self._cancel_requested = False
        self._resolved = False
        self._result: object = None
        self._failure: Failure | None = None
        self._waiters: list[Waiter] = []
        self._started = False
        blocked = BLOCKED_CALLER.get()
        self._made_by = blocked if blocked is not None and blocked.store is store.state else None
        self._abandoned = False

    @property
    def task(self) -> int:
        """What identifies the guest's task, as `weft.async_call_stack` gives it: `number`."""
        return self.number

    @property
    def resolved(self) -> bool:
        """Whether the outcome is known."""
        return self._resolved

    def start(self) -> None:
        """Run the guest until it blocks or returns; do nothing when the call was cancelled before.

        Raises:
            Trap: when the guest traps, or cannot be entered.
            BaseException: what a host function raised.
        """
        if self._resolved:
            return
        self._started = True
        state = self.store.state
        previous = state.current
        if previous is None:
            state.current = self._made_by
        try:
            self._cancel = self._item.callee.invoke(self)
            if self._cancel_requested:
                self.cancel()
        except BaseException as error:
            self.on_fail(error)
            raise
        finally:
            state.current = previous
            self._leave_queue()

    def enqueue(self) -> None:
        """Have the store's loop `start` this call."""
        self.store.queued_calls[self] = None
        self.store.state.scheduler.push_job(self.start)

    def _leave_queue(self) -> None:
        if self in self.store.queued_calls:
            del self.store.queued_calls[self]
            self.store.state.note_change()

    def start_here(self) -> None:
        """Do what `start` does, for whoever waits for the outcome and so is the first to see an error."""
        try:
            self.start()
        except BaseException as error:
            self.store.failures.take(error)
            raise

    # Stopping.

    def cancel(self) -> None:
        """Ask the guest to stop; a call that did not start never will, and one that is over stays as it is.

        The guest learns of it where it next waits and can be told, when the store's loop runs. It may clean up, may
        return a value all the same, and may take its time. If it acknowledges, the outcome is a `CallCancelledError`.
        Asking twice is asking once.

        Source: Concurrency.md, "Cancellation".
        """
        if self._resolved:
            return
        if not self._started:
            self.on_resolve(CANCELLED)
            self._leave_queue()
            return
        self._cancel_requested = True
        self.store.state.scheduler.push_job(self._request_cancellation)

    def _request_cancellation(self) -> None:
        if self._cancel is not None and not self._resolved:
            self._cancel.request_cancellation()

    def abort(self) -> None:
        """Stop the guest without asking it: what a trap does, and no guest code runs any more.

        A guest that lost one stack in the middle may be in any state, so the whole instantiation stops: every stack of
        its instances is unwound, its ends of streams and futures are dropped, host functions it called are cancelled,
        and it can never be entered again. The outcome of this call, and of all others into it, is a `CallAbortedError`.
        Guests of other instantiations go on, unless they wait for this one.

        A call that did not start never will, and harms nobody; neither does the abort of one whose task is gone. A call
        of a host function is cancelled. Other than `cancel`, it works outside the store's loop, too.

        Raises:
            StoreError: when called from a plain host function that a guest runs: raise an exception there instead.
        """
        error = CallAbortedError(f"the call of {self.name} was aborted")
        callee = self._item.callee
        if not self._started:
            self.on_fail(error)
            self._leave_queue()
        elif not isinstance(callee, LiftedFunc):
            self.cancel()
        elif self._is_live(callee):
            self._stop(callee, error)

    def _stop(self, callee: LiftedFunc, error: CallAbortedError) -> None:
        state, root = self.store.state, callee.inst.root
        if state.current is not None:
            raise StoreError("no call can be aborted from inside a guest of its store: raise an exception instead")
        if state.nesting:  # an async host function in its first step, which guests wait for
            state.scheduler.push_job(partial(root.poison, error))
        else:
            root.poison(error)
            self.store.wake()

    def _is_live(self, callee: LiftedFunc) -> bool:
        """Whether there is a task of this call: also one that has returned, and is not over."""
        return not self._resolved or any(task.caller is self for task in callee.inst.tasks)

    # For the callee (`weft.runtime.task.Caller`).

    def on_start(self) -> tuple[object, ...]:
        """Hand the arguments over."""
        return self._args

    def on_resolve(self, result: object) -> None:
        """Take the result."""
        self._result = result
        self._resolve()

    def on_fail(self, error: BaseException) -> None:
        """Take note that no result will come."""
        if not self._resolved:
            self._failure = self.store.failures.of(error)
            if not self._abandoned:
                self._failure.claimed = True
            self._resolve()

    def _resolve(self) -> None:
        self._resolved = True
        self._cancel = None  # it knows this call, too
        for waiter in self._waiters:
            wake(waiter)

    # For who waits.

    async def wait(self) -> None:
        """Wait until the outcome is known; to cancel this leaves the guest's task running."""
        if self._resolved:
            return
        waiter = new_waiter()
        self._waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            if len(self._waiters) == 1:
                self.abandon()
            raise
        finally:
            self._waiters.remove(waiter)

    def abandon(self) -> None:
        """Note that nobody wants the outcome any more: then the store's loop raises what the task may raise."""
        self._abandoned = True
        failure = self._failure
        if failure is not None and failure.claimed and not failure.taken:
            self.store.raise_later(failure.take())

    def outcome(self) -> Any:
        """Return the lifted result.

        Raises:
            Err: the error of a function that returns a result type.
            Trap: when the guest trapped; also when another call into the same instance did.
            CallCancelledError: when it was cancelled, and returned no value.
            CallAbortedError: when it was aborted, or another call into the same instantiation.
            BaseException: what a host function raised.
        """
        if self._failure is not None:
            raise self._failure.take()
        if self._result is CANCELLED:
            raise CallCancelledError(f"the call of {self.name} was cancelled")
        return unwrap_result(self._result) if isinstance(self._item.type.result, ResultType) else self._result


def unwrap_result(result: object) -> object:
    """Return the value of an `Ok`; raise an `Err`."""
    if isinstance(result, Err):
        raise result
    assert isinstance(result, Ok)
    return result.value
