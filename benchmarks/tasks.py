"""Concurrent calls of an async guest function that awaits a host function, against as many bare asyncio tasks."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import weft
from benchmarks import guest
from benchmarks.case import Case, Runners

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from benchmarks.case import Runner

TASKS = 10_000


async def _at_once(_accessor: object, x: int) -> int:
    return x


async def _suspended(_accessor: object, x: int) -> int:
    await asyncio.sleep(0)
    return x


async def _gather(call: Callable[[int], Awaitable[int]], count: int) -> float:
    """Return how long `count` tasks take that run at once."""
    started = perf_counter()
    found = await asyncio.gather(*(call(x) for x in range(count)))
    taken = perf_counter() - started
    assert found == list(range(count))
    return taken


async def _in_guest(component: weft.Component, lift: str, nap: Callable[..., Awaitable[int]], count: int) -> float:
    linker = weft.Linker(component.engine)
    linker.root.func_wrap_concurrent("nap", nap)
    async with weft.Store(component.engine) as store:
        instance = await linker.instantiate(store, component)
        func = instance.get_func(lift)

        async def main(accessor: weft.Accessor) -> float:
            return await _gather(partial(func.call_concurrent, accessor), count)

        return await store.run_concurrent(main)


async def _one_by_one(call: Callable[[int], Awaitable[int]], count: int) -> float:
    """Return how long `count` calls take, each awaited before the next."""
    started = perf_counter()
    for x in range(count):
        found = await call(x)
        assert found == x
    return perf_counter() - started


async def _awaiting_guest(component: weft.Component, count: int) -> float:
    linker = weft.Linker(component.engine)
    linker.root.func_wrap_concurrent("nap", _at_once)
    async with weft.Store(component.engine) as store:
        twice = (await linker.instantiate(store, component)).get_func("twice")

        async def main(accessor: weft.Accessor) -> float:
            return await _one_by_one(partial(twice.call_concurrent, accessor), count)

        return await store.run_concurrent(main)


async def _twice(x: int) -> int:
    return await _at_once(None, await _at_once(None, x))


def one_by_one(component: weft.Component) -> Runner:
    """Return a runner of calls of a guest that awaits the host twice."""
    return _blocking(partial(_awaiting_guest, component))


def _latency() -> Runners:
    tasks = _blocking(partial(_one_by_one, lambda x: asyncio.create_task(_twice(x))))
    return Runners(one_by_one(guest.load("awaits")), tasks)


async def _step(_accessor: object, a: int, b: int) -> int:
    del b
    return a + 1


async def _calling_guest(component: weft.Component, count: int) -> float:
    """Return how long `count` calls of an async function take that a guest makes one after the other."""
    linker = weft.Linker(component.engine)
    linker.root.func_wrap_async("step", _step)
    async with weft.Store(component.engine) as store:
        run = (await linker.instantiate(store, component)).get_func("run")
        started = perf_counter()
        assert await run.call_async(store, count) == count
        return perf_counter() - started


async def _calling(count: int) -> float:
    started = perf_counter()
    x = 0
    for _ in range(count):
        x = await _step(None, x, 0)
    return perf_counter() - started


def _async_import() -> Runners:
    return Runners(_blocking(partial(_calling_guest, guest.load("imports"))), _blocking(_calling))


def _blocking(run: Callable[[int], Coroutine[None, None, float]]) -> Runner:
    return lambda count: asyncio.run(run(count))


def _tasks(lift: str, nap: Callable[..., Awaitable[int]]) -> Runners:
    component = guest.load("tasks")
    return Runners(_blocking(partial(_in_guest, component, lift, nap)), _blocking(partial(_gather, partial(nap, None))))


CASES = (
    Case("10,000, host returns at once", partial(_tasks, "callback", _at_once), count=TASKS, per=TASKS),
    Case("10,000, host suspends", partial(_tasks, "callback", _suspended), count=TASKS, per=TASKS),
    Case("10,000, host suspends, guest on stacks", partial(_tasks, "stackful", _suspended), count=TASKS, per=TASKS),
    Case("one after the other, host returns at once twice", _latency, count=2_000),
    Case("guest -> host: async def that returns at once", _async_import, count=10_000),
)
