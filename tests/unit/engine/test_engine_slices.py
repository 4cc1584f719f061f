import threading

import pytest

from weft.engine import BLOCKED, CoreEngine, CoreSig, CoreStore, EngineConfig, EngineError, EpochTicker, wat2wasm
from weft.errors import Trap, TrapCode

SPIN = """(module (import "h" "b" (func $b (result i32)))
  (func (export "spin") (loop $l (br $l)))
  (func (export "count") (param i32) (result i32) (local i32)
    (loop $l (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br_if $l (i32.lt_u (local.get 1) (local.get 0))))
    (local.get 1))
  (func (export "block") (result i32) (call $b)))"""


def guest(store):
    """Instantiate the spinning guest; its import blocks."""
    func = store.blocking_func(CoreSig((), ("i32",)), lambda: BLOCKED)
    return store.instantiate(store.engine.compile(wat2wasm(SPIN)), (func,)).exports


@pytest.fixture(scope="module")
def fueled():
    with CoreEngine(EngineConfig(cache_dir=None, fuel=True)) as made:
        yield made


@pytest.fixture(scope="module")
def ticking():
    with CoreEngine(EngineConfig(cache_dir=None, epochs=True)) as made:
        yield made


def test_fuel_runs_out(fueled):
    """Fuel is counted down, and its end is a trap."""
    with CoreStore(fueled, fuel=1000) as store:
        exports = guest(store)
        assert exports["count"].call(10) == 10
        assert 0 < store.get_fuel() < 1000
        with pytest.raises(Trap) as caught:
            exports["spin"].call()
        assert caught.value.code is TrapCode.OUT_OF_FUEL
        store.set_fuel(500)
        assert store.get_fuel() == 500


def test_without_a_limit_fuel_does_not_end(fueled):
    """An engine that counts fuel does not starve stores that did not ask."""
    with CoreStore(fueled) as store:
        assert guest(store)["count"].call(100_000) == 100_000


def test_fuel_slices_yield(fueled):
    """At the end of a slice the fiber yields, is not blocked, and goes on when resumed."""
    with CoreStore(fueled, fuel=10**9, fuel_yield_interval=10_000) as store:
        fiber = store.fiber(guest(store)["count"], 50_000)
        yields = 0
        while not fiber.resume():
            assert fiber.yielded
            yields += 1
        assert yields > 5
        assert fiber.results == (50_000,)


def test_direct_calls_work_in_a_store_that_yields(fueled):
    """A direct call runs to its end on a private fiber: through `call`, through `invoke`, and with traps."""
    with CoreStore(fueled, fuel=10**7, fuel_yield_interval=10_000) as store:
        exports = guest(store)
        assert exports["count"].call(50_000) == 50_000
        slots = exports["count"].buffer.cast("I")
        slots[0] = 20_000
        exports["count"].invoke()
        assert slots[0] == 20_000
        with pytest.raises(Trap):
            exports["spin"].call()


def test_blocking_is_not_yielding(fueled):
    """A blocked fiber of a store that yields says that it is blocked."""
    with CoreStore(fueled, fuel=10**9, fuel_yield_interval=10_000) as store:
        fiber = store.fiber(guest(store)["block"])
        assert not fiber.resume()
        assert not fiber.yielded
        store.on_finish = lambda: 4
        assert fiber.resume()
        assert fiber.results == (4,)


def test_a_slice_may_end_just_before_the_suspension(fueled):
    """Whatever the slice, a fiber that asked to block is seen blocked, never yielding with its wish unfulfilled."""
    with CoreStore(fueled, fuel=10**9, fuel_yield_interval=1) as store:
        left = [0]

        def more():
            left[0] -= 1
            return BLOCKED if left[0] > 0 else 4

        store.on_finish = more
        func = guest(store)["block"]
        for times in range(1, 4):
            left[0] = times
            fiber, blocked = store.fiber(func), 0
            while not fiber.resume():
                blocked += not fiber.yielded
            assert blocked == times


def test_fuel_is_refused_where_it_is_not_counted(engine):
    """Fuel needs an engine that counts it."""
    with pytest.raises(EngineError, match="fuel"):
        CoreStore(engine, fuel=10)
    with CoreStore(engine) as store, pytest.raises(EngineError, match="fuel"):
        store.get_fuel()


def test_an_epoch_deadline_interrupts(ticking):
    """Without slices, the deadline is a trap; without a deadline, epochs do nothing."""
    with CoreStore(ticking) as store:
        exports = guest(store)
        ticking.increment_epoch()
        assert exports["count"].call(10) == 10
        store.set_epoch_deadline(1)
        ticking.increment_epoch()
        with pytest.raises(Trap) as caught:
            exports["spin"].call()
        assert caught.value.code is TrapCode.INTERRUPT


def test_epoch_slices_yield(ticking):
    """A guest that spins forever yields each time the epoch moves, and can be cancelled."""
    with CoreStore(ticking, epoch_yield=1) as store, EpochTicker(ticking, 0.001):
        fiber = store.fiber(guest(store)["spin"])
        for _ in range(3):
            assert not fiber.resume()
            assert fiber.yielded
        fiber.cancel()
        assert fiber.done


def test_a_start_function_may_use_several_slices(fueled):
    """Instantiation goes on until the start function is done."""
    text = """(module (func $s (local i32) (loop $l (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get 0) (i32.const 50000))))) (start $s))"""
    with CoreStore(fueled, fuel=10**9, fuel_yield_interval=1000) as store:
        store.instantiate(fueled.compile(wat2wasm(text)), ())


def test_the_ticker_ends_its_thread(ticking):
    """Leaving the ticker leaves no thread behind."""
    before = threading.active_count()
    with EpochTicker(ticking, 0.001):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_no_other_fiber_runs_while_the_collector_yields(fueled):
    """Once a guest may hold references, slices end no turn: the collector yields as well, in the middle of its work."""
    text = """(module (tag $e (param i32)) (func (export "f") (param i32)
        (loop $l (block $h (try_table (catch_all $h) (throw $e (i32.const 1))))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"""
    with CoreStore(fueled, fuel=10**9, fuel_yield_interval=1000) as store:
        func = store.instantiate(fueled.compile(wat2wasm(text)), ()).exports["f"]
        assert store.fiber(func, 10_000).resume()
