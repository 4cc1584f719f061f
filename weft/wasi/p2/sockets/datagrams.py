"""The resources of wasi:sockets/udp 0.2: a socket, and a stream of datagrams in each direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from weft import Trap, TrapCode
from weft.wasi.sockets.errors import SocketError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weft.wasi.sockets.addresses import SocketAddress
    from weft.wasi.sockets.udp import UdpSocket

MOST_DATAGRAMS: Final = 16
"""How many datagrams are sent or received at once, at the most."""


@final
class UdpChannel:
    """The resource ``udp-socket`` (`Readiness`: always ready, since none of its operations takes time).

    Invariant: the socket is let go of when the resource and all of its streams were dropped.

    Attributes:
        udp: the socket.
    """

    __slots__ = ("_binding", "_dropped", "_streams", "udp")

    def __init__(self, udp: UdpSocket) -> None:
        self.udp = udp
        self._binding = False
        self._dropped = False
        self._streams = 0

    def on_drop(self) -> None:
        """Stop using the socket, unless its streams do."""
        self._dropped = True
        self._let_go()

    def stream_dropped(self) -> None:
        """Note that a stream was dropped."""
        self._streams -= 1
        self._let_go()

    def _let_go(self) -> None:
        if self._dropped and not self._streams:
            self.udp.on_drop()

    def is_ready(self) -> bool:
        """Whether an operation can be finished: always."""
        return True

    async def wait_ready(self) -> None:
        """Return."""

    def start_bind(self, address: SocketAddress) -> None:
        """Bind, which takes no time.

        Raises:
            SocketError: it is being bound, or as `UdpSocket.bind`.
            OSError: the system or the context refused.
        """
        if self._binding:
            raise SocketError("concurrency-conflict")
        self.udp.bind(address)
        self._binding = True

    def finish_bind(self) -> None:
        """Confirm that it is bound.

        Raises:
            SocketError: it is not being bound.
        """
        if not self._binding:
            raise SocketError("not-in-progress")
        self._binding = False

    def stream(self, address: SocketAddress | None) -> tuple[IncomingDatagrams, OutgoingDatagrams]:
        """Return streams to talk with one peer, or with anybody; other than in 0.3, the socket must be bound.

        Raises:
            Trap: the streams of an earlier call were not dropped.
            SocketError: it is not bound, or the address is nobody's.
            OSError: the system or the context refused.
        """
        if self._streams:
            raise Trap(TrapCode.OTHER, "the datagram streams of a socket were not dropped before new ones were made")
        if not self.udp.is_bound:
            raise SocketError("invalid-state")
        if address is not None:
            self.udp.connect(address)
        elif self.udp.is_connected:
            self.udp.disconnect()
        self._streams = 2
        return IncomingDatagrams(self), OutgoingDatagrams(self)


@final
class IncomingDatagrams:
    """The resource ``incoming-datagram-stream`` (`Readiness`: ready when a datagram or an error is there)."""

    __slots__ = ("_channel", "_dropped", "_error")

    def __init__(self, channel: UdpChannel) -> None:
        self._channel = channel
        self._dropped = False
        self._error: OSError | None = None

    def on_drop(self) -> None:
        """Receive nothing more."""
        self._dropped = True
        self._channel.stream_dropped()

    def is_ready(self) -> bool:
        """Whether something is there."""
        return self._dropped or self._error is not None or self._channel.udp.os.is_readable()

    async def wait_ready(self) -> None:
        """Wait until that may be so."""
        if not self.is_ready():
            with self._channel.udp.os.waited_for() as os:
                await os.wait_readable()

    def receive(self, max_results: int) -> list[tuple[bytes, SocketAddress]]:
        """Return the datagrams that are there.

        Args:
            max_results: how many to return at the most; there is a limit in any case.

        Raises:
            OSError: a datagram sent earlier was refused; what comes after the error waits for the next call.
        """
        found: list[tuple[bytes, SocketAddress]] = []
        while len(found) < min(max_results, MOST_DATAGRAMS):
            error, self._error = self._error, None
            try:
                if error is not None:
                    raise error
                found.append(self._channel.udp.receive_nowait())
            except BlockingIOError:
                break
            except OSError as raised:
                if not found:
                    raise
                self._error = raised
                break
        return found


@final
class OutgoingDatagrams:
    """The resource ``outgoing-datagram-stream`` (`Readiness`: ready when a datagram may be sent)."""

    __slots__ = ("_channel", "_dropped", "_permit")

    def __init__(self, channel: UdpChannel) -> None:
        self._channel = channel
        self._dropped = False
        self._permit = 0

    def on_drop(self) -> None:
        """Send nothing more."""
        self._dropped = True
        self._channel.stream_dropped()

    def is_ready(self) -> bool:
        """Whether a datagram may be sent."""
        return self._dropped or self._channel.udp.os.is_writable()

    async def wait_ready(self) -> None:
        """Wait until that may be so."""
        if not self.is_ready():
            with self._channel.udp.os.waited_for() as os:
                await os.wait_writable()

    def check_send(self) -> int:
        """Return how many datagrams the next `send` may have."""
        self._permit = MOST_DATAGRAMS if self.is_ready() else 0
        return self._permit

    def send(self, datagrams: Sequence[tuple[bytes, SocketAddress | None]]) -> int:
        """Send datagrams, and return how many went.

        Raises:
            Trap: they are more than `check_send` permitted.
            SocketError: the first of them is too long, or goes nowhere or where it may not.
            OSError: the system or the context refused the first.
        """
        if not datagrams:
            return 0
        if len(datagrams) > self._permit:
            raise Trap(TrapCode.OTHER, f"{len(datagrams)} datagrams were sent where {self._permit} were permitted")
        self._permit = 0
        for sent, (data, address) in enumerate(datagrams):
            try:
                self._channel.udp.send_nowait(data, address)
            except BlockingIOError:
                return sent
            except (SocketError, OSError):
                if not sent:
                    raise
                return sent  # the guest meets the error when it sends the rest
        return len(datagrams)


__all__ = ["MOST_DATAGRAMS", "IncomingDatagrams", "OutgoingDatagrams", "UdpChannel"]
