import itertools

import pytest

from weft.engine import BLOCKED, CoreSig, EngineError, wat2wasm
from weft.errors import InternalError, StoreError, Trap

NUMBERS = {"i32": 2**32 - 5, "i64": 2**64 - 6, "f32": 1.5, "f64": -2.25}


def echo(params, results):
    """Return the text of a module that passes its parameters to an import, and returns what that returns."""
    given = "".join(f"(local.get {i})" for i in range(len(params)))
    sig = f"(param {' '.join(params)}) (result {' '.join(results)})"
    return f'(module (import "h" "f" (func $f {sig})) (func (export "g") {sig} {given} (call $f)))'


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_results_of_any_number_after_any_number_of_suspensions(store, load, count, times):
    """`fn` may block, `on_finish` may block again, and the results come out whole."""
    types = tuple(itertools.islice(itertools.cycle(NUMBERS), count))
    values = tuple(NUMBERS[name] for name in types)
    result = values[0] if count == 1 else values or None
    left = [times]

    def step(*flat):
        assert flat in {values, ()}
        left[0] -= 1
        return BLOCKED if left[0] >= 0 else result

    store.on_finish = step
    func = load(echo(types, types), store.blocking_func(CoreSig(types, types), step))["g"]
    fiber = store.fiber(func, *values)
    for _ in range(times):
        assert not fiber.resume()
        assert not fiber.yielded
        assert not fiber.done
    assert fiber.resume()
    assert fiber.done
    assert fiber.results == values


def test_without_blocking_it_is_a_plain_function(store, load):
    """A blocking function that does not block may be called directly."""
    func = store.blocking_func(CoreSig(("i32",), ("i32",)), lambda x: x + 1)
    assert load(echo(["i32"], ["i32"]), func)["g"].call(1) == 2


def test_blocking_outside_a_fiber_is_an_internal_error(store, load):
    """A direct call has no stack of its own to suspend."""
    func = load(echo([], []), store.blocking_func(CoreSig(), lambda: BLOCKED))["g"]
    with pytest.raises(InternalError, match="outside a fiber"):
        func.call()


def test_a_stack_with_a_host_frame_is_never_suspended(store, load):
    """A direct call inside a callback on a fiber must not block either: Python is on that stack."""
    inner = load(echo([], []), store.blocking_func(CoreSig(), lambda: BLOCKED))["g"]
    outer = load(echo([], []), store.host_func(CoreSig(), inner.call))["g"]
    fiber = store.fiber(outer)
    with pytest.raises(InternalError, match="outside a fiber"):
        fiber.resume()
    assert fiber.done
    assert store.running == []


def test_a_start_function_must_not_block(store, load):
    """Instantiation has no fiber."""
    with pytest.raises(InternalError, match="outside a fiber"):
        load('(module (import "h" "f" (func $f)) (start $f))', store.blocking_func(CoreSig(), lambda: BLOCKED))


def test_exceptions_of_both_halves_surface_at_resume(store, load):
    """What `fn` or `on_finish` raises comes out of the `resume` below it, and the fiber is done."""

    def fail():
        raise LookupError

    first = load(echo([], []), store.blocking_func(CoreSig(), fail))["g"]
    fiber = store.fiber(first)
    with pytest.raises(LookupError):
        fiber.resume()
    assert fiber.done
    second = store.fiber(load(echo([], []), store.blocking_func(CoreSig(), lambda: BLOCKED))["g"])
    store.on_finish = fail
    assert not second.resume()
    with pytest.raises(LookupError):
        second.resume()
    assert second.done


def test_a_store_without_on_finish_says_so(store, load):
    """To resume a blocked fiber needs somebody who supplies the results."""
    fiber = store.fiber(load(echo([], []), store.blocking_func(CoreSig(), lambda: BLOCKED))["g"])
    assert not fiber.resume()
    with pytest.raises(InternalError, match="on_finish"):
        fiber.resume()


def test_fibers_finish_in_any_order(store, load):
    """Each fiber keeps its own stack, arguments and results."""
    wanted = {}
    store.on_finish = lambda: wanted[store.running[-1]]
    func = load(echo(["i32"], ["i32"]), store.blocking_func(CoreSig(("i32",), ("i32",)), lambda _: BLOCKED))["g"]
    fibers = [store.fiber(func, i) for i in range(50)]
    assert not any(fiber.resume() for fiber in fibers)
    for i, fiber in sorted(enumerate(fibers), key=lambda item: item[0] * 37 % 50):
        wanted[fiber] = i * 3
        assert fiber.resume()
    assert [fiber.results for fiber in fibers] == [(i * 3,) for i in range(50)]


def test_a_callback_may_run_fibers_of_its_own_store(store, load):
    """Fiber A's callback starts fiber B, B suspends, A suspends; then they finish in either order."""
    inner = load(echo(["i32"], ["i32"]), store.blocking_func(CoreSig(("i32",), ("i32",)), lambda _: BLOCKED))["g"]
    children = []

    def nest(x):
        child = store.fiber(inner, x)
        children.append(child)
        assert store.running[-1] is parents[-1]
        assert not child.resume()
        assert store.running[-1] is parents[-1]
        return BLOCKED

    outer = load(echo(["i32"], ["i32"]), store.blocking_func(CoreSig(("i32",), ("i32",)), nest))["g"]
    parents = []
    for i in range(3):
        parents.append(store.fiber(outer, i))
        assert not parents[-1].resume()
    store.on_finish = lambda: 5
    order = [parents[1], children[0], children[1], parents[0], parents[2], children[2]]
    assert all(fiber.resume() for fiber in order)


def test_a_direct_call_may_resume_fibers_in_its_callbacks(store, load):
    """A callback under a plain call on the main stack is as good a place as any."""
    inner = load(echo([], ["i32"]), store.blocking_func(CoreSig((), ("i32",)), lambda: BLOCKED))["g"]
    store.on_finish = lambda: 11

    def run():
        fiber = store.fiber(inner)
        assert not fiber.resume()
        assert fiber.resume()
        return fiber.results[0]

    assert load(echo([], ["i32"]), store.host_func(CoreSig((), ("i32",)), run))["g"].call() == 11


def test_a_callback_may_cancel_another_fiber_and_instantiate(store, load, engine):
    """Unwinding one stack and making instances leave the running stack alone."""
    inner = load(echo([], []), store.blocking_func(CoreSig(), lambda: BLOCKED))["g"]
    victim = store.fiber(inner)
    assert not victim.resume()
    module = engine.compile(wat2wasm('(module (func (export "f") (result i32) (i32.const 3)))'))

    def act():
        victim.cancel()
        return store.instantiate(module, ()).exports["f"].call()

    fiber = store.fiber(load(echo([], ["i32"]), store.host_func(CoreSig((), ("i32",)), act))["g"])
    assert fiber.resume()
    assert fiber.results == (3,)
    assert victim.done


def test_misuse_of_a_fiber_is_named(store, load):
    """Running and finished fibers cannot be resumed, running ones not cancelled, and cancelling twice is nothing."""
    seen = []

    def misuse():
        for act in (fibers[0].resume, fibers[0].cancel):
            with pytest.raises(StoreError, match="running"):
                act()
        seen.append(True)

    fibers = [store.fiber(load(echo([], []), store.host_func(CoreSig(), misuse))["g"])]
    assert fibers[0].resume()
    assert seen == [True]
    with pytest.raises(StoreError, match="finished"):
        fibers[0].resume()
    fibers[0].cancel()
    fresh = store.fiber(load(echo([], []), store.host_func(CoreSig(), misuse))["g"])
    fresh.cancel()
    fresh.cancel()
    with pytest.raises(StoreError, match="finished"):
        fresh.resume()


def test_cancel_runs_no_more_guest_code(store, load):
    """A hard cancel unwinds: code after the suspension does not run, and the store goes on."""
    seen = []
    note = store.host_func(CoreSig(), lambda: seen.append(1))
    func = load(
        '(module (import "h" "b" (func $b)) (import "h" "n" (func $n)) (func (export "g") (call $b) (call $n)))',
        store.blocking_func(CoreSig(), lambda: BLOCKED),
        note,
    )["g"]
    fiber = store.fiber(func)
    assert not fiber.resume()
    fiber.cancel()
    assert seen == []
    assert store.suspended == {}


def test_a_trap_on_one_fiber_leaves_the_others(store, load):
    """A trap unwinds one stack only."""
    func = load(
        """(module (import "h" "b" (func $b (param i32) (result i32)))
        (func (export "g") (param i32) (result i32)
          (if (i32.eq (call $b (local.get 0)) (i32.const 1)) (then unreachable))
          (local.get 0)))""",
        store.blocking_func(CoreSig(("i32",), ("i32",)), lambda _: BLOCKED),
    )["g"]
    first, second = store.fiber(func, 1), store.fiber(func, 2)
    assert not first.resume()
    assert not second.resume()
    store.on_finish = lambda: 1 if store.running[-1] is first else 0
    with pytest.raises(Trap):
        first.resume()
    assert second.resume()
    assert second.results == (2,)


def test_wrong_arguments_are_refused_at_the_first_resume(store, load):
    """Too few, too many or unfit arguments never reach the guest."""
    func = load(echo(["i32"], ["i32"]), store.host_func(CoreSig(("i32",), ("i32",)), lambda x: x))["g"]
    for flat in ((), (1, 2), (-1,), ("x",)):
        with pytest.raises((ValueError, TypeError)):
            store.fiber(func, *flat).resume()


def test_guests_with_references_are_not_suspended(store, load):
    """Wasmtime's collector is blind for suspended stacks, so a store with exceptions or GC refuses to suspend."""
    text = '(module (import "h" "b" (func $b)) (tag $e) (func (export "g") (call $b)) (func (throw $e)))'
    fiber = store.fiber(load(text, store.blocking_func(CoreSig(), lambda: BLOCKED))["g"])
    with pytest.raises(EngineError, match="trust_references"):
        fiber.resume()


def test_the_collectors_yields_are_not_seen(store, load):
    """A collection in the middle of a fiber is part of one `resume`: nothing else runs before it is done."""
    func = load(
        """(module (tag $e (param i32)) (func (export "f") (param i32)
        (loop $l (block $h (try_table (catch_all $h) (throw $e (i32.const 1))))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"""
    )["f"]
    assert store.fiber(func, 20_000).resume()
