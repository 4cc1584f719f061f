"""Destructors of the host's resources, at once and later."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint
from guests import component, engine

import weft

pytestmark = pytest.mark.anyio

# Drops a resource that it is given.
DROPPER = """
(component
  (import "thing" (type $thing (sub resource)))
  (core func $drop (canon resource.drop $thing))
  (core module $Guest
    (import "" "drop" (func $drop (param i32)))
    (func (export "drop") (param i32) (call $drop (local.get 0))))
  (core instance $guest (instantiate $Guest (with "" (instance (export "drop" (func $drop))))))
  (func (export "drop") (param "thing" (own $thing)) (canon lift (core func $guest "drop"))))
"""

KINDS = pytest.mark.parametrize("kind", ["resource_async", "resource_concurrent"])


@KINDS
async def test_a_destructor_that_awaits_runs_beside_the_guest(kind: str) -> None:
    """The guest that drops goes on at once; destructors run at the same time, with an accessor."""
    begun: list[int] = []
    ended: list[int] = []
    both = anyio.Event()

    async def destroy(accessor: weft.Accessor, rep: int) -> None:
        assert accessor.data == "mine"
        begun.append(rep)
        await both.wait()
        ended.append(rep)

    linker = weft.Linker(engine())
    thing = getattr(linker.root, kind)("thing", destroy)
    async with weft.Store(engine(), data="mine") as store:
        drop = (await linker.instantiate(store, component(DROPPER))).get_func("drop")

        async def main(accessor: weft.Accessor) -> None:
            for rep in (3, 4):
                await drop.call_concurrent(accessor, weft.Resource(thing, rep))
            await anyio.wait_all_tasks_blocked()
            assert (sorted(begun), ended) == ([3, 4], [])
            both.set()
            await anyio.wait_all_tasks_blocked()
            assert sorted(ended) == [3, 4]

        await store.run_concurrent(main)


async def test_what_a_destructor_raises_fails_the_loop() -> None:
    """An error of a destructor that awaits comes up where the store's loop runs."""

    async def destroy(_accessor: weft.Accessor, _rep: int) -> None:
        await checkpoint()
        raise ValueError("cannot be destroyed")

    linker = weft.Linker(engine())
    thing = linker.root.resource_concurrent("thing", destroy)
    async with weft.Store(engine()) as store:
        drop = (await linker.instantiate(store, component(DROPPER))).get_func("drop")

        async def main(accessor: weft.Accessor) -> None:
            await drop.call_concurrent(accessor, weft.Resource(thing, 1))
            await anyio.sleep_forever()

        with pytest.raises(ValueError, match="cannot be destroyed"):
            await store.run_concurrent(main)


async def test_the_host_drops_a_handle_itself() -> None:
    """A handle that no guest has had must say which store its destructor runs in."""
    destroyed: list[int] = []

    async def destroy(_accessor: weft.Accessor, rep: int) -> None:
        await checkpoint()
        destroyed.append(rep)

    linker = weft.Linker(engine())
    thing = linker.root.resource_concurrent("thing", destroy)
    async with weft.Store(engine()) as store:
        with pytest.raises(weft.StoreError, match="the destructor of thing awaits"):
            weft.Resource(thing, 1).drop()
        weft.Resource(thing, 2, store=store.state).drop()
        await anyio.wait_all_tasks_blocked()
    assert destroyed == [2]


async def test_a_store_without_event_loop_cannot_run_one() -> None:
    """In a store that was not opened with `async with`, the drop fails and says what to do."""

    async def destroy(_accessor: weft.Accessor, _rep: int) -> None:
        raise AssertionError

    linker = weft.Linker(engine())
    thing = linker.root.resource_concurrent("thing", destroy)
    with weft.Store(engine()) as store:
        drop = linker.instantiate_sync(store, component(DROPPER)).get_func("drop")
        with pytest.raises(weft.StoreError, match="open the store with `async with`"):
            drop.call(store, weft.Resource(thing, 1))
