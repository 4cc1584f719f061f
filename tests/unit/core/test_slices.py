"""Fuel and epochs: guests that only compute let others run, and end when they must."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest
from anyio.lowlevel import checkpoint
from core_guests import ENGINE, FUELLED, SPINNER, TICKED, exported, load, sync_linker

import weft
from weft import core
from weft.errors import Trap, TrapCode

pytestmark = pytest.mark.anyio

FOREVER = exported("(loop $again (br $again))")


async def test_fuel_slices_let_timers_fire():
    """A guest that never ends is cancelled by a timeout of its own task, because it yields."""
    async with core.Store(FUELLED, fuel_async_yield_interval=10_000) as store:
        spin = load(store, FOREVER).get_func("f")
        with anyio.move_on_after(0) as scope:
            await spin.call_async()
        assert scope.cancelled_caught
        assert not store.core.suspended


async def test_epochs_let_other_tasks_run():
    """Each tick of the epoch lets the event loop run; a task beside the guest then stops it."""
    turns = []

    def tick(_number):
        TICKED.increment_epoch()
        return len(turns) < 5

    async with core.Store(TICKED) as store:
        spin = load(store, SPINNER, sync_linker(tick, engine=TICKED)).get_func("spin")

        async def beside():
            while len(turns) < 5:
                turns.append(1)
                await checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(beside)
            await spin.call_async()
    assert len(turns) == 5


async def test_the_engine_ticks_while_a_store_is_open():
    """With an epoch interval, a guest that never ends is cancelled by a timeout of its own task."""
    engine = weft.Engine(weft.Config(cache_dir=None, epoch_interval=0.001))
    async with core.Store(engine) as store:
        assert engine.ticking
        with anyio.move_on_after(0) as scope:
            await load(store, FOREVER).get_func("f").call_async()
        assert scope.cancelled_caught
    assert not engine.ticking


async def test_two_computing_guests_take_turns():
    """Two guests that only compute, in one store, both come forward while neither has ended."""
    order = []

    async with core.Store(FUELLED, fuel_async_yield_interval=20) as store:

        async def one(name):
            counts = iter(range(50, -1, -1))

            def step(_number):
                order.append(name)
                return next(counts)

            await load(store, SPINNER, sync_linker(step, engine=FUELLED)).get_func("spin").call_async()

        async with anyio.create_task_group() as group:
            group.start_soon(one, "a")
            group.start_soon(one, "b")
    switches = sum(left != right for left, right in pairwise(order))
    assert len(order) == 102
    assert switches > 4


async def test_fuel_runs_out():
    """A guest without fuel traps; after refuelling the store works again."""
    async with core.Store(FUELLED, fuel=1000) as store:
        instance = load(store, FOREVER)
        with pytest.raises(Trap) as caught:
            await instance.get_func("f").call_async()
        assert caught.value.code is TrapCode.OUT_OF_FUEL
        store.fuel = 500
        assert store.fuel == 500
        with pytest.raises(Trap):
            instance.get_func("f").call()


async def test_a_deadline_without_yields_interrupts():
    """With epoch yields off, a guest traps when the epoch reaches the deadline that was set."""
    async with core.Store(TICKED, epoch_deadline_async_yield_and_update=None) as store:
        links = sync_linker(lambda _number: TICKED.increment_epoch() or 1, engine=TICKED)
        spin = load(store, SPINNER, links).get_func("spin")
        store.set_epoch_deadline(3)
        with pytest.raises(Trap) as caught:
            await spin.call_async()
        assert caught.value.code is TrapCode.INTERRUPT


def test_a_direct_call_runs_through_its_slices():
    """`call` in a store with slices runs to the end."""
    with core.Store(FUELLED, fuel=100_000, fuel_async_yield_interval=50) as store:
        counts = iter(range(100, -1, -1))
        links = sync_linker(lambda _number: next(counts), engine=FUELLED)
        assert load(store, SPINNER, links).get_func("spin").call() is None


def test_fuel_needs_an_engine_that_counts_it():
    """Asking for fuel, or reading it, on another engine is an EngineError."""
    with pytest.raises(core.EngineError):
        core.Store(ENGINE, fuel=1)
    with core.Store(ENGINE) as store, pytest.raises(core.EngineError):
        _ = store.fuel
