"""Stores: their loop, its end by whatever cause, and what goes on in the next."""

from __future__ import annotations

import gc
import weakref

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from guests import SPINNER, component, engine, linker, unused, waiter

import weft

pytestmark = pytest.mark.anyio


async def sleep_forever(_accessor: weft.Accessor, *_args: object) -> int:
    await anyio.sleep_forever()
    raise AssertionError


@pytest.mark.parametrize("inside", [True, False])
async def test_timeouts_end_waits_and_the_store_goes_on(inside: bool) -> None:
    """`move_on_after` and `fail_after` work around a call inside the loop and around the loop itself."""
    async with waiter(sleep_forever) as (store, instance):
        func = instance.get_func("wait-stackful")

        async def moved_on(accessor: weft.Accessor) -> bool:
            with anyio.move_on_after(0.01) as scope:
                await func.call_concurrent(accessor, 1)
            return scope.cancelled_caught

        async def failed(accessor: weft.Accessor) -> None:
            with anyio.fail_after(0.01):
                await func.call_concurrent(accessor, 1)

        if inside:
            assert await store.run_concurrent(moved_on)
            with pytest.raises(TimeoutError):
                await store.run_concurrent(failed)
        else:
            with anyio.move_on_after(0.01) as scope:
                await store.run_concurrent(func.call_concurrent, 1)
            assert scope.cancelled_caught
            with pytest.raises(TimeoutError), anyio.fail_after(0.01):
                await func.call_async(store, 1)
        assert await instance.get_func("add").call_async(store, 1, 2) == 3


async def test_a_cancelled_loop_leaves_tasks_for_the_next() -> None:
    """Tasks left by a cancelled `run_concurrent` go on in a later one, and finish there."""
    released = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        await released.wait()
        return n

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait-stackful")
        calls = [func.start_call_concurrent(store, n) for n in range(3)]

        async def first() -> None:
            await store.run_concurrent(sleep_forever)

        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        assert not store.is_running
        assert not any(call.resolved for call in calls)
        released.set()
        await wait_all_tasks_blocked()
        assert not any(call.resolved for call in calls)

        async def second(accessor: weft.Accessor) -> list[int]:
            return [await func.finish_call_concurrent(accessor, call) for call in calls]

        assert await store.run_concurrent(second) == [0, 1, 2]


async def test_host_tasks_go_on_between_two_loops() -> None:
    """Async host functions belong to the store: they go on while no loop runs, and guests notice in the next."""
    asked, released, returned = anyio.Event(), anyio.Event(), anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        asked.set()
        await released.wait()
        returned.set()
        return n

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait")
        call = func.start_call_concurrent(store, 9)

        async def until_asked(_accessor: weft.Accessor) -> None:
            await asked.wait()

        await store.run_concurrent(until_asked)
        released.set()
        await returned.wait()
        assert await store.run_concurrent(lambda accessor: func.finish_call_concurrent(accessor, call)) == 9


async def test_spawned_tasks_run_beside_guests() -> None:
    """`Accessor.spawn` runs a function with the accessor; awaiting its handle waits for it."""
    async with waiter(unused) as (store, instance):
        results: list[int] = []

        async def background(accessor: weft.Accessor, a: int, b: int) -> None:
            results.append(await instance.get_func("add").call_concurrent(accessor, a, b))

        async def main(accessor: weft.Accessor) -> None:
            handle = accessor.spawn(background, 2, 3)
            assert not handle.done
            await handle
            assert handle.done

        await store.run_concurrent(main)
        assert results == [5]


async def test_abort_cancels_and_join_waits_for_the_clean_up() -> None:
    """An aborted task is cancelled where it waits; awaiting its handle returns, without an error, when it is over."""
    started, cleaned = anyio.Event(), []

    async def background(_accessor: weft.Accessor) -> None:
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await wait_all_tasks_blocked()
                cleaned.append(True)

    async with weft.Store(engine()) as store:
        handle = store.spawn(background)
        await started.wait()
        handle.abort()
        handle.abort()
        assert not handle.done
        await handle
        assert cleaned


async def test_a_task_aborted_at_once_never_runs() -> None:
    """`abort` before the task began keeps its function from being called."""
    ran: list[bool] = []

    async def background(_accessor: weft.Accessor) -> None:
        ran.append(True)

    async with weft.Store(engine()) as store:
        handle = store.spawn(background)
        handle.abort()
        await handle
        assert not ran


async def test_what_a_task_had_is_free_when_it_is_over() -> None:
    """A store that stays open keeps nothing of a background task that has ended."""

    class Thing:
        pass

    async def background(_accessor: weft.Accessor, _thing: Thing) -> None:
        await wait_all_tasks_blocked()

    async with weft.Store(engine()) as store:

        async def main(accessor: weft.Accessor) -> weakref.ref[Thing]:
            thing = Thing()
            await accessor.spawn(background, thing)
            return weakref.ref(thing)

        reference = await store.run_concurrent(main)
        gc.collect()
        assert reference() is None


async def test_an_error_of_a_background_task_reaches_who_awaits_it() -> None:
    """An awaited background task raises its own exception there, and nowhere else."""
    error = ValueError("mine")

    async def background(_accessor: weft.Accessor) -> None:
        await wait_all_tasks_blocked()
        raise error

    async with weft.Store(engine()) as store:

        async def main(accessor: weft.Accessor) -> None:
            with pytest.raises(ValueError, match="mine") as caught:
                await accessor.spawn(background)
            assert caught.value is error

        await store.run_concurrent(main)


async def test_an_error_of_a_background_task_fails_the_loop() -> None:
    """A background task that nobody awaits fails `run_concurrent` with its own exception, ungrouped."""
    error = ValueError("mine")

    async def background(_accessor: weft.Accessor) -> None:
        raise error

    async with weft.Store(engine()) as store:
        store.spawn(background)
        with pytest.raises(ValueError, match="mine") as caught:
            await store.run_concurrent(sleep_forever)
        assert caught.value is error
        assert await store.run_concurrent(_seven) == 7


async def test_an_error_that_no_loop_raised_comes_out_of_the_store() -> None:
    """When no loop runs any more, the end of the store raises what a background task raised."""

    async def background(_accessor: weft.Accessor) -> None:
        raise ValueError("mine")

    async def use_a_store() -> None:
        async with weft.Store(engine()) as store:
            store.spawn(background)
            await wait_all_tasks_blocked()

    with pytest.raises(ValueError, match="mine"):
        await use_a_store()


async def _seven(_accessor: weft.Accessor) -> int:
    return 7


async def test_the_result_of_the_function_is_returned() -> None:
    """`run_concurrent` passes its arguments on, and returns what the function returns."""

    async def main(accessor: weft.Accessor, a: int, b: int) -> tuple[int, object]:
        return a + b, accessor.data

    async with weft.Store(engine(), data="state") as store:
        assert await store.run_concurrent(main, 1, 2) == (3, "state")


async def test_closing_fails_who_waits() -> None:
    """A store that is closed while its loop runs fails the calls that wait, and says so."""
    async with waiter(sleep_forever) as (store, instance):

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(call, accessor)
                await wait_all_tasks_blocked()
                store.close()

        async def call(accessor: weft.Accessor) -> None:
            with pytest.raises(weft.StoreError, match="the store was closed"):
                await instance.get_func("wait-stackful").call_concurrent(accessor, 1)

        await store.run_concurrent(main)


async def test_errors_are_not_kept_for_ever() -> None:
    """A store lets go of the errors that its calls raised."""
    errors: list[weakref.ref[weft.LowerError]] = []
    async with waiter(unused) as (store, instance):
        for _ in range(50):
            try:
                await instance.get_func("wait").call_async(store, -1)
            except weft.LowerError as error:
                errors.append(weakref.ref(error))
        gc.collect()
        assert len(errors) == 50
        assert sum(error() is not None for error in errors) < 10


def test_fuel_limits_what_guests_execute() -> None:
    """With `Config(fuel=True)` a guest that has used up the fuel of its store traps."""
    made = weft.Engine(weft.Config(cache_dir=None, fuel=True))
    with weft.Store(made) as store:
        instance = linker(made).instantiate_sync(store, component(SPINNER, made))
        store.set_fuel(10_000)
        assert instance.get_func("spin").call(store, 100) == 100
        assert 0 < store.get_fuel() < 10_000
        with pytest.raises(weft.Trap) as caught:
            instance.get_func("spin").call(store, 10_000)
        assert caught.value.code is weft.TrapCode.OUT_OF_FUEL
