"""Ready-made consumers."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, final

import anyio
import anyio.to_thread

from weft.canon.types import Prim
from weft.host.streams.asyncio_streams import to_asyncio_writer
from weft.host.streams.awaiting import AwaitingConsumer
from weft.host.streams.nonblocking import NonblockingConsumer
from weft.host.streams.operation_task import OperationTask
from weft.host.streams.raw_files import to_raw_file
from weft.host.streams.sockets import AtEnd, to_socket
from weft.host.streams.transmits import PENDING, StreamResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from os import PathLike
    from typing import BinaryIO

    from anyio.abc import ByteSendStream, ObjectSendStream

    from weft.host.streams.source import Source
    from weft.host.streams.transmits import FutureConsumer, PayloadType, StreamAnswer, StreamConsumer
    from weft.host.streams.wakers import Waker


def to_callback(callback: Callable[[Any], object]) -> StreamConsumer:
    """Call `callback` with each run of items: ``bytes`` of a ``stream<u8>``, else a list.

    If it returns an awaitable, that is awaited before the writer goes on. If it returns `StreamResult.DROPPED`, nothing
    more is taken.
    """
    return _Callback(callback)


def to_future_callback(callback: Callable[[Any], object]) -> FutureConsumer:
    """Call `callback` with the value of a future; if it returns an awaitable, that is awaited."""
    return _Callback(callback, single=True)


@final
class _Callback:
    holds_operation = False

    __slots__ = ("_callback", "_operations", "_single", "close", "opened")

    def __init__(self, callback: Callable[[Any], object], *, single: bool = False) -> None:
        self._callback = callback
        self._single = single
        self._operations = OperationTask()
        self.opened = self._operations.opened
        self.close = self._operations.close

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """Take everything and call; what was taken goes its way even if the writer wants its write back."""
        del finish
        if source.taken:
            result = self._operations.poll(waker, _nothing)
        elif not source.offered:
            return StreamResult.COMPLETED
        else:
            result = self._callback(source.take() if self._single else source.read())
            if inspect.isawaitable(result):
                awaitable: Awaitable[object] = result
                result = self._operations.poll(waker, lambda: awaitable)
        return result if result is PENDING or result is StreamResult.DROPPED else StreamResult.COMPLETED


async def _nothing() -> None:
    """Do nothing: an operation is in progress, so this never runs."""


def collect() -> Collected:
    """Keep everything; `Collected.value` has it afterwards."""
    return Collected()


@final
class Collected:
    """Keeps what a stream carries."""

    __slots__ = ("_chunks", "_is_bytes")

    def __init__(self) -> None:
        self._chunks: list[Any] = []
        self._is_bytes = False

    def opened(self, waker: Waker, payload: PayloadType) -> None:
        """Note whether bytes will come."""
        del waker
        self._is_bytes = payload is Prim.U8

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """Take everything."""
        del waker, finish
        if source.offered:
            self._chunks.append(source.read())
        return StreamResult.COMPLETED

    @property
    def value(self) -> Any:
        """What came so far: ``bytes`` of a ``stream<u8>``, else a list."""
        if self._is_bytes or (self._chunks and type(self._chunks[0]) is bytes):
            return b"".join(bytes(chunk) for chunk in self._chunks)
        return [item for chunk in self._chunks for item in chunk]


def to_bytearray(target: bytearray) -> StreamConsumer:
    """Append the bytes of a ``stream<u8>`` to `target`."""
    return _Callback(target.extend)


def discard() -> StreamConsumer:
    """Take everything and forget it."""
    return _Discard()


@final
class _Discard:
    __slots__ = ()

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """Take everything."""
        del waker, finish
        source.mark_read(source.remaining)
        return StreamResult.COMPLETED


def to_send_stream(stream: ObjectSendStream[Any], *, at_end: AtEnd = "keep") -> StreamConsumer:
    """Send each element to an anyio stream.

    If the other side is gone, the writer is told so, and whoever awaits the pipe gets anyio's exception.

    Args:
        stream: where to send.
        at_end: what to do at the end: nothing, ``send_eof()``, or ``aclose()``.
    """
    return _SendStream(stream, at_end)


def to_byte_stream(stream: ByteSendStream, *, at_end: AtEnd = "keep") -> StreamConsumer:
    """Send the bytes of a ``stream<u8>`` to an anyio stream: a socket, a process's input, ...

    If the other side is gone, the writer is told so, and whoever awaits the pipe gets anyio's exception.

    Args:
        stream: where to send.
        at_end: what to do at the end: nothing, ``send_eof()``, or ``aclose()``.
    """
    return _ByteStream(stream, at_end)


class _Sending(AwaitingConsumer):
    __slots__ = ("_at_end", "_broken", "_stream")

    def __init__(self, stream: Any, at_end: AtEnd) -> None:
        self._stream = stream
        self._at_end = at_end
        self._broken: Exception | None = None

    async def send(self, items: Any) -> None:
        """Send a run of items."""
        raise NotImplementedError

    async def consume(self, source: Source) -> StreamResult:
        """Send everything; the writer waits until it has gone."""
        try:
            await self.send(source.read())
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            self._broken = error
            return StreamResult.DROPPED
        return StreamResult.COMPLETED

    async def aclose(self) -> None:
        """Do what was wished for the end."""
        if self._broken is not None:
            raise self._broken
        if self._at_end == "eof":
            await self._stream.send_eof()
        elif self._at_end == "close":
            await self._stream.aclose()


@final
class _SendStream(_Sending):
    __slots__ = ()

    async def send(self, items: Any) -> None:
        """Send one by one."""
        for item in items:
            await self._stream.send(item)


@final
class _ByteStream(_Sending):
    __slots__ = ()

    async def send(self, items: Any) -> None:
        """Send the bytes."""
        await self._stream.send(items)


def to_file(file: str | PathLike[str] | BinaryIO) -> StreamConsumer:
    """Write the bytes of a ``stream<u8>`` to a file, in a worker thread.

    Args:
        file: a path, which is overwritten, or a file that is open for writing bytes; only a file that is opened here is
            closed here. It is flushed when the pipe is over.
    """
    return _File(file)


@final
class _File(AwaitingConsumer):
    __slots__ = ("_file", "_path")

    def __init__(self, file: str | PathLike[str] | BinaryIO) -> None:
        self._path = None if hasattr(file, "write") else file
        self._file: Any = file if hasattr(file, "write") else None

    def _open(self) -> Any:
        if self._file is None:
            self._file = open(self._path, "wb")  # type: ignore[arg-type]  # noqa: SIM115, PTH123 - closed in `aclose`
        return self._file

    def _write(self, data: bytes) -> None:
        self._open().write(data)

    def _finish(self) -> None:
        file = self._open()
        file.flush()
        if self._path is not None:
            file.close()

    async def consume(self, source: Source) -> StreamResult:
        """Write everything; the writer waits until it is done."""
        data = source.read()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._write, data)
        return StreamResult.COMPLETED

    async def aclose(self) -> None:
        """Flush, and close the file if it was opened here."""
        await anyio.to_thread.run_sync(self._finish)


__all__ = [
    "AwaitingConsumer",
    "Collected",
    "NonblockingConsumer",
    "collect",
    "discard",
    "to_asyncio_writer",
    "to_byte_stream",
    "to_bytearray",
    "to_callback",
    "to_file",
    "to_future_callback",
    "to_raw_file",
    "to_send_stream",
    "to_socket",
]
