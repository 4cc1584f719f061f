"""Modules, linking, and what instances export."""

from __future__ import annotations

import pytest
from core_guests import ADDER, ENGINE, FUELLED, I32, NOTHING, exported, load, sync_linker

from weft import core
from weft.errors import LinkError, LowerError, StoreError, Trap, TrapCode, ValidationError

ITEMS = """(module
  (memory (export "memory") 1 3)
  (global (export "signed") (mut i32) (i32.const -5))
  (global (export "wide") (mut i64) (i64.const -6))
  (global (export "real") (mut f32) (f32.const 0.5))
  (global (export "fixed") i32 (i32.const 1))
  (table (export "table") 3 funcref)
  (elem (i32.const 1) $peek)
  (func $peek (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "swap") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
    (local.get 3) (local.get 2) (local.get 1) (local.get 0))
  (func (export "vector") (param v128)))"""


@pytest.fixture
def store():
    with core.Store(ENGINE) as made:
        yield made


@pytest.fixture
def items(store):
    return load(store, ITEMS)


def test_integers_come_back_signed(items):
    """Calls take signed and unsigned integers, and return signed ones."""
    swap = items.get_func("swap")
    assert swap.call(-1, -2, 0.5, 3) == (3.0, 0.5, -2, -1)
    assert swap.call(2**32 - 1, 2**64 - 2, 1, 2.5) == (2.5, 1.0, -2, -1)
    assert swap.call(-(2**31), 2**63 - 1, 0, 0)[2:] == (2**63 - 1, -(2**31))


@pytest.mark.parametrize(
    ("args", "where"),
    [
        ((), "expected 4 arguments"),
        ((1, 2, 3, 4, 5), "expected 4 arguments"),
        (("1", 2, 3, 4), "argument 0"),
        ((1, 2**64, 3, 4), "argument 1"),
        ((1, -(2**63) - 1, 3, 4), "argument 1"),
        ((1.0, 2, 3, 4), "argument 0"),
        ((1, 2, None, 4), "argument 2"),
        ((1, 2, 3, 10**400), "argument 3"),
    ],
)
def test_wrong_arguments_are_refused_with_their_place(items, args, where):
    """An argument of the wrong type or range, or too many or few, is a LowerError; the guest does not run."""
    with pytest.raises(LowerError, match=where):
        items.get_func("swap").call(*args)
    with pytest.raises(LowerError, match=where):
        items.get_func("swap").start_call(*args)


def test_vectors_cannot_cross(items):
    """A function with a vector parameter can be exported and named, but not called."""
    vector = items.get_func("vector")
    assert vector.sig.params == ("v128",)
    with pytest.raises(core.EngineError, match="cannot be called"):
        vector.call(0)


def test_memory_is_bounds_checked(items):
    """Reads, writes and views inside the memory work and are the guest's; others raise IndexError and do nothing."""
    memory, page = items.get_memory("memory"), 65_536
    memory.write(page - 3, b"abc")
    assert memory.read(page - 3, 3) == b"abc"
    assert items.get_func("peek").call(page - 1) == ord("c")
    assert memory.read(page, 0) == b""
    with memory.view(0, 4) as loan:
        loan.view[:] = bytearray(b"wxyz")
    assert memory.read(0, 4) == b"wxyz"
    for ptr, byte_length in ((page - 2, 3), (-1, 1), (0, -1), (page + 1, 0), (2**64, 1), (0, 2**64)):
        with pytest.raises(IndexError):
            memory.read(ptr, byte_length)
        with pytest.raises(IndexError):
            memory.view(ptr, byte_length)
    with pytest.raises(IndexError):
        memory.write(page - 2, b"abc")
    assert memory.read(page - 3, 3) == b"abc"


def test_memory_grows_up_to_its_maximum(items):
    """Growing gives the pages before, makes room, and fails beyond the maximum."""
    memory = items.get_memory("memory")
    assert memory.grow(2) == 1
    assert memory.size() == 3 * 65_536
    memory.write(3 * 65_536 - 1, b"!")
    with pytest.raises(core.EngineError):
        memory.grow(1)


def test_a_kept_view_is_safe(store, items):
    """A slice kept beyond its loan raises BufferError, and still reads after the store is closed."""
    loan = items.get_memory("memory").view(0, 4)
    kept = loan.view[:2]
    with pytest.raises(BufferError):
        loan.release()
    store.close()
    assert bytes(kept) == b"\0\0"
    with pytest.raises(ValueError, match="released"):
        _ = loan.view[0]


def test_globals(items):
    """Globals are read and written with signed integers; what does not fit, or is fixed, is refused."""
    signed, wide, real = (items.get_global(name) for name in ("signed", "wide", "real"))
    assert (signed.value, wide.value, real.value) == (-5, -6, 0.5)
    signed.value, wide.value, real.value = 2**32 - 1, -7, 1.25
    assert (signed.value, wide.value, real.value) == (-1, -7, 1.25)
    for bad in (2**32, "x", 0.5):
        with pytest.raises(LowerError):
            signed.value = bad
    with pytest.raises(core.EngineError):
        items.get_global("fixed").value = 2


def test_tables(items):
    """A table gives its functions, the very objects that exports give, None for null, and IndexError beyond its end."""
    table = items.get_table("table")
    assert table.size() == 3
    assert table.get(0) is None
    assert table.get(1) is items.get_func("peek")
    for index in (3, -1, 2**64):
        with pytest.raises(IndexError):
            table.get(index)


def test_exports_are_a_mapping(items):
    """An instance maps names to exports; a missing name is a KeyError, another kind a TypeError."""
    assert set(items) == {"memory", "signed", "wide", "real", "fixed", "table", "peek", "swap", "vector"}
    assert items["memory"] is items.get_memory("memory")
    with pytest.raises(KeyError):
        items.get_func("absent")
    with pytest.raises(TypeError, match="Memory"):
        items.get_func("memory")


def test_modules_describe_themselves():
    """A module lists its imports and exports; bad text and bad modules are refused."""
    module = core.Module(ENGINE, ADDER)
    assert [(each.module, each.name, each.type) for each in module.imports] == [("host", "f", I32)]
    assert [each.name for each in module.exports] == ["plus", "trap_after"]
    assert core.Module(ENGINE, core.wat2wasm(ADDER)).imports == module.imports
    with pytest.raises(core.WatError):
        core.Module(ENGINE, "(module")
    with pytest.raises(ValidationError):
        core.Module(ENGINE, exported("(result i32)"))


def test_modules_from_files(tmp_path):
    """A file may hold the binary or the text format."""
    for name, content in (("a.wat", ADDER.encode()), ("a.wasm", core.wat2wasm(ADDER))):
        (tmp_path / name).write_bytes(content)
        assert len(core.Module.from_file(ENGINE, tmp_path / name).exports) == 2


def test_one_instance_gives_its_exports_to_another(store, items):
    """define and define_instance let a module import another's memory, globals, tables and functions."""
    links = core.Linker(ENGINE)
    links.define_instance("items", items)
    links.define("other", "peek", items["peek"])
    text = """(module (import "items" "memory" (memory 1)) (import "items" "signed" (global $g (mut i32)))
      (import "items" "table" (table 1 funcref)) (import "other" "peek" (func $peek (param i32) (result i32)))
      (func (export "f") (result i32)
        (i32.store8 (i32.const 9) (i32.const 33)) (global.set $g (i32.const 8)) (call $peek (i32.const 9))))"""
    assert load(store, text, links).get_func("f").call() == 33
    assert items.get_memory("memory").read(9, 1) == b"!"
    assert items.get_global("signed").value == 8
    with core.Store(ENGINE) as other, pytest.raises(LinkError, match="another store"):
        load(other, text, links)


def test_imports_are_resolved_before_any_store():
    """instantiate_pre refuses missing imports, host functions of another type, and modules of another engine."""
    module = core.Module(ENGINE, ADDER)
    with pytest.raises(LinkError, match="'host' 'f' is not defined"):
        core.Linker(ENGINE).instantiate_pre(module)
    with pytest.raises(LinkError, match="host function is a"):
        sync_linker(print, NOTHING).instantiate_pre(module)
    with pytest.raises(LinkError, match="different engines"):
        core.Linker(FUELLED).instantiate_pre(module)
    pre = sync_linker(abs).instantiate_pre(module)
    with core.Store(FUELLED) as store, pytest.raises(LinkError, match="different engines"):
        pre.instantiate(store)


def test_a_memory_is_no_function(store, items):
    """An item of the wrong kind or type is refused when a module is linked to it."""
    links = core.Linker(ENGINE)
    links.define("host", "f", items["memory"])
    with pytest.raises(LinkError):
        load(store, ADDER, links)


def test_names_are_defined_once():
    """A second definition is a LinkError, unless shadowing is allowed."""
    with pytest.raises(LinkError, match="defined already"):
        sync_linker(abs).define_func("host", "f", I32, abs)
    links = core.Linker(ENGINE, allow_shadowing=True)
    links.define_func("host", "f", I32, abs)
    links.define_func("host", "f", I32, lambda number: number + 1)
    with core.Store(ENGINE) as store:
        assert load(store, ADDER, links).get_func("plus").call(-5, 0) == -4


def test_pre_instances_are_independent(store):
    """Instances of one InstancePre share host functions and nothing else."""
    text = """(module (global $g (mut i32) (i32.const 0))
      (func (export "f") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))"""
    pre = core.Linker(ENGINE).instantiate_pre(core.Module(ENGINE, text))
    first, second = pre.instantiate(store), pre.instantiate(store)
    assert [first.get_func("f").call(), first.get_func("f").call(), second.get_func("f").call()] == [1, 2, 1]
    assert first != second


def test_a_start_function_that_traps(store):
    """A trap in a start function surfaces from instantiate, and the InstancePre can be used again."""
    pre = core.Linker(ENGINE).instantiate_pre(core.Module(ENGINE, "(module (start $s) (func $s unreachable))"))
    for _ in range(2):
        with pytest.raises(Trap) as caught:
            pre.instantiate(store)
        assert caught.value.code is TrapCode.UNREACHABLE
    assert pre.start_instantiate(store).poll()


@pytest.mark.parametrize("bad", ["x", (1, 2), 2**40])
def test_a_plain_host_function_must_return_what_it_says(store, bad):
    """A result that does not fit surfaces as a LowerError from the call."""
    with pytest.raises(LowerError, match="result 0"):
        load(store, ADDER, sync_linker(lambda _number: bad)).get_func("plus").call(1, 1)


def test_a_host_function_without_results_returns_none(store):
    """Anything but None from a function without results is a LowerError."""
    text = '(module (import "host" "f" (func $f)) (func (export "f") (call $f)))'
    with pytest.raises(LowerError, match="0 results"):
        load(store, text, sync_linker(lambda: 5, NOTHING)).get_func("f").call()


def test_limits_hold():
    """StoreLimits bound what a guest may hold."""
    with core.Store(ENGINE, limits=core.StoreLimits(memory_size=65_536)) as store:
        text = '(module (memory 1) (func (export "f") (result i32) (memory.grow (i32.const 1))))'
        assert load(store, text).get_func("f").call() == -1


def test_everything_of_a_closed_store_refuses(store, items):
    """After close, which is idempotent, each use of a store's items is a StoreError."""
    peek, memory, signed, table = items["peek"], items["memory"], items["signed"], items["table"]
    pre = core.Linker(ENGINE).instantiate_pre(core.Module(ENGINE, "(module)"))
    store.close()
    store.close()
    uses = [
        lambda: peek.call(0),
        lambda: peek.start_call(0),
        memory.size,
        lambda: memory.grow(1),
        lambda: memory.read(0, 1),
        lambda: memory.write(0, b"x"),
        lambda: memory.view(0, 0),
        lambda: signed.value,
        table.size,
        lambda: table.get(0),
        lambda: items["peek"],
        lambda: pre.instantiate(store),
        lambda: pre.start_instantiate(store),
        lambda: store.set_epoch_deadline(1),
        store.__enter__,
    ]
    for use in uses:
        with pytest.raises((StoreError, IndexError)):
            use()
