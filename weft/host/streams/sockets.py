"""Sockets plugged into guest memory: `recv_into` fills it, `send` sends from it, and nothing is copied between."""

from __future__ import annotations

import socket as sockets
from typing import TYPE_CHECKING, Literal, TypeAlias, final

import anyio

from weft.host.streams.nonblocking import NonblockingConsumer, NonblockingProducer
from weft.host.streams.raw_bytes import bytes_offered, room_for_bytes
from weft.host.streams.transmits import StreamResult

if TYPE_CHECKING:
    from weft.host.streams.destination import Destination
    from weft.host.streams.source import Source
    from weft.host.streams.transmits import StreamConsumer, StreamProducer

AtEnd: TypeAlias = Literal["keep", "eof", "close"]


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


class _Use:
    """The use of a socket, and what to do when it ends."""

    __slots__ = ("_at_end", "socket")

    def __init__(self, socket: sockets.socket, at_end: AtEnd) -> None:
        if socket.gettimeout() != 0:
            raise ValueError("the socket blocks: call its setblocking(False) first")
        if socket.type != sockets.SOCK_STREAM:
            raise ValueError("the socket is none for streams: only those keep bytes in order")
        self.socket = socket
        self._at_end = at_end

    def end(self, *, broken: bool) -> None:
        if self._at_end == "close":
            self.socket.close()
        elif self._at_end == "eof" and not broken:
            self.socket.shutdown(sockets.SHUT_WR)


@final
class _SocketProducer(NonblockingProducer):
    __slots__ = ("_use",)

    def __init__(self, socket: sockets.socket, at_end: AtEnd) -> None:
        super().__init__()
        self._use = _Use(socket, at_end)

    async def wait(self) -> None:
        """Wait until something is there."""
        await anyio.wait_readable(self._use.socket)

    def receive(self, destination: Destination) -> StreamResult:
        """Receive what is there."""
        count = self._use.socket.recv_into(room_for_bytes(destination))
        if not count:
            return StreamResult.DROPPED
        destination.mark_written(count)
        return StreamResult.COMPLETED

    def finished(self) -> None:
        """Do what was wished for the end."""
        self._use.end(broken=self.error is not None)


@final
class _SocketConsumer(NonblockingConsumer):
    __slots__ = ("_use",)

    def __init__(self, socket: sockets.socket, at_end: AtEnd) -> None:
        super().__init__()
        self._use = _Use(socket, at_end)

    async def wait(self) -> None:
        """Wait until the system takes something."""
        await anyio.wait_writable(self._use.socket)

    def send(self, source: Source) -> StreamResult:
        """Send what the system takes; if the peer is gone, who awaits the pipe learns of it."""
        try:
            count = self._use.socket.send(bytes_offered(source))
        except (BlockingIOError, InterruptedError):
            raise
        except OSError as error:
            self.error = error
            return StreamResult.DROPPED
        source.mark_read(count)
        return StreamResult.COMPLETED

    def finished(self) -> None:
        """Do what was wished for the end."""
        self._use.end(broken=self.error is not None)


__all__ = ["AtEnd", "from_socket", "to_socket"]
