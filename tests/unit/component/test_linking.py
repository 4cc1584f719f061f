"""Linking at the component level: versions, modules, instances of the same store."""

from __future__ import annotations

import pytest
from linking import engine, link, link_error

import weft
from weft.component.bind import find_import

CALC = """(component
  (core module $M (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
  (core instance $m (instantiate $M))
  (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $m "add")))
  (instance $i (export "add" (func $add)))
  (export "lab:calc/math@0.2.9" (instance $i))
  (export "add" (func $add)))"""

USER = """(component
  (import "lab:calc/math@{version}" (instance $math
    (export "add" (func (param "a" u32) (param "b" u32) (result u32)))))
  (core func $add (canon lower (func $math "add")))
  (core module $M
    (import "" "add" (func $add (param i32 i32) (result i32)))
    (func (export "run") (result i32) (call $add (i32.const 40) (i32.const 2))))
  (core instance $m (instantiate $M (with "" (instance (export "add" (func $add))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))"""


@pytest.mark.parametrize(
    ("available", "wanted", "found"),
    [
        (["a:b/c@0.2.9"], "a:b/c@0.2.4", "a:b/c@0.2.9"),
        (["a:b/c@0.2.4"], "a:b/c@0.2.9", "a:b/c@0.2.4"),
        (["a:b/c@0.2.1", "a:b/c@0.2.10", "a:b/c@0.2.9"], "a:b/c@0.2.4", "a:b/c@0.2.10"),
        (["a:b/c@0.2.4", "a:b/c@0.2.9"], "a:b/c@0.2.4", "a:b/c@0.2.4"),
        (["a:b/c@0.3.0"], "a:b/c@0.3.7", "a:b/c@0.3.0"),
        (["a:b/c@0.3.0"], "a:b/c@0.2.9", None),
        (["a:b/c@1.9.0"], "a:b/c@1.0.0", "a:b/c@1.9.0"),
        (["a:b/c@2.0.0"], "a:b/c@1.0.0", None),
        (["a:b/c@0.0.2"], "a:b/c@0.0.1", None),
        (["a:b/c@1.0.0-rc"], "a:b/c@1.0.0", None),
        (["a:b/c"], "a:b/c@1.0.0", None),
        (["a:b/c@1.0.0"], "a:b/c", None),
        (["a:b/d@1.0.0"], "a:b/c@1.0.0", None),
        (["plain"], "plain", "plain"),
    ],
)
def test_versions(available: list[str], wanted: str, found: str | None) -> None:
    """The exact name serves, or else the highest compatible version; prereleases and other lines do not."""
    assert find_import({name: name for name in available}, wanted) == found


@pytest.mark.parametrize("version", ["0.2.9", "0.2.4", "0.2.20"])
def test_instance_serves_compatible_imports(version: str) -> None:
    """What one instance exports serves another that was built for an earlier or later version."""
    with weft.Store(engine()) as store:
        calc = link(store, CALC)

        def define(linker: weft.Linker) -> None:
            linker.define_instance("lab:calc/math@0.2.9", calc.get("lab:calc/math@0.2.0"))

        assert link(store, USER.format(version=version), define).get_func("run").call(store) == 42


def test_incompatible_version() -> None:
    """Another minor version under 0 is another interface; the message has both."""

    def define(linker: weft.Linker) -> None:
        linker.instance("lab:calc/math@0.2.9").func_wrap("add", lambda _store, a, b: a + b)

    text = link_error(USER.format(version="0.3.0"), define)
    assert text.startswith("import `lab:calc/math@0.3.0` is missing")
    assert "`lab:calc/math@0.2.9`" in text


def test_both_types_are_named() -> None:
    """A function of another type is refused, with the path and both types as WIT writes them."""
    wanted = """(component (import "calc" (instance
      (type $r' (record (field "x" (list u8)) (field "y" (option string))))
      (export "r" (type $r (eq $r')))
      (export "add" (func async (param "r" $r) (result (result u8 (error string))))))))"""
    with weft.Store(engine()) as store:
        calc = link(store, CALC)
        with pytest.raises(weft.LinkError) as caught:
            link(store, wanted, lambda linker: linker.define_instance("calc", calc))
    assert str(caught.value) == (
        "import `calc#add` has type `async func(r: record { x: list<u8>, y: option<string> }) -> result<u8, string>`, "
        "but what is offered has type `func(a: u32, b: u32) -> u32`"
    )


def test_modules_pass_through() -> None:
    """A core module goes from one instance to another, which instantiates it twice."""
    library = """(component (core module (export "m")
      (global $n (mut i32) (i32.const 0))
      (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))))"""
    user = """(component
      (import "lib" (instance $lib (export "m" (core module (export "next" (func (result i32)))))))
      (core instance $a (instantiate (module $lib "m")))
      (core instance $b (instantiate (module $lib "m")))
      (func (export "a") (result u32) (canon lift (core func $a "next")))
      (func (export "b") (result u32) (canon lift (core func $b "next"))))"""
    with weft.Store(engine()) as store:
        lib = link(store, library)
        instance = link(store, user, lambda linker: linker.define_instance("lib", lib))
        a, b = instance.get_func("a"), instance.get_func("b")
        assert [a.call(store), a.call(store), b.call(store)] == [1, 2, 1]


def test_reexports() -> None:
    """What was imported can be exported again and is the same thing."""
    text = """(component
      (import "i" (instance $i (export "f" (func (result string)))))
      (import "g" (func $g (param "x" u8) (result u8)))
      (export "i2" (instance $i))
      (export "g2" (func $g)))"""

    def define(linker: weft.Linker) -> None:
        linker.instance("i").func_wrap("f", lambda _store: "host")
        linker.root.func_wrap("g", lambda _store, x: x + 1)

    with weft.Store(engine()) as store:
        instance = link(store, text, define)
        assert instance.get_func("i2", "f").call(store) == "host"
        assert instance.get_func("g2").call(store, 4) == 5


def test_start_trap_while_linking() -> None:
    """A start function that traps fails the instantiation with the trap itself."""
    text = """(component (core module $M (func $s unreachable) (start $s)) (core instance (instantiate $M)))"""
    with weft.Store(engine()) as store:
        with pytest.raises(weft.Trap, match="unreachable"):
            link(store, text)
        assert link(store, CALC).get_func("add").call(store, 1, 2) == 3
