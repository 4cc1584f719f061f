"""What the tests of sockets share."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from weft.wasi import Network, WasiCtx, WasiLimits
from weft.wasi.sockets.addresses import SocketAddress
from weft.wasi.sockets.tcp import TcpSocket, TcpState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weft.wasi.sockets.addresses import AddressFamily
    from weft.wasi.sockets.tcp_listener import TcpListener

LOOPBACK: dict[AddressFamily, str] = {"ipv4": "127.0.0.1", "ipv6": "::1"}


def address(ip: str, port: int = 0, **more: int) -> SocketAddress:
    return SocketAddress(ip_address(ip), port, **more)


def loopback(family: AddressFamily = "ipv4", port: int = 0) -> SocketAddress:
    return address(LOOPBACK[family], port)


def context(*, handles: int = 100, **network: Any) -> WasiCtx:
    policy = Network(**network) if network else Network.inherit()
    return WasiCtx(network=policy, limits=WasiLimits(handles=handles))


def tcp_socket(ctx: WasiCtx | None = None, family: AddressFamily = "ipv4") -> TcpSocket:
    return TcpSocket.create(ctx or context(), family)


def listening(ctx: WasiCtx | None = None, family: AddressFamily = "ipv4") -> tuple[TcpSocket, TcpListener]:
    tcp = tcp_socket(ctx, family)
    tcp.bind(loopback(family))
    return tcp, tcp.listen()


def connected(ctx: WasiCtx | None = None, family: AddressFamily = "ipv4") -> tuple[TcpSocket, socket.socket]:
    """A socket of a guest's, and its peer, a socket of Python's that does not block."""
    with socket.create_server((LOOPBACK[family], 0), family=_family(family)) as server:
        tcp = tcp_socket(ctx, family)
        tcp.start_connect(SocketAddress.from_system(server.getsockname()))
        peer = server.accept()[0]
    peer.setblocking(False)
    assert tcp.finish_connect()
    assert tcp.state is TcpState.CONNECTED
    return tcp, peer


def _family(family: AddressFamily) -> socket.AddressFamily:
    return socket.AF_INET if family == "ipv4" else socket.AF_INET6


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


NEEDS_IPV6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
FAMILIES = ["ipv4", pytest.param("ipv6", marks=NEEDS_IPV6)]
LOOPBACKS = ["127.0.0.1", pytest.param("::1", marks=NEEDS_IPV6)]


@contextmanager
def deaf(kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[int]:
    """A port that is taken, where everything is refused."""
    with socket.socket(type=kind) as raw:
        raw.bind(("127.0.0.1", 0))
        port: int = raw.getsockname()[1]
        if kind is socket.SOCK_DGRAM:
            raw.connect(("127.0.0.1", 1))  # so that it hears nobody else
        yield port


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()
