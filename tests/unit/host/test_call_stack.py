"""Asynchronous call stacks, as host functions see them."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint
from guests import POLLER, WAITER, component, engine, linker, waiter

import weft

pytestmark = pytest.mark.anyio

Stacks = dict[int, tuple[weft.TaskId, ...]]


def recorders(stacks: Stacks) -> dict[str, weft.Linker]:
    """Return linkers whose ``wait`` notes the stack it sees: a plain function, and one that awaits before."""

    def now(store: weft.Store, n: int) -> int:
        stacks[n] = weft.async_call_stack(store)
        return n

    async def later(accessor: weft.Accessor, n: int) -> int:
        await checkpoint()
        stacks[n] = weft.async_call_stack(accessor)
        return n

    return {"sync": linker(sync={"wait": now}), "concurrent": linker(concurrent={"wait": later})}


@pytest.mark.parametrize("kind", ["sync", "concurrent"])
async def test_a_stack_crosses_components(kind: str) -> None:
    """The youngest task comes first, tasks of every component are there, and the last is the host's call."""
    stacks: Stacks = {}
    async with weft.Store(engine()) as store:
        inner = await recorders(stacks)[kind].instantiate(store, component(WAITER))
        outer = linker()
        outer.root.define("wait", inner.get("wait-stackful"))
        func = (await outer.instantiate(store, component(WAITER))).get_func("wait-stackful")
        alone = inner.get_func("wait-stackful")

        async def main(accessor: weft.Accessor) -> None:
            calls = [func.start_call_concurrent(accessor, 1), func.start_call_concurrent(accessor, 2)]
            calls.append(alone.start_call_concurrent(accessor, 3))
            for n, call in enumerate(calls, 1):
                assert await func.finish_call_concurrent(accessor, call) == n
            assert [len(stacks[n]) for n in (1, 2, 3)] == [2, 2, 1]
            assert [stacks[n][-1] for n in (1, 2, 3)] == [call.task for call in calls]
            assert len({task for stack in stacks.values() for task in stack}) == 5

        await store.run_concurrent(main)


async def test_a_function_that_awaits_keeps_its_stack() -> None:
    """A concurrent host function sees the same stack before and after the task that called it is over."""
    released = anyio.Event()
    seen: list[tuple[weft.TaskId, ...]] = []

    async def wait(accessor: weft.Accessor, _n: int) -> int:
        seen.append(weft.async_call_stack(accessor))
        with anyio.CancelScope(shield=True):
            await released.wait()
        seen.append(weft.async_call_stack(accessor))
        return 0

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait-stackful")

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor, 1)
            await anyio.wait_all_tasks_blocked()
            call.abort()
            released.set()
            await anyio.wait_all_tasks_blocked()
            assert seen == [(call.task,), (call.task,)]

        await store.run_concurrent(main)


async def test_the_stack_of_a_call_that_cannot_block() -> None:
    """Calls that run without a task of their own kept show it all the same, each with its own id."""
    stacks: list[tuple[weft.TaskId, ...]] = []

    def poll(store: weft.Store, n: int) -> int:
        stacks.append(weft.async_call_stack(store))
        return n

    async with weft.Store(engine()) as store:
        func = (await linker(sync={"poll": poll}).instantiate(store, component(POLLER))).get_func("poll")

        async def main(accessor: weft.Accessor) -> None:
            calls = [func.start_call_concurrent(accessor, n) for n in (1, 2)]
            for call in calls:
                await func.finish_call_concurrent(accessor, call)
            assert stacks == [(call.task,) for call in calls]

        await store.run_concurrent(main)
        func.call(store, 3)
        func.call(store, 4)
        assert [len(stack) for stack in stacks] == [1, 1, 1, 1]
        assert len(set(stacks)) == 4


async def test_the_stack_goes_on_through_a_function_that_blocks_its_caller() -> None:
    """A call that a blocking host function makes has the guest that it blocks as its caller."""
    stacks: Stacks = {}
    funcs: list[weft.Func] = []

    async def poll(accessor: weft.Accessor, n: int) -> int:
        stacks[n] = weft.async_call_stack(accessor)
        return await funcs[0].call_concurrent(accessor, n - 1) if n else 0

    async with weft.Store(engine()) as store:
        made = linker(blocking={"poll": poll})
        instances = [await made.instantiate(store, component(POLLER)) for _ in range(2)]
        funcs += [instance.get_func("poll") for instance in instances]

        async def main(accessor: weft.Accessor) -> None:
            call = funcs[1].start_call_concurrent(accessor, 1)
            await funcs[1].finish_call_concurrent(accessor, call)
            assert stacks[1] == (call.task,)
            assert len(stacks[0]) == 2
            assert stacks[0][1] == call.task

        await store.run_concurrent(main)


async def test_no_stack_outside_host_functions() -> None:
    """The store's own code, a background task, and a function called from another store have no stack in it."""
    stacks: list[tuple[weft.TaskId, ...]] = []
    other = weft.Store(engine())

    async def background(accessor: weft.Accessor) -> None:
        stacks.append(weft.async_call_stack(accessor))

    async def wait(accessor: weft.Accessor, n: int) -> int:
        await accessor.spawn(background)
        stacks.append(weft.async_call_stack(other))
        return n

    async with waiter(wait) as (store, instance):
        assert weft.async_call_stack(store) == ()
        await instance.get_func("wait").call_async(store, 1)
        assert weft.async_call_stack(store) == ()
        assert stacks == [(), ()]
    other.close()
