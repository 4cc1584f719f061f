"""Stores: where instances live, and the event loop that runs them."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, final

import anyio
import anyio.lowlevel

from weft.engine import CoreStore, StoreLimits
from weft.errors import DeadlockError, StoreError
from weft.host.accessor import Accessor
from weft.host.call_stack import CALLED_FROM
from weft.host.calls import BLOCKED_CALLER
from weft.host.changes import Changes, is_quiet
from weft.host.driver import TURN_SECONDS, Driver
from weft.host.failures import Failures
from weft.host.groups import ungrouped
from weft.host.report import deadlock_report
from weft.host.steppers import Steppers
from weft.host.streams.readers import unwrap_readable, wrap_readable
from weft.host.tasks import JoinHandle, Workers, is_asyncio
from weft.runtime.observation import Observation
from weft.runtime.store import StoreState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from anyio.abc import TaskGroup

    from weft.host.calls import Call
    from weft.host.config import Engine
    from weft.host.host_calls import HostCall
    from weft.host.trace import TraceWriter
    from weft.runtime.observer import Observer

T = TypeVar("T")


@final
class Store:
    """Instances, their resources, and the loop that runs their tasks.

    ``async with Store(engine) as store`` opens it for host functions that await; a plain ``with`` or `close` is
    enough for calls that need no event loop. A store belongs to one thread.

    Args:
        engine: what compiled the components.
        data: an object of the embedder's own, which host functions find as ``accessor.data``.
        limits: how much memory and how many instances guests may have.
        seed: makes the scheduler choose among ready tasks at random, repeatably; None is first in, first out.
        observer: is told what the guests do; guests that nobody observes run faster.
        trace: writes a timeline, and is closed with the store; by default, one to where `Config.trace` says.
    """

    def __init__(
        self,
        engine: Engine,
        data: Any = None,
        *,
        limits: StoreLimits | None = None,
        seed: int | None = None,
        observer: Observer | None = None,
        trace: TraceWriter | None = None,
    ) -> None:
        self.engine = engine
        self.data = data
        epoch_yield = None if engine.config.epoch_interval is None else 1
        core = CoreStore(engine.core, limits or StoreLimits(), epoch_yield=epoch_yield)
        self.state = StoreState(core, data=data, seed=seed)
        if limits is not None and limits.handles is not None:
            self.state.max_handles = limits.handles
        self._trace = trace or engine.new_trace()
        observers = [each for each in (observer, self._trace) if each is not None]
        if observers:
            self.state.observation = Observation(*observers, raise_later=self.raise_later)
        self.state.owner = self
        self.state.wrap_readable = partial(wrap_readable, self)
        self.state.unwrap_readable = partial(unwrap_readable, self)
        self.accessor = Accessor(self)
        self.changes = Changes(self.state)
        self.open_transmits: set[Any] = set()
        self.queued_calls: dict[Call, None] = {}
        self.undelivered: dict[HostCall, object] = {}
        self.pending_host_tasks = 0
        self.failures = Failures()
        self.closed = False
        self._driver: Driver | None = None
        self._group: TaskGroup | None = None
        self._workers: Workers | None = None
        self.steppers: Steppers | None = None
        self.in_blocking_call = False
        self.turn_end = 0.0
        self._gave_way_until = 0.0
        self._exits = AsyncExitStack()
        self._not_raised: list[BaseException] = []

    # Opening and closing.

    async def __aenter__(self) -> Self:
        self.check_open()
        await self._exits.enter_async_context(ungrouped())
        self._group = await self._exits.enter_async_context(anyio.create_task_group())
        self._workers = Workers(self._group)
        self.steppers = Steppers() if is_asyncio() else None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._group is not None
        assert self._workers is not None
        self._group.cancel_scope.cancel()
        try:
            if self.steppers is not None:
                await self.steppers.aclose()
            await self._workers.aclose()
            await self._exits.__aexit__(None, None, None)
        finally:
            self._group = self._workers = self.steppers = None
            self.close()
        if self._not_raised and error is None:
            raise self._not_raised[0]

    def __enter__(self) -> Self:
        self.check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        if self._not_raised and error is None:
            raise self._not_raised[0]

    def close(self) -> None:
        """Stop every guest and free everything. Closing twice is fine.

        Raises:
            StoreError: when called from a guest's own call into the host.
            OSError: when the trace could not be written.
        """
        if self.closed:
            return
        if self.state.nesting:
            raise StoreError("a store cannot be closed from inside one of its guests: close it when they have returned")
        self.closed = True
        try:
            self._stop()
        finally:
            if self._trace is not None:
                self._trace.close()

    def _stop(self) -> None:
        closed = StoreError("the store was closed")
        for root in self.state.roots:
            root.poison(closed)
        for call in list(self.undelivered):  # nobody takes what they have, which is let go
            call.deliver()
        for transmit in list(self.open_transmits):
            transmit.close()
        self.state.core.close()

    def check_open(self) -> None:
        """Raise a StoreError when this store is closed."""
        if self.closed:
            raise StoreError("the store is closed: make another, and instantiate the component again")

    def with_getter(self, getter: Callable[[Any], Any]) -> Accessor:
        """Return an accessor for a part of the data; see `Accessor.with_getter`."""
        return self.accessor.with_getter(getter)

    # Fuel.

    def set_fuel(self, fuel: int) -> None:
        """Let guests execute about `fuel` instructions more; then they trap with OUT_OF_FUEL.

        Raises:
            EngineError: when the engine was not made with ``Config(fuel=True)``.
        """
        self.check_open()
        self.state.core.set_fuel(fuel)

    def get_fuel(self) -> int:
        """Return how much fuel is left.

        Raises:
            EngineError: when the engine was not made with ``Config(fuel=True)``.
        """
        self.check_open()
        return self.state.core.get_fuel()

    @property
    def hostcall_budget(self) -> int:
        """About how many bytes of Python objects one call, or one copy of a stream, may make of a guest's data.

        A guest that passes more traps. It is 128 MiB unless it is set, and counts anew with each call.

        Source: Wasmtime's ``Store::set_hostcall_fuel``.
        """
        return self.state.lift_budget

    @hostcall_budget.setter
    def hostcall_budget(self, byte_length: int) -> None:
        if byte_length < 0:
            raise ValueError(f"a budget cannot be negative: {byte_length}")
        self.state.lift_budget = byte_length

    # Running.

    async def run_concurrent(self, func: Callable[..., Awaitable[T]], *args: object) -> T:
        """Run ``func(accessor, *args)`` while the guests of this store make progress.

        Raises:
            StoreError: when the store was not opened with ``async with``, or is running already.
            Trap: when a guest task that nobody waits for traps.
            BaseException: what `func` raises.
        """
        with self._running() as driver:
            return await driver.run(partial(func, self.accessor, *args))

    async def run_call(self, call: Call) -> Any:
        """Run the loop just until the outcome of `call` is known.

        Raises:
            DeadlockError: when nothing can run any more and nothing of the host is pending.
        """
        with self._running() as driver:
            return await driver.run_call(call)

    async def run_until_quiet(self) -> None:
        """Run the loop until no task of a guest is live; see `wait_no_interesting_tasks`.

        Raises:
            DeadlockError: when nothing can run any more and nothing of the host is pending.
            Trap: when a guest traps.
        """
        with self._running() as driver:
            await driver.run_until(self._is_quiet)

    def _is_quiet(self) -> bool:
        return not self.queued_calls and is_quiet(self.state)

    def _running(self) -> Driver:
        self.check_open()
        if self._group is None:
            raise StoreError("open the store with `async with` before running its event loop")
        if self._driver is not None:
            raise StoreError(
                "the event loop of this store is running already: "
                "use `call_concurrent` and `spawn` with the accessor that you have"
            )
        return Driver(self)

    def wake(self) -> None:
        """Have the loop look again, if it sleeps: something changed that is no work for it."""
        if self._driver is not None:
            self._driver.wake()

    async def wait_no_interesting_tasks(self) -> None:
        """Wait until no task of a guest is live, inside `run_concurrent`.

        A task is live from when its call is made or queued until it has both returned, or been cancelled, and left its
        first thread: what it does after its result counts, explicit threads do not, nor do tasks of the host.

        Raises:
            StoreError: outside `run_concurrent`.
        """
        self.check_open()
        if not self.is_running:
            raise StoreError("tasks of guests can make progress only inside `run_concurrent`")
        await self.changes.wait_until(lambda: self.closed or self._is_quiet())
        self.check_open()

    def set_driver(self, driver: Driver | None) -> None:
        """Note which driver runs the guests now."""
        self._driver = driver

    @property
    def is_running(self) -> bool:
        """Whether `run_concurrent` is active."""
        return self._driver is not None

    def run_until(self, done: Callable[[], bool]) -> None:
        """Run guests, without any event loop, until `done`.

        Raises:
            DeadlockError: when nothing can run any more.
            StoreError: when only a host function that awaits could go on.
        """
        while not done():
            if self.state.run_one():
                continue
            if self.pending_host_tasks:
                raise StoreError(
                    "a guest waits for a host function that awaits, which needs an event loop: "
                    "use `call_async`, or `call_concurrent` inside `run_concurrent`"
                )
            raise self.deadlock()

    def deadlock(self) -> DeadlockError:
        """Return an error that says which task waits for what."""
        return DeadlockError(deadlock_report(self.state))

    # Host tasks.

    def spawn(self, func: Callable[..., Awaitable[object]], *args: object) -> JoinHandle:
        """Run ``func(accessor, *args)`` in the background; see `Accessor.spawn`."""

        async def work() -> None:
            BLOCKED_CALLER.set(None)
            CALLED_FROM.set((None, ()))
            if not handle.aborted:
                await func(self.accessor, *args)

        handle = self.spawn_host_task(work)
        return handle

    def spawn_host_task(self, func: Callable[..., Awaitable[object]], *args: object) -> JoinHandle:
        """Run ``func(*args)`` in the background, as long as the store is open.

        Raises:
            StoreError: when the store was not opened with ``async with``.
        """
        if self._workers is None:
            raise StoreError(
                "this needs an event loop: open the store with `async with`, and use `call_async` or `run_concurrent`"
            )
        handle = JoinHandle()
        self._workers.start(handle, partial(self._run_host_task, handle, partial(func, *args)))
        self.pending_host_tasks += 1
        return handle

    async def _run_host_task(self, handle: JoinHandle, func: Callable[[], Awaitable[object]]) -> None:
        try:
            error = await handle.run(func)
        finally:
            self.pending_host_tasks -= 1
            self.wake()
        if error is not None:
            self.raise_later(error)

    async def give_way(self) -> None:
        """Let the event loop have a turn, unless it had one just now: a loop of calls must not keep it out.

        So does a host function in its first step: its guest is left before another is entered.
        """
        if self.state.nesting or time.monotonic() > self._gave_way_until:
            await anyio.lowlevel.checkpoint()
            self._gave_way_until = self.begin_turn()

    def begin_turn(self) -> float:
        """Note that the event loop had a turn just now; return when it is to have the next, by `time.monotonic`."""
        self.turn_end = time.monotonic() + TURN_SECONDS
        return self.turn_end

    # Errors.

    def claim(self, error: BaseException) -> None:
        """Note that host code will raise `error`, or one that it caused, so that the loop need not."""
        self.failures.of(error).claimed = True

    def raise_later(self, error: BaseException) -> None:
        """Have the loop raise `error`, now or when it runs next; if it never does, the end of the store raises it."""
        self._not_raised.append(error)
        self.state.scheduler.push_job(partial(self._raise, error))

    def _raise(self, error: BaseException) -> NoReturn:
        self._not_raised.remove(error)
        raise error
