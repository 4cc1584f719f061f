"""Random operations of a host on a guest that does random things: nothing hangs, leaks, or fails without a name."""

from __future__ import annotations

import contextlib
import enum
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

import weft
from weft.host import driver
from weft.host import store as store_module
from weft.host.streams.readers import ReaderState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

GUEST = Path(__file__).with_name("host_operations.wat")
MOST_TURNS = 3000
"""Turns of the event loop after which what has not ended is said to hang; a few dozen are usual."""

Backend = Literal["asyncio", "trio"]
Program = "list[tuple[Op, int]]"


class Op(enum.IntEnum):
    """What the host does next; the number with it says to which of the things it has, or how."""

    NAP = 0
    START_NAP = 1
    ADD = 2
    RELAY = 3
    RELAY_AGAIN = 4
    GIVE_BACK = 5
    FINISH = 6
    CANCEL = 7
    NEW = 8
    READ = 9
    GUARD = 10
    PIPE = 11
    STOP = 12
    CLOSE = 13
    DOUBLE = 14
    READ_FUTURE = 15
    CLOSE_FUTURE = 16
    CANCEL_AWAIT = 17
    SPAWN = 18
    ABORT_SPAWNED = 19
    RELEASE = 20
    TICK = 21
    QUIET = 22
    ABORT = 23


programs = st.lists(st.tuples(st.sampled_from(Op), st.integers(0, 0xFFFF)), max_size=24)
seeds = st.none() | st.integers(0, 2**32)


class Clock:
    """A clock that goes on by itself, so that who gets a turn is the same every time."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 0.0005
        return self.now


@functools.cache
def component() -> tuple[weft.Engine, weft.Component]:
    engine = weft.Engine(weft.Config())
    return engine, weft.Component.from_file(engine, GUEST)


class Gate:
    """What host functions and producers wait at; it lets one through at a time, or all."""

    def __init__(self) -> None:
        self.waiting: list[anyio.Event] = []
        self.is_open = False

    async def pause(self, number: int) -> None:
        if number % 3 == 0 or self.is_open:
            for _ in range(number % 5):
                await checkpoint()
            return
        event = anyio.Event()
        self.waiting.append(event)
        await event.wait()

    def release(self) -> None:
        if self.waiting:
            self.waiting.pop(0).set()

    def open_for_ever(self) -> None:
        self.is_open = True
        while self.waiting:
            self.release()


class Slow:
    """A consumer that takes a byte at a time, or nothing until it is asked to finish."""

    def __init__(self, *, takes: bool) -> None:
        self.takes = takes
        self.closed = 0

    def poll_consume(self, _waker: weft.Waker, source: weft.Source, finish: bool) -> Any:
        if self.takes and source.remaining:
            source.read(1)
            return weft.StreamResult.COMPLETED
        if self.takes:
            return weft.StreamResult.COMPLETED
        return weft.StreamResult.CANCELLED if finish else weft.PENDING

    def close(self) -> None:
        self.closed += 1


class Host:
    """What a program has, and the operations on it.

    Attributes:
        trace: what happened, in order.
        jobs: how many operations that await are in progress.
    """

    def __init__(self, accessor: weft.Accessor, instance: weft.Instance, group: Any) -> None:
        self.accessor = accessor
        self.gate: Gate = accessor.data
        self.group = group
        self.functions = {name: instance.get_func(name) for name in ("nap", "add", "relay", "give-back", "double")}
        self.readers: list[weft.StreamReader] = []
        self.futures: list[weft.FutureReader] = []
        self.calls: list[tuple[weft.Func, weft.Call]] = []
        self.pipes: list[weft.Pipe] = []
        self.handles: list[weft.JoinHandle] = []
        self.scopes: list[anyio.CancelScope] = []
        self.trace: list[object] = []
        self.jobs = 0
        self.named: tuple[type[Exception], ...] = (weft.StoreError, weft.LowerError, anyio.EndOfStream)

    # What everything waits for.

    def sources(self, number: int) -> Any:
        """Return something that a producer can be made of."""
        kind = number % 4
        if kind == 0:
            return b"some bytes that are there"
        if kind == 1:
            return iter([b"ab", b"", b"cde"])
        if kind == 2:
            return self.slow_source(number // 4 % 5)
        return weft.producers.empty()

    async def slow_source(self, count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            await self.gate.pause(count)
            yield b"slowly"

    async def value(self, number: int) -> int:
        await self.gate.pause(number)
        return number

    # Jobs.

    def job(self, what: str, func: Callable[[], Awaitable[object]]) -> None:
        scope = anyio.CancelScope()
        self.scopes.append(scope)
        self.jobs += 1
        self.group.start_soon(self._run, what, scope, func)

    async def _run(self, what: str, scope: anyio.CancelScope, func: Callable[[], Awaitable[object]]) -> None:
        try:
            with scope:
                self.trace.append((what, await func()))
        except self.named as error:
            self.trace.append((what, type(error).__name__))
        finally:
            self.jobs -= 1
            if scope.cancelled_caught:
                self.trace.append((what, "cancelled"))

    def pick(self, things: list[Any], number: int) -> Any:
        """Return one of the things, mostly one that can still be used."""
        if number % 8:
            things = [
                thing for thing in things if getattr(thing, "state", ReaderState.OPEN) is ReaderState.OPEN
            ] or things
        return things[number % len(things)] if things else None

    def do(self, op: Op, number: int) -> None:
        """Do it, or start it."""
        try:
            getattr(self, op.name.lower())(number)
        except self.named as error:
            self.trace.append((op.name, type(error).__name__))

    # Operations: calls.

    def nap(self, number: int) -> None:
        how: Literal["cancel", "detach"] = "cancel" if number % 2 else "detach"
        nap = self.functions["nap"]
        self.job("nap", lambda: nap.call_concurrent(self.accessor, number, on_cancel=how))

    def add(self, number: int) -> None:
        add = self.functions["add"]
        assert add.call(self.accessor, number, 1) == number + 1
        self.job("add", lambda: add.call_concurrent(self.accessor, number, 1))

    def start(self, name: str, *args: object) -> None:
        func = self.functions[name]
        self.calls.append((func, func.start_call_concurrent(self.accessor, *args)))

    def start_nap(self, number: int) -> None:
        self.start("nap", number)

    def relay(self, number: int) -> None:
        self.new(number)
        self.start("relay", number, self.readers[-1])

    def relay_again(self, number: int) -> None:
        if self.readers:
            self.start("relay", number, self.pick(self.readers, number))

    def give_back(self, number: int) -> None:
        if self.readers:
            self.start("give-back", self.pick(self.readers, number))

    def double(self, number: int) -> None:
        future = weft.FutureReader.new(self.accessor, self.value(number % 7))
        self.futures.append(future)
        if number % 3:
            self.start("double", self.pick(self.futures, number))

    def finish(self, number: int) -> None:
        call = self.pick(self.calls, number)
        if call is not None:
            self.job("finish", lambda: self.finish_call(*call))

    async def finish_call(self, func: weft.Func, call: weft.Call) -> object:
        try:
            result = await func.finish_call_concurrent(self.accessor, call)
        except self.named:
            self.forget(call)
            raise
        if not any(known is call for _, known in self.calls):
            return None
        self.forget(call)
        if isinstance(result, weft.StreamReader):
            self.readers.append(result)
        elif isinstance(result, weft.FutureReader):
            self.futures.append(result)
        else:
            return result
        return type(result).__name__

    def forget(self, call: weft.Call) -> None:
        self.calls = [known for known in self.calls if known[1] is not call]

    def cancel(self, number: int) -> None:
        if self.calls:
            self.pick(self.calls, number)[1].cancel()

    def abort(self, number: int) -> None:
        if self.calls and number % 4 == 0:
            self.pick(self.calls, number)[1].abort()
            self.named = (*self.named, weft.Trap, weft.WriterTrappedError)

    # Streams and futures.

    def new(self, number: int) -> None:
        self.readers.append(weft.StreamReader.new(self.accessor, self.sources(number)))

    def read(self, number: int) -> None:
        reader = self.pick(self.readers, number)
        if reader is not None:
            self.job("read", lambda: self.read_some(reader, number % 40 + 1))

    async def read_some(self, reader: weft.StreamReader, most: int) -> object:
        return len(await reader.read(self.accessor, most))

    def guard(self, number: int) -> None:
        reader = self.pick(self.readers, number)
        if reader is not None:
            self.job("guard", lambda: self.guarded(reader, number % 40 + 1))

    async def guarded(self, reader: weft.StreamReader, most: int) -> object:
        async with reader.guard(self.accessor) as guarded:
            return await self.read_some(guarded, most)

    def pipe(self, number: int) -> None:
        reader = self.pick(self.readers, number)
        if reader is not None:
            kind = number // 8 % 4
            consumer: Any = weft.consumers.collect() if kind < 2 else Slow(takes=kind == 2)
            made = reader.pipe(self.accessor, consumer)
            self.pipes.append(made)
            if number % 2:
                self.job("pipe", made.wait)

    def stop(self, number: int) -> None:
        pipe = self.pick(self.pipes, number)
        if pipe is not None:
            self.job("stop", lambda: self.stop_pipe(pipe))

    async def stop_pipe(self, pipe: weft.Pipe) -> object:
        reader = await pipe.stop()
        self.readers.append(reader)
        return None

    def close(self, number: int) -> None:
        reader = self.pick(self.readers, number)
        if reader is not None:
            reader.close(self.accessor)

    def read_future(self, number: int) -> None:
        future = self.pick(self.futures, number)
        if future is not None:
            self.job("read-future", lambda: future.read(self.accessor))

    def close_future(self, number: int) -> None:
        future = self.pick(self.futures, number)
        if future is not None:
            future.close(self.accessor)

    # The rest.

    def cancel_await(self, number: int) -> None:
        if self.scopes:
            self.pick(self.scopes, number).cancel()

    def spawn(self, number: int) -> None:
        async def work(accessor: weft.Accessor) -> None:
            await self.gate.pause(number)
            with contextlib.suppress(*self.named):
                self.functions["add"].call(accessor, 1, 2)

        handle = self.accessor.spawn(work)
        self.handles.append(handle)
        if number % 2:
            self.job("join", handle.join)

    def abort_spawned(self, number: int) -> None:
        if self.handles:
            self.pick(self.handles, number).abort()

    def quiet(self, _number: int) -> None:
        self.job("quiet", self.accessor.wait_no_interesting_tasks)

    def release(self, _number: int) -> None:
        self.gate.release()

    # The end.

    async def drain(self) -> None:
        """Let go of everything, until nothing is in progress."""
        self.gate.open_for_ever()
        for _ in range(MOST_TURNS):
            for func, call in self.calls:
                if call.resolved:
                    self.job("finish", functools.partial(self.finish_call, func, call))
            for pipe in self.pipes:
                self.job("stop", functools.partial(self.stop_pipe, pipe))
            self.pipes.clear()
            for reader in [*self.readers, *self.futures]:
                if reader.state is ReaderState.OPEN:
                    reader.close(self.accessor)
            await checkpoint()
            if not self.jobs and not self.calls and is_idle(self.accessor.store):
                return
        store = self.accessor.store
        raise AssertionError(
            f"hangs: {self.jobs} jobs, {len(self.calls)} calls, {store.pending_host_tasks} host tasks, "
            f"{store.open_transmits}, {store.deadlock()}"
        )


def is_idle(store: weft.Store) -> bool:
    return (
        not store.pending_host_tasks
        and not store.open_transmits
        and not any(inst.tasks for root in store.state.roots for inst in root.instances)
    )


async def wait(accessor: weft.Accessor, number: int) -> int:
    """Do what the guest imports."""
    await accessor.data.pause(number)
    return number


async def play(program: list[tuple[Op, int]], seed: int | None, *, close: bool) -> list[object]:
    """Run a program in a store of its own, then let go of everything one by one, or close the store."""
    engine, guest = component()
    linker = weft.Linker(engine)
    linker.root.func_wrap_concurrent("wait", wait)
    trace: list[object] = []

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            host = Host(accessor, instance, group)
            host.trace = trace
            for op, number in program:
                if op is not Op.TICK:
                    host.do(op, number)
                for _ in range(number % 8 if op is Op.TICK else number // 8 % 3):
                    await checkpoint()
            if not close:
                await host.drain()
            group.cancel_scope.cancel()

    async with weft.Store(engine, Gate(), seed=seed) as store:
        instance = await linker.instantiate(store, guest)
        await store.run_concurrent(main)
        if not close:
            assert_empty(store)
    assert not store.open_transmits
    assert not store.pending_host_tasks
    assert not store.state.core.suspended
    return trace


def assert_empty(store: weft.Store) -> None:
    """Check that nothing is left; the tables of what was aborted stay until the store is closed, without any effect."""
    for root in store.state.roots:
        assert root.poisoned is None or isinstance(root.poisoned, weft.CallAbortedError)
        for inst in root.instances:
            assert not inst.tasks
            if root.poisoned is None:
                assert not len(inst.handles), list(inst.handles)
                assert not len(inst.threads), list(inst.threads)
                assert not inst.entering
                assert not inst.lock_waiters
                assert inst.exclusive_thread is None
    assert not store.state.core.suspended


def run(program: list[tuple[Op, int]], seed: int | None, backend: Backend, *, close: bool) -> list[object]:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(driver, "time", clock)
        patch.setattr(store_module, "time", clock)
        return anyio.run(functools.partial(play, program, seed, close=close), backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=120, deadline=None)
@given(programs, seeds)
def test_all_ends_when_the_host_lets_go(backend: Backend, program: list[tuple[Op, int]], seed: int | None) -> None:
    """Once every reader is closed and every wait is over, no task, fiber, handle or open end is left."""
    run(program, seed, backend, close=False)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=60, deadline=None)
@given(programs, seeds)
def test_a_store_closes_in_the_middle(backend: Backend, program: list[tuple[Op, int]], seed: int | None) -> None:
    """A store that is closed with everything in progress ends, frees it all, and raises nothing."""
    run(program, seed, backend, close=True)


@settings(max_examples=30, deadline=None)
@given(programs, seeds)
def test_a_seed_replays(program: list[tuple[Op, int]], seed: int | None) -> None:
    """The same operations under the same seed have the same outcomes in the same order."""
    assert run(program, seed, "asyncio", close=False) == run(program, seed, "asyncio", close=False)
