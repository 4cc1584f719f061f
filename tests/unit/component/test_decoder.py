import pytest

from weft.canon.types import Prim
from weft.component import plan as p
from weft.component.decoder import decode, is_component
from weft.engine.wat import wat2wasm
from weft.errors import DecodeError

HEADER = b"\0asm\x0d\0\x01\0"


def definitions(text: str) -> tuple[p.Definition, ...]:
    return decode(wat2wasm(f"(component {text})")).definitions


def types(text: str) -> list[object]:
    return [d.type for d in definitions(text) if isinstance(d, p.TypeDef)]


def canons(text: str) -> list[p.Definition]:
    prelude = """
      (core module $m (memory (export "m") 1) (table (export "t") 1 funcref)
        (func (export "f") (param i32 i32 i32 i32) (result i32) unreachable))
      (core instance $i (instantiate $m))
      (alias core export $i "m" (core memory $mem))
      (alias core export $i "f" (core func $f))
      (alias core export $i "t" (core table $t))
      (core type $start (func (param i32)))
      (type $r (resource (rep i32))) (type $s (stream u8)) (type $fu (future))
    """
    found = definitions(prelude + text)
    return [d for d in found if isinstance(d, p.Canon)]


def section(section_id: int, body: bytes) -> bytes:
    return bytes([section_id, len(body)]) + body


def test_empty() -> None:
    """A preamble alone is a component with no definitions."""
    assert decode(HEADER) == p.ComponentPlan(())


def test_preambles() -> None:
    """A component is told from a core module by its layer."""
    assert is_component(HEADER)
    assert not is_component(b"\0asm\x01\0\0\0")
    with pytest.raises(DecodeError, match="version"):
        decode(b"\0asm\x01\0\0\0")


def test_value_types() -> None:
    """Every constructor of value types keeps its parts; primitives are `Prim`, other types indices."""
    found = types("""
      (type (record (field "a" u8) (field "b-c" string)))
      (type (variant (case "x") (case "y" f64)))
      (type (list 0)) (type (list s16 4)) (type (tuple bool char)) (type (flags "r" "w")) (type (enum "p" "q"))
      (type (option 1)) (type (result)) (type (result u8)) (type (result (error u8))) (type (result s8 (error u16)))
      (type (map string u32)) (type (stream)) (type (stream u8)) (type (future string)) (type u64)
      (type error-context)
    """)
    assert found == [
        p.RecordDef((p.Labeled("a", Prim.U8), p.Labeled("b-c", Prim.STRING))),
        p.VariantDef((p.CaseDef("x", None), p.CaseDef("y", Prim.F64))),
        p.ListDef(0),
        p.ListDef(Prim.S16, 4),
        p.TupleDef((Prim.BOOL, Prim.CHAR)),
        p.FlagsDef(("r", "w")),
        p.EnumDef(("p", "q")),
        p.OptionDef(1),
        p.ResultDef(None, None),
        p.ResultDef(Prim.U8, None),
        p.ResultDef(None, Prim.U8),
        p.ResultDef(Prim.S8, Prim.U16),
        p.MapDef(Prim.STRING, Prim.U32),
        p.StreamDef(None),
        p.StreamDef(Prim.U8),
        p.FutureDef(Prim.STRING),
        Prim.U64,
        Prim.ERROR_CONTEXT,
    ]


def test_other_types() -> None:
    """Function types say whether they are async; resources name their representation and destructor."""
    found = types("""
      (core module $m (func (export "d") (param i32)))
      (core instance $i (instantiate $m))
      (type (func (param "x" u8) (result string))) (type (func async))
      (type $r (resource (rep i32) (dtor (core func $i "d")))) (type (own $r)) (type (borrow $r))
    """)
    assert found == [
        p.FuncDef((p.Labeled("x", Prim.U8),), Prim.STRING),
        p.FuncDef((), None, is_async=True),
        p.ResourceDef("i32", 0),
        p.OwnDef(2),
        p.BorrowDef(2),
    ]


def test_type_scopes() -> None:
    """Component and instance types hold their declarations in order."""
    component, instance = types("""
      (type (component (import "i" (func)) (type u8) (alias outer 1 0 (type)) (export "e" (type (sub resource)))))
      (type (instance (type (func)) (export "f" (func (type 0))) (core type (func))))
    """)
    assert component == p.ComponentTypeDef(
        (
            p.TypeDef(p.FuncDef((), None)),
            p.Import("i", p.FuncDesc(0)),
            p.TypeDef(Prim.U8),
            p.AliasOuter(p.Sort.TYPE, 1, 0),
            p.ExportDecl("e", p.SubResourceDesc()),
        )
    )
    assert instance == p.InstanceTypeDef(
        (
            p.TypeDef(p.FuncDef((), None)),
            p.ExportDecl("f", p.FuncDesc(0)),
            p.CoreTypeDef(p.CoreRecGroup((p.CoreFuncType((), ()),))),
        )
    )


def test_core_definitions() -> None:
    """Core modules are kept as bytes; instances name modules and instances by index."""
    module, first, bag, second, alias = definitions("""
      (core module $m (func (export "f")))
      (core instance $a (instantiate $m))
      (core instance $b)
      (core instance (instantiate $m (with "x" (instance $b))))
      (alias core export $a "f" (core func))
    """)
    assert isinstance(module, p.CoreModule)
    assert module.data.startswith(b"\0asm\x01\0\0\0")
    assert first == p.CoreInstantiate(0, ())
    assert bag == p.CoreFromExports(())
    assert second == p.CoreInstantiate(0, (p.Arg("x", p.SortIndex(p.Sort.CORE_INSTANCE, 1)),))
    assert alias == p.AliasCoreExport(p.Sort.CORE_FUNC, 0, "f")


def test_core_types() -> None:
    """Function types are decoded; structs and arrays keep their place; module types keep their declarations."""
    found = [
        d.type
        for d in definitions("""
      (core type (func (param i32 i64 funcref) (result v128)))
      (core type (module
        (type (func (param f32)))
        (alias outer 1 0 (type))
        (import "a" "b" (func (type 0)))
        (export "m" (memory i64 1 2))
        (export "t" (table 3 externref))
        (export "g" (global (mut i32)))))
    """)
        if isinstance(d, p.CoreTypeDef)
    ]
    assert found == [
        p.CoreRecGroup((p.CoreFuncType(("i32", "i64", "funcref"), ("v128",)),)),
        p.CoreModuleType(
            (
                p.CoreRecGroup((p.CoreFuncType(("f32",), ()),)),
                p.AliasOuter(p.Sort.CORE_TYPE, 1, 0),
                p.CoreImportDecl("a", "b", p.CoreFuncDesc(0)),
                p.CoreExportDecl("m", p.CoreMemoryDesc(1, 2, is64=True, shared=False)),
                p.CoreExportDecl("t", p.CoreTableDesc("externref", 3, None, is64=False, shared=False)),
                p.CoreExportDecl("g", p.CoreGlobalDesc("i32", mutable=True)),
            )
        ),
    ]


def test_core_types_of_the_gc_proposal() -> None:
    """Struct, array, sub and rec types are walked over, one entry a type."""
    body = b"\x04\x5f\x02\x7f\x01\x78\x00\x5e\x63\x00\x01\x00\x50\x01\x00\x5f\x00\x4e\x02\x60\x00\x00\x4f\x00\x5f\x00"
    (struct, array, sub, group) = decode(HEADER + section(3, body)).definitions
    other = p.CoreRecGroup((p.CoreOtherType(),))
    assert [d.type for d in (struct, array, sub) if isinstance(d, p.CoreTypeDef)] == [other] * 3
    assert group == p.CoreTypeDef(p.CoreRecGroup((p.CoreFuncType((), ()), p.CoreOtherType())))


def test_imports_and_exports() -> None:
    """Imports and exports keep names, attributes, descriptions and ascriptions."""
    found = definitions("""
      (import "a:b/c@1.0.0" (instance $i (export "t" (type (sub resource)))))
      (import "lbl" (implements "x:y/z") (external-id "id") (instance))
      (import "r" (type (sub resource)))
      (import "m" (core module $m))
      (alias export $i "t" (type $t))
      (export "out" (type $t) (type (sub resource)))
      (export "mm" (core module $m))
    """)
    assert p.Import("a:b/c@1.0.0", p.InstanceDesc(0)) in found
    assert p.Import("lbl", p.InstanceDesc(1), p.Attributes("x:y/z", None, "id")) in found
    assert p.Import("r", p.SubResourceDesc()) in found
    assert p.AliasExport(p.Sort.TYPE, 0, "t") in found
    assert p.Export("out", p.SortIndex(p.Sort.TYPE, 3), p.SubResourceDesc()) in found
    assert p.Export("mm", p.SortIndex(p.Sort.CORE_MODULE, 0)) in found


def test_components_and_instances() -> None:
    """Nested components are plans of their own; instantiation names component, arguments and sorts."""
    nested, first, bag = definitions("""
      (component $c (component))
      (instance $i (instantiate $c (with "x" (component $c))))
      (instance (export "c" (component $c)))
    """)
    assert nested == p.NestedComponent(p.ComponentPlan((p.NestedComponent(p.ComponentPlan(())),)))
    assert first == p.Instantiate(0, (p.Arg("x", p.SortIndex(p.Sort.COMPONENT, 0)),))
    assert bag == p.FromExports((p.InlineExport("c", p.SortIndex(p.Sort.COMPONENT, 0)),))


def test_lift_and_lower() -> None:
    """Lift and lower name functions and types by index and carry their options."""
    lift, lower = canons("""
      (type $ft (func async (param "s" string)))
      (func $lifted (type $ft) (canon lift (core func $f)
        (memory $mem) (realloc $f) string-encoding=utf16 async (callback $f)))
      (core func (canon lower (func $lifted) (memory $mem) (realloc $f) string-encoding=latin1+utf16))
    """)
    options = p.CanonOptions("utf16", memory=0, realloc=0, is_async=True, callback=0)
    assert lift == p.Lift(0, options, 3)
    assert lower == p.Lower(0, p.CanonOptions("latin1+utf16", memory=0, realloc=0))


BUILTINS: list[tuple[str, p.Builtin]] = [
    ("resource.new $r", p.ResourceBuiltin("resource.new", 0)),
    ("resource.drop $r", p.ResourceBuiltin("resource.drop", 0)),
    ("resource.rep $r", p.ResourceBuiltin("resource.rep", 0)),
    ("backpressure.inc", p.PlainBuiltin("backpressure.inc")),
    ("backpressure.dec", p.PlainBuiltin("backpressure.dec")),
    ("task.return (result string) (memory $mem)", p.TaskReturn(Prim.STRING, p.CanonOptions(memory=0))),
    ("task.return", p.TaskReturn(None, p.CanonOptions())),
    ("task.cancel", p.PlainBuiltin("task.cancel")),
    ("context.get i32 0", p.ContextBuiltin("context.get", "i32", 0)),
    ("context.set i32 1", p.ContextBuiltin("context.set", "i32", 1)),
    ("subtask.cancel", p.SubtaskCancel(is_async=False)),
    ("subtask.cancel async", p.SubtaskCancel(is_async=True)),
    ("subtask.drop", p.PlainBuiltin("subtask.drop")),
    ("stream.new $s", p.TransmitBuiltin("stream.new", 1)),
    ("stream.read $s (memory $mem) async", p.TransmitCopy("stream.read", 1, p.CanonOptions(memory=0, is_async=True))),
    ("stream.write $s (memory $mem)", p.TransmitCopy("stream.write", 1, p.CanonOptions(memory=0))),
    ("stream.cancel-read $s async", p.TransmitCancel("stream.cancel-read", 1, is_async=True)),
    ("stream.cancel-write $s", p.TransmitCancel("stream.cancel-write", 1, is_async=False)),
    ("stream.drop-readable $s", p.TransmitBuiltin("stream.drop-readable", 1)),
    ("stream.drop-writable $s", p.TransmitBuiltin("stream.drop-writable", 1)),
    ("future.new $fu", p.TransmitBuiltin("future.new", 2)),
    ("future.read $fu async", p.TransmitCopy("future.read", 2, p.CanonOptions(is_async=True))),
    ("future.write $fu", p.TransmitCopy("future.write", 2, p.CanonOptions())),
    ("future.cancel-read $fu", p.TransmitCancel("future.cancel-read", 2, is_async=False)),
    ("future.cancel-write $fu async", p.TransmitCancel("future.cancel-write", 2, is_async=True)),
    ("future.drop-readable $fu", p.TransmitBuiltin("future.drop-readable", 2)),
    ("future.drop-writable $fu", p.TransmitBuiltin("future.drop-writable", 2)),
    ("error-context.new (memory $mem)", p.ErrorContextBuiltin("error-context.new", p.CanonOptions(memory=0))),
    (
        "error-context.debug-message (memory $mem) (realloc $f)",
        p.ErrorContextBuiltin("error-context.debug-message", p.CanonOptions(memory=0, realloc=0)),
    ),
    ("error-context.drop", p.PlainBuiltin("error-context.drop")),
    ("waitable-set.new", p.PlainBuiltin("waitable-set.new")),
    ("waitable-set.wait (memory $mem)", p.WaitableSetBuiltin("waitable-set.wait", 0)),
    ("waitable-set.poll (memory $mem)", p.WaitableSetBuiltin("waitable-set.poll", 0)),
    ("waitable-set.drop", p.PlainBuiltin("waitable-set.drop")),
    ("waitable.join", p.PlainBuiltin("waitable.join")),
    ("thread.index", p.PlainBuiltin("thread.index")),
    ("thread.new-indirect $start $t", p.ThreadNewIndirect(0, 0)),
    ("thread.resume-later", p.PlainBuiltin("thread.resume-later")),
    ("thread.yield", p.ThreadSwitch("thread.yield")),
    ("thread.suspend", p.ThreadSwitch("thread.suspend")),
    ("thread.suspend-then-resume", p.ThreadSwitch("thread.suspend-then-resume")),
    ("thread.yield-then-resume", p.ThreadSwitch("thread.yield-then-resume")),
    ("thread.suspend-then-promote", p.ThreadSwitch("thread.suspend-then-promote")),
    ("thread.yield-then-promote", p.ThreadSwitch("thread.yield-then-promote")),
]


@pytest.mark.parametrize(("text", "builtin"), BUILTINS, ids=[text for text, _ in BUILTINS])
def test_builtins(text: str, builtin: p.Builtin) -> None:
    """Every canonical built-in decodes to its class with its immediates."""
    assert canons(f"(core func (canon {text}))") == [builtin]


def test_shared_everything_threads() -> None:
    """The built-ins of shared-everything-threads decode, although nothing runs them."""
    found = decode(HEADER + section(8, b"\x03\x40\x01\x00\x41\x00\x00\x01\x42\x01")).definitions
    assert found == (
        p.ThreadSpawn("thread.spawn-ref", shared=True, type=0),
        p.ThreadSpawn("thread.spawn-indirect", shared=False, type=0, table=1),
        p.ThreadSpawn("thread.available-parallelism", shared=True),
    )


def test_values_and_start() -> None:
    """Start and value sections decode, although nothing runs them."""
    found = decode(HEADER + section(12, b"\x01\x7d\x01\x2a") + section(9, b"\x00\x01\x00\x02")).definitions
    assert found == (p.Value(Prim.U8, b"\x2a"), p.Start(0, (0,), 2))


def test_offsets_follow_definitions() -> None:
    """Each definition's offset is where its bytes start in the outermost input."""
    plan = decode(HEADER + section(7, b"\x02\x73\x79") + section(4, HEADER + section(7, b"\x01\x73")))
    assert plan.offsets == (11, 12, 15)
    nested = plan.definitions[2]
    assert isinstance(nested, p.NestedComponent)
    assert nested.plan.offsets == (26,)


def test_name_section() -> None:
    """Names of definitions are kept for messages."""
    plan = decode(wat2wasm("(component $top (core module $mine) (type $ty u8))"))
    assert plan.names.component == "top"
    assert plan.names.definitions == {(p.Sort.CORE_MODULE, 0): "mine", (p.Sort.TYPE, 0): "ty"}


def test_broken_name_section_is_no_error() -> None:
    """A name section that makes no sense is ignored from where it stops making sense."""
    good = b"\x0ecomponent-name" + b"\x00\x02\x01a"
    assert decode(HEADER + section(0, good + b"\x01\x7f\xff")).names == p.Names("a", {})


MALFORMED = {
    "truncated section": b"\x07\x03\x00",
    "section longer than its content": b"\x07\x03\x01\x73\x73",
    "unknown section": b"\x0d\x00",
    "unknown type": section(7, b"\x01\x62"),
    "type index too large for a u32": section(7, b"\x01\x70\x80\x80\x80\x80\x70"),
    "case immediate": section(7, b"\x01\x71\x01\x01c\x00\x01"),
    "outer alias of a func": section(6, b"\x01\x01\x02\x00\x00"),
    "component export of a core func": section(6, b"\x01\x00\x00\x00\x00\x01f"),
    "core export of a core module": section(6, b"\x01\x00\x11\x01\x00\x01m"),
    "core export in a type": section(7, b"\x01\x42\x01\x02\x00\x00\x01\x00\x01f"),
    "import in an instance type": section(7, b"\x01\x42\x01\x03\x00\x01a\x01\x00"),
    "export of a core func": section(11, b"\x01\x00\x01a\x00\x00\x00\x00"),
    "module in a module type": section(3, b"\x01\x50\x01\x01\x50\x00"),
    "repeated option": section(8, b"\x01\x01\x00\x00\x02\x03\x00\x03\x00"),
    "two encodings": section(8, b"\x01\x01\x00\x00\x02\x00\x01"),
    "unknown option": section(8, b"\x01\x01\x00\x00\x01\x09"),
    "unknown built-in": section(8, b"\x01\x07"),
    "removed built-in": section(8, b"\x01\x08"),
    "cancellable": section(8, b"\x01\x0c\x01"),
    "repeated attribute": section(10, b"\x01\x02\x01i\x02\x00\x01a\x00\x01b\x05\x00"),
    "core module of the wrong version": section(1, HEADER),
    "nested component of the wrong version": section(4, b"\0asm\x01\0\0\0"),
    "trailing bytes after start": section(9, b"\x00\x00\x00\x00"),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed(body: bytes) -> None:
    """What the grammar does not allow is a decode error inside the input."""
    with pytest.raises(DecodeError) as caught:
        decode(HEADER + body)
    assert 8 <= caught.value.offset <= len(HEADER + body)


@pytest.mark.parametrize("code", [0x41, 0x42])
def test_type_nesting_is_limited(code: int) -> None:
    """Types nested too deep are refused, well before the interpreter's own limit."""

    def nest(levels: int) -> bytes:
        body = bytes([code, 0])
        for _ in range(levels - 1):
            body = bytes([code, 1, 1]) + body
        size = len(body) + 1
        return HEADER + bytes([7, size & 0x7F | 0x80, size >> 7, 1]) + body

    assert len(decode(nest(99)).definitions) == 1
    with pytest.raises(DecodeError, match="nest deeper"):
        decode(nest(100))
