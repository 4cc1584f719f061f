"""A program that embeds the package `kv`, beside data of its own: ``python examples/host_package/run.py``."""

from __future__ import annotations

from pathlib import Path

import anyio
import kv
from attrs import define, field

import weft

GUEST = Path(__file__).with_name("guest.wat")


@define
class Data:
    """What this program keeps for each store; the package sees its own part only."""

    user: str
    kv: kv.KeyValue = field(factory=kv.KeyValue)


async def use(accessor: weft.Accessor, swap: weft.Func, changes: weft.Func) -> None:
    """Have the guest set values, and see what it watches."""
    watched: weft.StreamReader = await changes.call_concurrent(accessor)
    for value in ("tea", "coffee"):
        print(f"{accessor.data.user} had:", await swap.call_concurrent(accessor, "drink", value))
        print("changed:", await watched.read(accessor))
    watched.close(accessor)


async def main() -> None:
    engine = weft.Engine()
    linker = weft.Linker(engine)
    kv.add_to_linker(linker, lambda data: data.kv)
    async with weft.Store(engine, data=Data("Ada")) as store:
        instance = await linker.instantiate(store, weft.Component(engine, GUEST.read_text()))
        await store.run_concurrent(use, instance.get_func("swap"), instance.get_func("changes"))
        print("kept:", store.data.kv.buckets["main"].values)


if __name__ == "__main__":
    anyio.run(main)
