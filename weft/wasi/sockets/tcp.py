"""TCP sockets, as both versions of wasi:sockets have them.

Source: TcpSocketOperationalSemantics.md of wasi:sockets, ``tcp-socket``.
"""

from __future__ import annotations

import enum
import errno
import socket
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from weft.wasi.sockets.addresses import wildcard
from weft.wasi.sockets.errors import SocketError, meaning
from weft.wasi.sockets.options import C_INT_MAX, tcp_options
from weft.wasi.sockets.os_socket import OsSocket
from weft.wasi.sockets.tcp_halves import ReceiveHalf, SendHalf
from weft.wasi.sockets.tcp_listener import TcpListener

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weft.wasi.ctx import WasiCtx
    from weft.wasi.network import Network
    from weft.wasi.sockets.addresses import AddressFamily, SocketAddress

DEFAULT_BACKLOG: Final = 128


@final
class TcpState(enum.Enum):
    """The states of a TCP socket."""

    UNBOUND = "unbound"
    BOUND = "bound"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    LISTENING = "listening"
    CLOSED = "closed"


TcpOperation: TypeAlias = Literal[
    "bind", "connect", "finish-connect", "listen", "send", "receive", "local-address", "remote-address", "backlog",
    "option",
]  # fmt: skip

_OPEN: Final = frozenset(TcpState) - {TcpState.CLOSED}
_UNUSED: Final = frozenset({TcpState.UNBOUND, TcpState.BOUND})

ALLOWED: Final[Mapping[TcpOperation, frozenset[TcpState]]] = {
    "bind": frozenset({TcpState.UNBOUND}),
    "connect": _UNUSED,
    "finish-connect": frozenset({TcpState.CONNECTING}),
    "listen": _UNUSED,
    "send": frozenset({TcpState.CONNECTED}),
    "receive": frozenset({TcpState.CONNECTED}),
    "local-address": _OPEN - {TcpState.UNBOUND},
    "remote-address": frozenset({TcpState.CONNECTED}),
    "backlog": _UNUSED | {TcpState.LISTENING},
    "option": _OPEN,
}
"""In which states each operation can succeed; in the others it fails with ``invalid-state`` and changes nothing."""


@final
class TcpSocket:
    """A TCP socket.

    Invariant: it uses a socket of the system's unless it is closed or was dropped.
    Invariant: `_peer` is known once it connects; the system forgets who it was when the connection has ended.

    Attributes:
        family: of its addresses.
        state: where it is in its life.
    """

    __slots__ = ("_backlog", "_network", "_os", "_peer", "_receives", "_sends", "family", "state")

    def __init__(self, network: Network, os: OsSocket, state: TcpState, peer: SocketAddress | None = None) -> None:
        self.family: AddressFamily = os.family
        self.state = state
        self._network = network
        self._os: OsSocket | None = os
        self._peer = peer
        self._backlog = DEFAULT_BACKLOG
        self._receives = self._sends = False

    @classmethod
    def create(cls, ctx: WasiCtx, family: AddressFamily) -> TcpSocket:
        """Make an unbound socket.

        Raises:
            SocketError: there is no such family.
            OSError: guests may have none, or have too many already.
        """
        ctx.network.check_tcp()
        os = OsSocket.create(ctx.handles, family, socket.SOCK_STREAM)
        return cls(ctx.network, os, TcpState.UNBOUND)

    @classmethod
    def accept(cls, listener: TcpListener) -> TcpSocket:
        """Make a socket of the next connection.

        Raises:
            BlockingIOError: there is none now.
            OSError: there will never be one.
        """
        os, peer = listener.accept()
        return cls(listener.network, os, TcpState.CONNECTED, peer)

    def on_drop(self) -> None:
        """Stop using the socket of the system's; streams of bytes or of connections may go on with it."""
        if self._os is not None:
            self._os.release()
            self._os = None

    def require(self, operation: TcpOperation) -> OsSocket:
        """Return the system's socket for an operation that the state allows.

        Raises:
            SocketError: it does not (``invalid-state``).
        """
        if self.state not in ALLOWED[operation] or self._os is None:
            raise SocketError("invalid-state")
        return self._os

    # Where it is.

    def bind(self, address: SocketAddress) -> None:
        """Bind to an address of this machine; other than elsewhere, old connections of it are no hindrance.

        Raises:
            SocketError: not in this state, or the address is none to bind to.
            OSError: the system or the context refused.
        """
        os = self.require("bind")
        if not (address.is_unicast and address.suits(self.family)):
            raise SocketError("invalid-argument")
        self._network.check_address("tcp-bind", address.ip, address.port)
        self._bind(os, address)

    def _bind(self, os: OsSocket, address: SocketAddress) -> None:
        os.raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
        os.raw.bind(address.for_system)
        self.state = TcpState.BOUND

    def local_address(self) -> SocketAddress:
        """Return where it is bound."""
        return self.require("local-address").local_address

    def remote_address(self) -> SocketAddress:
        """Return whom it is connected to."""
        self.require("remote-address")
        assert self._peer is not None
        return self._peer

    # Connecting.

    async def connect(self, address: SocketAddress) -> None:
        """Connect; if that fails or is cancelled, the socket is closed.

        Raises:
            SocketError: not in this state, or the address is nobody's.
            OSError: the connection failed, or the context refused.
        """
        self.start_connect(address)
        try:
            while not self.finish_connect():
                await self.wait_attempted()
        except BaseException:
            self._close()
            raise

    def start_connect(self, address: SocketAddress) -> None:
        """Begin to connect.

        Raises:
            SocketError: not in this state, or the address is nobody's.
            OSError: the connection failed already, or the context refused; then the socket is closed.
        """
        os = self.require("connect")
        if not (address.is_unicast and address.is_remote and address.suits(self.family)):
            raise SocketError("invalid-argument")
        try:
            if self.state is TcpState.UNBOUND:
                self._network.check_implicit_bind("tcp-bind", wildcard(self.family).ip)
            self._network.check_address("tcp-connect", address.ip, address.port)
            self._raise_for(os.raw.connect_ex(address.for_system))
        except BaseException:
            self._close()
            raise
        self._peer = address
        self.state = TcpState.CONNECTING

    def finish_connect(self) -> bool:
        """Return whether the connection is there.

        Raises:
            SocketError: not in this state.
            OSError: the connection failed; then the socket is closed.
        """
        os = self.require("finish-connect")
        if not os.is_writable():
            return False
        try:
            self._raise_for(os.raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        except BaseException:
            self._close()
            raise
        self.state = TcpState.CONNECTED
        return True

    def _raise_for(self, number: int) -> None:
        if number not in _UNDER_WAY:
            with meaning(_NO_PORT_LEFT):
                raise OSError(number, "connecting failed")

    def is_attempted(self) -> bool:
        """Whether no connection is being made, or its success or failure is known."""
        return self._os is None or self.state is not TcpState.CONNECTING or self._os.is_writable()

    async def wait_attempted(self) -> None:
        """Wait until that is so."""
        if self._os is not None and self.state is TcpState.CONNECTING:
            with self._os.waited_for() as os:
                await os.wait_writable()

    def _close(self) -> None:
        self.state = TcpState.CLOSED
        self.on_drop()

    # Listening.

    def listen(self) -> TcpListener:
        """Begin to listen.

        Raises:
            SocketError: not in this state.
            OSError: the system or the context refused.
        """
        os = self.require("listen")
        implicit = wildcard(self.family)
        if self.state is TcpState.UNBOUND:
            self._network.check_address("tcp-bind", implicit.ip, implicit.port)
        address = implicit if self.state is TcpState.UNBOUND else os.local_address
        self._network.check_address("tcp-listen", address.ip, address.port)
        if self.state is TcpState.UNBOUND:
            self._bind(os, implicit)
        os.raw.listen(self._backlog)
        self.state = TcpState.LISTENING
        return TcpListener(os.retain(), self._network)

    @property
    def is_listening(self) -> bool:
        """Whether it listens."""
        return self.state is TcpState.LISTENING

    def set_listen_backlog_size(self, value: int) -> None:
        """Say how many connections may wait to be accepted; the system takes it as a hint.

        Raises:
            SocketError: not in this state, the value is 0, or it is too late on this system.
        """
        if not value:
            raise SocketError("invalid-argument")
        os = self.require("backlog")
        value = min(value, C_INT_MAX)
        if self.is_listening:
            try:
                os.raw.listen(value)
            except OSError as error:
                raise SocketError("not-supported") from error
        self._backlog = value

    # The bytes.

    def receive(self) -> ReceiveHalf:
        """Return what the peer sends; once.

        Raises:
            SocketError: not in this state, or not for the first time.
        """
        os = self.require("receive")
        if self._receives:
            raise SocketError("invalid-state")
        self._receives = True
        return ReceiveHalf(os.retain())

    def send(self) -> SendHalf:
        """Return what goes to the peer; once.

        Raises:
            SocketError: not in this state, or not for the first time.
        """
        os = self.require("send")
        if self._sends:
            raise SocketError("invalid-state")
        self._sends = True
        return SendHalf(os.retain())

    # Options.

    def get_option(self, name: str) -> int:
        """Return an option of `options.TCP_OPTIONS`."""
        return tcp_options(self.family)[name].read(self.require("option").raw)

    def set_option(self, name: str, value: int) -> None:
        """Set an option of `options.TCP_OPTIONS`."""
        tcp_options(self.family)[name].write(self.require("option").raw, value)


_UNDER_WAY: Final = frozenset({0, errno.EINPROGRESS, errno.EINTR})
_NO_PORT_LEFT: Final[Mapping[int, Literal["address-in-use"]]] = {
    errno.EADDRNOTAVAIL: "address-in-use",
    errno.EAGAIN: "address-in-use",
}


__all__ = ["ALLOWED", "DEFAULT_BACKLOG", "TcpOperation", "TcpSocket", "TcpState"]
