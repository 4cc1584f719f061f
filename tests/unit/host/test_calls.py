"""Calls of guests: in every way to make one, and what each promises."""

from __future__ import annotations

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from guests import POLLER, WAITER, component, engine, linker, unused, waiter

import weft

pytestmark = pytest.mark.anyio


async def echo(_accessor: weft.Accessor, n: int) -> int:
    await checkpoint()
    return n


async def test_a_call_returns_when_its_value_is_there() -> None:
    """`call_concurrent` returns at `task.return`; what the task does afterwards goes on beside the host."""
    released = anyio.Event()
    ended = anyio.Event()

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        await released.wait()
        ended.set()
        return 0

    async with waiter(wait) as (store, instance):

        async def main(accessor: weft.Accessor) -> None:
            assert await instance.get_func("return-then-wait").call_concurrent(accessor, 7) == 7
            assert not ended.is_set()
            released.set()
            await ended.wait()

        await store.run_concurrent(main)


@pytest.mark.parametrize("name", ["wait", "wait-stackful", "wait-on-set"])
async def test_call_async_runs_the_loop_for_one_call(name: str) -> None:
    """`call_async` needs no `run_concurrent`, and waits for host functions."""
    async with waiter(echo) as (store, instance):
        assert await instance.get_func(name).call_async(store, 5) == 5


async def test_call_async_leaves_what_is_left_of_a_task_to_the_next_loop() -> None:
    """`call_async` returns with the value; the rest of the task runs in the next loop of the store."""
    asked = anyio.Event()

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        asked.set()
        await checkpoint()
        return 0

    async with waiter(wait) as (store, instance):
        assert await instance.get_func("return-then-wait").call_async(store, 3) == 3
        assert instance.root.instances[0].tasks

        async def main(_accessor: weft.Accessor) -> None:
            await asked.wait()
            await wait_all_tasks_blocked()

        await store.run_concurrent(main)
        assert not instance.root.instances[0].tasks


async def test_many_calls_at_once() -> None:
    """A hundred calls of one instance wait at the same time, and each gets its own result."""
    arrived: set[int] = set()
    all_there = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        arrived.add(n)
        if len(arrived) == 100:
            all_there.set()
        await all_there.wait()
        return n

    results: dict[int, int] = {}
    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait-stackful")

        async def call(accessor: weft.Accessor, n: int) -> None:
            results[n] = await func.call_concurrent(accessor, n)

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                for n in range(100):
                    group.start_soon(call, accessor, n)

        await store.run_concurrent(main)
    assert results == {n: n for n in range(100)}


async def test_a_started_call_runs_only_when_the_loop_does() -> None:
    """`start_call_concurrent` queues; the loop runs the guest; `finish_call_concurrent` gives the result."""
    asked: list[int] = []

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        asked.append(n)
        return n + 1

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait-stackful")
        calls = [func.start_call_concurrent(store, n) for n in (1, 2)]
        await wait_all_tasks_blocked()
        assert not asked
        assert not any(call.resolved for call in calls)

        async def main(accessor: weft.Accessor) -> list[int]:
            return [await func.finish_call_concurrent(accessor, call) for call in reversed(calls)]

        assert await store.run_concurrent(main) == [3, 2]


async def test_calls_have_ids_in_order() -> None:
    """`Call.task` identifies a call, and later calls have greater ids."""
    async with waiter(echo) as (store, instance):
        func = instance.get_func("wait")
        first, second = (func.start_call_concurrent(store, 1) for _ in range(2))
        assert first.task == first.number < second.task


async def test_several_may_wait_for_one_call() -> None:
    """`finish_call_concurrent` gives the result to everyone who asks."""
    async with waiter(echo) as (store, instance):
        func = instance.get_func("wait")
        results: list[int] = []

        async def finish(accessor: weft.Accessor, call: weft.Call) -> None:
            results.append(await func.finish_call_concurrent(accessor, call))

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor, 4)
            async with anyio.create_task_group() as group:
                group.start_soon(finish, accessor, call)
                group.start_soon(finish, accessor, call)

        await store.run_concurrent(main)
        assert results == [4, 4]


async def test_a_call_cancelled_before_it_starts_never_does() -> None:
    """`Call.cancel` on a queued call keeps the guest from being entered."""
    async with waiter(unused) as (store, instance):
        func = instance.get_func("wait")
        call = func.start_call_concurrent(store, 1)
        call.cancel()
        with pytest.raises(weft.StoreError, match="the call of wait was cancelled"):
            await store.run_concurrent(lambda accessor: func.finish_call_concurrent(accessor, call))


async def test_cancelling_the_await_leaves_the_task() -> None:
    """Whoever stops awaiting `call_concurrent` leaves the guest's task running to its end."""
    asked, released, ended = anyio.Event(), anyio.Event(), anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        asked.set()
        await released.wait()
        ended.set()
        return n

    async with waiter(wait) as (store, instance):

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(instance.get_func("wait-stackful").call_concurrent, accessor, 1)
                await asked.wait()
                group.cancel_scope.cancel()
            released.set()
            await ended.wait()

        await store.run_concurrent(main)


async def test_a_loop_of_calls_lets_others_run() -> None:
    """Calls that never block do not keep the event loop from its other tasks, nor from a cancellation."""
    async with waiter(unused) as (store, instance):
        add = instance.get_func("add")

        async def main(accessor: weft.Accessor) -> None:
            with anyio.move_on_after(0.02):
                while True:
                    assert await add.call_concurrent(accessor, 1, 2) == 3

        await store.run_concurrent(main)


def test_call_needs_no_event_loop() -> None:
    """`Func.call` of a function that does not wait works in plain code."""
    with weft.Store(engine()) as store:
        instance = linker(concurrent={"wait": unused}).instantiate_sync(store, component(WAITER))
        assert instance.get_func("add").call(store, 1, 2) == 3


async def test_call_refuses_to_wait_for_the_event_loop() -> None:
    """`Func.call` that would wait for an async host function says what to use; the task goes on when the loop runs."""
    async with weft.Store(engine()) as store:
        instance = await linker(blocking={"poll": echo}).instantiate(store, component(POLLER))
        func = instance.get_func("poll")
        with pytest.raises(weft.StoreError, match="use `call_async`, or `call_concurrent`"):
            func.call(store, 1)
        assert await func.call_async(store, 2) == 3


def test_call_in_a_store_without_event_loop_says_so() -> None:
    """An async host function in a store that was not opened with `async with` cannot run."""
    with weft.Store(engine()) as store:
        instance = linker(blocking={"poll": echo}).instantiate_sync(store, component(POLLER))
        with pytest.raises(weft.StoreError, match="open the store with `async with`"):
            instance.get_func("poll").call(store, 1)
