"""The table of objects behind resources of the host's."""

from __future__ import annotations

import pytest
from guests import component, engine
from hypothesis import given
from hypothesis import strategies as st

import weft

# Gets a resource of the host's, passes it back as a borrow, and drops it.
USER = """
(component
  (import "thing" (type $thing (sub resource)))
  (import "make" (func $make (param "n" u32) (result (own $thing))))
  (import "read" (func $read (param "thing" (borrow $thing)) (result u32)))
  (core func $make (canon lower (func $make)))
  (core func $read (canon lower (func $read)))
  (core func $drop (canon resource.drop $thing))
  (core module $Guest
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "read" (func $read (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (param i32) (result i32)
      (local $thing i32)
      (local.set $thing (call $make (local.get 0)))
      (call $read (local.get $thing))
      (call $drop (local.get $thing))))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "make" (func $make))
    (export "read" (func $read))
    (export "drop" (func $drop))))))
  (func (export "run") (param "n" u32) (result u32) (canon lift (core func $guest "run"))))
"""


def test_a_table_serves_a_resource() -> None:
    """`new` makes what a guest gets, `get` finds it behind a borrow, and `delete` is a destructor."""
    table = weft.ResourceTable()
    linker = weft.Linker(engine())
    thing = linker.root.resource("thing", table.delete)
    linker.root.func_wrap("make", lambda _store, n: table.new(thing, [n]))
    linker.root.func_wrap("read", lambda _store, handle: table.get(handle, list)[0] + len(table))
    with weft.Store(engine()) as store:
        instance = linker.instantiate_sync(store, component(USER))
        assert instance.get_func("run").call(store, 6) == 7
    assert len(table) == 0


def test_representations_are_used_again() -> None:
    """Entries count from 1, and a deleted one's number is the next to be given."""
    table = weft.ResourceTable()
    assert [table.push(c) for c in "abc"] == [1, 2, 3]
    assert table.delete(2) == "b"
    assert table.push("d") == 2
    assert dict(table) == {1: "a", 2: "d", 3: "c"}
    assert 2 in table
    assert 4 not in table


def test_what_is_not_there() -> None:
    """Every operation on a number that is not in the table is a ResourceNotPresentError, which is a LookupError."""
    table = weft.ResourceTable()
    there = table.push("x")
    for operation in (
        lambda: table.get(9),
        lambda: table.delete(0),
        lambda: table.push_child("y", 9),
        lambda: table.children(9),
        lambda: table.add_child(9, there),
        lambda: table.add_child(there, 9),
        lambda: table.remove_child(there, 9),
    ):
        with pytest.raises(weft.ResourceNotPresentError, match=r"there is no resource [09]") as caught:
            operation()
        assert isinstance(caught.value, LookupError)
    assert len(table) == 1


def test_the_kind_is_checked() -> None:
    """An object of another class than asked for is a ResourceWrongTypeError, and stays."""
    table = weft.ResourceTable()
    rep = table.push("text")
    assert table.get(rep, str) == "text"
    for operation in (table.get, table.delete):
        with pytest.raises(weft.ResourceWrongTypeError, match="expected a resource of bytes, found str"):
            operation(rep, bytes)
    assert table.delete(rep, str) == "text"


def test_a_full_table() -> None:
    """No more entries than the capacity get in; raising it, or deleting one, makes room; lowering it deletes none."""
    table = weft.ResourceTable(capacity=2)
    table.push(1)
    parent = table.push(2)
    with pytest.raises(weft.ResourceTableFullError, match="no room for more than 2"):
        table.push(3)
    with pytest.raises(weft.ResourceTableFullError):
        table.push_child(3, parent)
    assert table.children(parent) == ()
    table.capacity = 3
    table.push(3)
    table.capacity = 1
    assert len(table) == 3


def test_children_keep_their_parent() -> None:
    """An entry with children cannot be deleted; when they are deleted or removed, it can."""
    table = weft.ResourceTable()
    parent = table.push("directory")
    children = [table.push_child(name, parent) for name in ("a", "b")]
    assert table.children(parent) == tuple(children)
    with pytest.raises(weft.ResourceHasChildrenError, match="resource 1 has 2 children"):
        table.delete(parent)
    assert table.get(parent) == "directory"
    table.delete(children[0])
    table.remove_child(children[1], parent)
    assert table.delete(parent) == "directory"
    assert table.get(children[1]) == "b"


def test_families_are_trees() -> None:
    """A child has one parent, and nothing is its own ancestor."""
    table = weft.ResourceTable()
    root = table.push("root")
    leaf = table.push_child("leaf", root)
    other = table.push("other")
    with pytest.raises(ValueError, match="is a child of resource 1 already"):
        table.add_child(leaf, other)
    for descendant in (root, leaf):
        with pytest.raises(ValueError, match="its own ancestor"):
            table.add_child(root, descendant)
    with pytest.raises(ValueError, match="is no child of resource 3"):
        table.remove_child(leaf, other)
    assert table.children(root) == (leaf,)


@given(st.lists(st.tuples(st.sampled_from(["push", "child", "delete"]), st.integers(0, 20))))
def test_a_table_is_a_forest_of_dicts(steps: list[tuple[str, int]]) -> None:
    """Whatever is pushed and deleted, a number stands for the object it was given for, until that is deleted."""
    table = weft.ResourceTable()
    values: dict[int, object] = {}
    parents: dict[int, int] = {}
    for what, rep in steps:
        if what == "push" or (what == "child" and rep not in values):
            value = object()
            made = table.push(value)
            assert made not in values
            values[made] = value
        elif what == "child":
            value = object()
            made = table.push_child(value, rep)
            assert made not in values
            values[made], parents[made] = value, rep
        elif rep not in values:
            with pytest.raises(weft.ResourceNotPresentError):
                table.delete(rep)
        elif rep in parents.values():
            with pytest.raises(weft.ResourceHasChildrenError):
                table.delete(rep)
        else:
            assert table.delete(rep) is values.pop(rep)
            parents.pop(rep, None)
        assert dict(table) == values
        assert all(set(table.children(r)) == {c for c, p in parents.items() if p == r} for r in values)
