"""Counts visits: ``python examples/keyvalue/run.py visits.db Ada Bob Ada``. The database remembers them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import keyvalue
import visits

import weft

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
BUILT = HERE / "build" / "guest.wasm"
GUEST = BUILT if BUILT.exists() else HERE / "guest.wat"


async def visit(accessor: weft.Accessor, counter: visits.World, names: Sequence[str]) -> None:
    """Let everybody visit, and print what the guest sees of it."""
    visitors = await counter.visitors(accessor)
    with visitors.guard(accessor):
        for name in names:
            print(f"{name}: visit {await counter.visit(accessor, name)}")
            for change in await visitors.read(accessor):
                print(f"changed: {change.key} is {(change.value or b'nothing').decode()}")


async def main(path: str, names: Sequence[str]) -> None:
    engine = weft.Engine()
    component = weft.Component.from_file(engine, GUEST)
    linker = weft.Linker(engine)
    async with keyvalue.Database.open(path) as database:
        keyvalue.add_to_linker(linker, keyvalue.KeyValue(database))
        async with weft.Store(engine) as store:
            counter = visits.World(await linker.instantiate(store, component))
            await store.run_concurrent(visit, counter, names)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python run.py DATABASE [NAME ...]")
    anyio.run(main, sys.argv[1], sys.argv[2:])
