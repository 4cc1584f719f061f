"""Resources of the host that are Python objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import define

from weft import Component, Engine, Linker, LowerError, Store, StoreLimits, Trap, TrapCode

if TYPE_CHECKING:
    from weft.host.func import Func

GUEST = """
(component
  (import "api" (instance $api
    (export "thing" (type $t (sub resource)))
    (export "make" (func (result (own $t))))
    (export "take" (func (param "t" (own $t))))
    (export "look" (func (param "t" (borrow $t))))))
  (alias export $api "thing" (type $t))
  (core func $make (canon lower (func $api "make")))
  (core func $take (canon lower (func $api "take")))
  (core func $look (canon lower (func $api "look")))
  (core func $drop (canon resource.drop $t))
  (core module $m
    (import "" "make" (func $make (result i32)))
    (import "" "take" (func $take (param i32)))
    (import "" "look" (func $look (param i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "make") (result i32) (call $make))
    (func (export "take") (param i32) (call $take (local.get 0)))
    (func (export "look") (param i32) (call $look (local.get 0)))
    (func (export "drop") (param i32) (call $drop (local.get 0)))
    (func (export "stop") (drop (call $make)) unreachable))
  (core instance $i (instantiate $m (with "" (instance
    (export "make" (func $make)) (export "take" (func $take)) (export "look" (func $look))
    (export "drop" (func $drop))))))
  (func (export "make") (result u32) (canon lift (core func $i "make")))
  (func (export "take") (param "t" u32) (canon lift (core func $i "take")))
  (func (export "look") (param "t" u32) (canon lift (core func $i "look")))
  (func (export "drop") (param "t" u32) (canon lift (core func $i "drop")))
  (func (export "stop") (canon lift (core func $i "stop"))))
"""


@define(eq=False, slots=True, weakref_slot=False)
class Thing:
    """Nothing but `on_drop`: not even weak references."""

    drops: int = 0
    fails: bool = False

    def on_drop(self) -> None:
        self.drops += 1
        if self.fails:
            raise ZeroDivisionError


@define(eq=False)
class Host:
    """What the guest imports; it makes `next`, and remembers what it was given."""

    next: object
    taken: list[object]

    def instantiate(self, store: Store) -> dict[str, Func]:
        linker = Linker(store.engine)
        api = linker.instance("api")
        api.object_resource("thing")
        api.func_wrap("make", lambda _store: self.next)
        api.func_wrap("take", lambda _store, thing: self.taken.append(thing))
        api.func_wrap("look", lambda _store, thing: self.taken.append(thing))
        instance = linker.instantiate_sync(store, Component(store.engine, GUEST))
        return {name: instance.get_func(name) for name in ("make", "take", "look", "drop", "stop")}


def test_ownership() -> None:
    """An object that a guest owns is the same object again when the guest lends it and gives it back."""
    host = Host(Thing(), [])
    with Store(Engine()) as store:
        guest = host.instantiate(store)
        handle = guest["make"].call(store)
        guest["look"].call(store, handle)
        guest["take"].call(store, handle)
        assert host.taken == [host.next, host.next]
        with pytest.raises(Trap, match="unknown handle"):
            guest["look"].call(store, handle)
    assert host.next.drops == 0


def test_drop() -> None:
    """An object is told when its owner drops it; one that has no `on_drop` is just let go."""
    host = Host(Thing(), [])
    with Store(Engine()) as store:
        guest = host.instantiate(store)
        guest["drop"].call(store, guest["make"].call(store))
        assert host.next.drops == 1
        first, host.next = host.next, "plain"
        guest["drop"].call(store, guest["make"].call(store))
    assert first.drops == 1


def test_a_guest_that_is_stopped_drops_what_it_owns() -> None:
    """An object is told when its owner traps, and when the store of its owner is closed."""
    host = Host(Thing(), [])
    with Store(Engine()) as store:
        guest = host.instantiate(store)
        with pytest.raises(Trap):
            guest["stop"].call(store)
        assert host.next.drops == 1
        trapped, host.next = host.next, Thing()
        host.instantiate(store)["make"].call(store)
        assert host.next.drops == 0
    assert (trapped.drops, host.next.drops) == (1, 1)


def test_an_error_of_an_object_that_is_let_go() -> None:
    """What `on_drop` raises when a guest is stopped surfaces, and the other objects are let go all the same."""
    host = Host(Thing(fails=True), [])
    store = Store(Engine())
    guest = host.instantiate(store)
    guest["make"].call(store)
    failing, host.next = host.next, Thing()
    guest["make"].call(store)
    with pytest.raises(ZeroDivisionError), store:
        pass
    assert (failing.drops, host.next.drops) == (1, 1)


def test_on_drop_cannot_await() -> None:
    """An `on_drop` that is an ``async def``, and would never run, is an error that says so."""

    class Async:
        async def on_drop(self) -> None:
            raise AssertionError

    host = Host(Async(), [])
    with Store(Engine()) as store:
        guest = host.instantiate(store)
        with pytest.raises(TypeError, match="`on_drop` of a Async cannot await"):
            guest["drop"].call(store, guest["make"].call(store))


def test_an_object_that_its_owner_has_no_room_for() -> None:
    """An object for which its owner has no handle left is told, as the others are when that guest traps."""
    things = [Thing() for _ in range(3)]
    host = Host(None, [])
    with Store(Engine(), limits=StoreLimits(handles=2)) as store:
        guest = host.instantiate(store)
        for host.next in things[:2]:
            guest["make"].call(store)
        host.next = things[2]
        with pytest.raises(Trap) as caught:
            guest["make"].call(store)
        assert caught.value.code is TrapCode.HANDLE_TABLE_FULL
    assert [thing.drops for thing in things] == [1, 1, 1]


def test_none_is_no_resource() -> None:
    """A function that forgot to return an object gets an error that says so."""
    host = Host(None, [])
    with Store(Engine()) as store:
        guest = host.instantiate(store)
        with pytest.raises(LowerError, match="an object that is a thing, got NoneType"):
            guest["make"].call(store)


def test_linker_defines_object_resources() -> None:
    """`object_resource` defines a resource type under its name."""
    assert Linker(Engine()).instance("a:b/c").object_resource("thing").name == "thing"
