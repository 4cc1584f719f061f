import math

import pytest

from weft.engine import CoreSig, CoreStore, EngineError, wat2wasm
from weft.errors import StoreError, Trap, TrapCode

ADD = '(module (func (export "f") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'
ALL = """(module (func (export "f") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
  (local.get 3) (local.get 2) (local.get 1) (local.get 0)))"""


def test_integers_are_unsigned_and_wrap_in_the_guest(load):
    """i32 values cross as unsigned ints; arithmetic is the guest's."""
    add = load(ADD)["f"]
    assert add.call(2**32 - 1, 3) == 2
    assert add.call(2**31, 2**31 - 1) == 2**32 - 1


def test_every_number_type_crosses_both_ways(load):
    """Several results come back as a tuple, each of its own type."""
    found = load(ALL)["f"].call(2**32 - 1, 2**64 - 1, 1.5, -math.inf)
    assert found == (-math.inf, 1.5, 2**64 - 1, 2**32 - 1)


def test_f32_is_rounded_and_nan_stays_nan(load):
    """A float is rounded to single precision where the guest wants an f32."""
    func = load(ALL)["f"]
    assert func.call(0, 0, 0.1, 0.1)[1] == pytest.approx(0.1, abs=1e-7)
    assert func.call(0, 0, 0.1, 0.1)[1] != 0.1
    assert math.isnan(func.call(0, 0, math.nan, math.nan)[0])


def test_no_results_are_none(load):
    """A function without results returns None."""
    assert load('(module (func (export "f")))')["f"].call() is None


@pytest.mark.parametrize("flat", [(2**32, 0), (-1, 0), (1.5, 0)])
def test_a_value_that_does_not_fit_is_refused(load, flat):
    """A flat value outside its type never reaches the guest, not even cut off."""
    add = load(ADD)["f"]
    with pytest.raises((ValueError, TypeError)):
        add.call(*flat)
    assert add.call(1, 2) == 3


def test_invoke_works_on_the_buffer(load):
    """Generated code may fill the slots itself."""
    add = load(ADD)["f"]
    slots = add.buffer.cast("I")
    slots[0], slots[4] = 20, 22
    assert add.invoke() is None
    assert slots[0] == 42


def test_a_function_with_references_cannot_be_called(load):
    """A type that cannot cross is a named error at the call, and the function can still be linked."""
    exports = load('(module (func (export "f") (param externref)) (func (export "g") (result v128) unreachable))')
    assert exports["f"].sig == CoreSig(("externref",), ())
    assert exports["g"].sig == CoreSig((), ("v128",))
    with pytest.raises(EngineError, match="externref"):
        exports["f"].call(None)
    with pytest.raises(EngineError, match="v128"):
        exports["g"].call()


def test_a_call_after_close_is_refused(engine):
    """A function outlives its store as an object only."""
    store = CoreStore(engine)
    func = store.instantiate(engine.compile(wat2wasm(ADD)), ()).exports["f"]
    call, fiber = func.call, store.fiber(func, 1, 2)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        call(1, 2)
    with pytest.raises(StoreError, match="closed"):
        func.invoke()
    with pytest.raises(StoreError, match="closed"):
        fiber.resume()


def test_host_functions_get_and_return_values(store, load):
    """A host function is called with flat values and returns none, one or a tuple."""
    seen = []
    params = ("i32", "i64", "f32", "f64")
    several = store.host_func(CoreSig(params, ("f64", "i64")), lambda *flat: (seen.append(flat), (flat[3], flat[1]))[1])
    nothing = store.host_func(CoreSig((), ()), lambda: seen.append("nothing"))
    exports = load(
        """(module (import "h" "s" (func $s (param i32 i64 f32 f64) (result f64 i64))) (import "h" "n" (func $n))
        (func (export "f") (result f64 i64) (call $n)
          (call $s (i32.const -1) (i64.const -2) (f32.const 0.5) (f64.const 2.5))))""",
        several,
        nothing,
    )
    assert exports["f"].call() == (2.5, 2**64 - 2)
    assert seen == ["nothing", (2**32 - 1, 2**64 - 2, 0.5, 2.5)]


def test_a_host_function_can_be_called_directly(store):
    """A function made from Python is a core function like any other."""
    assert store.host_func(CoreSig(("i32",), ("i32",)), lambda x: x + 1).call(1) == 2


def test_a_host_exception_surfaces_as_itself(store, load):
    """What a callback raises comes out of the entry point, the same object, with the callback in its traceback."""
    error = KeyError("mine")

    def fail():
        raise error

    exports = load(
        '(module (import "h" "f" (func $f)) (func (export "g") (call $f)))', store.host_func(CoreSig(), fail)
    )
    with pytest.raises(KeyError) as caught:
        exports["g"].call()
    assert caught.value is error
    assert caught.traceback[-1].name == "fail"
    assert store.pending is None


def test_a_host_trap_gets_the_frames_it_passed(store, load):
    """A `Trap` raised by a callback surfaces as that object, with the guest's frames filled in."""
    trap = Trap(TrapCode.UNKNOWN_HANDLE)

    def fail():
        raise trap

    exports = load(
        '(module (import "h" "f" (func $f)) (func $mid (call $f)) (func $g (export "g") (call $mid)))',
        store.host_func(CoreSig(), fail),
    )
    with pytest.raises(Trap) as caught:
        exports["g"].call()
    assert caught.value is trap
    assert [(name, index) for name, index, _ in trap.frames] == [("mid", 1), ("g", 2)]


def test_base_exceptions_surface_too(store, load):
    """KeyboardInterrupt and SystemExit are not swallowed by a callback."""
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit):

        def fail(kind=kind):
            raise kind

        exports = load('(module (import "h" "f" (func $f)) (export "g" (func $f)))', store.host_func(CoreSig(), fail))
        with pytest.raises(kind):
            exports["g"].call()


def test_a_wrong_result_of_a_host_function_is_the_hosts_error(store, load):
    """A callback that returns the wrong number or kind of values fails at the entry point."""
    for wrong in (None, "x", -1, 2**32, (1, 2)):
        func = store.host_func(CoreSig((), ("i32",)), lambda wrong=wrong: wrong)
        with pytest.raises((TypeError, ValueError)):
            load('(module (import "h" "f" (func $f (result i32))) (export "g" (func $f)))', func)["g"].call()
    with pytest.raises(ValueError, match="unpack"):
        store.host_func(CoreSig((), ("i32", "i32")), lambda: (1, 2, 3)).call()


def test_exceptions_nest_with_their_calls(store, load):
    """An exception that an outer callback handles leaves nothing behind for its own call."""
    inner = load('(module (func (export "f") unreachable))')["f"]

    def handle(x):
        with pytest.raises(Trap):
            inner.call()
        return x + 1

    func = store.host_func(CoreSig(("i32",), ("i32",)), handle)
    outer = load('(module (import "h" "f" (func $f (param i32) (result i32))) (export "g" (func $f)))', func)["g"]
    assert outer.call(4) == 5


def test_recursion_through_one_function(store, load):
    """A function may be entered again from a callback under it: arguments and results do not mix."""
    holder = {}

    def below(x):
        return holder["f"].call(x - 1) + x if x else 0

    func = store.host_func(CoreSig(("i32",), ("i32",)), below)
    text = """(module (import "h" "f" (func $f (param i32) (result i32)))
      (func (export "g") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 0))))"""
    holder["f"] = load(text, func)["g"]
    assert holder["f"].call(30) == sum(range(31))
