"""The streams of asyncio as producers and consumers.

They own their buffers, so their bytes are copied once; `weft.host.streams.sockets` copies none.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from weft.errors import StoreError
from weft.host.streams.awaiting import AwaitingConsumer, AwaitingProducer
from weft.host.streams.transmits import StreamResult

if TYPE_CHECKING:
    from weft.host.streams.destination import Destination
    from weft.host.streams.source import Source
    from weft.host.streams.transmits import StreamConsumer, StreamProducer

AtEnd: TypeAlias = Literal["keep", "eof", "close"]

BATCH = 65536
"""How many bytes are read or written at a time, at the most."""


def from_asyncio_reader(reader: asyncio.StreamReader) -> StreamProducer:
    """Produce the bytes that an asyncio stream reads.

    Raises:
        StoreError: the event loop here is not asyncio's.
    """
    _check_loop("from_byte_stream")
    return _ReaderProducer(reader)


def to_asyncio_writer(writer: asyncio.StreamWriter, *, at_end: AtEnd = "keep") -> StreamConsumer:
    """Write the bytes of a ``stream<u8>`` to an asyncio stream, and drain it after each piece.

    If the other side is gone, the writer is told so, and whoever awaits the pipe gets the `ConnectionError`.

    Args:
        writer: where to write.
        at_end: what to do at the end: nothing, ``write_eof()``, or ``close()``.

    Raises:
        StoreError: the event loop here is not asyncio's.
    """
    _check_loop("to_byte_stream")
    return _WriterConsumer(writer, at_end)


def _check_loop(instead: str) -> None:
    trio = sys.modules.get("trio")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        fits = False
    else:
        fits = trio is None or not trio.lowlevel.in_trio_task()  # trio can run as a guest of asyncio's loop
    if not fits:
        raise StoreError(f"the streams of asyncio need its event loop, running: use {instead} for those of anyio")


@final
class _ReaderProducer(AwaitingProducer):
    __slots__ = ("_reader",)

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def produce(self, destination: Destination) -> StreamResult:
        """Read as many bytes as fit, at the most; a read that is given up has taken none."""
        remaining = destination.remaining
        data = await self._reader.read(BATCH if remaining is None else min(remaining, BATCH))
        if not data:
            return StreamResult.DROPPED
        destination.write(data)
        return StreamResult.COMPLETED


@final
class _WriterConsumer(AwaitingConsumer):
    __slots__ = ("_at_end", "_broken", "_writer")

    def __init__(self, writer: asyncio.StreamWriter, at_end: AtEnd) -> None:
        self._writer = writer
        self._at_end = at_end
        self._broken: ConnectionError | None = None

    async def consume(self, source: Source) -> StreamResult:
        """Write a piece. As a copy: the transport keeps what it cannot send yet."""
        try:
            self._writer.write(source.read(min(source.remaining, BATCH)))
            await self._writer.drain()
        except ConnectionError as error:
            self._broken = error
            return StreamResult.DROPPED
        return StreamResult.COMPLETED

    async def aclose(self) -> None:
        """Do what was wished for the end."""
        if self._broken is None and self._at_end == "eof":
            self._writer.write_eof()
        elif self._at_end == "close":
            self._writer.close()
            try:
                await self._writer.wait_closed()
            except ConnectionError as error:
                self._broken = self._broken or error
        if self._broken is not None:
            raise self._broken


__all__ = ["AtEnd", "from_asyncio_reader", "to_asyncio_writer"]
