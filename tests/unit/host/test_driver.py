"""The driver: fairness between guests, the host and the event loop, also with guests that only compute."""

from __future__ import annotations

import random

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from guests import POLLER, SPINNER, WAITER, component, engine, linker, unused, waiter

import weft
from weft.host.groups import ungrouped

pytestmark = pytest.mark.anyio

SPINS = pytest.mark.parametrize("name", ["spin-for-ever", "spin-for-ever-outside"])
ROUNDS = 50_000_000


def spinning() -> weft.Engine:
    return engine(0.005)


@SPINS
async def test_a_timeout_fires_beside_a_guest_that_computes(name: str) -> None:
    """With an epoch interval a guest that never waits, or one that such a guest calls, lets timers fire."""
    async with weft.Store(spinning()) as store:
        instance = await linker(spinning()).instantiate(store, component(SPINNER, spinning()))

        async def main(accessor: weft.Accessor) -> float:
            began = anyio.current_time()
            with anyio.move_on_after(0.05) as scope:
                await instance.get_func(name).call_concurrent(accessor)
            assert scope.cancelled_caught
            return anyio.current_time() - began

        assert await store.run_concurrent(main) < 1


@SPINS
async def test_a_timeout_fires_around_the_loop(name: str) -> None:
    """A timeout around `call_async` fires, the spinning task stays, and other instances of the store go on."""
    async with weft.Store(spinning()) as store:
        instance = await linker(spinning()).instantiate(store, component(SPINNER, spinning()))
        with anyio.move_on_after(0.05) as scope:
            await instance.get_func(name).call_async(store)
        assert scope.cancelled_caught
        other = await linker(spinning()).instantiate(store, component(SPINNER, spinning()))
        assert await other.get_func("spin").call_async(store, 1000) == 1000


@pytest.mark.parametrize("name", ["spin", "spin-outside"])
async def test_a_guest_that_was_set_aside_gets_its_result(name: str) -> None:
    """Guests that yield come to the same results, several at once and in turns."""
    async with weft.Store(spinning()) as store:
        made = linker(spinning())
        instances = [await made.instantiate(store, component(SPINNER, spinning())) for _ in range(3)]
        results: list[int] = []

        async def call(accessor: weft.Accessor, n: int) -> None:
            results.append(await instances[n].get_func(name).call_concurrent(accessor, ROUNDS + n))

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                for n in range(3):
                    group.start_soon(call, accessor, n)

        await store.run_concurrent(main)
        assert sorted(results) == [ROUNDS, ROUNDS + 1, ROUNDS + 2]


async def test_nobody_enters_an_instance_in_the_middle_of_a_computation() -> None:
    """A call of an instance that was set aside waits until the earlier call is over."""
    async with weft.Store(spinning()) as store:
        instance = await linker(spinning()).instantiate(store, component(SPINNER, spinning()))
        order: list[str] = []

        async def call(accessor: weft.Accessor, name: str, rounds: int) -> None:
            await instance.get_func("spin").call_concurrent(accessor, rounds)
            order.append(name)

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(call, accessor, "long", ROUNDS)
                await checkpoint()
                group.start_soon(call, accessor, "short", 1)

        await store.run_concurrent(main)
        assert order == ["long", "short"]


async def test_call_without_loop_computes_to_the_end() -> None:
    """`Func.call` on an engine with epochs returns the result, however many slices that takes."""
    async with weft.Store(spinning()) as store:
        instance = await linker(spinning()).instantiate(store, component(SPINNER, spinning()))
        assert instance.get_func("spin-outside").call(store, ROUNDS) == ROUNDS


async def test_a_sync_call_may_await_on_an_engine_with_epochs() -> None:
    """Blocking host functions and epochs get along."""

    async def poll(_accessor: weft.Accessor, n: int) -> int:
        await wait_all_tasks_blocked()
        return n

    async with weft.Store(spinning()) as store:
        instance = await linker(spinning(), blocking={"poll": poll}).instantiate(store, component(POLLER, spinning()))
        assert await instance.get_func("poll").call_async(store, 1) == 2


async def test_epochs_tick_only_while_a_store_runs() -> None:
    """The ticker's thread is there while a loop of the engine's stores runs, and not afterwards."""
    made = weft.Engine(weft.Config(cache_dir=None, epoch_interval=1))
    async with weft.Store(made) as first, weft.Store(made) as second:

        async def main(_accessor: weft.Accessor) -> None:
            assert made.ticking
            await second.run_concurrent(inner)
            assert made.ticking

        async def inner(_accessor: weft.Accessor) -> None:
            assert made.ticking

        assert not made.ticking
        await first.run_concurrent(main)
        assert not made.ticking


async def test_two_stores_run_side_by_side() -> None:
    """Each store has a loop of its own; they run in one event loop at once."""
    arrived: list[int] = []
    both = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        arrived.append(n)
        if len(arrived) == 2:
            both.set()
        await both.wait()
        return n

    async with waiter(wait) as (one, first), waiter(wait) as (two, second), anyio.create_task_group() as group:
        group.start_soon(first.get_func("wait").call_async, one, 1)
        group.start_soon(second.get_func("wait").call_async, two, 2)


async def test_guests_are_instantiated_while_the_loop_runs() -> None:
    """`Linker.instantiate` inside `run_concurrent` gives an instance that can be called at once."""
    async with weft.Store(spinning()) as store:

        async def main(accessor: weft.Accessor) -> int:
            instance = await linker(spinning()).instantiate(store, component(SPINNER, spinning()))
            return await instance.get_func("spin").call_concurrent(accessor, 10)

        assert await store.run_concurrent(main) == 10


async def test_a_host_task_that_calls_guests_back() -> None:
    """An async host function may call guests of its own store, here of another instance."""

    async def wait(accessor: weft.Accessor, n: int) -> int:
        result = await other.get_func("add").call_concurrent(accessor, n, 1)
        assert isinstance(result, int)
        return result

    async with waiter(wait) as (store, instance):
        other = await linker(concurrent={"wait": unused}).instantiate(store, component(WAITER))
        assert await instance.get_func("wait").call_async(store, 4) == 5


@pytest.mark.parametrize("epoch_interval", [None, 0.002])
@pytest.mark.parametrize("seed", [None, 1])
async def test_everything_at_once(epoch_interval: float | None, seed: int | None) -> None:
    """Blocked, computing and abandoned calls of instances that call each other all come to their end."""
    chance = random.Random(0)
    made_by = engine(epoch_interval)

    async def pause() -> None:
        for _ in range(chance.randrange(20)):
            await checkpoint()

    async def poll(_accessor: weft.Accessor, n: int) -> int:
        await pause()
        return n

    results: dict[int, int] = {}
    given_up: list[int] = []
    async with weft.Store(made_by, seed=seed) as store:
        made = linker(made_by, blocking={"poll": poll})
        inner = [await made.instantiate(store, component(POLLER, made_by)) for _ in range(2)]
        outer = []
        for i in range(6):
            linked = weft.Linker(made_by)
            linked.root.define("poll", inner[i % 2].get("poll"))
            outer.append(await linked.instantiate(store, component(POLLER, made_by)))
        spinner = await linker(made_by).instantiate(store, component(SPINNER, made_by))

        async def call(accessor: weft.Accessor, n: int) -> None:
            with anyio.CancelScope() as scope:
                if chance.random() < 0.2:
                    accessor.spawn(give_up, scope)
                results[n] = await chance.choice(outer).get_func("poll").call_concurrent(accessor, n)
            if scope.cancelled_caught:
                given_up.append(n)

        async def give_up(_accessor: weft.Accessor, scope: anyio.CancelScope) -> None:
            await pause()
            scope.cancel()

        async def spin(accessor: weft.Accessor) -> None:
            for _ in range(3):
                await spinner.get_func("spin-outside").call_concurrent(accessor, ROUNDS // 50)

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                for n in range(100):
                    group.start_soon(call, accessor, n)
                group.start_soon(spin, accessor)

        async def drain(_accessor: weft.Accessor) -> None:
            while any(inst.tasks or inst.entering for root in store.state.roots for inst in root.instances):
                await checkpoint()

        with anyio.fail_after(20):
            await store.run_concurrent(main)
            await store.run_concurrent(drain)
        assert not store.state.preempted
        assert not any(inst.holders for root in store.state.roots for inst in root.instances)
    assert all(result == n + 2 for n, result in results.items())
    assert len(results) + len(given_up) == 100


async def test_one_error_is_taken_out_of_its_group() -> None:
    """What leaves weft's own task groups is the error, or what ends the program, or a group of several errors."""

    async def leave(*errors: BaseException) -> BaseException:
        try:
            async with ungrouped():
                raise BaseExceptionGroup("ours", errors)
        except BaseException as error:  # noqa: BLE001 - it is what the test looks at
            return error

    one, two, end = ValueError(), KeyError(), KeyboardInterrupt()
    assert await leave(one) is one
    assert await leave(one, one) is one
    assert await leave(one, end) is end
    both = await leave(one, two)
    assert isinstance(both, ExceptionGroup)
    assert both.exceptions == (one, two)
