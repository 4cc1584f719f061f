"""Connections that come in: accepted one by one, when the guest asks for one."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, final

import anyio

if TYPE_CHECKING:
    from weft.wasi.network import Network
    from weft.wasi.sockets.os_socket import OsSocket

TURN_CONNECTIONS: Final = 16
"""How many connections in a row may be of no use before the event loop gets a turn."""

EXHAUSTED_SECONDS: Final = 0.1
"""How long to wait before the next try when there is no descriptor left: nothing tells when one is free."""

FLEETING: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        getattr(errno, "ENONET", errno.ENETUNREACH),
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EPROTO,
        errno.ETIMEDOUT,
    }
)
"""What became of one connection before it was accepted (Linux): the next one may be fine."""

EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What is no fault of the connection, and may be over soon."""


@final
class TcpListener:
    """Uses a listening socket until `close`.

    Attributes:
        network: what guests may do.
        closed: whether it was closed.
    """

    __slots__ = ("_exhausted", "_os", "closed", "network")

    def __init__(self, os: OsSocket, network: Network) -> None:
        self._os = os
        self.network = network
        self._exhausted = False
        self.closed = False

    def accept(self) -> OsSocket:
        """Take the next connection with somebody whom guests may talk to; others are reset.

        Raises:
            BlockingIOError: there is none now, or there is no descriptor for it.
            OSError: there will never be one.
        """
        for _ in range(TURN_CONNECTIONS):
            try:
                client, peer = self._os.accept()
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._exhausted = True
                    raise BlockingIOError(errno.EAGAIN, "there is no descriptor for a connection") from error
                if error.errno not in FLEETING:
                    raise
                continue
            try:
                permitted = self.network.permits("tcp-accept", peer.ip, peer.port)
            except BaseException:
                client.reset()
                raise
            if permitted:
                return client
            client.reset()
        raise BlockingIOError(errno.EAGAIN, "none of many connections was fine")

    async def wait_acceptable(self) -> None:
        """Wait until `accept` is worth a try."""
        exhausted, self._exhausted = self._exhausted, False
        with self._os.in_use():
            if exhausted:
                await anyio.sleep(EXHAUSTED_SECONDS)
            await self._os.wait_readable()

    def close(self) -> None:
        """Stop using the socket; the second time nothing happens."""
        if not self.closed:
            self.closed = True
            self._os.release()


__all__ = ["EXHAUSTED", "EXHAUSTED_SECONDS", "FLEETING", "TURN_CONNECTIONS", "TcpListener"]
