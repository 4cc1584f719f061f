"""Threads: what runs inside a task, and how it blocks, switches and is resumed.

A guest stack is a fiber of the engine. A built-in that must wait never blocks a Python frame: it notes what to do
afterwards (`finish`), returns `BLOCKED` to the trampoline, and the fiber suspends back to whoever resumed it. A
thread that waits between two core calls (a callback task) holds no fiber at all.

Source: CanonicalABI.md, "Stack Switching" and "Thread State".
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeAlias, final

from weft.engine import BLOCKED
from weft.errors import InternalError, Trap, TrapCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.engine import CoreFunc, Fiber
    from weft.runtime.store import StoreState
    from weft.runtime.task import Task

Finish: TypeAlias = "Callable[[bool], object]"
"""Called when a blocked thread runs again, with whether it was cancelled; gives the built-in's result."""

MAX_NESTING = 200
"""How many threads may run inside each other's built-ins before the innermost call traps."""


@final
class ThreadState(enum.Enum):
    """What a thread is doing. Only `SUSPENDED` and `WAITING` threads can be resumed."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    WAITING = "waiting"
    DONE = "done"


@final
class Thread:
    """One thread of a task.

    Invariant: `_continuation` is set exactly while SUSPENDED or WAITING: calling it goes on with the thread.
    Invariant: `_ready` is set exactly while WAITING.
    Invariant: `_finish` is set exactly while the fiber is suspended inside a built-in.
    Invariant: `queued` says whether the scheduler's queues hold this thread.
    """

    __slots__ = (
        "_after",
        "_cancelled",
        "_continuation",
        "_fiber",
        "_finish",
        "_ready",
        "_switch_to",
        "cancellable",
        "index",
        "low_priority",
        "may_suspend",
        "queued",
        "reason",
        "state",
        "storage",
        "store",
        "task",
    )

    def __init__(self, task: Task) -> None:
        self.task = task
        self.store: StoreState = task.inst.store
        self.index = 0
        self.storage: tuple[int, int] = (0, 0)
        self.state = ThreadState.SUSPENDED
        self.cancellable = False
        self.may_suspend = True
        self.queued = False
        self.low_priority = False
        self.reason: object = None
        self._continuation: Callable[[bool], object] | None = None
        self._ready: Callable[[], bool] | None = None
        self._fiber: Fiber | None = None
        self._after: Callable[[tuple[object, ...]], None] | None = None
        self._finish: Finish | None = None
        self._cancelled = False
        self._switch_to: Thread | None = None

    def set_start(self, start: Callable[[], None]) -> None:
        """Say what this thread does when it is resumed for the first time."""
        self._continuation = lambda _cancelled: start()

    # What others ask and do.

    @property
    def suspended(self) -> bool:
        """Whether only another thread can resume this one."""
        return self.state is ThreadState.SUSPENDED

    @property
    def waiting(self) -> bool:
        """Whether this thread waits for a condition."""
        return self.state is ThreadState.WAITING

    def ready(self) -> bool:
        """Whether this thread waits for a condition that holds, and nobody holds its instance."""
        if self._ready is None or not self._ready():
            return False
        inst = self.task.inst
        return not (inst.holders and inst.is_held_against(self))

    def wake(self) -> None:
        """Have the scheduler look at this thread again: what it waits for may have come."""
        if not self.queued and self.state is ThreadState.WAITING:
            self.store.scheduler.push(self)

    def resume_later(self) -> None:
        """Make a suspended thread ready (`thread.resume-later`)."""
        self._wait(_always, low_priority=True)
        self.wake()

    def resume(self, cancelled: bool = False) -> None:
        """Run until this thread, and whatever it switches to, blocks or ends.

        Raises:
            Trap: when the guest traps.
            BaseException: what a host function raised; either way the instance is poisoned first.
        """
        store = self.store
        previous = store.current
        if store.nesting >= MAX_NESTING:
            raise Trap(TrapCode.STACK_OVERFLOW)
        store.nesting += 1
        thread: Thread | None = self
        try:
            while thread is not None:
                thread = thread._run(cancelled)
                cancelled = False
        finally:
            store.nesting -= 1
            store.current = previous

    def _run(self, cancelled: bool) -> Thread | None:
        continuation = self._continuation
        if continuation is None:
            raise InternalError(f"a thread that is {self.state.value} was resumed")
        self.store.current = self
        self.state = ThreadState.RUNNING
        self._continuation = self._ready = self.reason = None
        observation = self.store.observation
        if observation is not None:
            observation.thread_resumed(self)
        try:
            continuation(cancelled)
        except BaseException as error:
            self.state = ThreadState.DONE
            if observation is not None:
                observation.thread_stopped(self)
            blamed = self.store.blame(error)
            self.task.inst.root.poison(blamed)
            if blamed is error:
                raise
            raise blamed  # noqa: B904 - it has its cause
        if observation is not None:
            observation.thread_stopped(self)
        switch_to, self._switch_to = self._switch_to, None
        return switch_to

    def end(self) -> None:
        """Note that nothing of this thread is left to run."""
        self.state = ThreadState.DONE

    def kill(self) -> None:
        """Unwind this thread's stack without running it again."""
        if self.state is ThreadState.RUNNING:
            return  # an exception is unwinding it already
        self.state = ThreadState.DONE
        self.store.preempted.pop(self, None)
        self._continuation = self._ready = self._finish = None
        fiber, self._fiber = self._fiber, None
        if fiber is not None:
            fiber.cancel()

    # Core calls.

    def call_core(self, func: CoreFunc, flat: tuple[object, ...], after: Callable[[tuple[object, ...]], None]) -> None:
        """Call `func` on this thread; `after` gets its flat results, now or when the thread runs again."""
        if not self.task.inst.can_block:
            after(as_tuple(func.call(*flat)))
            return
        self._fiber = self.store.core.fiber(func, *flat)
        self._after = after
        self._step()

    def _step(self) -> None:
        fiber, after = self._fiber, self._after
        assert fiber is not None
        assert after is not None
        while not fiber.resume():
            if not fiber.yielded:
                return
            if self.store.may_preempt and not self.store.pinned:
                self._set_aside()
                return
        self._fiber = self._after = None
        after(fiber.results)

    def _set_aside(self) -> None:
        """Stop in the middle of core code, until the scheduler comes round to this thread."""
        self.store.preempted[self] = None
        self.task.inst.hold(self)
        self.cancellable = False
        self._continuation = self._go_on
        self._wait(_always, low_priority=True)
        self.wake()

    def _go_on(self, _cancelled: bool) -> None:
        inst = self.task.inst
        self.store.preempted.pop(self, None)
        inst.holders.pop(self, None)
        self._step()
        if not inst.holders:
            inst.wake_held_up()
        self.store.note_change()

    def finish_blocked(self) -> object:
        """Compute the result of the built-in in which this thread blocked; the trampoline calls this."""
        finish = self._finish
        assert finish is not None
        self._finish = None
        return finish(self._cancelled)

    def _resume_fiber(self, cancelled: bool) -> None:
        self._cancelled = cancelled
        self._step()

    # Blocking: called by built-ins on the running thread. Each returns what the built-in must return.

    def wait_until(
        self, ready: Callable[[], bool], finish: Finish, *, cancellable: bool = False, reason: object = None
    ) -> object:
        """Block until `ready`, and compute the result with `finish`."""
        if self.task.deliver_pending_cancel(cancellable):
            return finish(True)
        if ready():
            return finish(False)
        self._block(finish, cancellable)
        self._wait(ready, reason=reason)
        return BLOCKED

    def pause_until(
        self,
        ready: Callable[[], bool],
        then: Callable[[bool], None],
        *,
        cancellable: bool,
        low_priority: bool = False,
        reason: object = None,
    ) -> None:
        """Block between two core calls, holding no stack; `then` goes on."""
        self.cancellable = cancellable
        self._continuation = then
        self._wait(ready, low_priority=low_priority, reason=reason)
        if ready():
            self.wake()

    def yield_(self, finish: Finish, *, cancellable: bool) -> object:
        """Let others run (`thread.yield`)."""
        if self.task.deliver_pending_cancel(cancellable):
            return finish(True)
        if not self.may_suspend:
            return finish(False)
        self._block(finish, cancellable)
        self._wait(_always, low_priority=True)
        self.wake()
        return BLOCKED

    def suspend(self, finish: Finish, *, cancellable: bool) -> object:
        """Block until another thread resumes this one (`thread.suspend`)."""
        if self.task.deliver_pending_cancel(cancellable):
            return finish(True)
        self._block(finish, cancellable)
        return BLOCKED

    def suspend_then_resume(self, other: Thread, finish: Finish, *, cancellable: bool) -> object:
        """Block, and run `other` at once."""
        blocked = self.suspend(finish, cancellable=cancellable)
        if blocked is BLOCKED:
            self._switch(other)
        return blocked

    def yield_then_resume(self, other: Thread, finish: Finish, *, cancellable: bool) -> object:
        """Let others run, `other` first."""
        blocked = self.yield_(finish, cancellable=cancellable)
        if blocked is BLOCKED:
            self._switch(other)
        return blocked

    def _switch(self, other: Thread) -> None:
        other._ready = None
        other.state = ThreadState.SUSPENDED
        self._switch_to = other

    def _block(self, finish: Finish, cancellable: bool) -> None:
        if not self.may_suspend:
            raise Trap(TrapCode.CANNOT_BLOCK_SYNC_TASK)
        self.cancellable = cancellable
        self._finish = finish
        self._continuation = self._resume_fiber
        self.state = ThreadState.SUSPENDED

    def _wait(self, ready: Callable[[], bool], *, low_priority: bool = False, reason: object = None) -> None:
        self._ready = ready
        self.state = ThreadState.WAITING
        self.low_priority = low_priority
        self.reason = reason


def as_tuple(results: object) -> tuple[object, ...]:
    """Return what a core function returned as a tuple of flat values."""
    if results is None:
        return ()
    return results if isinstance(results, tuple) else (results,)


def _always() -> bool:
    return True
