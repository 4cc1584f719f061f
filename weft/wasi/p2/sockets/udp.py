"""wasi:sockets/udp and udp-create-socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.wasi.p2.io import Pollable
from weft.wasi.p2.io.error import VERSION
from weft.wasi.p2.sockets.datagrams import IncomingDatagrams, OutgoingDatagrams, UdpChannel
from weft.wasi.p2.sockets.errors import failing
from weft.wasi.p2.sockets.options import add_option
from weft.wasi.sockets.addresses import lift_address, lower_address
from weft.wasi.sockets.options import UDP_OPTIONS
from weft.wasi.sockets.udp import UdpSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Linker, Store
    from weft.wasi.ctx import Getter
    from weft.wasi.p2.sockets.network import NetworkHandle
    from weft.wasi.sockets.addresses import SocketAddress


def _optional_address(value: Any) -> SocketAddress | None:
    return None if value is None else lift_address(value)


def start_bind(_store: Store, channel: UdpChannel, _network: NetworkHandle, local_address: Any) -> None:
    """Bind."""
    channel.start_bind(lift_address(local_address))


def finish_bind(_store: Store, channel: UdpChannel) -> None:
    """Confirm that it is bound."""
    channel.finish_bind()


def stream(_store: Store, channel: UdpChannel, remote_address: Any) -> tuple[IncomingDatagrams, OutgoingDatagrams]:
    """Return streams to talk with one peer, or with anybody."""
    return channel.stream(_optional_address(remote_address))


def local_address(_store: Store, channel: UdpChannel) -> Any:
    """Return where it is bound."""
    return lower_address(channel.udp.local_address())


def remote_address(_store: Store, channel: UdpChannel) -> Any:
    """Return whom it is connected to."""
    return lower_address(channel.udp.remote_address())


def address_family(_store: Store, channel: UdpChannel) -> str:
    """Return the family of its addresses."""
    return channel.udp.family


def subscribe(_store: Store, resource: UdpChannel | IncomingDatagrams | OutgoingDatagrams) -> Pollable:
    """Return what tells when an operation is worth a try."""
    return Pollable(resource)


def receive(_store: Store, incoming: IncomingDatagrams, max_results: int) -> list[dict[str, Any]]:
    """Return the datagrams that are there."""
    return [{"data": data, "remote-address": lower_address(sender)} for data, sender in incoming.receive(max_results)]


def check_send(_store: Store, outgoing: OutgoingDatagrams) -> int:
    """Return how many datagrams may be sent."""
    return outgoing.check_send()


def send(_store: Store, outgoing: OutgoingDatagrams, datagrams: list[Any]) -> int:
    """Send datagrams, and return how many went."""
    return outgoing.send([(each.data, _optional_address(each.remote_address)) for each in datagrams])


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interfaces."""
    api = linker.instance(f"wasi:sockets/udp@{VERSION}")
    fallible: dict[str, tuple[Callable[..., Any], ...]] = {
        "udp-socket": (start_bind, finish_bind, stream, local_address, remote_address),
        "incoming-datagram-stream": (receive,),
        "outgoing-datagram-stream": (check_send, send),
    }
    for resource, funcs in fallible.items():
        api.object_resource(resource)
        api.func_wrap(f"[method]{resource}.subscribe", subscribe)
        for func in funcs:
            api.func_wrap(f"[method]{resource}.{func.__name__.replace('_', '-')}", failing(func))
    api.func_wrap("[method]udp-socket.address-family", address_family)
    for option in UDP_OPTIONS:
        add_option(api, "udp-socket", option, lambda channel: channel.udp)

    @linker.instance(f"wasi:sockets/udp-create-socket@{VERSION}").func_wrap("create-udp-socket")
    @failing
    def create_udp_socket(store: Store, address_family: Any) -> UdpChannel:
        return UdpChannel(UdpSocket.create(getter(store.data), address_family.value))


__all__ = ["add_to_linker"]
