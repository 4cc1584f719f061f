"""TCP connections: made, accepted, used and ended."""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from socket_helpers import FAMILIES, connected, context, deaf, listening, loopback, tcp_socket, until

import weft
from weft import producers
from weft.canon.types import Prim
from weft.wasi.p3.sockets import tcp as face
from weft.wasi.sockets import tcp_listener
from weft.wasi.sockets.addresses import SocketAddress
from weft.wasi.sockets.errors import SocketError, error_code
from weft.wasi.sockets.os_socket import OsSocket
from weft.wasi.sockets.tcp import TcpSocket, TcpState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store() -> AsyncIterator[weft.Store]:
    async with weft.Store(weft.Engine()) as store:
        yield store


async def run(store: weft.Store, func: Callable[[weft.Accessor], Any]) -> Any:
    with anyio.fail_after(10):
        return await store.run_concurrent(func)


@pytest.fixture
def pair() -> Iterator[tuple[TcpSocket, socket.socket]]:
    ctx = context()
    tcp, peer = connected(ctx)
    yield tcp, peer
    peer.close()
    tcp.on_drop()
    assert ctx.handles.open == 0


# Connecting.


@pytest.mark.parametrize("family", FAMILIES)
async def test_connect(family: Any) -> None:
    """A socket that connects is bound to some port, and both sides know each other."""
    ctx = context()
    server, listener = listening(ctx, family)
    client = tcp_socket(ctx, family)
    await client.connect(server.local_address())
    accepted = TcpSocket.accept(listener)
    assert client.state is accepted.state is TcpState.CONNECTED
    assert client.remote_address() == accepted.local_address() == server.local_address()
    assert accepted.remote_address() == client.local_address()
    assert accepted.family == family
    for tcp in (server, client, accepted):
        tcp.on_drop()
    assert ctx.handles.open == 1
    listener.close()
    assert ctx.handles.open == 0


async def test_connection_refused() -> None:
    """A connection that fails closes the socket, and gives its descriptor back."""
    ctx = context()
    tcp = tcp_socket(ctx)
    with deaf() as port, pytest.raises(ConnectionRefusedError):
        await tcp.connect(loopback(port=port))
    assert tcp.state is TcpState.CLOSED
    assert ctx.handles.open == 0


async def test_no_port_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no port to bind to, that is `address-in-use`, however the system says it."""
    for number in (errno.EADDRNOTAVAIL, errno.EAGAIN, errno.EADDRINUSE):
        monkeypatch.setattr(socket.socket, "connect_ex", lambda *_, number=number: number)
        with pytest.raises((SocketError, OSError)) as caught:
            await tcp_socket().connect(loopback(port=1))
        assert error_code(caught.value) == "address-in-use"


@pytest.fixture
def full() -> Iterator[tuple[SocketAddress, list[socket.socket]]]:
    """The address of a server whose queue is full, so that a connection is neither made nor refused."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        clients: list[socket.socket] = []
        for _ in range(3):
            clients.append(socket.socket())
            clients[-1].setblocking(False)
            clients[-1].connect_ex(server.getsockname())
        yield SocketAddress.from_system(server.getsockname()), clients
        for client in clients:
            client.close()


async def test_a_connection_that_is_given_up(full: tuple[SocketAddress, list[socket.socket]]) -> None:
    """Who gives up connecting closes the socket."""
    ctx = context()
    tcp = tcp_socket(ctx)
    async with anyio.create_task_group() as group:
        group.start_soon(tcp.connect, full[0])
        await until(lambda: tcp.state is TcpState.CONNECTING)
        await anyio.wait_all_tasks_blocked()
        assert not tcp.finish_connect()
        with pytest.raises(SocketError, match="invalid-state"):
            await tcp.connect(full[0])
        group.cancel_scope.cancel()
    assert tcp.state is TcpState.CLOSED
    assert ctx.handles.open == 0


async def test_dropped_while_it_connects(full: tuple[SocketAddress, list[socket.socket]]) -> None:
    """A descriptor that is waited for stays open until nobody waits; who waits is woken when the socket is dropped."""
    ctx = context()
    tcp = tcp_socket(ctx)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:

            async def connect() -> None:
                with pytest.raises(SocketError, match="invalid-state"):
                    await tcp.connect(full[0])

            group.start_soon(connect)
            await until(lambda: tcp.state is TcpState.CONNECTING)
            await anyio.wait_all_tasks_blocked()
            tcp.on_drop()
            assert ctx.handles.open == 1
    assert ctx.handles.open == 0


# Accepting.


async def test_connections_wait_in_the_system(store: weft.Store) -> None:
    """A guest that does not read the stream of connections makes the host accept none; each read accepts one."""
    ctx = context()
    server, listener = listening(ctx)
    clients = [socket.create_connection(server.local_address().for_system) for _ in range(3)]

    async def main(accessor: weft.Accessor) -> None:
        connections = weft.StreamReader.new(accessor, face.Connections(listener))
        await anyio.wait_all_tasks_blocked()
        assert ctx.handles.open == 1
        for number in (1, 2):
            [tcp] = await connections.read(accessor)
            assert tcp.state is TcpState.CONNECTED
            assert ctx.handles.open == 1 + number
            accepted.append(tcp)
        connections.close(accessor)

    accepted = [server]
    await run(store, main)
    for tcp in accepted:
        tcp.on_drop()
    assert ctx.handles.open == 0
    for client in clients:
        client.close()


async def test_a_reader_waits_for_a_connection(store: weft.Store) -> None:
    """A read of the stream waits until somebody connects; when the stream is closed, so is the port."""
    ctx = context()
    server, listener = listening(ctx)
    where = server.local_address()
    server.on_drop()

    async def main(accessor: weft.Accessor) -> None:
        connections = weft.StreamReader.new(accessor, face.Connections(listener))
        async with anyio.create_task_group() as group:

            async def read() -> None:
                [tcp] = await connections.read(accessor)
                tcp.on_drop()

            group.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            client = socket.create_connection(where.for_system)
        client.close()
        connections.close(accessor)

    await run(store, main)
    assert ctx.handles.open == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where.for_system)


async def test_a_port_is_free_at_once(store: weft.Store) -> None:
    """When a listener is dropped, another socket can have its address, though a read of connections was under way."""
    ctx = context()
    server, listener = listening(ctx)
    where = server.local_address()

    async def main(accessor: weft.Accessor) -> None:
        connections = weft.StreamReader.new(accessor, face.Connections(listener))
        async with anyio.create_task_group() as group:
            group.start_soon(connections.read, accessor)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        connections.close(accessor)
        server.on_drop()
        successor = tcp_socket(ctx)
        successor.bind(where)
        successor.listen().close()
        successor.on_drop()

    await run(store, main)
    await until(lambda: not ctx.handles.open)


def failing_accept(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    left = list(numbers)
    real = OsSocket.accept

    def accept(self: OsSocket) -> Any:
        if left:
            raise OSError(left.pop(0), "accept failed")
        return real(self)

    monkeypatch.setattr(OsSocket, "accept", accept)


async def test_fleeting_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that broke before they were accepted are skipped, but not so many that nobody else gets a turn."""
    server, listener = listening()
    client = socket.create_connection(server.local_address().for_system)
    failing_accept(monkeypatch, *tcp_listener.FLEETING)
    TcpSocket.accept(listener).on_drop()
    failing_accept(monkeypatch, *[errno.ECONNABORTED] * tcp_listener.TURN_CONNECTIONS)
    with pytest.raises(BlockingIOError):
        listener.accept()
    client.close()
    listener.close()
    server.on_drop()


async def test_no_descriptor_left(monkeypatch: pytest.MonkeyPatch, store: weft.Store) -> None:
    """When there is no descriptor for a connection, the listener waits a while, and serves it when there is one."""
    ctx = context(handles=2)
    server, listener = listening(ctx)
    client = socket.create_connection(server.local_address().for_system)
    hog = tcp_socket(ctx)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        hog.on_drop()

    monkeypatch.setattr(face.anyio, "sleep", sleep)

    async def main(accessor: weft.Accessor) -> None:
        connections = weft.StreamReader.new(accessor, face.Connections(listener))
        [tcp] = await connections.read(accessor)
        tcp.on_drop()
        connections.close(accessor)

    await run(store, main)
    assert slept == [face.EXHAUSTED_SECONDS]
    client.close()
    server.on_drop()
    assert ctx.handles.open == 0


async def test_a_listener_that_is_broken(monkeypatch: pytest.MonkeyPatch, store: weft.Store) -> None:
    """The stream of connections ends when there can be no more."""
    server, listener = listening()
    failing_accept(monkeypatch, errno.EINVAL)

    async def main(accessor: weft.Accessor) -> Any:
        connections = weft.StreamReader.new(accessor, face.Connections(listener))
        return await connections.read_all(accessor)

    assert not await run(store, main)
    server.on_drop()


async def test_connections_from_elsewhere_are_reset() -> None:
    """The guest never sees a connection with somebody who is not granted; the peer sees a reset."""
    ctx = context(tcp=True, check=lambda use, *_: use != "tcp-accept")
    server, listener = listening(ctx)
    with socket.create_connection(server.local_address().for_system) as client:
        with pytest.raises(BlockingIOError):
            listener.accept()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert ctx.handles.open == 1
    listener.close()
    server.on_drop()


async def test_a_check_that_fails_leaks_nothing() -> None:
    """An error of the embedder's `check` surfaces, and the connection it was about is closed."""

    def check(use: str, *_: object) -> bool:
        return bool(use != "tcp-accept" or 1 / 0)

    ctx = context(tcp=True, check=check)
    server, listener = listening(ctx)
    with socket.create_connection(server.local_address().for_system), pytest.raises(ZeroDivisionError):
        listener.accept()
    assert ctx.handles.open == 1
    listener.close()
    server.on_drop()


async def test_accepted_sockets_inherit() -> None:
    """A socket that was accepted has the options of the one that listens."""
    server, listener = listening()
    options = {"hop-limit": 42, "keep-alive-enabled": True, "keep-alive-count": 7, "keep-alive-interval": 9 * 10**9}
    for option, value in options.items():
        server.set_option(option, value)
    client = socket.create_connection(server.local_address().for_system)
    tcp = TcpSocket.accept(listener)
    assert {option: tcp.get_option(option) for option in options} == options
    client.close()
    listener.close()
    for each in (tcp, server):
        each.on_drop()


# Bytes.


async def received(store: weft.Store, tcp: TcpSocket) -> tuple[bytes, Any]:
    async def main(accessor: weft.Accessor) -> tuple[bytes, Any]:
        stream, future = face.receive(store, tcp)
        data = await weft.StreamReader.new(accessor, stream, Prim.U8).read_all(accessor)
        return data, await weft.FutureReader.new(accessor, future).read(accessor)

    result: tuple[bytes, Any] = await run(store, main)
    return result


async def sent(store: weft.Store, tcp: TcpSocket, *data: bytes) -> Any:
    async def main(accessor: weft.Accessor) -> Any:
        future = face.send(store, tcp, weft.StreamReader.new(accessor, producers.from_iterable(data)))
        return await weft.FutureReader.new(accessor, future).read(accessor)

    return await run(store, main)


async def test_receive(store: weft.Store, pair: tuple[TcpSocket, socket.socket]) -> None:
    """The stream ends with the peer's, and the future says that this was fine."""
    tcp, peer = pair
    peer.send(b"abc")
    peer.shutdown(socket.SHUT_WR)
    assert await received(store, tcp) == (b"abc", weft.Ok(None))


async def test_send(store: weft.Store, pair: tuple[TcpSocket, socket.socket]) -> None:
    """The peer gets the bytes and then the end, and can still answer."""
    tcp, peer = pair
    assert await sent(store, tcp, b"abc", b"def") == weft.Ok(None)
    assert peer.recv(100) == b"abcdef"
    assert peer.recv(100) == b""
    peer.send(b"answer")
    peer.shutdown(socket.SHUT_WR)
    assert await received(store, tcp) == (b"answer", weft.Ok(None))


async def test_addresses_after_the_end(pair: tuple[TcpSocket, socket.socket]) -> None:
    """A socket says where it was and whom it talked to also when the system has forgotten, after the connection."""
    tcp, peer = pair
    where, whom = tcp.local_address(), tcp.remote_address()
    reset(peer)
    with pytest.raises(ConnectionResetError):
        tcp.require("receive").raw.recv(1)
    with pytest.raises(OSError, match="not connected"):
        tcp.require("receive").raw.getpeername()
    assert (tcp.local_address(), tcp.remote_address()) == (where, whom)


async def test_streams_outlive_the_socket(store: weft.Store) -> None:
    """A stream goes on when the socket's handle is dropped, and its end closes the connection."""
    ctx = context()
    tcp, peer = connected(ctx)

    async def main(accessor: weft.Accessor) -> bytes:
        stream, _ = face.receive(store, tcp)
        tcp.on_drop()
        peer.send(b"abc")
        reader = weft.StreamReader.new(accessor, stream, Prim.U8)
        data: bytes = await reader.read(accessor)
        assert ctx.handles.open == 1
        reader.close(accessor)
        return data

    assert await run(store, main) == b"abc"
    assert ctx.handles.open == 0
    peer.close()


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


async def test_reset(store: weft.Store, pair: tuple[TcpSocket, socket.socket]) -> None:
    """A reset ends the stream, and the future says so; so does sending afterwards."""
    tcp, peer = pair
    reset(peer)
    assert await received(store, tcp) == (b"", weft.Err("connection-reset"))
    assert await sent(store, tcp, b"abc") == weft.Err("connection-broken")


async def test_send_after_reset(store: weft.Store, pair: tuple[TcpSocket, socket.socket]) -> None:
    """Who sends first learns of the reset, too."""
    tcp, peer = pair
    reset(peer)
    assert await sent(store, tcp, b"abc") == weft.Err("connection-reset")


async def test_not_connected(store: weft.Store) -> None:
    """Before it is connected a socket receives an empty stream, takes nothing, and the futures say why."""
    tcp = tcp_socket()
    assert await received(store, tcp) == (b"", weft.Err("invalid-state"))
    assert await sent(store, tcp, b"abc") == weft.Err("invalid-state")
    tcp.on_drop()


async def test_backpressure(store: weft.Store, pair: tuple[TcpSocket, socket.socket]) -> None:
    """What nobody reads stays in the system: the peer cannot send on, and nothing is lost when it is read at last."""
    tcp, peer = pair

    async def main(accessor: weft.Accessor) -> tuple[int, int]:
        stream, _ = face.receive(store, tcp)
        reader = weft.StreamReader.new(accessor, stream, Prim.U8)
        sent = 0
        chunk = bytes(1 << 16)
        for _ in range(2):  # once the system has moved what it can
            try:
                while True:
                    sent += peer.send(chunk)
            except BlockingIOError:
                await anyio.wait_all_tasks_blocked()
        peer.shutdown(socket.SHUT_WR)
        return sent, len(await reader.read_all(accessor))

    sent, got = await run(store, main)
    assert sent == got > 1 << 16


def narrow(tcp: TcpSocket, peer: socket.socket) -> None:
    """Let the system hold little between two sockets."""
    tcp.set_option("send-buffer-size", 1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)


async def test_a_writer_waits_for_the_peer(store: weft.Store, pair: tuple[TcpSocket, socket.socket]) -> None:
    """A guest that sends more than the peer takes waits; when the peer is gone it learns that."""
    tcp, peer = pair
    narrow(tcp, peer)

    async def main(accessor: weft.Accessor) -> Any:
        future = face.send(store, tcp, weft.StreamReader.new(accessor, producers.from_bytes(bytes(4 << 20))))
        outcome = weft.FutureReader.new(accessor, future)
        await anyio.wait_all_tasks_blocked()
        assert peer.recv(1) == b"\0"
        reset(peer)
        return await outcome.read(accessor)

    assert await run(store, main) == weft.Err("connection-reset")


async def test_a_read_that_is_taken_back(store: weft.Store, pair: tuple[TcpSocket, socket.socket]) -> None:
    """A read that waits can be given up; the next one gets the bytes, and closing the stream ends the waiting."""
    tcp, peer = pair

    async def main(accessor: weft.Accessor) -> bytes:
        stream, future = face.receive(store, tcp)
        reader = weft.StreamReader.new(accessor, stream, Prim.U8)
        async with anyio.create_task_group() as group:
            group.start_soon(reader.read, accessor)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        peer.send(b"abc")
        data: bytes = await reader.read(accessor)
        reader.close(accessor)
        assert await weft.FutureReader.new(accessor, future).read(accessor) == weft.Ok(None)
        return data

    assert await run(store, main) == b"abc"


async def test_closing_the_store_ends_everything() -> None:
    """When a store is closed, nothing of its sockets stays open, whatever was going on."""
    ctx = context()
    tcp, peer = connected(ctx)
    narrow(tcp, peer)
    server, listener = listening(ctx)
    async with weft.Store(weft.Engine()) as store:

        async def main(accessor: weft.Accessor) -> None:
            stream, _ = face.receive(store, tcp)
            readers = [
                weft.StreamReader.new(accessor, stream, Prim.U8),
                weft.StreamReader.new(accessor, face.Connections(listener)),
            ]
            face.send(store, tcp, weft.StreamReader.new(accessor, producers.from_bytes(bytes(4 << 20))))
            for reader in readers:
                accessor.spawn(reader.read)
            await anyio.wait_all_tasks_blocked()

        await run(store, main)
        tcp.on_drop()
        server.on_drop()
        assert ctx.handles.open == 2
    assert ctx.handles.open == 0
    peer.close()
