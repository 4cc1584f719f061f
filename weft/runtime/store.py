"""What all component instances of one store share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from weft.errors import InternalError, LowerError, Trap, TrapCode
from weft.runtime.scheduler import Scheduler
from weft.runtime.shared import SharedFuture, SharedStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weft.engine import CoreStore
    from weft.runtime.instance import RootInstance
    from weft.runtime.observation import Observation
    from weft.runtime.shared import Readable
    from weft.runtime.thread import Thread

_SHALLOW_NESTING = 8

DEFAULT_MAX_HANDLES = 1_000_000
"""What Wasmtime lets the table of a store's tasks, sets and streams hold by default."""

DEFAULT_LIFT_BUDGET = 128 << 20
"""What Wasmtime's `hostcall_fuel` is by default."""


@final
class StoreState:
    """The core store, the scheduler, and which thread is running.

    Attributes:
        core: the engine's store.
        scheduler: the run queues.
        current: the thread whose guest code or built-in runs now.
        nesting: how many threads run inside each other.
        roots: what was instantiated here and is still alive.
        data: the embedder's own object.
        lift_budget: about how many bytes of Python objects one call, or one copy of a stream, may make of guest data.
        max_handles: the most elements that each table of a component instance may have.
        observation: who is told of what happens here; None, once and for all, for nobody.
        may_preempt: whether a yield by epoch or fuel gives control back to the driver.
        pinned: how many calls are in progress that host code needs the result of at once.
        preempted: the threads that did so and have not run since.
        on_change: called when a task is over, or an instance may have become free to take one.
        owner: the public store, for host functions.
        wrap_readable: makes a readable end that left a guest what host code sees of it.
        unwrap_readable: does the opposite, for an end, or whatever the host takes for one, that goes to a guest.
    """

    __slots__ = (
        "core",
        "current",
        "data",
        "lift_budget",
        "max_handles",
        "may_preempt",
        "nesting",
        "observation",
        "on_change",
        "owner",
        "pinned",
        "preempted",
        "roots",
        "scheduler",
        "unwrap_readable",
        "wrap_readable",
    )

    def __init__(self, core: CoreStore, *, data: object = None, seed: int | None = None) -> None:
        self.core = core
        self.observation: Observation | None = None
        self.data = data
        self.scheduler = Scheduler(seed)
        self.current: Thread | None = None
        self.nesting = 0
        self.owner: object = None
        self.on_change: Callable[[], None] | None = None
        self.lift_budget = DEFAULT_LIFT_BUDGET
        self.max_handles = DEFAULT_MAX_HANDLES
        self.roots: list[RootInstance] = []
        self.may_preempt = False
        self.pinned = 0
        self.preempted: dict[Thread, None] = {}
        self.wrap_readable: Callable[[Readable, Any], object] = _unchanged
        self.unwrap_readable: Callable[[object, Any], Readable] = _expect_readable
        core.on_finish = self._finish_blocked

    def _finish_blocked(self) -> object:
        thread = self.current
        if thread is None:
            raise InternalError("a fiber was resumed outside any thread")
        return thread.finish_blocked()

    def blame(self, error: BaseException) -> BaseException:
        """Return what stops an instance for `error`: deep inside each other, guests exhaust Python's stack like theirs.

        A host function that recurses without end by itself gets its own RecursionError.
        """
        if isinstance(error, RecursionError) and self.nesting > _SHALLOW_NESTING:
            overflow = Trap(TrapCode.STACK_OVERFLOW)
            overflow.__cause__ = error
            return overflow
        return error

    def note_change(self) -> None:
        """Tell whoever wants to know that a task is over, or that an instance may be free."""
        if self.on_change is not None:
            self.on_change()

    def running_thread(self) -> Thread:
        """Return the current thread; there always is one while guest code runs."""
        assert self.current is not None
        return self.current

    @contextmanager
    def pin(self) -> Iterator[None]:
        """Let no thread be preempted meanwhile: a start function or a destructor must be over when it returns."""
        self.pinned += 1
        try:
            yield
        finally:
            self.pinned -= 1

    def run_one(self) -> bool:
        """Run one piece of ready work; False when there is none."""
        return self.scheduler.run_one()


def _unchanged(readable: Readable, _type: object) -> object:
    return readable


def _expect_readable(value: object, _type: object) -> Readable:
    if not isinstance(value, SharedStream | SharedFuture):
        raise LowerError(f"expected a stream or future, got {type(value).__name__}")
    return value
