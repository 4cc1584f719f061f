"""Ready-made producers.

Where elements are numbers, strings or other primitives, or nobody knows yet what they are, an item that is a list, a
tuple or a buffer is a run of elements; everywhere else an item is one element.
"""

from __future__ import annotations

import inspect
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, final

import anyio
import anyio.to_thread

from weft.host.streams.asyncio_streams import from_asyncio_reader
from weft.host.streams.awaiting import AwaitingProducer
from weft.host.streams.chunks import as_chunk, is_chunk
from weft.host.streams.nonblocking import NonblockingProducer
from weft.host.streams.operation_task import OperationTask
from weft.host.streams.raw_files import from_raw_file
from weft.host.streams.sockets import from_socket
from weft.host.streams.transmits import PENDING, Produced, StreamProducer, StreamResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Iterator, Sequence
    from os import PathLike
    from typing import BinaryIO

    from anyio.abc import ByteReceiveStream, ObjectReceiveStream

    from weft.host.streams.destination import Destination
    from weft.host.streams.transmits import FutureAnswer, FutureProducer, StreamAnswer
    from weft.host.streams.wakers import Waker

T = TypeVar("T")

BATCH = 65536
"""How many elements are taken from an iterable at a time, at the most."""

_END: Any = object()


# What is there already.


def from_bytes(data: bytes | bytearray | memoryview) -> StreamProducer:
    """Produce a ``stream<u8>``; `data` must not change while it is read."""
    return _Items(data if type(data) is bytes else memoryview(data))


def from_sequence(items: Sequence[object]) -> StreamProducer:
    """Produce the elements of a sequence, or of a buffer of numbers; it must not change while it is read."""
    return _Items(as_chunk(items))


def empty() -> StreamProducer:
    """Produce nothing: a stream that has ended."""
    return _Items(b"")


@final
class _Items:
    """A sequence. Slices, so that nothing has to be retained; but `bytes` go at once, retaining them is free."""

    __slots__ = ("_at", "_items")

    def __init__(self, items: Any) -> None:
        self._items = items
        self._at = 0

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """Write what fits."""
        del waker, finish
        items, start = self._items, self._at
        if destination.zero_length and start < len(items):
            return StreamResult.COMPLETED
        remaining = destination.remaining
        if remaining is None or type(items) is bytes or len(items) <= start + remaining:
            if start < len(items):
                destination.write(items[start:] if start else items)
            return StreamResult.DROPPED
        self._at = start + remaining
        destination.write(items[start : self._at])
        return StreamResult.COMPLETED

    def take_bytes(self, limit: int) -> memoryview | None:
        """Give a part of the bytes; the last is polled for, and so are other elements."""
        items, start = self._items, self._at
        if len(items) <= start + limit:
            return None
        if type(items) is bytes:
            items = self._items = memoryview(items)
        if type(items) is not memoryview or items.format != "B":
            return None
        self._at = start + limit
        return items[start : self._at]

    def try_into(self, cls: type) -> Any:
        """Return the whole sequence, when nothing was read of it."""
        return self._items if not self._at and isinstance(self._items, cls) else None


def from_iterable(items: Iterable[object]) -> StreamProducer:
    """Produce the elements, or runs of elements, that an iterable gives; it must not block.

    A generator is closed when the reader goes away.
    """
    return _Iterable(items)


@final
class _Iterable:
    """An iterator of elements, or of runs of them: the first item tells which."""

    __slots__ = ("_first", "_items", "_runs")

    def __init__(self, items: Iterable[object]) -> None:
        self._items: Iterator[Any] = iter(items)
        self._first: Any = _END
        self._runs: bool | None = None

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """Write as much as fits, but not more than a batch."""
        del waker, finish
        if self._first is _END:
            self._first = next(self._items, _END)
            if self._first is _END:
                return StreamResult.DROPPED
        if destination.zero_length:
            return StreamResult.COMPLETED
        remaining = destination.remaining
        room = BATCH if remaining is None else min(remaining, BATCH)
        if self._runs is None:
            self._runs = is_chunk(self._first, destination.payload)
        first, self._first = self._first, _END
        if self._runs:
            return self._write_runs(first, destination, room)
        batch = [first, *islice(self._items, room - 1)]
        destination.write(batch)
        return StreamResult.COMPLETED if len(batch) == room else StreamResult.DROPPED

    def take_bytes(self, limit: int) -> bytes | None:
        """Give the next run when it is bytes and about as long as the guest wants; else it is polled for."""
        if self._first is not _END or self._runs is False:
            return None
        run = next(self._items, _END)
        if type(run) is bytes and limit // 2 <= len(run) <= limit and run:
            return run
        self._first = run
        return None

    def _write_runs(self, run: Any, destination: Destination, room: int) -> StreamAnswer:
        while True:
            if len(run):
                destination.write(run)
            if destination.written >= room:
                return StreamResult.COMPLETED
            run = next(self._items, _END)
            if run is _END:
                return StreamResult.DROPPED

    def close(self) -> None:
        """Close a generator."""
        close = getattr(self._items, "close", None)
        if close is not None and inspect.isgenerator(self._items):
            close()


# What must be awaited.


def from_async_iterable(items: AsyncIterable[object]) -> StreamProducer:
    """Produce the elements, or runs of elements, that an async iterable gives; each is asked for when it is read.

    A read that a guest takes back does not disturb the iterator: its item goes to the next read. An async generator is
    closed when the reader goes away.
    """
    return _AsyncIterable(items)


@final
class _AsyncIterable:
    """An async iterator; it is asked in a task, and cancelled only when all is over."""

    __slots__ = ("_item", "_items", "_operations", "close", "opened")

    def __init__(self, items: AsyncIterable[object]) -> None:
        self._items: AsyncIterator[Any] = aiter(items)
        self._item: Any = _END
        closes = inspect.isasyncgen(self._items)
        self._operations = OperationTask(self._aclose if closes else None)
        self.opened = self._operations.opened
        self.close = self._operations.close

    async def _aclose(self) -> None:
        await self._items.aclose()  # type: ignore[attr-defined]

    async def _next(self) -> Any:
        return await anext(self._items, _END)

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """Write the next item, or wait for it."""
        if self._item is _END:
            item = self._operations.poll(waker, self._next)
            if item is PENDING:
                return StreamResult.CANCELLED if finish else PENDING
            if item is _END:
                return StreamResult.DROPPED
            self._item = item
        if destination.zero_length:
            return StreamResult.COMPLETED
        item, self._item = self._item, _END
        if not is_chunk(item, destination.payload):
            destination.write([item])
        elif len(item):
            destination.write(item)
        else:
            return self.poll_produce(waker, destination, finish)
        return StreamResult.COMPLETED


def from_receive_stream(stream: ObjectReceiveStream[Any] | ByteReceiveStream, *, close: bool = False) -> StreamProducer:
    """Produce what an anyio stream receives.

    Args:
        stream: of elements or runs of them, or of bytes.
        close: whether to close it when the reader is gone.
    """
    if isinstance(stream, anyio.abc.ByteReceiveStream):
        return from_byte_stream(stream, close=close)
    return _ReceiveStream(stream, close=close)


def from_byte_stream(stream: ByteReceiveStream, *, close: bool = False) -> StreamProducer:
    """Produce the bytes that an anyio stream receives.

    Args:
        stream: a socket, a process's output, ...
        close: whether to close it when the reader is gone.
    """
    return _ByteStream(stream, close=close)


class _Receiving(AwaitingProducer):
    """Something of anyio's that is received from."""

    __slots__ = ("_closes", "_stream")

    def __init__(self, stream: Any, *, close: bool) -> None:
        self._stream = stream
        self._closes = close

    async def aclose(self) -> None:
        """Close the stream, if so wished."""
        if self._closes:
            await self._stream.aclose()

    async def receive(self, destination: Destination) -> Any:
        """Return the next items."""
        raise NotImplementedError

    async def produce(self, destination: Destination) -> StreamResult:
        """Write what comes next, if it is not empty."""
        items: Any = ()
        while not items:
            try:
                items = await self.receive(destination)
            except anyio.EndOfStream:
                return StreamResult.DROPPED
        destination.write(items)
        return StreamResult.COMPLETED


@final
class _ReceiveStream(_Receiving):
    __slots__ = ()

    async def receive(self, destination: Destination) -> Any:
        """Return the next element as a run, or the next run."""
        item = await self._stream.receive()
        return item if is_chunk(item, destination.payload) else [item]


@final
class _ByteStream(_Receiving):
    __slots__ = ()

    async def receive(self, destination: Destination) -> Any:
        """Return as many bytes as fit, at the most."""
        remaining = destination.remaining
        return await self._stream.receive(BATCH if remaining is None else min(remaining, BATCH))


def from_file(file: str | PathLike[str] | BinaryIO, *, chunk_byte_length: int = 1 << 18) -> StreamProducer:
    """Produce the bytes of a file, read in a worker thread.

    Args:
        file: a path, or a file that is open for reading bytes; only a file that is opened here is closed here.
        chunk_byte_length: how many bytes to read at a time.
    """
    return _File(file, chunk_byte_length)


@final
class _File(AwaitingProducer):
    __slots__ = ("_byte_length", "_file", "_path")

    def __init__(self, file: str | PathLike[str] | BinaryIO, byte_length: int) -> None:
        self._path = None if hasattr(file, "read") else file
        self._file: Any = file if hasattr(file, "read") else None
        self._byte_length = byte_length

    def _read(self) -> bytes:
        if self._file is None:
            self._file = open(self._path, "rb")  # type: ignore[arg-type]  # noqa: SIM115, PTH123 - closed in `aclose`
        data: bytes = self._file.read(self._byte_length)
        return data

    async def produce(self, destination: Destination) -> StreamResult:
        """Read the next piece; nobody can interrupt a thread, so a read that is given up waits for it."""
        data = b""
        with anyio.CancelScope(shield=True):
            data = await anyio.to_thread.run_sync(self._read)
        if not data:
            return StreamResult.DROPPED
        destination.write(data)
        return StreamResult.COMPLETED

    async def aclose(self) -> None:
        """Close the file, if it was opened here."""
        if self._path is not None and self._file is not None:
            await anyio.to_thread.run_sync(self._file.close)


# Futures.


def from_value(value: object) -> FutureProducer:
    """Produce a future that has `value` already."""
    return _Value(value)


@final
class _Value:
    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def poll_produce(self, waker: Waker, finish: bool) -> FutureAnswer:
        """Answer with the value."""
        del waker, finish
        return Produced(self._value)

    def try_into(self, cls: type) -> Any:
        """Return the value."""
        return self._value if isinstance(self._value, cls) else None


def from_awaitable(awaitable: Awaitable[object]) -> FutureProducer:
    """Produce a future of what `awaitable` returns; it runs from the first read on, and goes on if that is given up."""
    return _Awaitable(awaitable)


@final
class _Awaitable:
    __slots__ = ("_awaitable", "_operations", "_started", "opened")

    def __init__(self, awaitable: Awaitable[object]) -> None:
        self._awaitable = awaitable
        self._started = False
        self._operations = OperationTask()
        self.opened = self._operations.opened

    async def _wait(self) -> object:
        self._started = True
        return await self._awaitable

    def poll_produce(self, waker: Waker, finish: bool) -> FutureAnswer:
        """Answer with the value when it is there."""
        value = self._operations.poll(waker, self._wait)
        if value is PENDING:
            return StreamResult.CANCELLED if finish else PENDING
        return Produced(value)

    def close(self) -> None:
        """Cancel the awaitable."""
        self._operations.close()
        if not self._started and inspect.iscoroutine(self._awaitable):
            self._awaitable.close()


__all__ = [
    "AwaitingProducer",
    "NonblockingProducer",
    "empty",
    "from_async_iterable",
    "from_asyncio_reader",
    "from_awaitable",
    "from_byte_stream",
    "from_bytes",
    "from_file",
    "from_iterable",
    "from_raw_file",
    "from_receive_stream",
    "from_sequence",
    "from_socket",
    "from_value",
]
