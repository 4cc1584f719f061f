"""Skeletons of components with 64-bit memories, and what the validating engine must never see."""

from __future__ import annotations

import pytest
from linking import component, engine

import weft
from weft.component.decoder import decode, decode_noting
from weft.component.module_skeleton import module_skeleton
from weft.component.skeleton import skeleton
from weft.engine import WatError, wat2wasm


def narrowed(text: str) -> bytes:
    data = wat2wasm(text)
    return skeleton(data, decode_noting(data, wide=True), narrowed=True)


def test_types_of_components() -> None:
    """Value types of 64 bits become such of 32 that flatten to i32; everything else stays."""
    wide = """(component
      (type $r (record (field "a" u64) (field "b" s64) (field "c" f64) (field "d" f32) (field "e" string)))
      (type (func async (param "x" u64) (result (list s64))))
      (type (resource (rep i64)))
      (core type (func (param i64 f64) (result i64 f32)))
      (core type (module (import "a" "m" (memory i64 1 0x100000000)) (export "t" (table i64 1 funcref))
        (export "g" (global (mut i64)))))
      (core func (canon context.get i64 0)))"""
    small = """(component
      (type $r (record (field "a" u32) (field "b" s32) (field "c" u32) (field "d" f32) (field "e" string)))
      (type (func async (param "x" u32) (result (list s32))))
      (type (resource (rep i32)))
      (core type (func (param i32 i32) (result i32 f32)))
      (core type (module (import "a" "m" (memory 1 0x10000)) (export "t" (table 1 funcref))
        (export "g" (global (mut i32)))))
      (core func (canon context.get i32 0)))"""
    assert narrowed(wide) == skeleton(wat2wasm(small), decode(wat2wasm(small)))


def test_modules() -> None:
    """Memories, tables, globals with their initial values, and signatures of a module are narrowed; v128 stays."""
    wide = """(module
      (type (struct (field i64) (field i8)))
      (import "a" "g" (global $g i64))
      (import "a" "m" (memory i64 0x20000 0x30000))
      (func (export "f") (param i64 f64 v128 f32) (result i64) unreachable)
      (table i64 2 4 funcref (ref.null func))
      (global (export "x") i64 (i64.add (global.get $g) (i64.const 0x7fffffffffff)))
      (global f64 (f64.const 1.5))
      (global (mut i32) (i32.const 70000))
      (global f32 (f32.const 2))
      (global v128 (v128.const i64x2 1 2))
      (global funcref (ref.func 0))
      (tag (param i64)))"""
    small = """(module
      (type (struct (field i32) (field i8)))
      (import "a" "g" (global $g i32))
      (import "a" "m" (memory 0x10000 0x10000))
      (func (export "f") (param i32 i32 v128 f32) (result i32) unreachable)
      (table 2 4 funcref (ref.null func))
      (global (export "x") i32 (i32.const 0))
      (global i32 (i32.const 0))
      (global (mut i32) (i32.const 70000))
      (global f32 (f32.const 2))
      (global v128 (v128.const i64x2 1 2))
      (global funcref (ref.func 0))
      (tag (param i32)))"""
    assert module_skeleton(wat2wasm(wide), narrowed=True) == module_skeleton(wat2wasm(small))
    assert module_skeleton(wat2wasm(wide)) != module_skeleton(wat2wasm(small))


def test_broken_modules_stay_whole() -> None:
    """A module whose sections cannot be read is left for the validator to judge."""
    module = wat2wasm("(module (global i64 (i64.const 1)))")
    broken = module.replace(b"\x42\x01\x0b", b"\x10\x01\x0b")
    assert module_skeleton(broken, narrowed=True) == broken


MEMORY64 = """(component
  (core module $M (memory (export "mem") i64 1)
    (func (export "realloc") (param i64 i64 i64 i64) (result i64) unreachable)
    (func (export "f") {sig}))
  (core instance $m (instantiate $M))
  (func (export "f") (param "x" {param})
    (canon lift (core func $m "f") (memory (core memory $m "mem")) (realloc (core func $m "realloc")))))"""


@pytest.mark.parametrize(
    ("param", "sig"),
    [
        ("string", "(param i64 i64)"),
        ("u64", "(param i64)"),
        ("f64", "(param f64)"),
        ("(list f64)", "(param i64 i64)"),
        ("(option f64)", "(param i32 f64)"),
        ("(result f32 (error f64))", "(param i32 i64)"),
        ("(result f32 (error string))", "(param i32 i64 i64)"),
        ("(result f64 (error u64))", "(param i32 i64)"),
        ("(tuple u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64)", "(param i64)"),
    ],
)
def test_flattenings_survive(param: str, sig: str) -> None:
    """A component is valid, and links, when its core signatures are those of 64-bit pointers."""
    made = component(MEMORY64.format(param=param, sig=sig))
    with weft.Store(engine()) as store:
        weft.Linker(engine()).instantiate_sync(store, made)


@pytest.mark.parametrize(
    "sig", ["(param i64)", "(param i64 i64 i64)", "(param f32 i64)", "(param i64 i64) (result i64)"]
)
def test_wrong_signatures_do_not(sig: str) -> None:
    """A core signature of another shape is as invalid as it would be with a 32-bit memory."""
    with pytest.raises(weft.ValidationError, match=r"lowered (parameter|result) types"):
        component(MEMORY64.format(param="string", sig=sig))


@pytest.mark.parametrize(
    "text",
    [
        """(component (core type (module (type $f (func)) (import "" "f" (func (param (ref null $f)))))))""",
        """(component (core module $M (type $f (func)) (global (export "g") (ref null $f) (ref.null $f)))
          (export "m" (core module $M)))""",
        """(component (core module $M (type $f (func)) (func (export "f") (param (ref null $f))))
          (instance (export "m" (core module $M))))""",
        """(component (component (core module $M (type $f (func)) (table (export "f") 1 (ref null $f)))
          (export "m" (core module $M))))""",
    ],
)
def test_concrete_references_at_the_boundary(text: str) -> None:
    """Module types that refer to types of their own are refused: the engine would abort the process over them."""
    with pytest.raises(weft.ValidationError, match="refer"):
        component(text)


def test_concrete_references_inside() -> None:
    """Inside a core module that is not exported, references to its own types are fine."""
    component("""(component
      (core module $M (type $f (func)) (func (export "f") (param (ref null $f))))
      (core instance (instantiate $M)))""")


@pytest.mark.parametrize(
    "text",
    [
        '(component (import "c" (component)))',
        '(component (component $c) (export "c" (component $c)))',
        '(component (import "f" (func $f)) (export "g" (func $f)))',
        '(component (import "i" (instance $i (export "f" (func)))) (export "j" (instance $i)))',
    ],
)
def test_limits_of_the_engine_are_not_ours(text: str) -> None:
    """Components that Wasmtime validates and cannot run are valid."""
    component(text)


def test_text_that_does_not_parse() -> None:
    """Text is refused by the text parser, with its own error."""
    with pytest.raises(WatError):
        weft.Component(engine(), "(component (nonsense))")
