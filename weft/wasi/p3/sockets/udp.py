"""wasi:sockets/types: ``udp-socket``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.wasi.p3.sockets.errors import failing, failing_async
from weft.wasi.p3.sockets.tcp import add_option
from weft.wasi.sockets.addresses import lift_address, lower_address
from weft.wasi.sockets.options import UDP_OPTIONS
from weft.wasi.sockets.udp import UdpSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Accessor, Linker, Store
    from weft.wasi.ctx import Getter


@failing
def bind(_store: Store, udp: UdpSocket, local_address: Any) -> None:
    """Bind to an address of this machine."""
    udp.bind(lift_address(local_address))


@failing
def connect(_store: Store, udp: UdpSocket, remote_address: Any) -> None:
    """Talk to one address only."""
    udp.connect(lift_address(remote_address))


@failing
def disconnect(_store: Store, udp: UdpSocket) -> None:
    """Talk to anybody again."""
    udp.disconnect()


@failing_async
async def send(_accessor: Accessor, udp: UdpSocket, data: bytes, remote_address: Any) -> None:
    """Send a datagram."""
    await udp.send(data, None if remote_address is None else lift_address(remote_address))


@failing_async
async def receive(_accessor: Accessor, udp: UdpSocket) -> tuple[bytes, Any]:
    """Return the next datagram, and who sent it."""
    data, sender = await udp.receive()
    return data, lower_address(sender)


@failing
def get_local_address(_store: Store, udp: UdpSocket) -> Any:
    """Return where it is bound."""
    return lower_address(udp.local_address())


@failing
def get_remote_address(_store: Store, udp: UdpSocket) -> Any:
    """Return whom it is connected to."""
    return lower_address(udp.remote_address())


def get_address_family(_store: Store, udp: UdpSocket) -> str:
    """Return the family of its addresses."""
    return udp.family


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the resource."""
    api = linker.instance("wasi:sockets/types@0.3.0")
    api.object_resource("udp-socket")

    @api.func_wrap("[static]udp-socket.create")
    @failing
    def create(store: Store, address_family: Any) -> UdpSocket:
        return UdpSocket.create(getter(store.data), address_family.value)

    api.func_wrap_concurrent("[method]udp-socket.send", send)
    api.func_wrap_concurrent("[method]udp-socket.receive", receive)
    plain: dict[str, Callable[..., Any]] = {
        "bind": bind,
        "connect": connect,
        "disconnect": disconnect,
        "get-local-address": get_local_address,
        "get-remote-address": get_remote_address,
        "get-address-family": get_address_family,
    }
    for name, func in plain.items():
        api.func_wrap(f"[method]udp-socket.{name}", func)
    for option in UDP_OPTIONS:
        add_option(api, "udp-socket", option)


__all__ = ["add_to_linker"]
