"""Generated packages drive real guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from attrs import define

import weft
from weft import bindgen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def engine() -> weft.Engine:
    return weft.Engine()


class TinyHost:
    async def nap(self, _accessor: weft.Accessor, ms: int) -> int:
        await anyio.lowlevel.checkpoint()
        return ms

    def twice(self, _store: weft.Store, x: int) -> int:
        return 2 * x


def run(
    engine: weft.Engine, component: weft.Component, host: Any, use: Callable[..., Awaitable[None]], awaited: Any = ()
) -> None:
    """Run ``use(accessor, world, package)`` with an instance of `component`, whose only import is `host`."""
    package = bindgen.load(component, awaited)
    linker = weft.Linker(engine)
    package.host.add_host(linker, host)
    linker.define_unknown_imports_as_traps(component)

    async def main() -> None:
        async with weft.Store(engine) as store:
            world = package.World(await linker.instantiate(store, component))
            await store.run_concurrent(lambda accessor: use(accessor, world, package))

    anyio.run(main)


def test_tiny(engine: weft.Engine, tiny_component: Path) -> None:
    """Sync and async functions, streams and futures of the hand-written guest work through its generated world."""

    async def use(accessor: weft.Accessor, world: Any, _package: Any) -> None:
        assert world.add_sync(1, 2) == await world.add(accessor, 1, 2) == 3
        assert world.echo_sync("naïve") == "naïve"
        assert world.twice_sync(4) == 8
        assert await world.sleep_and_add(accessor, 1, 2, 3) == 5
        assert not hasattr(world, "sleep_and_add_stackful_sync")
        piped = await world.pipe(accessor, b"to and fro")
        assert await piped.read_all(accessor) == b"to and fro"

        async def number() -> int:
            return 21

        doubled = await world.double(accessor, number())
        assert await doubled.read(accessor) == 42

    run(engine, weft.Component.from_file(engine, tiny_component), TinyHost(), use)


class SlowHost(TinyHost):
    async def twice(self, _accessor: weft.Accessor, x: int) -> int:  # type: ignore[override]
        await anyio.lowlevel.checkpoint()
        return 2 * x


def test_a_function_that_awaits_while_the_guest_waits(engine: weft.Engine, tiny_component: Path) -> None:
    """A function that is no ``async func`` may be an ``async def`` where the package was made so."""

    async def use(accessor: weft.Accessor, world: Any, _package: Any) -> None:
        assert await world.twice(accessor, 4) == 8

    run(engine, weft.Component.from_file(engine, tiny_component), SlowHost(), use, ["demo:tiny/host#twice"])


@define(eq=False)
class Counter:
    value: int
    dropped: list[int]

    def add(self, _store: weft.Store, amount: int) -> int:
        self.value += amount
        return self.value

    async def read_later(self, _accessor: weft.Accessor, ms: int) -> int:
        await anyio.sleep(ms / 1000)
        return self.value

    def on_drop(self) -> None:
        self.dropped.append(self.value)


class DemoHost(TinyHost):
    def __init__(self) -> None:
        self.logged: list[Any] = []
        self.dropped: list[int] = []

    def log(self, _store: weft.Store, level: Any, message: str) -> None:
        self.logged.append((level, message))

    def new_counter(self, _store: weft.Store, start: int) -> Counter:
        return Counter(start, self.dropped)

    def counter_alive(self, _store: weft.Store) -> int:
        return 0


def test_demo(engine: weft.Engine, demo_component: Path) -> None:
    """Values, resources of both sides and streams of the demo's guest work through its generated world."""
    host = DemoHost()

    async def use(accessor: weft.Accessor, world: Any, package: Any) -> None:
        values = package.values
        corner = values.Point(-3, 2, "naïve")
        for shape in (values.ShapeEmpty(), values.ShapeCircle(1.5), values.ShapePolygon([corner, corner])):
            assert await world.values.echo_variant(accessor, shape) == shape
        assert world.values.echo_records_sync([corner] * 3) == [corner] * 3
        assert world.values.echo_enum_sync(values.Colour.GREEN) is values.Colour.GREEN
        assert world.values.echo_nested_option_sync(weft.Some(None)) == weft.Some(None)
        digest = await world.jobs.hash(accessor, b"abc")
        assert isinstance(digest, package.jobs.Digest)
        assert digest.byte_length == 3

        counter = await world.jobs.make_counter(accessor, 5)
        assert isinstance(counter, Counter)
        assert await world.jobs.bump(accessor, counter, 2, 10) == 25
        assert await world.jobs.consume_counter(accessor, counter) == 25
        assert host.dropped == [25]

        ada, bob = world.bank.new_account_sync("Ada"), await world.bank.new_account(accessor, "Bob")
        assert await ada.deposit(accessor, 100) == 100
        with pytest.raises(weft.Err) as refused:
            await bob.withdraw_later(accessor, 1, 1)
        assert refused.value.value == "Bob has only 0"
        both = world.bank.account_merge_sync(ada, bob)
        assert both.owner_sync() == "Ada and Bob"
        assert world.bank.balance_sync(both) == 100
        both.drop()

    run(engine, weft.Component.from_file(engine, demo_component), host, use)
