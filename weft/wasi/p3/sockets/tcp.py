"""wasi:sockets/types: ``tcp-socket``."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final, final

import anyio

from weft import StreamResult, producers
from weft.wasi.outcome import Outcome
from weft.wasi.p3.sockets.errors import failing, failing_async, wire_code
from weft.wasi.sockets.addresses import lift_address, lower_address
from weft.wasi.sockets.errors import SocketError
from weft.wasi.sockets.options import TCP_OPTIONS
from weft.wasi.sockets.tcp import TcpSocket
from weft.wasi.sockets.tcp_listener import EXHAUSTED
from weft.wasi.streams import read_via_stream, write_via_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Accessor, Destination, Linker, LinkerInstance, Store, StreamProducer, StreamReader
    from weft.wasi.ctx import Getter
    from weft.wasi.sockets.tcp_listener import TcpListener


EXHAUSTED_SECONDS: Final = 0.1
"""How long to wait before the next try when there is no descriptor left: nothing tells when one is free."""


@failing
def bind(_store: Store, tcp: TcpSocket, local_address: Any) -> None:
    """Bind to an address of this machine."""
    tcp.bind(lift_address(local_address))


@failing_async
async def connect(_accessor: Accessor, tcp: TcpSocket, remote_address: Any) -> None:
    """Connect."""
    await tcp.connect(lift_address(remote_address))


@failing
def listen(_store: Store, tcp: TcpSocket) -> StreamProducer:
    """Begin to listen, and give the connections."""
    return Connections(tcp.listen())


def send(store: Store, tcp: TcpSocket, data: StreamReader) -> Outcome:
    """Send a stream to the peer, and then that this was all."""
    try:
        half = tcp.send()
    except SocketError as error:
        data.close(store)
        return _failed(error)
    return write_via_stream(store, data, half, wire_code, at_end=half.close)


def receive(_store: Store, tcp: TcpSocket) -> tuple[StreamProducer, Outcome]:
    """Give what the peer sends."""
    try:
        half = tcp.receive()
    except SocketError as error:
        return producers.empty(), _failed(error)
    return read_via_stream(half, wire_code, at_end=half.close)


def _failed(error: SocketError) -> Outcome:
    outcome = Outcome()
    outcome.fail(wire_code(error))
    return outcome


@failing
def get_local_address(_store: Store, tcp: TcpSocket) -> Any:
    """Return where it is bound."""
    return lower_address(tcp.local_address())


@failing
def get_remote_address(_store: Store, tcp: TcpSocket) -> Any:
    """Return whom it is connected to."""
    return lower_address(tcp.remote_address())


def get_is_listening(_store: Store, tcp: TcpSocket) -> bool:
    """Return whether it listens."""
    return tcp.is_listening


def get_address_family(_store: Store, tcp: TcpSocket) -> str:
    """Return the family of its addresses."""
    return tcp.family


@failing
def set_listen_backlog_size(_store: Store, tcp: TcpSocket, value: int) -> None:
    """Say how many connections may wait to be accepted."""
    tcp.set_listen_backlog_size(value)


@final
class Connections(producers.NonblockingProducer):
    """The ``stream<tcp-socket>`` of a listener: one connection is accepted for one read."""

    __slots__ = ("_exhausted", "_listener")

    def __init__(self, listener: TcpListener) -> None:
        super().__init__()
        self._listener = listener
        self._exhausted = False

    async def wait(self) -> None:
        """Wait for a connection, and a while for a descriptor if there was none."""
        exhausted, self._exhausted = self._exhausted, False
        if exhausted:
            await anyio.sleep(EXHAUSTED_SECONDS)
        await self._listener.wait_acceptable()

    def check_ready(self) -> None:
        """Look whether there is a connection."""
        if not self._listener.is_acceptable():
            raise BlockingIOError(errno.EAGAIN, "nobody connects")

    def receive(self, destination: Destination) -> StreamResult:
        """Accept one; the stream ends only when there can be no more."""
        try:
            tcp = TcpSocket.accept(self._listener)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in EXHAUSTED:
                return StreamResult.DROPPED
            self._exhausted = True
            raise BlockingIOError(error.errno, "there is nothing to accept a connection with") from error
        try:
            destination.write([tcp])
        except BaseException:
            tcp.on_drop()
            raise
        return StreamResult.COMPLETED

    def close(self) -> None:
        """Stop listening at once, unless the socket is still there: the guest may bind to the same address next."""
        self._listener.close()
        super().close()


def add_option(api: LinkerInstance, resource: str, option: str) -> None:
    """Let guests get and set an option."""

    @api.func_wrap(f"[method]{resource}.get-{option}")
    @failing
    def get(_store: Store, socket: Any) -> int:
        value: int = socket.get_option(option)
        return value

    @api.func_wrap(f"[method]{resource}.set-{option}")
    @failing
    def set_(_store: Store, socket: Any, value: int) -> None:
        socket.set_option(option, value)


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the resource."""
    api = linker.instance("wasi:sockets/types@0.3.0")
    api.object_resource("tcp-socket")

    @api.func_wrap("[static]tcp-socket.create")
    @failing
    def create(store: Store, address_family: Any) -> TcpSocket:
        return TcpSocket.create(getter(store.data), address_family.value)

    api.func_wrap_concurrent("[method]tcp-socket.connect", connect)
    plain: dict[str, Callable[..., Any]] = {
        "bind": bind,
        "listen": listen,
        "send": send,
        "receive": receive,
        "get-local-address": get_local_address,
        "get-remote-address": get_remote_address,
        "get-is-listening": get_is_listening,
        "get-address-family": get_address_family,
        "set-listen-backlog-size": set_listen_backlog_size,
    }
    for name, func in plain.items():
        api.func_wrap(f"[method]tcp-socket.{name}", func)
    for option in TCP_OPTIONS:
        add_option(api, "tcp-socket", option)


__all__ = ["EXHAUSTED_SECONDS", "Connections", "add_option", "add_to_linker"]
