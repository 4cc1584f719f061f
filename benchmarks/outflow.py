"""`stream<u8>` from a guest to the host, chunk by chunk, against copying the same bytes from the same kind of place."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, final

import weft
from benchmarks import guest
from benchmarks.case import Case, Runners, Target
from weft import StreamResult

if TYPE_CHECKING:
    from benchmarks.case import Runner

TOTAL_BYTE_LENGTH = 16 << 20  # the guest has as much to write from


@final
class _Copying:
    """A consumer that copies every chunk to the same place."""

    holds_operation = False

    def __init__(self, chunk: int) -> None:
        self.total = 0
        self._target = memoryview(bytearray(chunk))

    def poll_consume(self, _waker: weft.Waker, source: weft.Source, _finish: bool) -> StreamResult:
        with source.direct() as offered:
            length = len(offered)
            self._target[:length] = offered
        source.mark_read(length)
        self.total += length
        return StreamResult.COMPLETED


async def _drain(component: weft.Component, chunk: int, count: int) -> float:
    async with weft.Store(component.engine) as store:
        instance = await weft.Linker(component.engine).instantiate(store, component)
        await instance.get_func("fill").call_async(store)
        source = instance.get_func("source")
        consumer = _Copying(chunk)

        async def main(accessor: weft.Accessor) -> float:
            started = perf_counter()
            stream: weft.StreamReader = await source.call_concurrent(accessor, chunk, count)
            await stream.pipe(accessor, consumer)
            taken = perf_counter() - started
            assert consumer.total == chunk * count
            return taken

        return await store.run_concurrent(main)


def drain(component: weft.Component, chunk: int) -> Runner:
    """Return a runner that has a guest write so many chunks to a consumer."""
    return lambda count: asyncio.run(_drain(component, chunk, count))


def _memcpy(chunk: int, count: int) -> float:
    source, target = memoryview(bytearray(b"\1") * (chunk * count)), memoryview(bytearray(chunk))
    started = perf_counter()
    for start in range(0, chunk * count, chunk):
        target[:] = source[start : start + chunk]
    return perf_counter() - started


def _stream(chunk: int) -> Runners:
    return Runners(drain(guest.load("outflow"), chunk), partial(_memcpy, chunk))


def _case(kibibytes: int) -> Case:
    chunk = kibibytes << 10
    return Case(f"guest writes {kibibytes} KiB", partial(_stream, chunk), Target(), count=TOTAL_BYTE_LENGTH // chunk)


CASES = (_case(1), _case(4), _case(64))
