"""What an embedder offers against what a component imports: every mismatch is named, with both sides."""

from __future__ import annotations

import pytest
from linking import component, engine, link, link_error

import weft


def interface(*exports: str) -> str:
    return f'(component (import "a:b/c@1.0.0" (instance {" ".join(exports)})))'


def api(linker: weft.Linker) -> weft.LinkerInstance:
    return linker.instance("a:b/c@1.0.0")


def test_empty_linker() -> None:
    """A missing import is named, and so is that the linker has nothing."""
    text = link_error('(component (import "f" (func)))')
    assert text == "import `f` is missing: it was not found in the linker, which has nothing"


def test_nearest_names_come_first() -> None:
    """The message lists other versions of the interface, then names spelled alike, then others, eight at most."""

    def define(linker: weft.Linker) -> None:
        for i in range(9):
            linker.instance(f"x:y/z{i}")
        linker.instance("a:b/c@2.0.0")
        linker.instance("a:b/cc@1.0.0")

    text = link_error('(component (import "a:b/c@1.0.0" (instance (export "f" (func)))))', define)
    assert "which has `a:b/c@2.0.0`, `a:b/cc@1.0.0`, `x:y/z0`" in text
    assert text.endswith("and 3 more")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ('(func (param "x" string) (result u8))', "`func(x: string) -> u8`"),
        ('(instance (export "g" (func)))', "an instance"),
        ("(core module)", "a core module"),
        ("(type (sub resource))", "a resource"),
        ("(component)", "a component"),
    ],
)
def test_missing_member(wanted: str, words: str) -> None:
    """A member that an interface lacks is named with the interface, and what it should be."""
    text = link_error(interface(f'(export "m" {wanted})'), api)
    assert text == f"import `a:b/c@1.0.0#m` is {words}, which was not found: nothing is offered there"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("(func)", "function"),
        ('(instance (export "g" (func)))', "instance"),
        ("(core module)", "module"),
        ("(type (sub resource))", "resource"),
        ("(component)", "component"),
    ],
)
@pytest.mark.parametrize("found", ["function", "instance", "module", "resource", "component"])
def test_kinds(wanted: str, expected: str, found: str) -> None:
    """Something of another kind is refused with both kinds; of the same kind it is taken."""

    def define(linker: weft.Linker) -> None:
        there = api(linker)
        match found:
            case "function":
                there.func_wrap("m", lambda _store: None)
            case "instance":
                there.instance("m").func_wrap("g", lambda _store: None)
            case "module":
                there.module("m", "(module)")
            case "resource":
                there.resource("m")
            case "component":
                there.component("m", component("(component)"))

    text = interface(f'(export "m" {wanted})')
    if expected == found:
        with weft.Store(engine()) as store:
            link(store, text, define)
    else:
        message = link_error(text, define)
        assert message.startswith("import `a:b/c@1.0.0#m` is ")
        assert message.endswith(f"expected {expected} found {found}")


def test_values_cannot_be_equal_types() -> None:
    """A type that must equal another may be left out; one that is offered must be the same."""
    text = '(component (type $t (list u8)) (import "t" (type (eq $t))))'
    with weft.Store(engine()) as store:
        link(store, text)
    owner = '(component (type $r (resource (rep i32))) (export "t" (type $r)))'
    with weft.Store(engine()) as store:
        resource = link(store, owner).get("t")
    assert link_error(text, lambda linker: linker.root.define("t", resource)).startswith(
        "import `t` has type `list<u8>`, but what is offered has type `resource "
    )


def test_resources_are_the_same_or_not() -> None:
    """Two imports that must be one resource type cannot be two."""
    text = """(component
      (import "a" (type $a (sub resource)))
      (import "b" (type (eq $a))))"""

    def same(linker: weft.Linker) -> None:
        linker.root.define("b", linker.root.resource("a"))

    with weft.Store(engine()) as store:
        link(store, text, same)

    def different(linker: weft.Linker) -> None:
        linker.root.resource("a")
        linker.root.resource("b")

    assert link_error(text, different) == (
        "import `b` has mismatched resource types: it must be the same as `a`, but another host-defined resource `b` "
        "is offered"
    )


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ('(export "f" (func (param i64)))', "expected type `(func (param i64))`, found type `(func (param i32))`"),
        ('(export "m" (memory 3))', "expected type `(memory 3)`, found type `(memory 2 5)`"),
        ('(export "m" (memory 1 4))', "expected type `(memory 1 4)`, found type `(memory 2 5)`"),
        ('(export "t" (table 1 externref))', "expected type `(table 1 externref)`, found type `(table 1 funcref)`"),
        ('(export "g" (global f32))', "expected type `(global f32)`, found type `(global (mut f32))`"),
        ('(export "e" (tag (param i32)))', "expected type `(tag (param i32))`, found type `(tag)`"),
        ('(export "e" (func))', "expected func found tag"),
        ('(export "m" (table 1 funcref))', "expected table found memory"),
        ('(export "x" (func))', "module export `x` not defined; the module exports e, f, g, m, t"),
    ],
)
def test_module_exports(declared: str, fault: str) -> None:
    """Each export that the type declares must be there, and match as an import would."""
    module = """(module (func (export "f") (param i32)) (memory (export "m") 2 5) (table (export "t") 1 funcref)
      (global (export "g") (mut f32) (f32.const 0)) (tag (export "e")))"""
    text = f'(component (import "m" (core module {declared})))'
    assert link_error(text, lambda linker: linker.root.module("m", module)).endswith(fault)


@pytest.mark.parametrize(
    ("needed", "declared", "fault"),
    [
        ("(func)", "", "module import `a::b` not defined: the module needs it, the import's type has it not"),
        ("(func)", '(import "a" "b" (func (result i32)))', "expected type `(func)`, found type `(func (result i32))`"),
        ("(memory 2)", '(import "a" "b" (memory 1))', "expected type `(memory 2)`, found type `(memory 1)`"),
        ("(memory i64 1)", '(import "a" "b" (memory 1))', "expected type `(memory i64 1)`, found type `(memory 1)`"),
        ("(table 1 9 funcref)", '(import "a" "b" (table 1 funcref))', "found type `(table 1 funcref)`"),
        ("(global i32)", '(import "a" "b" (global i64))', "expected type `(global i32)`, found type `(global i64)`"),
    ],
)
def test_module_imports(needed: str, declared: str, fault: str) -> None:
    """Each import of the module must be declared, and match the other way round."""
    module = f'(module (import "a" "b" {needed}))'
    text = f'(component (import "m" (core module {declared})))'
    assert link_error(text, lambda linker: linker.root.module("m", module)).endswith(fault)


def test_module_type_from_outside() -> None:
    """A module type may take its function types from the scopes around it."""
    text = """(component
      (core type $f (func (param i32) (result i32)))
      (type $i (instance
        (alias outer 1 $f (core type $g))
        (core type $m (module (alias outer 1 $g (type $h)) (export "f" (func (type $h)))))
        (export "m" (core module (type $m)))))
      (import "i" (instance (type $i))))"""

    def define(linker: weft.Linker) -> None:
        linker.instance("i").module("m", '(module (func (export "f") (param i32)))')

    assert link_error(text, define).endswith(
        "expected type `(func (param i32) (result i32))`, found type `(func (param i32))`"
    )


PARTS = """(component
  (import "f" (func $f (param "x" u8)))
  (import "r" (type $r (sub resource)))
  (type $p' (record (field "own" (own $r))))
  (export $p "p" (type $p'))
  (component $Inner (import "f" (func (param "x" u8))))
  (instance $i (instantiate $Inner (with "f" (func $f))))
  (core module $M)
  (export "m" (core module $M))
  (export "i" (instance $i))
  (export "f2" (func $f)))"""


def define_parts(linker: weft.Linker) -> None:
    linker.root.component("c", component(PARTS))


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ("", None),
        ('(export "i" (instance)) (export "m" (core module))', None),
        ('(export "f2" (func (param "x" u8)))', None),
        (
            '(export "f2" (func (param "y" u8)))',
            "import `c#f2` has type `func(y: u8)`, but what is offered has type `func(x: u8)`",
        ),
        ('(type $l (list u8)) (export "p" (type (eq $l)))', "import `c#p` has type `list<u8>`, but what is offered"),
        ('(export "m" (core module (export "x" (func))))', "import `c#m`: module export `x` not defined"),
        ('(export "i" (instance (export "g" (func))))', "import `c#i#g` is `func()`, which was not found"),
        ('(export "f" (func))', "import `c#f` is `func()`, which was not found"),
    ],
)
def test_component_exports(declared: str, fault: str | None) -> None:
    """A component must export what its type says, given what its type says that it imports."""
    text = f"""(component (import "c" (component
      (import "f" (func (param "x" u8))) (import "r" (type (sub resource))) {declared})))"""
    if fault is None:
        with weft.Store(engine()) as store:
            link(store, text, define_parts)
    else:
        assert link_error(text, define_parts).startswith(fault)


def test_component_imports() -> None:
    """A component may not import more than its type says, nor at another type."""
    few = '(component (import "c" (component (import "f" (func (param "x" u8))))))'
    assert link_error(few, define_parts) == "import `c#r` is a resource, which was not found: nothing is offered there"
    other = '(component (import "c" (component (import "f" (func)) (import "r" (type (sub resource))))))'
    assert link_error(other, define_parts) == (
        "import `c#f` has type `func(x: u8)`, but what is offered has type `func()`"
    )


def test_component_of_components() -> None:
    """Components that import and export components are compared all the way down."""
    offered = """(component
      (import "d" (component $D (import "f" (func)) (export "g" (func))))
      (import "f" (func $f))
      (instance $d (instantiate $D (with "f" (func $f))))
      (export "g" (func $d "g"))
      (export "d2" (component $D)))"""
    wanted = """(component (import "c" (component
      (import "d" (component (import "f" (func)) (export "g" (func))))
      (import "f" (func))
      (export "g" (func))
      (export "d2" (component (import "f" (func)) {})))))"""

    def define(linker: weft.Linker) -> None:
        linker.root.component("c", component(offered))

    with weft.Store(engine()) as store:
        link(store, wanted.format('(export "g" (func))'), define)
    assert link_error(wanted.format('(export "h" (func))'), define).startswith("import `c#d2#h` is `func()`")
