"""The streams of asyncio as producers and consumers."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from stream_fakes import CANCELLED, COMPLETED, End, GuestReader

import weft
from weft.canon.types import Prim
from weft.errors import StoreError
from weft.host.streams import consumers, producers
from weft.host.streams.host_stream import HostStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio

ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])
TRIO = pytest.mark.parametrize("anyio_backend", ["trio"])
DATA = bytes(range(256)) * 1000


@pytest.fixture(scope="module")
def engine() -> weft.Engine:
    return weft.Engine()


@pytest.fixture
async def store(engine: weft.Engine) -> AsyncIterator[weft.Store]:
    async with weft.Store(engine) as store:
        yield store


async def run(store: weft.Store, func: Callable[[weft.Accessor], Awaitable[Any]]) -> Any:
    with anyio.fail_after(10):
        return await store.run_concurrent(func)


async def connection() -> tuple[asyncio.StreamWriter, asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a writer, and the reader at the other side with its own writer."""
    near, far = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=near)
    reader, back = await asyncio.open_connection(sock=far)
    return writer, reader, back


async def close(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        await writer.wait_closed()


class Guest(GuestReader):
    """A guest that reads what a producer of a real store writes."""

    def __init__(self, store: weft.Store, producer: Any) -> None:
        End.__init__(self)
        self.stream = HostStream(store, producer, Prim.U8)


@ASYNCIO
@pytest.mark.parametrize("at_end", ["eof", "close"])
async def test_from_stream_to_stream(store: weft.Store, at_end: Any) -> None:
    """More than any buffer holds goes into one stream of asyncio's and comes out of another, and then it ends."""
    writer, reader, back = await connection()

    async def main(accessor: weft.Accessor) -> bytes:
        source = weft.StreamReader.new(accessor, DATA)
        out = weft.StreamReader.new(accessor, producers.from_asyncio_reader(reader))
        pipe = source.pipe(accessor, consumers.to_asyncio_writer(writer, at_end=at_end))
        found: bytes = await out.read_all(accessor)
        await pipe
        return found

    assert await run(store, main) == DATA
    assert writer.is_closing() == (at_end == "close")
    await close(writer, back)


@ASYNCIO
async def test_a_stream_may_be_kept(store: weft.Store) -> None:
    """By default the stream stays open for what is written next."""
    writer, reader, back = await connection()

    async def main(accessor: weft.Accessor) -> None:
        for data in (b"abc", b"de"):
            await weft.StreamReader.new(accessor, data).pipe(accessor, consumers.to_asyncio_writer(writer))
        assert await reader.readexactly(5) == b"abcde"

    await run(store, main)
    await close(writer, back)


@ASYNCIO
async def test_a_read_that_is_taken_back_loses_nothing(store: weft.Store) -> None:
    """A guest that cancels its read gets with the next what came meanwhile."""
    writer, reader, back = await connection()

    async def main(_accessor: weft.Accessor) -> None:
        guest = Guest(store, producers.from_asyncio_reader(reader))
        assert guest.read(4) is None
        await anyio.wait_all_tasks_blocked()
        guest.cancel()
        while not guest.answer:
            await anyio.lowlevel.checkpoint()
        assert guest.answer == (CANCELLED, 0)
        writer.write(b"abc")
        guest.read(4)
        while not guest.answer:
            await anyio.lowlevel.checkpoint()
        assert (guest.answer, guest.data) == ((COMPLETED, 3), b"abc")

    await run(store, main)
    await close(writer, back)


@ASYNCIO
async def test_a_lost_connection_reaches_who_awaits_the_pipe(store: weft.Store) -> None:
    """When the other side is gone the pipe ends, with asyncio's exception."""
    writer, _, back = await connection()
    await close(back)

    async def main(accessor: weft.Accessor) -> None:
        pieces = weft.StreamReader.new(accessor, iter([b"abc"] * 1000))
        with pytest.raises(ConnectionError):
            await pieces.pipe(accessor, consumers.to_asyncio_writer(writer, at_end="close"))

    await run(store, main)


@TRIO
async def test_trio_has_no_such_streams(store: weft.Store) -> None:
    """In another event loop the error says what to use there."""
    del store
    with pytest.raises(StoreError, match="use from_byte_stream"):
        producers.from_asyncio_reader(None)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="use to_byte_stream"):
        consumers.to_asyncio_writer(None)  # type: ignore[arg-type]
