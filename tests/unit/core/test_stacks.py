"""Stacks of fibers from memory of the embedder's."""

from __future__ import annotations

import mmap
import subprocess
import sys

import pytest
from anyio.lowlevel import checkpoint
from core_guests import load

import weft
from weft import core

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="needs the C library of Linux"),
]

NAPPER = """
(module (import "host" "nap" (func $nap (param i32) (result i32)))
  (func $deep (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (call $nap (i32.const 7)))
      (else (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))))
  (func (export "f") (param i32) (result i32) (call $deep (local.get 0)))
  (func $forever (export "forever") (result i32) (i32.add (call $forever) (i32.const 1))))
"""


class Pool:
    """A creator that uses memory again, and counts."""

    def __init__(self) -> None:
        self.made: list[mmap.mmap] = []
        self.free: list[mmap.mmap] = []

    def new_stack(self, byte_length: int) -> mmap.mmap:
        if not self.free:
            self.made.append(mmap.mmap(-1, byte_length))
            return self.made[-1]
        return self.free.pop()

    def free_stack(self, stack: mmap.mmap) -> None:
        self.free.append(stack)

    def close(self) -> None:
        for stack in self.made:
            stack.close()


def engine(creator) -> weft.Engine:
    return weft.Engine(weft.Config(cache_dir=None, stack_creator=creator))


def napping(made: weft.Engine) -> core.Linker:
    linker = core.Linker(made)

    async def nap(n):
        for _ in range(3):
            await checkpoint()
        return n

    linker.define_async_func("host", "nap", core.CoreSig(("i32",), ("i32",)), nap)
    return linker


async def calls(made: weft.Engine, count: int) -> list[int]:
    """Make calls that are suspended at the same time, in the depth of some guest frames."""
    async with core.Store(made) as store:
        func = load(store, NAPPER, napping(made)).get_func("f")
        futures = [func.start_call(index) for index in range(count)]
        for future in futures:
            assert not future.poll()
        return [await future for future in futures]


async def test_guests_run_on_given_stacks() -> None:
    """Suspended calls keep what they have on their stacks, and every stack is given back by the end of the store."""
    pool = Pool()
    assert await calls(engine(pool), 40) == [7 + index for index in range(40)]
    assert len(pool.made) == 40
    assert len(pool.free) == 40
    pool.close()


async def test_stacks_are_used_again() -> None:
    """What one store has given back serves the next."""
    pool = Pool()
    made = engine(pool)
    for _ in range(20):
        assert await calls(made, 5) == [7, 8, 9, 10, 11]
    assert len(pool.made) == 5


async def test_a_guest_that_recurses_for_ever_traps() -> None:
    """The limit of a guest's frames holds on a given stack as on any other."""
    made = engine(Pool())
    async with core.Store(made) as store:
        forever = load(store, NAPPER, napping(made)).get_func("forever")
        with pytest.raises(weft.Trap) as caught:
            await forever.call_async()
        assert caught.value.code is weft.TrapCode.STACK_OVERFLOW


@pytest.mark.parametrize(
    ("stack", "error"),
    [
        (lambda _length: 1 / 0, ZeroDivisionError),
        (lambda _length: None, TypeError),
        (bytes, TypeError),
        (lambda length: mmap.mmap(-1, length - mmap.PAGESIZE), ValueError),
        (lambda length: memoryview(mmap.mmap(-1, length + mmap.PAGESIZE))[1:], ValueError),
    ],
)
async def test_a_creator_that_fails(stack, error) -> None:
    """What a creator raises, and memory that will not do, is raised from the call that needs the stack."""

    class Creator(Pool):
        def new_stack(self, byte_length: int):
            return stack(byte_length)

    made = engine(Creator())
    async with core.Store(made) as store:
        func = load(store, NAPPER, napping(made)).get_func("f")
        with pytest.raises(error):
            await func.call_async(0)


LEAVES = """
import asyncio, mmap, weft
from weft import core

class Creator:
    def new_stack(self, byte_length): return mmap.mmap(-1, byte_length)
    def free_stack(self, stack): stack.close()

engine = weft.Engine(weft.Config(cache_dir=None, stack_creator=Creator()))

async def nap(_n):
    await asyncio.sleep(1000)

async def main():
    global store
    linker = core.Linker(engine)
    linker.define_async_func("host", "nap", core.CoreSig(("i32",), ("i32",)), nap)
    store = core.Store(engine)
    await store.__aenter__()
    instance = await linker.instantiate_async(store, core.Module(engine, GUEST))
    instance.get_func("f").start_call(3).poll()
    print(len(store.core.suspended))

coroutine = main()
try:
    asyncio.new_event_loop().run_until_complete(coroutine)
finally:
    import os, sys
    sys.stdout.flush()
"""


def test_the_interpreter_may_end_with_guests_on_their_stacks() -> None:
    """A process ends well though a store with a suspended call was never closed."""
    script = f"GUEST = {NAPPER!r}\n{LEAVES}"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "1\n"), ran.stderr
