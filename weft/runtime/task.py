"""Tasks: calls of lifted functions.

Source: CanonicalABI.md, "Task State"; Concurrency.md, "Backpressure" and "Cancellation".
"""

from __future__ import annotations

import enum
import itertools
from typing import TYPE_CHECKING, Protocol, final

from weft.errors import Trap, TrapCode
from weft.runtime.thread import Thread, ThreadState

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.runtime.instance import ComponentInstance
    from weft.runtime.observer import TaskInfo


@final
class TaskState(enum.Enum):
    """How far a task has come."""

    INITIAL = "initial"
    STARTED = "started"
    PENDING_CANCEL = "pending cancel"
    CANCEL_DELIVERED = "cancel delivered"
    RESOLVED = "resolved"


@final
class Cancelled(enum.Enum):
    """The outcome of a call that was cancelled: not a value of any type."""

    CANCELLED = "cancelled"


CANCELLED = Cancelled.CANCELLED


class Caller(Protocol):
    """Who called, and so who has the arguments and wants the result."""

    def on_start(self) -> tuple[object, ...]:
        """Lift the arguments; called once, when the callee is ready for them."""
        ...

    def on_resolve(self, result: object) -> None:
        """Take the result, or `CANCELLED`; called once."""

    def on_fail(self, error: BaseException) -> None:
        """Learn that the callee's instance was poisoned and no result will come."""


class Cancel(Protocol):
    """A call in progress that can be asked to stop."""

    def request_cancellation(self) -> None:
        """Ask, once; the call may resolve now, later, or go on to return a value all the same."""


class Callee(Protocol):
    """A function instance: a lifted guest function or a host function."""

    def invoke(self, caller: Caller) -> Cancel | None:
        """Start a call; None when it has resolved already and cannot be cancelled any more."""


class Lifted(Protocol):
    """What a task must know of the function it runs."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def is_async(self) -> bool:
        """Whether its type is that of an async function."""
        ...

    @property
    def needs_exclusive(self) -> bool:
        """Whether its core code may only run while no other such code of the instance runs."""
        ...


_numbers = itertools.count(1)


def next_number() -> int:
    """Return a number that no task, nor call of the host's, has had."""
    return next(_numbers)


@final
class Task:
    """One call of a lifted function.

    Invariant: `threads` is empty only before the implicit thread has entered and after the last one has left.
    Invariant: a RESOLVED task holds no borrows.

    Attributes:
        info: what observers call it; None when there are none.
        number: what identifies it, once somebody wanted to know; 0 before.
        parent: the task that called, if a guest did.
    """

    __slots__ = (
        "caller",
        "implicit_thread",
        "info",
        "inst",
        "lifted",
        "num_borrows",
        "number",
        "parent",
        "state",
        "threads",
    )

    def __init__(self, lifted: Lifted, inst: ComponentInstance, caller: Caller) -> None:
        self.lifted = lifted
        self.inst = inst
        self.caller = caller
        self.state = TaskState.INITIAL
        self.info: TaskInfo | None = None
        self.num_borrows = 0
        self.number = 0
        self.threads: list[Thread] = []
        current = inst.store.current
        self.parent: Task | None = None if current is None else current.task
        self.implicit_thread = Thread(self)

    # Entering and leaving.

    def begin(self, then: Callable[[], None]) -> None:
        """Run the implicit thread: enter the instance, then go on with `then`."""
        thread = self.implicit_thread
        observation = thread.store.observation
        if observation is not None:
            observation.task_created(self)
        thread.set_start(lambda: self.enter_implicit_thread(then))
        thread.resume()

    @property
    def is_over(self) -> bool:
        """Whether it is resolved and its implicit thread has left; its other threads may go on."""
        return self.state is TaskState.RESOLVED and self.implicit_thread.state is ThreadState.DONE

    def is_or_descends_from(self, other: Task) -> bool:
        """Whether `other` is this task, or called it, directly or not."""
        return self is other or self.descends_from(other)

    def descends_from(self, other: Task) -> bool:
        """Whether `other` called this task, directly or not."""
        task = self.parent
        while task is not None and task is not other:
            task = task.parent
        return task is not None

    def has_backpressure(self) -> bool:
        """Whether the instance will not take this task now; sync functions care for no backpressure."""
        inst = self.inst
        if not self.lifted.is_async:
            return False
        return inst.backpressure > 0 or (self.lifted.needs_exclusive and inst.exclusive_thread is not None)

    def enter_implicit_thread(self, then: Callable[[], None]) -> None:
        """Go on with `then` on the implicit thread, as soon as the instance takes the task."""
        inst = self.inst
        if self.lifted.is_async and self.lifted.needs_exclusive:
            inst.let_lock_holder_run()
        held = bool(inst.holders) and inst.is_held_against(self.implicit_thread)
        if held or (self.lifted.is_async and (inst.entering or self.has_backpressure())):
            inst.entering[self.implicit_thread] = None
            inst.num_entering_unlocked += not self.lifted.needs_exclusive
            self.implicit_thread.pause_until(
                lambda: not self.has_backpressure(),
                lambda cancelled: self._entered(cancelled, then),
                cancellable=True,
                reason=inst,
            )
        else:
            self._take_part(then)

    def _entered(self, cancelled: bool, then: Callable[[], None]) -> None:
        inst = self.inst
        inst.entering.pop(self.implicit_thread, None)
        inst.num_entering_unlocked -= not self.lifted.needs_exclusive
        if cancelled:
            self.cancel()
            self.implicit_thread.end()
            inst.wake_entering()
            return
        self._take_part(then)
        inst.wake_entering()
        inst.store.note_change()

    def _take_part(self, then: Callable[[], None]) -> None:
        if self.lifted.is_async and self.lifted.needs_exclusive:
            self.inst.exclusive_thread = self.implicit_thread
        self.register_thread(self.implicit_thread)
        then()

    def exit_implicit_thread(self) -> None:
        """Leave the instance with the implicit thread."""
        thread, inst = self.implicit_thread, self.inst
        self.unregister_thread(thread)
        if inst.exclusive_thread is thread:
            inst.release_exclusive()
        inst.store.note_change()

    def register_thread(self, thread: Thread) -> None:
        """Count `thread` in, and give it an index in its instance."""
        self.threads.append(thread)
        inst = self.inst
        thread.index = inst.threads.add(thread)
        inst.tasks[self] = None

    def unregister_thread(self, thread: Thread) -> None:
        """Count `thread` out; the last one may only go when the task is resolved."""
        thread.end()
        self.threads.remove(thread)
        if not self.threads:
            if self.state is not TaskState.RESOLVED:
                raise Trap(TrapCode.NO_ASYNC_RESULT)
            self.inst.tasks.pop(self, None)
            self.inst.root.note_exit()
            observation = thread.store.observation
            if observation is not None:
                observation.task_exited(self)
        self.inst.threads.remove(thread.index)

    # Cancellation.

    def request_cancellation(self) -> None:
        """Ask the task to stop: run a thread that waits cancellably, or remember for the next one that will."""
        if self.state is TaskState.INITIAL:
            self.state = TaskState.CANCEL_DELIVERED
            self.implicit_thread.resume(cancelled=True)
            return
        if self.state is not TaskState.STARTED:
            return
        if self.inst.holders:
            self.inst.held_up_cancels[self] = None
        thread = self._cancellable_thread()
        if thread is None:
            self.state = TaskState.PENDING_CANCEL
        else:
            self.state = TaskState.CANCEL_DELIVERED
            thread.resume(cancelled=True)

    def request_held_up_cancellation(self) -> None:
        """Ask again, unless that was told in the meantime: a thread that waited then waits still."""
        if self.state is TaskState.PENDING_CANCEL:
            self.state = TaskState.STARTED
            self.request_cancellation()

    def _cancellable_thread(self) -> Thread | None:
        if self.inst.holders:
            return None
        locked_out = self.lifted.needs_exclusive and self.inst.exclusive_thread not in (None, self.implicit_thread)
        for thread in self.threads:
            blocked = thread.waiting or thread.suspended
            if blocked and thread.cancellable and not (locked_out and thread is self.implicit_thread):
                return thread
        return None

    def deliver_pending_cancel(self, cancellable: bool) -> bool:
        """Whether a request for cancellation is to be told now; it is told once."""
        if cancellable and self.state is TaskState.PENDING_CANCEL:
            self.state = TaskState.CANCEL_DELIVERED
            return True
        return False

    # Starting and resolving.

    def start(self) -> tuple[object, ...]:
        """Take the arguments."""
        assert self.state is TaskState.INITIAL
        self.state = TaskState.STARTED
        observation = self.inst.store.observation
        if observation is not None:
            observation.task_started(self)
        return self.caller.on_start()

    def return_(self, result: object) -> None:
        """Resolve with a value (`task.return`)."""
        self._check_may_resolve()
        self.state = TaskState.RESOLVED
        observation = self.inst.store.observation
        if observation is not None:
            observation.task_returned(self)
        self.caller.on_resolve(result)
        self.inst.store.note_change()

    def cancel(self) -> None:
        """Resolve without a value (`task.cancel`)."""
        if self.state is TaskState.RESOLVED:
            raise Trap(TrapCode.TASK_CANCEL_OR_RETURN_TWICE)
        if self.state is not TaskState.CANCEL_DELIVERED:
            raise Trap(TrapCode.TASK_CANCEL_NOT_CANCELLED)
        self._check_may_resolve()
        self.state = TaskState.RESOLVED
        observation = self.inst.store.observation
        if observation is not None:
            observation.task_cancelled(self)
        self.caller.on_resolve(CANCELLED)
        self.inst.store.note_change()

    def _check_may_resolve(self) -> None:
        if self.state is TaskState.RESOLVED:
            raise Trap(TrapCode.TASK_CANCEL_OR_RETURN_TWICE)
        if self.num_borrows > 0:
            raise Trap(TrapCode.BORROW_HANDLES_REMAIN)

    def fail(self, error: BaseException) -> None:
        """Unwind every thread, and tell the caller that no result will come."""
        for thread in [self.implicit_thread, *self.threads]:
            thread.kill()
        self.threads.clear()
        observation = self.inst.store.observation
        if observation is not None:
            observation.task_failed(self, error)
        if self.state is not TaskState.RESOLVED:
            self.caller.on_fail(error)
            self.state = TaskState.RESOLVED
