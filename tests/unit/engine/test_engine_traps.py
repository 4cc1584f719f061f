import pytest

from weft.engine import CoreSig
from weft.errors import Trap, TrapCode

CASES = {
    "(unreachable)": TrapCode.UNREACHABLE,
    "(drop (i32.load (i32.const -1)))": TrapCode.MEMORY_OUT_OF_BOUNDS,
    "(drop (i32.div_s (i32.const 1) (i32.const 0)))": TrapCode.INTEGER_DIVISION_BY_ZERO,
    "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))": TrapCode.INTEGER_OVERFLOW,
    "(drop (i32.trunc_f32_s (f32.const nan)))": TrapCode.BAD_CONVERSION_TO_INTEGER,
    "(call_indirect (i32.const 0))": TrapCode.INDIRECT_CALL_TO_NULL,
    "(call_indirect (i32.const 99))": TrapCode.TABLE_OUT_OF_BOUNDS,
    "(call_indirect (param i64) (i64.const 0) (i32.const 1))": TrapCode.BAD_SIGNATURE,
    "(call $f)": TrapCode.STACK_OVERFLOW,
    "(throw $e)": TrapCode.UNCAUGHT_EXCEPTION,
}


@pytest.mark.parametrize("code", CASES.values(), ids=lambda code: code.name)
@pytest.mark.parametrize("on_fiber", [False, True])
def test_every_trap_has_its_code_and_text(store, load, code, on_fiber):
    """A guest's trap carries Wasmtime's number and text, and where it happened, called either way."""
    body = next(text for text, wanted in CASES.items() if wanted is code)
    text = f'(module (memory 1) (table 2 funcref) (elem (i32.const 1) $f) (tag $e) (func $f (export "f") {body}))'
    func = load(text)["f"]
    with pytest.raises(Trap) as caught:
        store.fiber(func).resume() if on_fiber else func.call()
    assert caught.value.code is code
    assert caught.value.message == code.message or code is TrapCode.STACK_OVERFLOW
    assert caught.value.frames[0][:2] == ("f", 0)
    assert caught.value.frames[0][2] > 0


def test_names_are_absent_where_the_module_has_none(load):
    """A frame of an unnamed function has None for its name."""
    with pytest.raises(Trap) as caught:
        load('(module (func (export "f") unreachable))')["f"].call()
    assert caught.value.frames[0][:2] == (None, 0)


def test_a_trap_leaves_the_store_usable(load):
    """Nothing of a trap remains: the same function runs again and its results are its own."""
    func = load(
        """(module (func (export "f") (param i32) (result i32)
        (if (local.get 0) (then unreachable)) (i32.const 7)))"""
    )["f"]
    for _ in range(3):
        assert func.call(0) == 7
        with pytest.raises(Trap):
            func.call(1)


def test_a_start_function_traps_out_of_instantiate(store, load):
    """`instantiate` is an entry point: traps and host exceptions surface there."""
    with pytest.raises(Trap) as caught:
        load("(module (func $s unreachable) (start $s))")
    assert caught.value.code is TrapCode.UNREACHABLE

    def fail():
        raise LookupError

    with pytest.raises(LookupError):
        load('(module (import "h" "f" (func $f)) (start $f))', store.host_func(CoreSig(), fail))
    with pytest.raises(Trap) as caught:
        load('(module (memory 1) (data (i32.const 65536) "x"))')
    assert caught.value.code is TrapCode.MEMORY_OUT_OF_BOUNDS


def test_an_exception_passes_from_one_instance_to_another(load):
    """A tag is an extern like any other, and its exceptions are caught by whoever knows it."""
    first = load('(module (tag $t (export "t") (param i32)) (func (export "f") (throw $t (i32.const 9))))')
    second = load(
        """(module (import "a" "t" (tag $t (param i32))) (import "a" "f" (func $f))
        (func (export "g") (result i32) (block $h (result i32) (try_table (catch $t $h) (call $f)) unreachable)))""",
        first["t"],
        first["f"],
    )
    assert second["g"].call() == 9
