"""Three concurrent calls of one guest, as a timeline: ``python examples/trace_demo.py out.json``.

Open the file at https://ui.perfetto.dev: each call is a track of its own, with what it waited for in between.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

import weft

# `nap` waits for the import of that name, twice, and returns the sum.
GUEST = """
(component
  (import "nap" (func $nap async (param "ms" u32) (result u32)))
  (core func $nap (canon lower (func $nap)))
  (core func $return (canon task.return (result u32)))
  (core module $Guest
    (import "" "nap" (func $nap (param i32) (result i32)))
    (import "" "return" (func $return (param i32)))
    (func (export "nap") (param i32)
      (call $return (i32.add (call $nap (local.get 0)) (call $nap (local.get 0))))))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "nap" (func $nap))
    (export "return" (func $return))))))
  (func (export "nap") async (param "ms" u32) (result u32) (canon lift (core func $guest "nap") async)))
"""


async def nap(_accessor: weft.Accessor, ms: int) -> int:
    await anyio.sleep(ms / 1000)
    return ms


async def main(path: Path) -> None:
    engine = weft.Engine()
    linker = weft.Linker(engine)
    linker.root.func_wrap_concurrent("nap", nap)
    async with weft.Store(engine, trace=weft.TraceWriter(path)) as store:
        instance = await linker.instantiate(store, weft.Component(engine, GUEST))
        func = instance.get_func("nap")

        async def call(accessor: weft.Accessor, ms: int) -> None:
            print(f"nap({ms}) returned {await func.call_concurrent(accessor, ms)}")

        async def calls(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                for ms in (3, 2, 1):
                    group.start_soon(call, accessor, ms)

        await store.run_concurrent(calls)
    print(f"wrote {path}")


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1] if len(sys.argv) > 1 else "trace.json"))
