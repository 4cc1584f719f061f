"""What the tests of sockets share."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from weft.wasi import Network, WasiCtx, WasiLimits
from weft.wasi.sockets.addresses import SocketAddress
from weft.wasi.sockets.tcp import TcpSocket, TcpState

if TYPE_CHECKING:
    from collections.abc import Callable

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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()
