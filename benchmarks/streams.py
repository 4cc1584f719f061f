"""`stream<u8>` from the host to a guest, chunk by chunk, against copying the same bytes to the same kind of place."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter

import weft
from benchmarks import guest
from benchmarks.case import Case, Runners, Target

TOTAL_BYTE_LENGTH = 16 << 20


def _chunks(chunk: int, count: int) -> list[bytes]:
    """Return different chunks, as a real stream has them: cold in the caches."""
    return [bytes([i & 255]) * chunk for i in range(count)]


async def _sink(component: weft.Component, chunk: int, count: int) -> float:
    async with weft.Store(component.engine) as store:
        instance = await weft.Linker(component.engine).instantiate(store, component)
        sink = instance.get_func("sink")
        chunks = _chunks(chunk, count)

        async def main(accessor: weft.Accessor) -> float:
            started = perf_counter()
            total = await sink.call_concurrent(accessor, weft.producers.from_iterable(chunks), chunk)
            taken = perf_counter() - started
            assert total == chunk * count
            return taken

        return await store.run_concurrent(main)


def _copy(chunk: int, count: int) -> float:
    target, chunks, place = memoryview(bytearray(2 * chunk)), _chunks(chunk, count), slice(0, chunk)
    started = perf_counter()
    for data in chunks:
        target[place] = data
    return perf_counter() - started


def _stream(chunk: int) -> Runners:
    component = guest.load("streams")
    return Runners(lambda count: asyncio.run(_sink(component, chunk, count)), partial(_copy, chunk))


def _case(kibibytes: int, target: Target) -> Case:
    chunk = kibibytes << 10
    return Case(f"one chunk of {kibibytes} KiB", partial(_stream, chunk), target, count=TOTAL_BYTE_LENGTH // chunk)


CASES = (_case(1, Target()), _case(4, Target()), _case(64, Target(of_limit=2)))
