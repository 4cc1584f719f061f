"""Instantiation: nested components, aliases, resources and what instances share."""

from __future__ import annotations

import pytest
from linking import engine, link, link_error

import weft


def test_nested_instances_have_their_own_state() -> None:
    """Instantiating a component twice gives two of everything in it."""
    text = """(component
      (component $C
        (core module $M
          (global $n (mut i32) (i32.const 0))
          (func (export "add") (param i32) (result i32)
            (global.set $n (i32.add (global.get $n) (local.get 0))) (global.get $n)))
        (core instance $m (instantiate $M))
        (func (export "add") (param "x" s32) (result s32) (canon lift (core func $m "add"))))
      (instance $a (instantiate $C))
      (instance $b (instantiate $C))
      (export "a" (instance $a))
      (export "b" (instance $b)))"""
    with weft.Store(engine()) as store:
        instance = link(store, text)
        a, b = instance.get_func("a", "add"), instance.get_func("b", "add")
        assert [a.call(store, 5), a.call(store, 6), b.call(store, -1)] == [5, 11, -1]


def test_outer_aliases_reach_through_levels() -> None:
    """Modules, types and components of enclosing components are seen inside, at any depth."""
    text = """(component
      (core module $M (func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
      (type $t (tuple u8 u8))
      (component $Leaf (core instance $m (instantiate $M))
        (func (export "f") (param "x" u32) (result u32) (canon lift (core func $m "f"))))
      (component $A
        (component $B
          (alias outer 2 $Leaf (component $L))
          (alias outer 2 $t (type $u))
          (instance $l (instantiate $L))
          (export "leaf" (instance $l))
          (export "u" (type $u)))
        (instance $b (instantiate $B))
        (export "b" (instance $b)))
      (instance $a (instantiate $A))
      (alias export $a "b" (instance $b))
      (export "out" (instance $b)))"""
    with weft.Store(engine()) as store:
        instance = link(store, text)
        assert instance.get_func("out", "leaf", "f").call(store, 21) == 42


def test_arguments_bind_by_name() -> None:
    """Arguments of an instantiation are found by name, whatever their order."""
    text = """(component
      (core module $M (func (export "one") (result i32) (i32.const 1)) (func (export "two") (result i32) (i32.const 2)))
      (core instance $m (instantiate $M))
      (func $one (result u32) (canon lift (core func $m "one")))
      (func $two (result u32) (canon lift (core func $m "two")))
      (component $C
        (import "a" (func $a (result u32)))
        (import "b" (func $b (result u32)))
        (export "a2" (func $a)) (export "b2" (func $b)))
      (instance $i (instantiate $C (with "b" (func $two)) (with "a" (func $one))))
      (export "i" (instance $i)))"""
    with weft.Store(engine()) as store:
        instance = link(store, text)
        assert instance.get_func("i", "a2").call(store) == 1
        assert instance.get_func("i", "b2").call(store) == 2


OWNER = """(component
  (core module $D
    (global $sum (mut i32) (i32.const 0))
    (func (export "dtor") (param i32)
      (if (i32.eq (local.get 0) (i32.const 13)) (then unreachable))
      (global.set $sum (i32.add (global.get $sum) (local.get 0))))
    (func (export "sum") (result i32) (global.get $sum)))
  (core instance $d (instantiate $D))
  (type $r' (resource (rep i32) (dtor (core func $d "dtor"))))
  (export $r "r" (type $r'))
  (core func $new (canon resource.new $r'))
  (core func $rep (canon resource.rep $r'))
  (core module $M (func (export "same") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (func (export "[constructor]r") (param "x" u32) (result (own $r)) (canon lift (core func $new)))
  (func (export "[method]r.get") (param "self" (borrow $r)) (result u32) (canon lift (core func $m "same")))
  (func (export "sum") (result u32) (canon lift (core func $d "sum"))))"""

EATER = """(component
  (import "owner" (instance $owner
    (export "r" (type $r (sub resource)))
    (export "[constructor]r" (func (param "x" u32) (result (own $r))))))
  (alias export $owner "r" (type $r))
  (core func $drop (canon resource.drop $r))
  (core func $new (canon lower (func $owner "[constructor]r")))
  (core module $M
    (import "" "drop" (func $drop (param i32)))
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "eat") (param i32) (call $drop (local.get 0)))
    (func (export "make-and-drop") (param i32) (call $drop (call $new (local.get 0)))))
  (core instance $m (instantiate $M (with "" (instance (export "drop" (func $drop)) (export "new" (func $new))))))
  (func (export "eat") (param "r" (own $r)) (canon lift (core func $m "eat")))
  (func (export "make-and-drop") (param "x" u32) (canon lift (core func $m "make-and-drop"))))"""


def test_destructors_run_where_the_type_is_defined() -> None:
    """A resource dropped by another component, or by the host, is destroyed by its own."""
    with weft.Store(engine()) as store:
        owner = link(store, OWNER)
        eater = link(store, EATER, lambda linker: linker.define_instance("owner", owner))
        make, total = owner.get_func("[constructor]r"), owner.get_func("sum")
        eater.get_func("eat").call(store, make.call(store, 100))
        eater.get_func("make-and-drop").call(store, 20)
        make.call(store, 3).drop()
        assert total.call(store) == 123


def test_trapping_destructor_poisons_both() -> None:
    """A destructor that traps goes through to who dropped the handle; neither instance can be entered again."""
    with weft.Store(engine()) as store:
        owner = link(store, OWNER)
        eater = link(store, EATER, lambda linker: linker.define_instance("owner", owner))
        with pytest.raises(weft.Trap, match="unreachable"):
            eater.get_func("make-and-drop").call(store, 13)
        for func, args in ((owner.get_func("sum"), ()), (eater.get_func("make-and-drop"), (1,))):
            with pytest.raises(weft.Trap, match="cannot enter component instance"):
                func.call(store, *args)


def test_host_destructor() -> None:
    """A resource of the host's calls its destructor when the guest drops the last handle."""
    dropped: list[int] = []

    def define(linker: weft.Linker) -> None:
        api = linker.instance("owner")
        rt = api.resource("r", dropped.append)
        api.func_wrap("[constructor]r", lambda _store, x: weft.Resource(rt, x))

    with weft.Store(engine()) as store:
        link(store, EATER, define).get_func("make-and-drop").call(store, 7)
    assert dropped == [7]


def test_each_instance_has_its_own_resource_type() -> None:
    """A handle of one instance's resource is refused where another instance's is wanted."""
    with weft.Store(engine()) as store:
        first, second = link(store, OWNER), link(store, OWNER)
        handle = first.get_func("[constructor]r").call(store, 1)
        with pytest.raises(weft.LowerError):
            second.get_func("[method]r.get").call(store, handle)
        eater = link(store, EATER, lambda linker: linker.define_instance("owner", second))
        with pytest.raises(weft.LowerError):
            eater.get_func("eat").call(store, handle)


def test_generated_classes_are_called_as_exported() -> None:
    """Types that a component exports give classes of the names they are exported by."""
    text = """(component
      (core module $M (memory (export "mem") 1)
        (func (export "p") (result i32) (i32.store (i32.const 8) (i32.const 7)) (i32.const 8))
        (func (export "c") (result i32) (i32.const 1)))
      (core instance $m (instantiate $M))
      (type $p' (record (field "x-axis" u32) (field "y-axis" u32)))
      (type $c' (enum "red" "dark-red"))
      (export $p "pair" (type $p'))
      (export $c "some-color" (type $c'))
      (func (export "p") (result $p) (canon lift (core func $m "p") (memory (core memory $m "mem"))))
      (func (export "c") (result $c) (canon lift (core func $m "c"))))"""
    with weft.Store(engine()) as store:
        instance = link(store, text)
        pair = instance.get_func("p").call(store)
        assert type(pair).__name__ == "Pair"
        assert (pair.x_axis, pair.y_axis) == (7, 0)
        color = instance.get_func("c").call(store)
        assert type(color).__name__ == "SomeColor"


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        (
            '(func (export "f") (result i32) unreachable)',
            "the core function of `f` must have type `(func (result i64))`, but has type `(func (result i32))`",
        ),
        (
            '(func (export "f") (result i64) unreachable) (func (export "post") (param i32))',
            "option `post-return` must",
        ),
    ],
)
def test_core_signatures_are_checked_with_64_bit_memories(parts: str, fault: str) -> None:
    """With a 64-bit memory the validator does not tell i32 from i64: linking does."""
    post = '(post-return (core func $m "post"))' if "post" in parts else ""
    text = f"""(component
      (core module $M (memory (export "mem") i64 1) {parts})
      (core instance $m (instantiate $M))
      (func (export "f") (result string) (canon lift (core func $m "f") (memory (core memory $m "mem")) {post})))"""
    assert fault in link_error(text)
