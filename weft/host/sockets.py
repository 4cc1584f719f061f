"""Sockets plugged into guest memory: `recv_into` fills it, `send` sends from it, and nothing is copied between.

The system call is made while the stream is polled, so no view of guest memory outlives a poll; only the wait for the
socket runs in a task.
"""

from __future__ import annotations

import socket as sockets
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, final

import anyio

from weft.host.operation_task import OperationTask
from weft.host.raw_bytes import bytes_offered, room_for_bytes
from weft.host.transmits import PENDING, StreamResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.host.destination import Destination
    from weft.host.source import Source
    from weft.host.transmits import StreamAnswer, StreamConsumer, StreamProducer
    from weft.host.wakers import Waker

AtEnd: TypeAlias = Literal["keep", "eof", "close"]

TURN_OPERATIONS = 16
"""How many operations in a row are served at once: then the event loop gets a turn, however fast the peer is."""


def from_socket(socket: sockets.socket, *, close: bool = False) -> StreamProducer:
    """Produce the bytes that a connected socket receives, straight into the reader's memory.

    Args:
        socket: a non-blocking stream socket without TLS (for TLS, use `from_byte_stream`).
        close: whether to close it when the stream has ended or the reader is gone.

    Raises:
        ValueError: the socket blocks, or is none for streams.
    """
    return _SocketProducer(socket, "close" if close else "keep")


def to_socket(socket: sockets.socket, *, at_end: AtEnd = "keep") -> StreamConsumer:
    """Send the bytes of a ``stream<u8>`` to a connected socket, straight from the writer's memory.

    If the other side is gone, the writer is told so, and whoever awaits the pipe gets the `OSError`.

    Args:
        socket: a non-blocking stream socket without TLS (for TLS, use `to_byte_stream`).
        at_end: what to do at the end: nothing, shut down the sending side, or close the socket.

    Raises:
        ValueError: the socket blocks, or is none for streams.
    """
    return _SocketConsumer(socket, at_end)


class _SocketEnd:
    """What both have.

    Invariant: `_has_task` says whether a task was started to wait for the socket; then that task ends the use of it.
    Invariant: `_waiting` says whether a wait was asked for whose end was not seen yet. It outlives an operation that
    was taken back, and serves the next one.
    """

    holds_operation: ClassVar[bool] = False

    __slots__ = ("_at_end", "_broken", "_has_task", "_in_turn", "_operations", "_socket", "_waiting", "opened")

    def __init__(self, socket: sockets.socket, at_end: AtEnd) -> None:
        if socket.gettimeout() != 0:
            raise ValueError("the socket blocks: call its setblocking(False) first")
        if socket.type != sockets.SOCK_STREAM:
            raise ValueError("the socket is none for streams: only those keep bytes in order")
        self._socket = socket
        self._at_end = at_end
        self._broken: OSError | None = None
        self._in_turn = 0
        self._has_task = self._waiting = False
        self._operations = OperationTask(self._aclose)
        self.opened = self._operations.opened

    async def _wait(self) -> None:
        """Wait until the system call is worth a try."""
        raise NotImplementedError

    def _poll(self, waker: Waker, transfer: Callable[[], StreamResult], *, finish: bool) -> StreamAnswer:
        """Try, and wait if that would block."""
        if self._waiting:
            if self._operations.poll(waker, self._wait) is PENDING:
                return StreamResult.CANCELLED if finish else PENDING
            self._waiting = False
        if self._in_turn < TURN_OPERATIONS:
            self._in_turn += 1
            with suppress(BlockingIOError, InterruptedError):
                return transfer()
        self._in_turn = 0
        if finish:
            return StreamResult.CANCELLED
        self._has_task = self._waiting = True
        return self._operations.poll(waker, self._wait)  # PENDING: it was just started

    def _end_use(self) -> None:
        try:
            if self._at_end == "close":
                self._socket.close()
            elif self._at_end == "eof" and self._broken is None:
                self._socket.shutdown(sockets.SHUT_WR)
        except OSError as error:  # the peer is gone: who awaits the pipe learns of it, the store's loop goes on
            self._broken = self._broken or error

    async def _aclose(self) -> None:
        self._end_use()

    def close(self) -> None:
        """Stop waiting, and do what was wished for the end."""
        if self._has_task:
            self._operations.close()
        else:
            self._end_use()

    async def wait_closed(self) -> None:
        """Wait until the socket is not used any more.

        Raises:
            OSError: what sending raised.
        """
        if self._has_task:
            await self._operations.wait_closed()
        if self._broken is not None:
            raise self._broken


@final
class _SocketProducer(_SocketEnd):
    __slots__ = ()

    async def _wait(self) -> None:
        await anyio.wait_readable(self._socket)

    def _receive(self, destination: Destination) -> StreamResult:
        count = self._socket.recv_into(room_for_bytes(destination))
        if not count:
            return StreamResult.DROPPED
        destination.mark_written(count)
        return StreamResult.COMPLETED

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """Receive what is there, or wait; a read of zero items is said to be possible."""
        if destination.zero_length:
            return StreamResult.COMPLETED
        return self._poll(waker, partial(self._receive, destination), finish=finish)


@final
class _SocketConsumer(_SocketEnd):
    __slots__ = ()

    async def _wait(self) -> None:
        await anyio.wait_writable(self._socket)

    def _send(self, source: Source) -> StreamResult:
        try:
            count = self._socket.send(bytes_offered(source))
        except (BlockingIOError, InterruptedError):
            raise
        except OSError as error:
            self._broken = error
            return StreamResult.DROPPED
        source.mark_read(count)
        return StreamResult.COMPLETED

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """Send what the system takes, or wait; a write of zero items is said to be possible."""
        if not source.offered:
            return StreamResult.COMPLETED
        return self._poll(waker, partial(self._send, source), finish=finish)


__all__ = ["TURN_OPERATIONS", "AtEnd", "from_socket", "to_socket"]
