"""Sockets of the system that several objects use: the last one closes it."""

from __future__ import annotations

import errno
import select
import socket
import struct
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, final

import anyio

from weft.wasi.shared_wait import SharedWait
from weft.wasi.sockets.addresses import FAMILIES, SocketAddress
from weft.wasi.sockets.errors import meaning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.wasi.limits import HandleCount
    from weft.wasi.sockets.addresses import AddressFamily


@final
class OsSocket:
    """A socket that never blocks, with the number of those who use it and of those who wait for it.

    Invariant: it is open while there are users, or somebody waits, so that no descriptor is closed that the event loop
    watches. Without users it is shut down: it does not listen any more, and who waits is woken.

    Attributes:
        family: of its addresses.
        raw: the socket.
        wait_readable: waits until there is something to receive or accept; any number of tasks may.
        wait_writable: likewise for sending and connecting.
    """

    __slots__ = ("_handles", "_users", "_waits", "family", "raw", "wait_readable", "wait_writable")

    def __init__(self, handles: HandleCount, family: AddressFamily, raw: socket.socket) -> None:
        self._handles = handles
        self._users = 1
        self._waits = 0
        self.family: AddressFamily = family
        self.raw = raw
        self.wait_readable = SharedWait(partial(anyio.wait_readable, raw))
        self.wait_writable = SharedWait(partial(anyio.wait_writable, raw))

    @classmethod
    def create(cls, handles: HandleCount, family: AddressFamily, kind: socket.SocketKind) -> OsSocket:
        """Make a socket; one of IPv6 has no IPv4.

        Raises:
            SocketError: there is no such family.
            OSError: there are too many sockets.
        """
        handles.acquire()
        try:
            with meaning({errno.EAFNOSUPPORT: "not-supported"}):
                made = cls(handles, family, socket.socket(FAMILIES[family], kind))
        except BaseException:
            handles.release()
            raise
        try:
            made.raw.setblocking(False)
            if family == "ipv6":
                made.raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
        except BaseException:
            made.release()
            raise
        return made

    def accept(self) -> tuple[OsSocket, SocketAddress]:
        """Take a connection that is there.

        Raises:
            OSError: there is none, or there are too many sockets.
        """
        self._handles.acquire()
        try:
            raw, peer = self.raw.accept()
        except BaseException:
            self._handles.release()
            raise
        accepted = OsSocket(self._handles, self.family, raw)
        try:
            raw.setblocking(False)
            return accepted, SocketAddress.from_system(peer)
        except BaseException:
            accepted.release()
            raise

    def retain(self) -> OsSocket:
        """Count one more user."""
        self._users += 1
        return self

    def release(self) -> None:
        """Count one user less; without any, end its use."""
        self._users -= 1
        if self._users:
            return
        if self._waits:
            with suppress(OSError):  # ENOTCONN, which wakes who waits all the same
                self.raw.shutdown(socket.SHUT_RDWR)
        else:
            self._close()

    def _close(self) -> None:
        self.raw.close()
        self._handles.release()

    def reset(self) -> None:
        """Release it, so that the peer sees a reset when that closes it."""
        with suppress(OSError):  # the connection may be gone already
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.release()

    @contextmanager
    def waited_for(self) -> Iterator[OsSocket]:
        """Keep it open for the time of a ``with`` block."""
        self._waits += 1
        try:
            yield self
        finally:
            self._waits -= 1
            if not (self._waits or self._users):
                self._close()

    def is_readable(self) -> bool:
        """Whether there is something to receive or accept, or an error to be had."""
        return _polls(self.raw, select.POLLIN)

    def is_writable(self) -> bool:
        """Whether something can be sent, or a connection is there, or an error to be had."""
        return _polls(self.raw, select.POLLOUT)

    @property
    def local_address(self) -> SocketAddress:
        """Where it is bound."""
        return SocketAddress.from_system(self.raw.getsockname())

    @property
    def remote_address(self) -> SocketAddress:
        """Whom it is connected to."""
        return SocketAddress.from_system(self.raw.getpeername())


def _polls(raw: socket.socket, event: int) -> bool:
    poll = select.poll()
    poll.register(raw, event)
    return bool(poll.poll(0))


__all__ = ["OsSocket"]
