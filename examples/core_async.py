"""Plain core modules whose host functions await: a hundred guests nap at once, and each thinks that it blocks.

Run it with ``python examples/core_async.py``.
"""

from __future__ import annotations

import time

import anyio

import weft
from weft import core

GUEST = """(module
  (import "host" "nap" (func $nap (param i32) (result i32)))
  (memory (export "memory") 1)
  ;; Naps three times, adds up how long, and leaves a note at the address it was given.
  (func (export "rest") (param $ms i32) (param $note i32) (result i32)
    (local $sum i32) (local $times i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $nap (local.get $ms))))
      (br_if $again (i32.lt_u (local.tee $times (i32.add (local.get $times) (i32.const 1))) (i32.const 3))))
    (i32.store8 (local.get $note) (i32.const 122))
    (local.get $sum))
  (func (export "fail") (param $ms i32) (drop (call $nap (local.get $ms))) unreachable))"""


async def nap(ms: int) -> int:
    """Sleep as any coroutine does; only the guest that called it waits."""
    await anyio.sleep(ms / 1000)
    return ms


async def main() -> None:
    engine = weft.Engine()
    linker = core.Linker(engine)
    linker.define_async_func("host", "nap", core.CoreSig(("i32",), ("i32",)), nap)

    async with core.Store(engine) as store:
        instance = await linker.instantiate_async(store, core.Module(engine, GUEST))
        rest, memory = instance.get_func("rest"), instance.get_memory("memory")
        results: dict[int, int] = {}

        async def one(number: int) -> None:
            results[number] = await rest.call_async(10 + number, number)

        start = time.monotonic()
        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(one, number)
        seconds = time.monotonic() - start
        assert results == {number: 3 * (10 + number) for number in range(100)}
        assert memory.read(0, 100) == b"z" * 100
        print(f"100 guests rested {sum(results.values()) / 1000:.1f} s between them, in {seconds:.1f} s")

        with anyio.move_on_after(0.01):
            await rest.call_async(60_000, 200)
        print(f"one was cancelled in its sleep, and left no note: {memory.read(200, 1)!r}")

        try:
            await instance.get_func("fail").call_async(1)
        except weft.Trap as trap:
            print(f"one failed after its nap: {trap} (function {trap.frames[0][1]})")

        # A call in the hands of the program: poll never waits, ready runs what the guest waits for.
        call = rest.start_call(1, 0)
        polls = 0
        while not call.poll():
            polls += 1
            await call.ready()
        print(f"one was driven by hand: {polls} waits, {call.result()} ms")


if __name__ == "__main__":
    anyio.run(main)
