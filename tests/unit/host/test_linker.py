"""`Linker` and `LinkerInstance`: what can be defined, shadowing, wiring and stand-ins."""

from __future__ import annotations

import functools

import pytest

import weft

NEEDS = """(component
  (import "f" (func $f (param "x" u8)))
  (import "a:b/c@0.2.4" (instance $i
    (export "r" (type $r (sub resource)))
    (export "g" (func (param "r" (borrow $r)) (result string)))
    (export "deep" (instance (export "h" (func))))))
  (alias export $i "r" (type $r))
  (core func $f (canon lower (func $f)))
  (core func $drop (canon resource.drop $r))
  (core module $M
    (import "" "f" (func $f (param i32)))
    (func (export "run") (call $f (i32.const 7))))
  (core instance $m (instantiate $M (with "" (instance (export "f" (func $f))))))
  (func (export "run") (canon lift (core func $m "run"))))"""

CALC = """(component
  (core module $M (func (export "inc") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))
  (core instance $m (instantiate $M))
  (func $inc (param "x" u32) (result u32) (canon lift (core func $m "inc")))
  (instance $i (export "inc" (func $inc)))
  (export "inc" (func $inc))
  (export "math" (instance $i)))"""

USER = """(component
  (import "math" (instance $math (export "inc" (func (param "x" u32) (result u32)))))
  (core func $inc (canon lower (func $math "inc")))
  (core module $M
    (import "" "inc" (func $inc (param i32) (result i32)))
    (func (export "run") (param i32) (result i32) (call $inc (call $inc (local.get 0)))))
  (core instance $m (instantiate $M (with "" (instance (export "inc" (func $inc))))))
  (func (export "run") (param "x" u32) (result u32) (canon lift (core func $m "run"))))"""


@functools.cache
def engine() -> weft.Engine:
    return weft.Engine(weft.Config(cache_dir=None))


@functools.cache
def component(text: str) -> weft.Component:
    return weft.Component(engine(), text)


@pytest.fixture
def linker() -> weft.Linker:
    return weft.Linker(engine())


def test_names_are_taken_once(linker: weft.Linker) -> None:
    """A second definition of a name is an error that says where, of whatever kind it is."""
    api = linker.instance("a:b/c")
    api.func_wrap("f", print)
    with pytest.raises(weft.LinkError, match="`f` is defined already in a:b/c"):
        api.resource("f")
    linker.root.resource("a:b/r")
    with pytest.raises(weft.LinkError, match=r"`a:b/r` is defined already$"):
        linker.instance("a:b/r")
    assert linker.instance("a:b/c") is not None


def test_shadowing(linker: weft.Linker) -> None:
    """Where shadowing is allowed, the last definition counts."""
    linker.allow_shadowing = True
    seen: list[object] = []
    linker.root.func_wrap("f", lambda _store, x: seen.append(("first", x)))
    linker.root.func_wrap("f", lambda _store, x: seen.append(("second", x)))
    linker.root.resource("a:b/c@0.2.4")
    linker.instance("a:b/c@0.2.4")
    linker.define_unknown_imports_as_traps(component(NEEDS))
    with weft.Store(engine()) as store:
        linker.instantiate_sync(store, component(NEEDS)).get_func("run").call(store)
    assert seen == [("second", 7)]


def test_unknown_imports_as_traps(linker: weft.Linker) -> None:
    """What is missing becomes functions that trap with the name of the import, and resources; the rest stays."""
    called: list[str] = []
    linker.instance("a:b/c@0.2.9").func_wrap("g", lambda _store, _r: called.append("g"))
    linker.define_unknown_imports_as_traps(component(NEEDS))
    with weft.Store(engine()) as store:
        run = linker.instantiate_sync(store, component(NEEDS)).get_func("run")
        with pytest.raises(weft.Trap, match="unknown import: `f` has not been defined"):
            run.call(store)
    with pytest.raises(weft.LinkError, match=r"`h` is defined already in a:b/c@0\.2\.9#deep"):
        linker.instance("a:b/c@0.2.9").instance("deep").func_wrap("h", print)
    with pytest.raises(weft.LinkError, match="`g` is defined already"):
        linker.instance("a:b/c@0.2.9").func_wrap("g", print)


def test_no_stand_ins_for_code(linker: weft.Linker) -> None:
    """Nothing can stand in for a module or a component: the link error names it."""
    for text in ('(import "m" (core module))', '(import "i" (instance (export "m" (component))))'):
        needs = component(f"(component {text})")
        linker.define_unknown_imports_as_traps(needs)
        with weft.Store(engine()) as store, pytest.raises(weft.LinkError, match="m` is"):
            linker.instantiate_sync(store, needs)


def test_wiring_instances(linker: weft.Linker) -> None:
    """The exports of one instance are imported by another: an interface, a single function, or everything."""
    with weft.Store(engine()) as store:
        calc = linker.instantiate_sync(store, component(CALC))
        linker.define_instance("math", calc.get("math"))
        assert linker.instantiate_sync(store, component(USER)).get_func("run").call(store, 40) == 42
        second = weft.Linker(engine())
        second.instance("math").define("inc", calc.get("inc"))
        assert second.instantiate_sync(store, component(USER)).get_func("run").call(store, 1) == 3
        third = weft.Linker(engine())
        third.define_instance("math", calc)
        assert third.instantiate_sync(store, component(USER)).get_func("run").call(store, 2) == 4
        with pytest.raises(weft.LinkError, match="`math` is defined already"):
            third.define_instance("math", calc)


def test_instances_of_other_stores(linker: weft.Linker) -> None:
    """Functions and resources of a guest stay in their store; modules and host functions go anywhere."""
    resources = """(component (type $r' (resource (rep i32))) (export "r" (type $r')))"""
    with weft.Store(engine()) as first, weft.Store(engine()) as second:
        linker.define_instance("math", linker.instantiate_sync(first, component(CALC)))
        with pytest.raises(weft.LinkError, match="import `math#inc`: what is linked there belongs to another store"):
            linker.instantiate_sync(second, component(USER))
        linker.define_instance("res", linker.instantiate_sync(first, component(resources)))
        with pytest.raises(weft.LinkError, match="import `res#r`: what is linked there belongs to another store"):
            linker.instantiate_sync(
                second, component('(component (import "res" (instance (export "r" (type (sub resource))))))')
            )
        linker.instantiate_sync(second, component(NEEDS_NOTHING))


NEEDS_NOTHING = "(component)"


def test_modules(linker: weft.Linker) -> None:
    """A module is given compiled, as bytes or as text."""
    text = '(module (func (export "f") (result i32) (i32.const 9)))'
    linker.instance("lib").module("a", text)
    linker.instance("lib").module("b", weft.Module(engine(), text))
    user = component("""(component
      (import "lib" (instance $lib
        (export "a" (core module (export "f" (func (result i32)))))
        (export "b" (core module (export "f" (func (result i32)))))))
      (core instance $m (instantiate (module $lib "b")))
      (func (export "f") (result u32) (canon lift (core func $m "f"))))""")
    with weft.Store(engine()) as store:
        assert linker.instantiate_sync(store, user).get_func("f").call(store) == 9
    with pytest.raises(weft.ValidationError):
        linker.root.module("c", "(module (func (result i32)))")


def test_components(linker: weft.Linker) -> None:
    """A component is given to a guest that instantiates it as often as it likes."""
    linker.root.component("calc", component(CALC))
    user = component("""(component
      (import "calc" (component $Calc (export "inc" (func (param "x" u32) (result u32)))))
      (instance $a (instantiate $Calc))
      (instance $b (instantiate $Calc))
      (export "a" (func $a "inc"))
      (export "b" (func $b "inc")))""")
    with weft.Store(engine()) as store:
        instance = linker.instantiate_sync(store, user)
        assert instance.get_func("a").call(store, 1) == 2
        assert instance.get_func("b").call(store, 2) == 3


def test_other_engines(linker: weft.Linker) -> None:
    """Everything that is linked is of one engine."""
    other = weft.Engine(weft.Config(cache_dir=None))
    with pytest.raises(weft.LinkError, match="`m` belongs to another engine"):
        linker.root.module("m", weft.Module(other, "(module)"))
    with pytest.raises(weft.LinkError, match="`c` belongs to another engine"):
        linker.root.component("c", weft.Component(other, "(component)"))
    with weft.Store(other) as store, pytest.raises(weft.LinkError, match="must be of the same engine"):
        linker.instantiate_sync(store, component("(component)"))


def test_only_items_can_be_defined(linker: weft.Linker) -> None:
    """A plain Python object is no definition."""
    with pytest.raises(weft.LinkError, match="`x` cannot be defined as a int"):
        linker.root.define("x", 3)


@pytest.mark.parametrize("sort", ["func_wrap_async", "func_wrap_concurrent"])
def test_kinds_of_host_functions(linker: weft.Linker, sort: str) -> None:
    """An async func must be registered as concurrent, and a plain one must not; the error names the import."""

    async def f(_accessor: weft.Accessor, _x: int) -> None: ...

    getattr(linker.root, sort)("f", f)
    word = "async " if sort == "func_wrap_async" else ""
    text = f'(component (import "f" (func {word}(param "x" u8))))'
    with weft.Store(engine()) as store, pytest.raises(weft.LinkError, match="import `f` is"):
        linker.instantiate_sync(store, component(text))


def test_failed_links_leave_the_store_usable(linker: weft.Linker) -> None:
    """After a link error the store takes other instances, and the linker can be completed."""
    with weft.Store(engine()) as store:
        with pytest.raises(weft.LinkError):
            linker.instantiate_sync(store, component(USER))
        linker.instance("math").func_wrap("inc", lambda _store, x: x + 10)
        assert linker.instantiate_sync(store, component(USER)).get_func("run").call(store, 1) == 21
