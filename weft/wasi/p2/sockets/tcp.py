"""wasi:sockets/tcp and tcp-create-socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.wasi.p2.io import InputStream, OutputStream, Pollable
from weft.wasi.p2.io.error import VERSION
from weft.wasi.p2.sockets.errors import failing
from weft.wasi.p2.sockets.options import add_option
from weft.wasi.p2.sockets.tcp_connection import TcpConnection
from weft.wasi.sockets.addresses import lift_address, lower_address
from weft.wasi.sockets.options import TCP_OPTIONS
from weft.wasi.sockets.tcp import TcpSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Linker, Store
    from weft.wasi.ctx import Getter
    from weft.wasi.p2.sockets.network import NetworkHandle


def start_bind(_store: Store, connection: TcpConnection, _network: NetworkHandle, local_address: Any) -> None:
    """Bind."""
    connection.start_bind(lift_address(local_address))


def finish_bind(_store: Store, connection: TcpConnection) -> None:
    """Confirm that it is bound."""
    connection.finish_bind()


def start_connect(_store: Store, connection: TcpConnection, _network: NetworkHandle, remote_address: Any) -> None:
    """Begin to connect."""
    connection.start_connect(lift_address(remote_address))


def finish_connect(_store: Store, connection: TcpConnection) -> tuple[InputStream, OutputStream]:
    """Return the streams of the connection."""
    return connection.finish_connect()


def start_listen(_store: Store, connection: TcpConnection) -> None:
    """Listen."""
    connection.start_listen()


def finish_listen(_store: Store, connection: TcpConnection) -> None:
    """Confirm that it listens."""
    connection.finish_listen()


def accept(_store: Store, connection: TcpConnection) -> tuple[TcpConnection, InputStream, OutputStream]:
    """Return the next connection and its streams."""
    return connection.accept()


def shutdown(_store: Store, connection: TcpConnection, shutdown_type: Any) -> None:
    """End one or both directions."""
    how = shutdown_type.value
    connection.shutdown(receive=how in {"receive", "both"}, send=how in {"send", "both"})


def local_address(_store: Store, connection: TcpConnection) -> Any:
    """Return where it is bound."""
    return lower_address(connection.tcp.local_address())


def remote_address(_store: Store, connection: TcpConnection) -> Any:
    """Return whom it is connected to."""
    return lower_address(connection.tcp.remote_address())


def set_listen_backlog_size(_store: Store, connection: TcpConnection, value: int) -> None:
    """Say how many connections may wait to be accepted."""
    connection.tcp.set_listen_backlog_size(value)


def is_listening(_store: Store, connection: TcpConnection) -> bool:
    """Return whether it listens."""
    return connection.tcp.is_listening


def address_family(_store: Store, connection: TcpConnection) -> str:
    """Return the family of its addresses."""
    return connection.tcp.family


def subscribe(_store: Store, connection: TcpConnection) -> Pollable:
    """Return what tells when the operation in progress can be finished, or a connection accepted."""
    return Pollable(connection)


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interfaces."""
    api = linker.instance(f"wasi:sockets/tcp@{VERSION}")
    api.object_resource("tcp-socket")
    fallible: tuple[Callable[..., Any], ...] = (
        start_bind,
        finish_bind,
        start_connect,
        finish_connect,
        start_listen,
        finish_listen,
        accept,
        shutdown,
        local_address,
        remote_address,
        set_listen_backlog_size,
    )
    for func in fallible:
        api.func_wrap(f"[method]tcp-socket.{func.__name__.replace('_', '-')}", failing(func))
    api.func_wrap("[method]tcp-socket.is-listening", is_listening)
    api.func_wrap("[method]tcp-socket.address-family", address_family)
    api.func_wrap("[method]tcp-socket.subscribe", subscribe)
    for option in TCP_OPTIONS:
        add_option(api, "tcp-socket", option, lambda connection: connection.tcp)

    @linker.instance(f"wasi:sockets/tcp-create-socket@{VERSION}").func_wrap("create-tcp-socket")
    @failing
    def create_tcp_socket(store: Store, address_family: Any) -> TcpConnection:
        return TcpConnection(TcpSocket.create(getter(store.data), address_family.value))


__all__ = ["add_to_linker"]
