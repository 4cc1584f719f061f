"""Component instances and the roots they belong to.

Source: CanonicalABI.md, "Component Instances".
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, final

from weft.errors import Trap, TrapCode
from weft.runtime.ends import CopyEnd
from weft.runtime.resource import ResourceHandle
from weft.runtime.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.runtime.error_context import ErrorContext
    from weft.runtime.store import StoreState
    from weft.runtime.task import Cancel, Lifted, Task
    from weft.runtime.thread import Thread
    from weft.runtime.waitable import Waitable, WaitableSet


@final
class ComponentInstance:
    """The run-time state of one component instance.

    Invariant: `exclusive_thread` is the implicit thread of a task that needs the lock and runs core code.
    Invariant: `entering` holds, oldest first, the threads whose task waits to be let in; of these,
        `num_entering_unlocked` do not need the lock.
    Invariant: `holders` are threads stopped in core code at a point where the guest believes that nobody else runs: in
        a call of a sync function that the host answers later, or where an epoch or fuel made it yield.

    Attributes:
        can_block: whether its core code can reach a built-in that blocks; if not, calls need no fiber.
        is_leaf: whether its core code calls no canonical function and throws no exception: nobody can tell then whether
            it runs on a task of its own.
        may_outlast: whether a thread may come to hold it, so that a call of a sync function can return unresolved.
        may_leave: cleared while `realloc` or `post-return` runs: then nearly every built-in traps.
        lock_waiters: threads that were found unable to go on because the lock was held.
        held_up_cancels: tasks that were asked to stop while somebody held it; they are asked again when nobody does.
    """

    __slots__ = (
        "_last_chosen",
        "backpressure",
        "can_block",
        "entering",
        "exclusive_thread",
        "handles",
        "held_up_cancels",
        "holders",
        "is_leaf",
        "lock_waiters",
        "may_leave",
        "may_outlast",
        "name",
        "num_entering_unlocked",
        "root",
        "store",
        "tasks",
        "threads",
    )

    def __init__(
        self, root: RootInstance, name: str = "", *, can_block: bool = True, may_outlast: bool = False
    ) -> None:
        self.root = root
        self.store: StoreState = root.store
        self.name = name
        self.can_block = can_block
        self.is_leaf = False
        self.may_outlast = may_outlast
        self.handles: Table[ResourceHandle | Waitable | WaitableSet | ErrorContext] = Table(self.store.max_handles)
        self.threads: Table[Thread] = Table(self.store.max_handles)
        self.may_leave = True
        self.backpressure = 0
        self._last_chosen = 0
        self.exclusive_thread: Thread | None = None
        self.entering: dict[Thread, None] = {}
        self.num_entering_unlocked = 0
        self.lock_waiters: dict[Thread, None] = {}
        self.holders: dict[Thread, None] = {}
        self.held_up_cancels: dict[Task, None] = {}
        self.tasks: dict[Task, None] = {}
        root.instances.append(self)

    def check_may_leave(self) -> None:
        """Trap inside `realloc` and `post-return`."""
        if not self.may_leave:
            raise Trap(TrapCode.CANNOT_LEAVE_COMPONENT)

    def lock_is_free(self, thread: Thread) -> bool:
        """Whether the exclusive lock is free; if not, `thread` is woken when it is."""
        if self.exclusive_thread is None:
            return True
        self.lock_waiters[thread] = None
        return False

    def let_lock_holder_run(self) -> None:
        """Let who holds the exclusive lock go on if it can: a newcomer then need not queue behind it.

        The suite expects this order: ``sync-streams.wast`` starts a call while the holder of the lock is ready.
        One that only yielded may yield until its caller does something, and so is left alone.
        """
        while not self.holders and (holder := self.exclusive_thread) is not None and holder.ready():
            if holder.low_priority:
                return
            holder.resume()

    def release_exclusive(self) -> None:
        """Let go of the exclusive lock and wake who wants it."""
        self.exclusive_thread = None
        if self.lock_waiters:
            waiters = list(self.lock_waiters)
            self.lock_waiters.clear()
            for thread in waiters:
                thread.wake()
        if self.entering:
            self.wake_entering()
        self.store.note_change()

    def would_queue(self, lifted: Lifted, caller: Task | None) -> bool:
        """Whether a call of `lifted` by `caller`, or by the host, would have to wait now to be let in."""
        if self.root.poisoned is not None:
            return False
        if any(caller is None or not caller.is_or_descends_from(holder.task) for holder in self.holders):
            return True
        if not lifted.is_async:
            return False
        locked = lifted.needs_exclusive and self.exclusive_thread is not None
        return locked or self.backpressure > 0 or bool(self.entering)

    def wake_entering(self) -> None:
        """Wake the first waiting task that may enter now."""
        if self.backpressure or (self.exclusive_thread is not None and not self.num_entering_unlocked):
            return
        for thread in self.entering:
            if thread.ready():
                thread.wake()
                return

    def hold(self, thread: Thread) -> None:
        """Keep every other thread out of core code until `thread` goes on, but for those that it is waiting for."""
        self.holders[thread] = None

    def let_go(self, thread: Thread) -> None:
        """End `hold`."""
        self.holders.pop(thread, None)
        if not self.holders:
            self.wake_held_up()
        self.store.note_change()

    def wake_held_up(self) -> None:
        """Wake whoever may have been kept out by `hold`, and have those learn of it who are to stop."""
        while self.held_up_cancels:
            task, _ = self.held_up_cancels.popitem()
            self.store.scheduler.push_job(task.request_held_up_cancellation)
        for thread in self.threads:
            thread.wake()
        self.wake_entering()

    def is_held_against(self, thread: Thread) -> bool:
        """Whether `thread` may not run core code: another holds the instance, and did not call it."""
        return any(holder is not thread and not thread.task.descends_from(holder.task) for holder in self.holders)

    def is_stopped(self, task: Task) -> bool:
        """Whether `task` waits for a holder, or is one: then it goes on later, though nothing is ready now."""
        thread = task.implicit_thread
        return thread in self.holders or self.is_held_against(thread)

    def ready_thread(self) -> Thread | None:
        """Return a thread of this instance that could run now; each gets its turn."""
        ready = [thread for thread in self.threads if thread.ready()]
        if not ready:
            return None
        chosen = next((thread for thread in ready if thread.index > self._last_chosen), ready[0])
        self._last_chosen = chosen.index
        return chosen

    def stop_tasks(self, error: BaseException) -> None:
        """Unwind every stack and fail every caller, because of `error`; each is forgotten only once that is done."""
        while self.entering:
            thread = next(iter(self.entering))
            thread.task.fail(error)
            self.entering.pop(thread, None)
        while self.tasks:
            task = next(iter(self.tasks))
            task.fail(error)
            self.tasks.pop(task, None)
        self.num_entering_unlocked = 0
        self.lock_waiters.clear()
        self.holders.clear()
        self.held_up_cancels.clear()


@final
class RootInstance:
    """One instantiation by the embedder: a tree of component instances that trap together.

    Attributes:
        poisoned: why no instance of this tree can be entered any more, or None.
        host_calls: calls of host functions in progress, which are asked to stop when the tree traps.
    """

    __slots__ = (
        "_stopping",
        "_to_stop",
        "host_calls",
        "instances",
        "on_exit",
        "poisoned",
        "store",
    )

    def __init__(self, store: StoreState) -> None:
        self.store = store
        self.instances: list[ComponentInstance] = []
        self.poisoned: BaseException | None = None
        self._to_stop: list[ComponentInstance] | None = None
        self._stopping = False
        self.host_calls: dict[Cancel, None] = {}
        self.on_exit: Callable[[], None] | None = None
        store.roots.append(self)

    def check_enter(self) -> None:
        """Trap when an instance of this tree trapped before."""
        if self.poisoned is not None:
            raise Trap(TrapCode.CANNOT_ENTER_COMPONENT) from self.poisoned

    def note_exit(self) -> None:
        """Tell whoever wants to know that a task is gone."""
        if self.on_exit is not None:
            self.on_exit()
        self.store.note_change()

    def poison(self, error: BaseException) -> None:
        """Stop everything in this tree: unwind its stacks, fail its callers, drop its ends of streams and futures.

        Its handles are forgotten; as after any trap, no destructor runs for the resources they stood for. But objects
        of the host's are let go.

        Should something interrupt this (Ctrl-C, the recursion limit), the next call goes on where it stopped; everyone
        below on the stack makes one.
        """
        if self.poisoned is None:
            self._to_stop = self.instances.copy()
            self.poisoned = error
        if self._to_stop is None or self._stopping:
            return
        self._stopping = True
        try:
            self._stop(self._to_stop, self.poisoned)
            self._to_stop = None
        finally:
            self._stopping = False
        self.note_exit()

    def _stop(self, instances: list[ComponentInstance], error: BaseException) -> None:
        _forget_values(error)
        for inst in instances:
            inst.stop_tasks(error)
        while instances:
            for handle in instances[-1].handles:
                if isinstance(handle, CopyEnd):
                    handle.abandon(error)
            owned = [handle for handle in instances[-1].handles if isinstance(handle, ResourceHandle) and handle.own]
            instances.pop().handles.clear()
            for handle in owned:
                if handle.type.let_go is not None:
                    handle.type.let_go(self.store, handle.rep)
        for call in list(self.host_calls):
            call.request_cancellation()


def _forget_values(error: BaseException) -> None:
    """Free what a lift had made when it failed: the traceback would keep it as long as the poisoned instance lives."""
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<weft lift and lower>":
            with suppress(RuntimeError):  # still running
                traceback.tb_frame.clear()
        traceback = traceback.tb_next
