"""Options of sockets: what guests may set, and what the system makes of it."""

from __future__ import annotations

import errno
import socket
import sys
from typing import TYPE_CHECKING, Final, final

from attrs import frozen

from weft.wasi.sockets.errors import SocketError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weft.wasi.sockets.addresses import AddressFamily

NANOSECONDS: Final = 1_000_000_000
C_INT_MAX: Final = (1 << 31) - 1
SHARE_OF_BUFFER: Final = 2 if sys.platform == "linux" else 1
"""Linux reserves, and reports, twice the space that was asked for."""


@final
@frozen
class Option:
    """A numeric option.

    Attributes:
        level: that the option belongs to in the system.
        number: of the option in the system.
        least: the smallest value that can be set; smaller ones become it, but 0 is an error.
        most: the largest value that can be set; larger ones become it.
        unit: how much of a guest's value is one of the system's.
        share: by how much what the system reports is more than what was set.
    """

    level: int
    number: int
    least: int
    most: int
    unit: int = 1
    share: int = 1

    def read(self, raw: socket.socket) -> int:
        """Return the value as guests have it."""
        return raw.getsockopt(self.level, self.number) // self.share * self.unit

    def write(self, raw: socket.socket, value: int) -> None:
        """Set the value. That there is no space for buffers so large is no error: it is a hint (as on Linux)."""
        if not value:
            raise SocketError("invalid-argument")
        value = min(max(value, self.least), self.most) // self.unit
        try:
            raw.setsockopt(self.level, self.number, value)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise


@final
@frozen
class Switch:
    """An option that is on or off."""

    level: int
    number: int

    def read(self, raw: socket.socket) -> bool:
        """Return whether it is on."""
        return raw.getsockopt(self.level, self.number) != 0

    def write(self, raw: socket.socket, value: int) -> None:
        """Switch it."""
        raw.setsockopt(self.level, self.number, value)


def _buffer(number: int) -> Option:
    return Option(socket.SOL_SOCKET, number, 1, C_INT_MAX, share=SHARE_OF_BUFFER)


def _keep_alive_time(number: int) -> Option:
    return Option(socket.IPPROTO_TCP, number, NANOSECONDS, 0x7FFF * NANOSECONDS, unit=NANOSECONDS)


HOP_LIMITS: Final[Mapping[AddressFamily, Option]] = {
    "ipv4": Option(socket.IPPROTO_IP, socket.IP_TTL, 1, 255),
    "ipv6": Option(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1, 255),
}
RECEIVE_BUFFER_SIZE: Final = _buffer(socket.SO_RCVBUF)
SEND_BUFFER_SIZE: Final = _buffer(socket.SO_SNDBUF)
KEEP_ALIVE_ENABLED: Final = Switch(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
KEEP_ALIVE_IDLE_TIME: Final = _keep_alive_time(
    socket.TCP_KEEPIDLE if sys.platform != "darwin" else socket.TCP_KEEPALIVE  # type: ignore[attr-defined,unused-ignore]
)
KEEP_ALIVE_INTERVAL: Final = _keep_alive_time(socket.TCP_KEEPINTVL)
KEEP_ALIVE_COUNT: Final = Option(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 1, 127)


def udp_options(family: AddressFamily) -> Mapping[str, Option | Switch]:
    """Return the options of UDP sockets by their names in the interface."""
    return {
        "unicast-hop-limit": HOP_LIMITS[family],
        "receive-buffer-size": RECEIVE_BUFFER_SIZE,
        "send-buffer-size": SEND_BUFFER_SIZE,
    }


def tcp_options(family: AddressFamily) -> Mapping[str, Option | Switch]:
    """Return the options of TCP sockets by their names in the interface."""
    return {
        "keep-alive-enabled": KEEP_ALIVE_ENABLED,
        "keep-alive-idle-time": KEEP_ALIVE_IDLE_TIME,
        "keep-alive-interval": KEEP_ALIVE_INTERVAL,
        "keep-alive-count": KEEP_ALIVE_COUNT,
        "hop-limit": HOP_LIMITS[family],
        "receive-buffer-size": RECEIVE_BUFFER_SIZE,
        "send-buffer-size": SEND_BUFFER_SIZE,
    }


TCP_OPTIONS: Final = tuple(tcp_options("ipv4"))
UDP_OPTIONS: Final = tuple(udp_options("ipv4"))


__all__ = ["C_INT_MAX", "NANOSECONDS", "TCP_OPTIONS", "UDP_OPTIONS", "Option", "Switch", "tcp_options", "udp_options"]
