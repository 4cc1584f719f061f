"""UDP sockets, as both versions of wasi:sockets have them.

Source: ``udp-socket`` of wasi:sockets.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from weft.wasi.sockets.addresses import SocketAddress, wildcard
from weft.wasi.sockets.errors import SocketError
from weft.wasi.sockets.options import udp_options
from weft.wasi.sockets.os_socket import OsSocket

if TYPE_CHECKING:
    from weft.wasi.ctx import WasiCtx
    from weft.wasi.network import Network
    from weft.wasi.sockets.addresses import AddressFamily

MAX_DATAGRAM_BYTE_LENGTH: Final = 65_535
"""The longest datagram there can be; what the system takes may be a little less."""

TURN_DATAGRAMS: Final = 16
"""How many datagrams in a row may be dropped before the event loop gets a turn."""

_UNCONNECTED: Final = errno.EINVAL, errno.EAFNOSUPPORT


@final
class UdpSocket:
    """A UDP socket.

    Invariant: it uses a socket of the system's until it is dropped.

    Attributes:
        family: of its addresses.
        is_bound: whether it is bound; once it is, it stays so.
    """

    __slots__ = ("_connected_to", "_network", "_os", "_peer", "family", "is_bound")

    def __init__(self, network: Network, os: OsSocket) -> None:
        self.family: AddressFamily = os.family
        self.is_bound = False
        self._network = network
        self._os: OsSocket | None = os
        self._peer: SocketAddress | None = None
        self._connected_to: SocketAddress | None = None

    @classmethod
    def create(cls, ctx: WasiCtx, family: AddressFamily) -> UdpSocket:
        """Make an unbound socket.

        Raises:
            SocketError: there is no such family.
            OSError: guests may have none, or have too many already.
        """
        ctx.network.check_udp()
        return cls(ctx.network, OsSocket.create(ctx.handles, family, socket.SOCK_DGRAM))

    def on_drop(self) -> None:
        """Stop using the socket of the system's."""
        if self._os is not None:
            self._os.release()
            self._os = None

    @property
    def os(self) -> OsSocket:
        """The socket of the system's.

        Raises:
            SocketError: it was dropped.
        """
        if self._os is None:
            raise SocketError("invalid-state")
        return self._os

    # Where it is, and whom it talks to.

    def bind(self, address: SocketAddress) -> None:
        """Bind to an address of this machine.

        Raises:
            SocketError: it is bound, or the address is none to bind to.
            OSError: the system or the context refused.
        """
        if self.is_bound:
            raise SocketError("invalid-state")
        if not address.suits(self.family):
            raise SocketError("invalid-argument")
        self._network.check_address("udp-bind", address.ip, address.port)
        self.os.raw.bind(address.for_system)
        self.is_bound = True

    def connect(self, address: SocketAddress) -> None:
        """Talk to one address only from now on, which nobody is told.

        Raises:
            SocketError: the address is nobody's.
            OSError: the system or the context refused.
        """
        if not (address.suits(self.family) and address.is_remote):
            raise SocketError("invalid-argument")
        self._check_implicit_bind()
        if not self._network.permits("udp-send", address.ip, address.port):
            self._network.check_address("udp-receive", address.ip, address.port)
        try:
            self._connect(address)
        finally:
            self._look_at_peer(address)

    def _connect(self, address: SocketAddress) -> None:
        raw = self.os.raw
        number = raw.connect_ex(address.for_system)
        if number == errno.EINVAL and self._peer is not None:  # Linux: the way there begins at another local address
            _disconnect(raw)
            number = raw.connect_ex(address.for_system)
        if number in {errno.EADDRNOTAVAIL, errno.EAGAIN}:
            raise SocketError("address-in-use")  # no port was left to bind to
        if number:
            raise OSError(number, "connecting failed")
        self.is_bound = True

    def disconnect(self) -> None:
        """Talk to anybody again. Linux gives up a port that it chose itself, and takes another when the socket sends.

        Raises:
            SocketError: it is not connected.
            OSError: the system refused.
        """
        if self._peer is None:
            raise SocketError("invalid-state")
        try:
            _disconnect(self.os.raw)
        finally:
            self._look_at_peer(None)

    def _look_at_peer(self, address: SocketAddress | None) -> None:
        self._peer = self._connected_to = None
        with suppress(OSError):  # ENOTCONN
            self._peer = self.os.remote_address
            self._connected_to = address

    def local_address(self) -> SocketAddress:
        """Return where it is bound.

        Raises:
            SocketError: nowhere.
        """
        if not self.is_bound:
            raise SocketError("invalid-state")
        return self.os.local_address

    def remote_address(self) -> SocketAddress:
        """Return whom it is connected to.

        Raises:
            SocketError: to nobody.
        """
        if self._peer is None:
            raise SocketError("invalid-state")
        return self._peer

    @property
    def is_connected(self) -> bool:
        """Whether it talks to one address only."""
        return self._peer is not None

    def _check_implicit_bind(self) -> None:
        if not self.is_bound:
            self._network.check_implicit_bind("udp-bind", wildcard(self.family).ip)

    # Datagrams.

    def send_nowait(self, data: bytes, address: SocketAddress | None) -> None:
        """Send a datagram.

        Raises:
            SocketError: it is too long, or goes nowhere or where it may not.
            BlockingIOError: not now.
            OSError: the system or the context refused, or a datagram sent earlier was.
        """
        if len(data) > MAX_DATAGRAM_BYTE_LENGTH:
            raise SocketError("datagram-too-large")
        address = self._destination(address)
        self._check_implicit_bind()
        self._network.check_address("udp-send", address.ip, address.port)
        if self._peer is None:
            self.os.raw.sendto(data, address.for_system)
        else:
            self.os.raw.send(data)
        self.is_bound = True

    def _destination(self, address: SocketAddress | None) -> SocketAddress:
        if address is None:
            if self._peer is None:
                raise SocketError("invalid-argument")
            return self._peer
        if not (address.is_remote and address.suits(self.family)):
            raise SocketError("invalid-argument")
        if self._peer is not None and address not in {self._peer, self._connected_to}:
            raise SocketError("invalid-argument")
        return address

    async def send(self, data: bytes, address: SocketAddress | None) -> None:
        """Send a datagram when the system takes it.

        Raises:
            SocketError: as `send_nowait`.
            OSError: likewise.
        """
        with self.os.waited_for() as os:
            while True:
                try:
                    self.send_nowait(data, address)
                except BlockingIOError:
                    await os.wait_writable()
                else:
                    return

    def receive_nowait(self) -> tuple[bytes, SocketAddress]:
        """Return the next datagram of somebody whom guests may talk to, and of the peer if there is one.

        Raises:
            SocketError: it is not bound.
            BlockingIOError: there is none now.
            OSError: a datagram sent earlier was refused.
        """
        if not self.is_bound:
            raise SocketError("invalid-state")
        for _ in range(TURN_DATAGRAMS):
            data, sender = self.os.raw.recvfrom(MAX_DATAGRAM_BYTE_LENGTH)
            address = SocketAddress.from_system(sender)
            # What came before the socket was connected is still in the system's queue, from whomever.
            if self._peer in (None, address) and self._network.permits("udp-receive", address.ip, address.port):
                return data, address
        raise BlockingIOError(errno.EAGAIN, "none of many datagrams was fine")

    async def receive(self) -> tuple[bytes, SocketAddress]:
        """Return the next datagram when it is there.

        Raises:
            SocketError: as `receive_nowait`.
            OSError: likewise.
        """
        with self.os.waited_for() as os:
            while True:
                try:
                    return self.receive_nowait()
                except BlockingIOError:
                    await os.wait_readable()

    # Options.

    def get_option(self, name: str) -> int:
        """Return an option of `options.UDP_OPTIONS`."""
        return udp_options(self.family)[name].read(self.os.raw)

    def set_option(self, name: str, value: int) -> None:
        """Set an option of `options.UDP_OPTIONS`."""
        udp_options(self.family)[name].write(self.os.raw, value)


def _disconnect(raw: socket.socket) -> None:
    """Connect to ``AF_UNSPEC``, for which Python has no address.

    Raises:
        OSError: the system refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    unspecified = bytes(16)  # a sockaddr, whose first bytes are the family (and its length, which BSD ignores)
    if libc.connect(raw.fileno(), unspecified, len(unspecified)):
        number = ctypes.get_errno()
        if sys.platform == "linux" or number not in _UNCONNECTED:  # BSD disconnects, and calls that an error
            raise OSError(number, "disconnecting failed")


__all__ = ["MAX_DATAGRAM_BYTE_LENGTH", "TURN_DATAGRAMS", "UdpSocket"]
