"""Host functions over a part of the store's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio.lowlevel import checkpoint
from guests import POLLER, WAITER, component, engine, linker, unused, waiter

import weft

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


class Counter:
    """What a package's host functions keep."""

    def __init__(self) -> None:
        self.calls = 0

    def count(self, n: int) -> int:
        self.calls += n
        return self.calls


def add_to_linker(to: weft.Linker, getter: Callable[[Any], Counter]) -> None:
    """Add a package's functions, which know only how to find their counter."""

    @to.root.func_wrap_concurrent("wait")
    async def wait(accessor: weft.Accessor, n: int) -> int:
        await checkpoint()
        return accessor.with_getter(getter).get().count(n)

    @to.root.func_wrap("poll")
    def poll(store: weft.Store, n: int) -> int:
        return store.with_getter(getter).get().count(n)


async def test_a_package_sees_its_part_of_the_data() -> None:
    """The same functions serve stores whose data differ, given what finds their part; each store has its own."""
    made = linker()
    add_to_linker(made, lambda data: data["counters"][0])
    stores = [weft.Store(engine(), data={"counters": [Counter()], "other": n}) for n in range(2)]
    for n, opened in enumerate(stores, 1):
        async with opened as store:
            waits = (await made.instantiate(store, component(WAITER))).get_func("wait")
            polls = (await made.instantiate(store, component(POLLER))).get_func("poll")
            assert await waits.call_async(store, n) == n
            assert await polls.call_async(store, n) == 2 * n + 1
    assert [store.data["counters"][0].calls for store in stores] == [2, 4]


async def test_a_projection_is_a_view() -> None:
    """`get` finds the data anew each time; without a getter it is all of it, and `data` always is."""
    with weft.Store(engine(), data={"part": 1}) as store:
        whole = store.accessor
        part = whole.with_getter(lambda data: data["part"])
        assert (whole.get(), part.get(), part.data) == ({"part": 1}, 1, {"part": 1})
        store.data = {"part": 2}
        assert part.get() == 2
        assert part.with_getter(len).get() == 1


async def test_a_projected_accessor_serves_as_any() -> None:
    """Calls take a projected accessor, and tasks it spawns are given it, too."""
    seen: list[object] = []

    async def background(accessor: weft.Accessor, n: int) -> None:
        seen.append((accessor.get(), n))

    async with waiter(unused) as (store, instance):
        store.data = {"part": 5}

        async def main(accessor: weft.Accessor) -> None:
            part = accessor.with_getter(lambda data: data["part"])
            assert await instance.get_func("add").call_concurrent(part, 1, 2) == 3
            await part.spawn(background, 6)
            await accessor.spawn(background, 7)

        await store.run_concurrent(main)
    assert seen == [(5, 6), ({"part": 5}, 7)]
