import struct

import pytest

from weft.engine import (
    CoreEngine,
    CoreSig,
    CoreStore,
    EngineConfig,
    EngineError,
    GlobalType,
    ImportType,
    MemoryType,
    TableType,
    TagType,
    WatError,
    wat2wasm,
)
from weft.errors import LinkError, StoreError, ValidationError


def test_wat2wasm_takes_modules_and_components():
    """Both kinds of text parse, from text or bytes."""
    assert wat2wasm("(module)") == wat2wasm(b"(module)") == b"\0asm\1\0\0\0"
    assert wat2wasm("(component)") == b"\0asm\x0d\0\1\0"


@pytest.mark.parametrize("text", ["(module", "(modul)", b"\xff", ""])
def test_wat_errors_are_named(text):
    """Text that does not parse is a `WatError`, whose message says why."""
    with pytest.raises(WatError) as caught:
        wat2wasm(text)
    assert caught.value.message


def test_imports_and_exports_in_order(engine):
    """Every kind of type is read from the module's bytes."""
    module = engine.compile(
        wat2wasm("""(module
      (type $s (struct (field i32) (field (mut i8)))) (rec (type $a (array (ref null $s))) (type $n (func)))
      (type $f (sub (func (param v128) (result funcref))))
      (import "a" "f" (func (param i32 i64) (result f32 f64)))
      (import "a" "m" (memory i64 2 3)) (import "b" "t" (table 1 externref)) (import "b" "g" (global (mut f64)))
      (import "b" "e" (tag (param i32)))
      (memory (export "m") 1) (table (export "t") i64 5 7 funcref)
      (table (export "n") 2 (ref null $n) (ref.null $n)) (global (export "g") i32 (i32.const 4))
      (global $h i64 (i64.add (i64.const 1) (i64.const 2))) (export "h" (global $h))
      (global $v v128 (v128.const i32x4 1 2 3 4)) (export "v" (global $v))
      (tag (export "e") (param i64)) (func (export "p") (type $f) unreachable) (elem declare func 0))""")
    )
    assert module.imports == (
        ImportType("a", "f", CoreSig(("i32", "i64"), ("f32", "f64"))),
        ImportType("a", "m", MemoryType(2, 3, is64=True)),
        ImportType("b", "t", TableType("externref", 1)),
        ImportType("b", "g", GlobalType("f64", mutable=True)),
        ImportType("b", "e", TagType(CoreSig(("i32",), ()))),
    )
    assert {export.name: export.type for export in module.exports} == {
        "m": MemoryType(1),
        "t": TableType("funcref", 5, 7, is64=True),
        "n": TableType("(ref null 2)", 2),
        "g": GlobalType("i32"),
        "h": GlobalType("i64"),
        "v": GlobalType("v128"),
        "e": TagType(CoreSig(("i64",), ())),
        "p": CoreSig(("v128",), ("funcref",)),
    }


@pytest.mark.parametrize("wasm", [b"", b"\0asm", b"\0asm\1\0\0\0\1", wat2wasm("(component)")])
def test_invalid_modules_are_validation_errors(engine, wasm):
    """Bytes that are no module, or no core module, do not compile."""
    with pytest.raises(ValidationError):
        engine.compile(wasm)


def test_a_feature_that_is_off_is_refused():
    """Features are what the configuration says, not what Wasmtime has on by default."""
    wasm = wat2wasm("(module (func (drop (v128.const i32x4 1 2 3 4))))")
    features = EngineConfig().features - {"simd", "relaxed_simd"}
    with (
        CoreEngine(EngineConfig(cache_dir=None, features=features)) as engine,
        pytest.raises(ValidationError, match="SIMD"),
    ):
        engine.compile(wasm)


def test_components_are_validated_by_wasmtime(engine):
    """The text of a `ValidationError` is the authoritative validator's; asynchronous features are on."""
    engine.validate_component(wat2wasm("(component)"))
    engine.validate_component(wat2wasm('(component (core func (canon waitable-set.new)) (import "f" (func async)))'))
    engine.validate_component(wat2wasm("(component (core type (module)) (type (stream u8)))"))
    with pytest.raises(ValidationError, match="index out of bounds"):
        engine.validate_component(wat2wasm('(component (export "a" (func 0)))'))


def test_linking_errors(engine, store):
    """Too few, unfit or foreign imports are `LinkError`s."""
    module = engine.compile(wat2wasm('(module (import "a" "f" (func (param i32))))'))
    with pytest.raises(LinkError, match="1 imports"):
        store.instantiate(module, ())
    with pytest.raises(LinkError, match="incompatible"):
        store.instantiate(module, (store.host_func(CoreSig(("i64",), ()), print),))
    with CoreStore(engine) as other, pytest.raises(LinkError, match="another store"):
        store.instantiate(module, (other.host_func(CoreSig(("i32",), ()), print),))


def test_one_name_imported_twice(engine, store):
    """The same item may be imported twice under one name; two different ones may not."""
    module = engine.compile(wat2wasm('(module (import "a" "f" (func)) (import "a" "f" (func)))'))
    one, two = store.host_func(CoreSig(), print), store.host_func(CoreSig(), print)
    store.instantiate(module, (one, one))
    with pytest.raises(LinkError, match="twice"):
        store.instantiate(module, (one, two))


def test_exports_are_a_lazy_mapping(load):
    """Exports are found by name, once, and listed in order."""
    exports = load('(module (func $f (export "b") (export "a")) (memory (export "c") 0))')
    assert list(exports) == ["b", "a", "c"]
    assert len(exports) == 3
    assert exports["a"] is exports["b"]
    assert exports["c"] is exports["c"]
    assert "x" not in exports
    assert exports.get("x") is None


def test_tables_give_functions(load):
    """A table gives the same object for the same function, None for null, and an error outside."""
    exports = load(
        """(module (table (export "t") 3 funcref) (elem (i32.const 1) $f)
        (func $f (export "f") (param i32) (result i32) (local.get 0)) (table (export "e") 1 externref))"""
    )
    table = exports["t"]
    assert (table.size(), table.is64) == (3, False)
    assert table.get(0) is None
    assert table.get(1) is exports["f"]
    assert table.get(1).call(5) == 5
    for index in (3, -1, 2**64):
        with pytest.raises(IndexError):
            table.get(index)
    with pytest.raises(EngineError, match="externref"):
        exports["e"].get(0)


def test_a_function_found_only_in_a_table_has_its_type(load):
    """The type of a function that is not exported comes from the store; references are called ``ref``."""
    table = load(
        """(module (table (export "t") 2 funcref) (elem (i32.const 0) $f $g)
        (func $f (param i64) (result f32) unreachable) (func $g (param v128 externref)))"""
    )["t"]
    assert table.get(0).sig == CoreSig(("i64",), ("f32",))
    assert table.get(1).sig == CoreSig(("v128", "ref"), ())
    with pytest.raises(EngineError):
        table.get(1).call(0, 0)


def test_globals(load):
    """Numeric globals are read and written by value."""
    exports = load(
        """(module (global (export "a") (mut i32) (i32.const -1)) (global (export "b") (mut f64) (f64.const 0.5))
        (global (export "c") i64 (i64.const -1)) (global (export "d") funcref (ref.null func)))"""
    )
    assert (exports["a"].value, exports["b"].value, exports["c"].value) == (2**32 - 1, 0.5, 2**64 - 1)
    exports["a"].value, exports["b"].value = 7, -1.5
    assert (exports["a"].value, exports["b"].value) == (7, -1.5)
    with pytest.raises(EngineError, match="immutable"):
        exports["c"].value = 1
    with pytest.raises(EngineError, match="funcref"):
        _ = exports["d"].value
    with pytest.raises(struct.error):
        exports["a"].value = 2**32


def test_a_closed_engine_compiles_nothing():
    """An engine can be closed while its modules and stores live on."""
    engine = CoreEngine(EngineConfig(cache_dir=None))
    module = engine.compile(wat2wasm('(module (func (export "f") (result i32) (i32.const 1)))'))
    store = CoreStore(engine)
    engine.close()
    engine.close()
    with pytest.raises(StoreError, match="closed"):
        engine.compile(b"")
    with pytest.raises(StoreError, match="closed"):
        store.instantiate(module, ())
    store.close()
