"""Subtasks: calls as the calling guest sees them.

Source: CanonicalABI.md, "Subtask State" and "`canon lower`".
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol, final

from weft.errors import Trap, TrapCode
from weft.runtime.task import CANCELLED
from weft.runtime.waitable import Event, EventCode, Waitable

if TYPE_CHECKING:
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.resource import ResourceHandle
    from weft.runtime.task import Cancel
    from weft.runtime.thread import Thread


@final
class SubtaskState(enum.IntEnum):
    """How far a call has come; the numbers cross the ABI."""

    STARTING = 0
    STARTED = 1
    RETURNED = 2
    CANCELLED_BEFORE_STARTED = 3
    CANCELLED_BEFORE_RETURNED = 4


class Lowered(Protocol):
    """The values of a call, between the caller's flat core values and Python."""

    @property
    def inst(self) -> ComponentInstance:
        """The instance that calls."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """What messages call it."""
        raise NotImplementedError

    def lift_params(self, subtask: Subtask, flat: tuple[object, ...]) -> tuple[object, ...]:
        """Lift the arguments out of the caller."""
        ...

    def lower_result(self, subtask: Subtask, result: object, flat: tuple[object, ...]) -> object:
        """Lower the result into the caller and return the flat results."""
        ...

    def release_result(self, result: object) -> None:
        """Let go of what is in a result that the caller does not take."""


@final
class Subtask(Waitable):
    """A call of a lowered function in progress.

    Invariant: `lenders` is None exactly when the resolution was delivered to the guest.
    Invariant: `index` is 0 until the caller has been given a handle.
    """

    __slots__ = (
        "call",
        "cancellation_requested",
        "flat",
        "flat_results",
        "index",
        "lenders",
        "lowered",
        "state",
        "waiter",
    )

    def __init__(self, lowered: Lowered, flat: tuple[object, ...]) -> None:
        super().__init__()
        self.lowered = lowered
        self.flat = flat
        self.flat_results: object = None
        self.state = SubtaskState.STARTING
        self.call: Cancel | None = None
        self.lenders: list[ResourceHandle] | tuple[()] | None = ()
        self.cancellation_requested = False
        self.index = 0
        self.waiter: Thread | None = None

    # The caller's side, for the callee (`weft.runtime.task.Caller`).

    def on_start(self) -> tuple[object, ...]:
        """Lift the arguments."""
        self.state = SubtaskState.STARTED
        self._progress()
        try:
            return self.lowered.lift_params(self, self.flat)
        except BaseException as error:
            self.on_fail(error)
            raise

    def on_resolve(self, result: object) -> None:
        """Lower the result, or note the cancellation; a caller that was stopped meanwhile gets nothing."""
        if self.lowered.inst.root.poisoned is not None:
            if result is not CANCELLED:
                self.lowered.release_result(result)
            return
        if result is not CANCELLED:
            try:
                self.flat_results = self.lowered.lower_result(self, result, self.flat)
            except BaseException as error:
                self.on_fail(error)
                raise
            self.state = SubtaskState.RETURNED
        elif self.state is SubtaskState.STARTING:
            self.state = SubtaskState.CANCELLED_BEFORE_STARTED
        else:
            self.state = SubtaskState.CANCELLED_BEFORE_RETURNED
        self._progress()

    def on_fail(self, error: BaseException) -> None:
        """Poison the caller too: it waits for a result that cannot come."""
        self.lowered.inst.root.poison(error)

    def _progress(self) -> None:
        if self.index:
            self.set_pending_event(self._event)
        if self.waiter is not None:
            self.waiter.wake()

    def _event(self) -> Event:
        if self.resolved():
            self.deliver_resolve()
        return (EventCode.SUBTASK, self.index, self.state)

    # The guest's side.

    def resolved(self) -> bool:
        """Whether the call is over."""
        return self.state >= SubtaskState.RETURNED

    def add_lender(self, handle: ResourceHandle) -> None:
        """Lend `handle` to the callee until the resolution is delivered."""
        assert self.lenders is not None
        handle.num_lends += 1
        if isinstance(self.lenders, tuple):  # most calls lend nothing
            self.lenders = []
        self.lenders.append(handle)

    def deliver_resolve(self) -> None:
        """Give back what was lent."""
        assert self.lenders is not None
        for handle in self.lenders:
            handle.num_lends -= 1
        self.lenders = None

    def resolve_delivered(self) -> bool:
        """Whether the guest knows that the call is over."""
        return self.lenders is None

    def drop(self) -> None:
        """Forget the call; a `Trap` unless the guest knows that it is over."""
        if not self.resolve_delivered():
            raise Trap(TrapCode.SUBTASK_DROP_NOT_RESOLVED)
        self.join(None)
        self.forget_call()

    def forget_call(self) -> None:
        """Let go of a call that is over, and that knows this subtask: the two would wait for the garbage collector."""
        self.call = None
