"""Limits of what the host holds for guests: the elements of their tables, and what one call may lift."""

from __future__ import annotations

import anyio
import pytest
from guests import component, engine, linker

import weft

pytestmark = pytest.mark.anyio

# Each function makes one kind of thing for ever.
HOARDER = """
(component
  (import "wait" (func $wait async))
  (core func $wait (canon lower (func $wait) async))
  (core func $set-new (canon waitable-set.new))
  (type $stream (stream u8))
  (core func $stream-new (canon stream.new $stream))
  (type $own (resource (rep i32)))
  (core func $own-new (canon resource.new $own))
  (core module $Guest
    (import "" "wait" (func $wait (result i32)))
    (import "" "set-new" (func $set_new (result i32)))
    (import "" "stream-new" (func $stream_new (result i64)))
    (import "" "own-new" (func $own_new (param i32) (result i32)))
    (func (export "calls") (loop $again (drop (call $wait)) (br $again)))
    (func (export "sets") (loop $again (drop (call $set_new)) (br $again)))
    (func (export "streams") (loop $again (drop (call $stream_new)) (br $again)))
    (func (export "resources") (loop $again (drop (call $own_new (i32.const 1))) (br $again))))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "wait" (func $wait))
    (export "set-new" (func $set-new))
    (export "stream-new" (func $stream-new))
    (export "own-new" (func $own-new))))))
  (func (export "calls") async (canon lift (core func $guest "calls") async))
  (func (export "sets") async (canon lift (core func $guest "sets") async))
  (func (export "streams") async (canon lift (core func $guest "streams") async))
  (func (export "resources") async (canon lift (core func $guest "resources") async)))
"""


@pytest.mark.parametrize("kind", ["calls", "sets", "streams", "resources"])
async def test_a_guest_that_hoards_traps(kind: str) -> None:
    """Endless calls, waitable sets, streams or resources fill the table of the instance, and then the guest traps."""
    ended: list[int] = []

    async def wait(_accessor: weft.Accessor) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(1)

    async with weft.Store(engine(), limits=weft.StoreLimits(handles=50)) as store:
        instance = await linker(concurrent={"wait": wait}).instantiate(store, component(HOARDER))
        with pytest.raises(weft.Trap) as caught:
            await instance.get_func(kind).call_async(store)
        assert caught.value.code is weft.TrapCode.HANDLE_TABLE_FULL
    assert len(ended) <= 51


def test_the_limit_of_tables_is_that_of_wasmtime() -> None:
    """By default a table has room for a million elements."""
    with weft.Store(engine()) as store:
        assert store.state.max_handles == 1_000_000


def test_the_budget_of_a_call_can_be_set() -> None:
    """`Store.hostcall_budget` is 128 MiB until it is set, to nothing negative."""
    with weft.Store(engine()) as store:
        assert store.hostcall_budget == 128 << 20
        store.hostcall_budget = 1000
        assert store.hostcall_budget == 1000
        with pytest.raises(ValueError, match="negative"):
            store.hostcall_budget = -1
        assert store.hostcall_budget == 1000
