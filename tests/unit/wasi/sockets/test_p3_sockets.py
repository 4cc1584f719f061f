"""wasi:sockets 0.3, by a guest that does what a test tells it."""

from __future__ import annotations

import errno
import os
import socket
import struct
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from p3_sockets_guest import Guest, run
from socket_helpers import FAMILIES, context, deaf, until

import weft
from weft.wasi.sockets import lookup
from weft.wasi.sockets.addresses import SocketAddress, lower_address
from weft.wasi.sockets.options import TCP_OPTIONS, UDP_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.wasi import WasiCtx

pytestmark = pytest.mark.anyio

COMPLETED, DROPPED = 0, 1


def wire(ip: str = "127.0.0.1", port: int = 0) -> Any:
    return lower_address(SocketAddress(ip_address(ip), port))


async def go(main: Callable[[Guest], Awaitable[None]], ctx: WasiCtx | None = None) -> None:
    """Run a guest, which leaves nothing open when its store is closed."""
    ctx = ctx or context()
    with anyio.fail_after(20):
        await run(main, ctx)
    assert ctx.handles.open == 0


async def connected(guest: Guest, family: str = "ipv4") -> tuple[int, socket.socket]:
    """A connected socket of the guest's, and its peer."""
    ip, number = ("127.0.0.1", socket.AF_INET) if family == "ipv4" else ("::1", socket.AF_INET6)
    with socket.create_server((ip, 0), family=number) as server:
        tcp = await guest("tcp-socket-create", family)
        await guest("tcp-socket-connect", tcp, wire(ip, server.getsockname()[1]))
        return tcp, server.accept()[0]


async def sending(guest: Guest, tcp: int) -> tuple[int, int]:
    """The writable end of a stream that a socket sends, and the future of how that ends."""
    ends = await guest("new-bytes")
    return ends >> 32, await guest("tcp-socket-send", tcp, ends & 0xFFFFFFFF)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_connection(family: str) -> None:
    """A guest connects, sends, ends its side, and receives until the peer's end."""

    async def main(guest: Guest) -> None:
        tcp, peer = await connected(guest, family)
        with peer:
            remote = await guest("tcp-socket-get-remote-address", tcp)
            assert remote.value.port == peer.getsockname()[1]
            writer, sent = await sending(guest, tcp)
            assert await guest("write", writer, b"question") == len(b"question") << 4
            assert peer.recv(100) == b"question"
            await guest("end-bytes", writer)
            assert peer.recv(100) == b""
            await guest("outcome", sent)
            reader, received = await guest("tcp-socket-receive", tcp)
            peer.send(b"answer")
            assert await guest("read", reader) == (COMPLETED, b"answer")
            peer.shutdown(socket.SHUT_WR)
            assert await guest("read", reader) == (DROPPED, b"")
            await guest("outcome", received)

    await go(main)


async def test_listening() -> None:
    """A guest reads sockets from the stream of connections, and drops what it does not want any more."""

    async def main(guest: Guest) -> None:
        tcp = await guest("tcp-socket-create", "ipv4")
        await guest("tcp-socket-bind", tcp, wire())
        connections = await guest("tcp-socket-listen", tcp)
        assert await guest("tcp-socket-get-is-listening", tcp)
        where = await guest("tcp-socket-get-local-address", tcp)
        clients = [socket.create_connection(("127.0.0.1", where.value.port)) for _ in range(2)]
        assert guest.ctx.handles.open == 1
        for client in clients:
            packed, accepted = await guest("accept", connections)
            assert packed == 1 << 4
            peer = await guest("tcp-socket-get-remote-address", accepted)
            assert peer.value.port == client.getsockname()[1]
            await guest("drop-tcp-socket", accepted)
            assert client.recv(1) == b""
            client.close()
        await guest("drop-tcp-socket", tcp)
        assert guest.ctx.handles.open == 1
        await guest("drop-sockets", connections)
        assert guest.ctx.handles.open == 0

    await go(main)


async def test_transfers_of_nothing() -> None:
    """A read of zero bytes or sockets waits until there is one; a write of zero bytes is done where more would be."""

    async def finished(guest: Guest, name: str, handle: int, then: Callable[[], object]) -> int:
        results: list[int] = []

        async def call() -> None:
            results.append(await guest(name, handle))

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            assert not results
            then()
        return results[0]

    async def main(guest: Guest) -> None:
        tcp, peer = await connected(guest)
        with peer:
            reader, _ = await guest("tcp-socket-receive", tcp)
            assert await finished(guest, "read-nothing", reader, lambda: peer.send(b"abc")) == COMPLETED
            assert await guest("read", reader) == (COMPLETED, b"abc")
            writer, _ = await sending(guest, tcp)
            assert await guest("write", writer, b"") == COMPLETED
            await guest("end-bytes", writer)
        listener = await guest("tcp-socket-create", "ipv4")
        await guest("tcp-socket-bind", listener, wire())
        connections = await guest("tcp-socket-listen", listener)
        where = await guest("tcp-socket-get-local-address", listener)
        with socket.socket() as client:
            address = ("127.0.0.1", where.value.port)
            assert await finished(guest, "accept-nothing", connections, lambda: client.connect(address)) == COMPLETED
            assert (await guest("accept", connections))[0] == 1 << 4

    await go(main)


async def test_not_connected() -> None:
    """A socket that is not connected receives nothing, and sends nothing; the futures say why."""

    async def main(guest: Guest) -> None:
        tcp = await guest("tcp-socket-create", "ipv4")
        writer, sent = await sending(guest, tcp)
        reader, received = await guest("tcp-socket-receive", tcp)
        assert await guest("write", writer, b"x") == DROPPED
        assert await guest("read", reader) == (DROPPED, b"")
        for outcome in (sent, received):
            assert await guest.code("outcome", outcome) == ("invalid-state", None)

    await go(main)


async def test_once_only() -> None:
    """The second stream of a socket is closed, and its future says that the first is in use, which goes on."""

    async def main(guest: Guest) -> None:
        tcp, peer = await connected(guest)
        with peer:
            first, second = [await guest("tcp-socket-receive", tcp) for _ in range(2)]
            assert await guest("read", second[0]) == (DROPPED, b"")
            assert await guest.code("outcome", second[1]) == ("invalid-state", None)
            peer.send(b"abc")
            assert await guest("read", first[0]) == (COMPLETED, b"abc")
            await guest("drop-bytes", first[0])
            await guest("outcome", first[1])

    await go(main)


async def test_reset() -> None:
    """A reset ends the stream, and the future says so."""

    async def main(guest: Guest) -> None:
        tcp, peer = await connected(guest)
        reader, received = await guest("tcp-socket-receive", tcp)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        assert await guest("read", reader) == (DROPPED, b"")
        assert await guest.code("outcome", received) == ("connection-reset", None)

    await go(main)


async def test_streams_outlive_the_socket() -> None:
    """The streams go on when the socket is dropped, and the last of them closes the connection."""

    async def main(guest: Guest) -> None:
        tcp, peer = await connected(guest)
        with peer:
            writer, _ = await sending(guest, tcp)
            reader, _ = await guest("tcp-socket-receive", tcp)
            await guest("drop-tcp-socket", tcp)
            peer.send(b"abc")
            assert await guest("read", reader) == (COMPLETED, b"abc")
            await guest("drop-bytes", reader)
            assert await guest("write", writer, b"def") == 3 << 4
            assert guest.ctx.handles.open == 1
            await guest("end-bytes", writer)
            assert guest.ctx.handles.open == 0
            assert peer.recv(10) == b"def"

    await go(main)


async def test_a_trap_closes_sockets() -> None:
    """A guest that traps keeps no socket open; its streams end with its store at the latest."""

    async def main(guest: Guest) -> None:
        for kind in ("tcp", "udp"):
            await guest(f"{kind}-socket-create", "ipv4")
        assert guest.ctx.handles.open == 2
        with pytest.raises(weft.Trap):
            await guest("trap")
        assert guest.ctx.handles.open == 0

    await go(main)


async def test_connection_errors() -> None:
    """A failed connection closes the socket for good."""

    async def main(guest: Guest) -> None:
        tcp = await guest("tcp-socket-create", "ipv4")
        assert await guest.code("tcp-socket-connect", tcp, wire("::1", 1)) == ("invalid-argument", None)
        with deaf() as port:
            where = wire(port=port)
            assert await guest.code("tcp-socket-connect", tcp, where) == ("connection-refused", None)
        for name, *args in (("connect", where), ("bind", wire()), ("listen",), ("get-local-address",)):
            assert await guest.code(f"tcp-socket-{name}", tcp, *args) == ("invalid-state", None)
        assert (await guest("tcp-socket-get-address-family", tcp)).value == "ipv4"

    await go(main)


async def test_giving_up_a_connection() -> None:
    """A guest whose call is given up by the host leaves no connection behind."""

    async def main(guest: Guest) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(0)
            clients = [socket.socket() for _ in range(3)]
            for client in clients:
                client.setblocking(False)
                client.connect_ex(server.getsockname())
            tcp = await guest("tcp-socket-create", "ipv4")
            func = guest.instance.get_func("tcp-socket-connect")
            call = func.start_call_concurrent(guest.accessor, tcp, wire(port=server.getsockname()[1]))
            await anyio.wait_all_tasks_blocked()
            call.abort()
            await call.wait()
            with pytest.raises(weft.CallAbortedError):
                call.outcome()
            await until(lambda: not guest.ctx.handles.open)
            for client in clients:
                client.close()

    await go(main)


async def test_other_errors_are_described() -> None:
    """An error that has no code is described."""

    async def main(guest: Guest) -> None:
        case, text = await guest.code("tcp-socket-create", "ipv4")
        assert (case, text) == ("other", "Too many open files")

    await go(main, context(handles=0))


@pytest.mark.parametrize("family", FAMILIES)
async def test_datagrams(family: str) -> None:
    """Datagrams go back and forth, between a socket that knows its peer and one that does not."""
    ip = "127.0.0.1" if family == "ipv4" else "::1"

    async def main(guest: Guest) -> None:
        server, client = [await guest("udp-socket-create", family) for _ in range(2)]
        await guest("udp-socket-bind", server, wire(ip))
        where = await guest("udp-socket-get-local-address", server)
        await guest("udp-socket-connect", client, where)
        assert await guest("udp-socket-get-remote-address", client) == where
        await guest("udp-socket-send", client, b"abc", None)
        data, sender = await guest("udp-socket-receive", server)
        assert (data, sender) == (b"abc", await guest("udp-socket-get-local-address", client))
        await guest("udp-socket-send", server, b"def", sender)
        assert await guest("udp-socket-receive", client) == (b"def", where)
        await guest("udp-socket-disconnect", client)
        assert await guest.code("udp-socket-send", client, b"x", None) == ("invalid-argument", None)
        assert await guest.code("udp-socket-send", client, bytes(65536), where) == ("datagram-too-large", None)
        assert (await guest("udp-socket-get-address-family", client)).value == family

    await go(main)


@pytest.mark.parametrize("option", [*(("tcp", name) for name in TCP_OPTIONS), *(("udp", name) for name in UDP_OPTIONS)])
async def test_options(option: tuple[str, str]) -> None:
    """Options can be set and read, and none can be 0."""
    kind, name = option
    small = {"keep-alive-enabled": True, "keep-alive-count": 42, "hop-limit": 42, "unicast-hop-limit": 42}
    value = small.get(name, 42 * 10**9 if "keep-alive" in name else 1 << 16)

    async def main(guest: Guest) -> None:
        handle = await guest(f"{kind}-socket-create", "ipv4")
        await guest(f"{kind}-socket-set-{name}", handle, value)
        assert await guest(f"{kind}-socket-get-{name}", handle) == value
        if name != "keep-alive-enabled":
            assert await guest.code(f"{kind}-socket-set-{name}", handle, 0) == ("invalid-argument", None)

    await go(main)


async def test_lookup() -> None:
    """Names become addresses, and what is no name has the interface's own error code."""

    async def main(guest: Guest) -> None:
        found = await guest("resolve-addresses", "LOCALHOST")
        assert {each.case for each in found} <= {"ipv4", "ipv6"}
        [address] = await guest("resolve-addresses", "::ffff:1.2.3.4")
        assert (address.case, address.value) == ("ipv4", (1, 2, 3, 4))
        assert await guest.code("resolve-addresses", "a b") == ("invalid-argument", None)

    await go(main)


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ENOMEM, errno.EMFILE])
async def test_resolvers_fail_in_any_way(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interface has few error codes of its own: what else a resolver fails with is `other`."""

    async def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lookup.anyio, "getaddrinfo", fail)

    async def main(guest: Guest) -> None:
        assert await guest.code("resolve-addresses", "localhost") == ("other", os.strerror(number))

    await go(main)


async def test_policy() -> None:
    """What is not granted is `access-denied`."""

    async def main(guest: Guest) -> None:
        assert await guest.code("udp-socket-create", "ipv4") == ("access-denied", None)
        assert await guest.code("resolve-addresses", "localhost") == ("access-denied", None)
        tcp = await guest("tcp-socket-create", "ipv4")
        for where in (wire(), wire("0.0.0.0")):
            assert await guest.code("tcp-socket-bind", tcp, where) == ("access-denied", None)
        assert await guest.code("tcp-socket-listen", tcp) == ("access-denied", None)
        assert await guest.code("tcp-socket-connect", tcp, wire(port=1)) == ("access-denied", None)

    await go(main, context(tcp=True, addresses=["127.0.0.2"]))
