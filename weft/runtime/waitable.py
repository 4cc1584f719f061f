"""Events, the things a guest can wait for, and sets of them.

Source: CanonicalABI.md, "Waitable State".
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeAlias, final

from weft.errors import Trap, TrapCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.runtime.task import Task
    from weft.runtime.thread import Thread


@final
class EventCode(enum.IntEnum):
    """What happened; the numbers cross the ABI."""

    NONE = 0
    SUBTASK = 1
    STREAM_READ = 2
    STREAM_WRITE = 3
    FUTURE_READ = 4
    FUTURE_WRITE = 5
    TASK_CANCELLED = 6


Event: TypeAlias = tuple[int, int, int]

NO_EVENT: Event = (EventCode.NONE, 0, 0)
CANCELLED_EVENT: Event = (EventCode.TASK_CANCELLED, 0, 0)


class Waitable:
    """Something with at most one pending event: a subtask, or an end of a stream or future.

    Invariant: an event is computed when it is delivered, so that later progress is seen.
    Invariant: `sync_waiter` and `wset` are never both set.
    """

    __slots__ = ("pending_event", "sync_waiter", "wset")

    def __init__(self) -> None:
        self.pending_event: Callable[[], Event] | None = None
        self.wset: WaitableSet | None = None
        self.sync_waiter: Thread | None = None

    def set_pending_event(self, event: Callable[[], Event]) -> None:
        """Note that something happened, replacing what was pending, and wake who waits for it."""
        self.pending_event = event
        if self.sync_waiter is not None:
            self.sync_waiter.wake()
        elif self.wset is not None:
            self.wset.notify(self)

    def has_pending_event(self) -> bool:
        """Whether there is something to deliver."""
        return self.pending_event is not None

    def get_pending_event(self) -> Event:
        """Deliver the pending event."""
        event = self.pending_event
        assert event is not None
        self.pending_event = None
        if self.wset is not None:
            self.wset.pending.pop(self, None)
        return event()

    def join(self, wset: WaitableSet | None) -> None:
        """Move into `wset`, or out of any set."""
        if self.sync_waiter is not None:
            raise Trap(TrapCode.WAITABLE_SYNC_AND_ASYNC)
        if self.wset is not None:
            self.wset.remove(self)
        self.wset = wset
        if wset is not None:
            wset.add(self)

    def check_sync_use(self) -> None:
        """Trap when this is in a set: then only the set may wait for it."""
        if self.wset is not None:
            raise Trap(TrapCode.WAITABLE_SYNC_AND_ASYNC)

    def wait_for_pending_event(self, thread: Thread, finish: Callable[[], object]) -> object:
        """Block `thread`, not cancellably, until there is an event; then `finish` gives the built-in's result."""
        self.sync_waiter = thread

        def resumed(_cancelled: bool) -> object:
            self.sync_waiter = None
            return finish()

        return thread.wait_until(self.has_pending_event, resumed, reason=self)


@final
class WaitableSet:
    """A set of waitables that threads wait on.

    Invariant: `pending` holds the members with a pending event, in the order in which they got it.
    """

    __slots__ = ("elems", "num_waiting", "pending", "waiters")

    def __init__(self) -> None:
        self.elems: dict[Waitable, None] = {}
        self.pending: dict[Waitable, None] = {}
        self.waiters: dict[Thread, None] = {}
        self.num_waiting = 0

    def add(self, waitable: Waitable) -> None:
        """Take `waitable` in."""
        self.elems[waitable] = None
        if waitable.has_pending_event():
            self.notify(waitable)

    def remove(self, waitable: Waitable) -> None:
        """Let `waitable` go."""
        del self.elems[waitable]
        self.pending.pop(waitable, None)

    def notify(self, waitable: Waitable) -> None:
        """Note that `waitable` has an event, and wake who waits on this set."""
        self.pending[waitable] = None
        for thread in self.waiters:
            thread.wake()

    def has_pending_event(self) -> bool:
        """Whether a member has an event."""
        return bool(self.pending)

    def get_pending_event(self) -> Event:
        """Deliver the oldest event."""
        return next(iter(self.pending)).get_pending_event()

    def wait_for_event(self, thread: Thread, finish: Callable[[Event], object], *, cancellable: bool) -> object:
        """Block `thread` in a built-in until a member has an event; `finish` gets the event."""
        self._expect(thread)
        return thread.wait_until(
            self.has_pending_event,
            lambda cancelled: finish(self.deliver(thread, cancelled)),
            cancellable=cancellable,
            reason=self,
        )

    def pause_for_event(self, thread: Thread, then: Callable[[Task, Event], None]) -> None:
        """Block `thread` between core calls until a member has an event and the lock of the instance is free."""
        self._expect(thread)
        if thread.task.deliver_pending_cancel(cancellable=True):
            then(thread.task, self.deliver(thread, cancelled=True))
            return
        pause = _Pause(self, thread, then)
        thread.pause_until(pause.ready, pause.go_on, cancellable=True, reason=self)

    def _expect(self, thread: Thread) -> None:
        self.num_waiting += 1
        self.waiters[thread] = None

    def deliver(self, thread: Thread, cancelled: bool) -> Event:
        """Return what a thread is told that waited and goes on."""
        self.num_waiting -= 1
        self.waiters.pop(thread, None)
        return CANCELLED_EVENT if cancelled else self.get_pending_event()

    def poll(self, thread: Thread, *, cancellable: bool) -> Event:
        """Deliver an event if there is one, without blocking."""
        if thread.task.deliver_pending_cancel(cancellable):
            return CANCELLED_EVENT
        return self.get_pending_event() if self.pending else NO_EVENT

    def drop(self) -> None:
        """Trap when something still waits on this set or belongs to it."""
        if self.num_waiting:
            raise Trap(TrapCode.WAITABLE_SET_DROP_HAS_WAITERS)
        if self.elems:
            raise Trap(TrapCode.WAITABLE_SET_NOT_EMPTY)


@final
class _Pause:
    """The wait of one thread for a set, between core calls."""

    __slots__ = ("_set", "_then", "_thread")

    def __init__(self, wset: WaitableSet, thread: Thread, then: Callable[[Task, Event], None]) -> None:
        self._set = wset
        self._thread = thread
        self._then = then

    def ready(self) -> bool:
        """Whether the wait is over."""
        thread = self._thread
        return bool(self._set.pending) and thread.task.inst.lock_is_free(thread)

    def go_on(self, cancelled: bool) -> None:
        """Tell the task what happened."""
        thread = self._thread
        self._then(thread.task, self._set.deliver(thread, cancelled))
