"""The two directions of a TCP connection, each of which ends by itself."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from weft.wasi.sockets.os_socket import OsSocket

_NO_SIGNAL: Final = getattr(socket, "MSG_NOSIGNAL", 0)


class _Half:
    """Uses the socket until `close`."""

    __slots__ = ("_how", "_os", "closed")

    def __init__(self, os: OsSocket, how: int) -> None:
        self._os = os
        self._how = how
        self.closed = False

    def close(self) -> None:
        """End this direction; the second time nothing happens."""
        if self.closed:
            return
        self.closed = True
        with suppress(OSError):  # the peer may have ended the connection already
            self._os.raw.shutdown(self._how)
        self._os.release()


@final
class ReceiveHalf(_Half):
    """What the peer sends (`ByteInput`)."""

    __slots__ = ()

    def __init__(self, os: OsSocket) -> None:
        super().__init__(os, socket.SHUT_RD)

    def read_into(self, view: memoryview) -> int:
        """Receive what is there."""
        return self._os.raw.recv_into(view)

    def is_readable(self) -> bool:
        """Whether something is there, if only the end."""
        return self.closed or self._os.is_readable()

    async def wait_readable(self) -> None:
        """Wait until that is so."""
        if not self.closed:
            with self._os.waited_for():
                await self._os.wait_readable()


@final
class SendHalf(_Half):
    """What goes to the peer (`ByteOutput`)."""

    __slots__ = ()

    def __init__(self, os: OsSocket) -> None:
        super().__init__(os, socket.SHUT_WR)

    def write_from(self, view: memoryview) -> int:
        """Send what the system takes; if the peer is gone this is an error, and no signal."""
        return self._os.raw.send(view, _NO_SIGNAL)

    def is_writable(self) -> bool:
        """Whether the system takes something, or there is an error to be had."""
        return self.closed or self._os.is_writable()

    async def wait_writable(self) -> None:
        """Wait until the system takes something."""
        if not self.closed:
            with self._os.waited_for():
                await self._os.wait_writable()


__all__ = ["ReceiveHalf", "SendHalf"]
