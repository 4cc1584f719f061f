"""Guests that use the built-ins in any order: every run ends, well or in a named error, and leaves nothing behind."""

from __future__ import annotations

import random
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from random_guest import SLOTS, component_text, random_program

import weft

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")

ENGINE = weft.Engine(weft.Config(cache_dir=None))
FUNCTIONS = ("number", "number-sync", "number-stackful", "number-plain", "send", "get", "give")


class PlannedError(Exception):
    """What host functions raise now and then."""


class Host:
    """Host functions that do anything that a host may do, at random."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.linker = weft.Linker(ENGINE)
        self.thing = self.linker.root.resource("thing", self.destroy)
        api = self.linker.instance("host")
        for name in ("number", "send", "get", "give"):
            api.func_wrap_concurrent(name, getattr(self, name))
        api.func_wrap("make", lambda _store: weft.Resource(self.thing, 5))

    def fail_sometimes(self) -> None:
        if self.chance.random() < 0.05:
            raise PlannedError

    def destroy(self, _rep: int) -> None:
        self.fail_sometimes()

    async def number(self, _accessor: weft.Accessor, _x: int) -> int:
        for _ in range(self.chance.randrange(3)):
            await anyio.lowlevel.checkpoint()
        self.fail_sometimes()
        return self.chance.randrange(1 << 32)

    async def send(self, accessor: weft.Accessor, texts: Any) -> int:
        match self.chance.randrange(3):
            case 0:
                texts.close(accessor)
            case 1:
                await texts.pipe(accessor, weft.consumers.discard())
            case _:
                accessor.spawn(self.read, texts)
        return 1

    async def read(self, accessor: weft.Accessor, texts: Any) -> None:
        try:
            while True:
                await texts.read(accessor, 2)
        except (anyio.EndOfStream, weft.WeftError):
            pass

    async def get(self, accessor: weft.Accessor, byte: Any) -> Any:
        byte.close(accessor)
        return self.chance.choice((b"abc", [1, 2, 3], self.chunks()))

    async def chunks(self) -> Any:
        for length in range(3):
            await anyio.lowlevel.checkpoint()
            yield b"x" * length

    async def give(self, _accessor: weft.Accessor, mine: weft.Resource, _yours: weft.Resource) -> None:
        if self.chance.random() < 0.5:
            mine.drop()


async def call(accessor: weft.Accessor, instance: weft.Instance, host: Host) -> None:
    """Make one call of one of the two guests."""
    name = host.chance.choice(FUNCTIONS)
    arguments: tuple[Any, ...] = (host.chance.randrange(SLOTS),)
    if name == "send":
        arguments = (["x", "yy", "z" * host.chance.randrange(300)],)
    elif name == "get":
        arguments = (weft.producers.from_value(3),)
    elif name == "give":
        arguments = (weft.Resource(host.thing, 1), weft.Resource(host.thing, 2))
    try:
        result = await instance.get_func(host.chance.choice("aabb"), name).call_concurrent(accessor, *arguments)
    except weft.InternalError:
        raise
    except (weft.WeftError, PlannedError):
        return
    if hasattr(result, "close"):
        result.close(accessor)


def load(store: weft.Store, instance: weft.Instance, chance: random.Random) -> None:
    """Write random programs into both guests."""
    mistakes = chance.choice((0.0, 0.01, 0.03))
    for side in "ab":
        for slot in range(SLOTS):
            given = {4: (chance.choice(("texts-reader", "byte-reader")),), 5: ("thing",)}.get(slot, ())
            instance.get_func(side, "program").call(store, slot, random_program(chance, mistakes, given))


async def run(seed: int, component: weft.Component) -> None:
    """Run one set of programs to its end, or for as long as it makes progress."""
    chance = random.Random(seed)
    host = Host(chance)
    async with weft.Store(ENGINE, seed=chance.choice((None, seed))) as store:
        instance = await host.linker.instantiate(store, component)
        load(store, instance, chance)

        async def main(accessor: weft.Accessor) -> None:
            with anyio.move_on_after(0.02):
                async with anyio.create_task_group() as group:
                    for _ in range(chance.randrange(1, 4)):
                        group.start_soon(call, accessor, instance, host)

        try:
            await store.run_concurrent(main)
        except weft.InternalError:
            raise
        except (weft.WeftError, PlannedError):
            pass
        state = store.state
        assert (state.nesting, state.current, list(state.core.running)) == (0, None, [])
    assert not state.core.suspended
    assert not store.open_transmits


@pytest.fixture(scope="module")
def component() -> weft.Component:
    return weft.Component(ENGINE, component_text())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("first", range(0, 150, 25))
def test_any_order_of_built_ins(component: weft.Component, first: int, backend: str) -> None:
    """Whatever the guests do, and whatever the host does meanwhile, nothing but a named error comes out."""
    for seed in range(first, first + 25):
        anyio.run(run, seed, component, backend=backend)
