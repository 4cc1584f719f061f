"""Connections that come in: accepted one by one, when the guest asks for one."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from weft.wasi.network import Network
    from weft.wasi.sockets.addresses import SocketAddress
    from weft.wasi.sockets.os_socket import OsSocket

TURN_CONNECTIONS: Final = 16
"""How many connections in a row may be of no use before the event loop gets a turn."""

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

    __slots__ = ("_os", "closed", "network")

    def __init__(self, os: OsSocket, network: Network) -> None:
        self._os = os
        self.network = network
        self.closed = False

    def accept(self) -> tuple[OsSocket, SocketAddress]:
        """Take the next connection with somebody whom guests may talk to, and who that is; others are reset.

        Raises:
            BlockingIOError: there is none now.
            OSError: there is nothing to accept it with (`EXHAUSTED`), or there will never be one.
        """
        for _ in range(TURN_CONNECTIONS):
            try:
                client, peer = self._os.accept()
            except OSError as error:
                if error.errno not in FLEETING:
                    raise
                continue
            try:
                permitted = self.network.permits("tcp-accept", peer.ip, peer.port)
            except BaseException:
                client.reset()
                raise
            if permitted:
                return client, peer
            client.reset()
        raise BlockingIOError(errno.EAGAIN, "none of many connections was fine")

    def is_acceptable(self) -> bool:
        """Whether `accept` is worth a try."""
        return self.closed or self._os.is_readable()

    async def wait_acceptable(self) -> None:
        """Wait until that is so."""
        if not self.closed:
            with self._os.waited_for():
                await self._os.wait_readable()

    def close(self) -> None:
        """Stop using the socket; the second time nothing happens."""
        if not self.closed:
            self.closed = True
            self._os.release()


__all__ = ["EXHAUSTED", "FLEETING", "TURN_CONNECTIONS", "TcpListener"]
