"""wasi:sockets 0.2, by a guest that does what a test tells it."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from p2_sockets_guest import CODES, Guest, run
from socket_helpers import LOOPBACKS, context, deaf

import weft
from weft.wasi.p2.sockets import datagrams
from weft.wasi.p2.sockets.errors import enum_code, network_error_code
from weft.wasi.sockets import lookup
from weft.wasi.sockets.addresses import SocketAddress, lower_address
from weft.wasi.sockets.errors import CODES as SYSTEM_CODES
from weft.wasi.sockets.errors import SocketError
from weft.wasi.sockets.options import TCP_OPTIONS, UDP_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.wasi import WasiCtx

pytestmark = pytest.mark.anyio


def wire(ip: str = "127.0.0.1", port: int = 0) -> Any:
    return lower_address(SocketAddress(ip_address(ip), port))


async def go(main: Callable[[Guest], Awaitable[None]], ctx: WasiCtx | None = None) -> None:
    """Run a guest, which leaves nothing open when its store is closed."""
    ctx = ctx or context()
    with anyio.fail_after(20):
        await run(main, ctx)
    assert ctx.handles.open == 0


async def bound(guest: Guest, kind: str = "tcp", ip: str = "127.0.0.1", port: int = 0) -> int:
    handle: int = await guest(f"create-{kind}-socket", "ipv6" if ":" in ip else "ipv4")
    network = await guest("instance-network")
    await guest(f"{kind}-socket-start-bind", handle, network, wire(ip, port))
    await guest(f"{kind}-socket-finish-bind", handle)
    return handle


async def listening(guest: Guest, ip: str = "127.0.0.1") -> tuple[int, Any]:
    handle = await bound(guest, ip=ip)
    await guest("tcp-socket-start-listen", handle)
    await guest("tcp-socket-finish-listen", handle)
    return handle, await guest("tcp-socket-local-address", handle)


async def blocking(guest: Guest, subject: str, handle: int, name: str) -> Any:
    """Call what would block until it does not, waiting for the pollable in between."""
    pollable = await guest(f"{subject}-subscribe", handle)
    while True:
        try:
            return await guest(name, handle)
        except weft.Err as error:
            if error.value != "would-block":
                raise
            await guest("pollable-block", pollable)


async def connect(guest: Guest, address: Any) -> tuple[int, int, int]:
    handle = await guest("create-tcp-socket", address.case)
    network = await guest("instance-network")
    await guest("tcp-socket-start-connect", handle, network, address)
    streams = await blocking(guest, "tcp-socket", handle, "tcp-socket-finish-connect")
    return handle, *streams


async def pair(guest: Guest) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """A connection of a guest with itself: each side is a socket, its input and its output."""
    listener, address = await listening(guest)
    client = await connect(guest, address)
    server = await blocking(guest, "tcp-socket", listener, "tcp-socket-accept")
    await guest("drop-tcp-socket", listener)
    return client, server


# Error codes.


def test_every_code_has_a_case() -> None:
    """Whatever the system says, the guest gets a case of the enum; a stream's error has one if it is the network's."""
    assert {enum_code(OSError(number, "")) for number in range(200)} <= set(CODES)
    assert enum_code(SocketError("connection-broken")) == "unknown"
    for number, code in SYSTEM_CODES.items():
        assert network_error_code(OSError(number, "")) == ("unknown" if code == "connection-broken" else code)
    assert network_error_code(OSError(2, "no such file")) is None


# TCP.


@pytest.mark.parametrize("ip", LOOPBACKS)
async def test_a_connection(ip: str) -> None:
    """Two sockets connect and talk; the end of one's output is the end of the other's input."""

    async def main(guest: Guest) -> None:
        listener, address = await listening(guest, ip)
        client, client_input, client_output = await connect(guest, address)
        server, server_input, server_output = await blocking(guest, "tcp-socket", listener, "tcp-socket-accept")
        assert await guest("tcp-socket-remote-address", client) == address
        assert await guest("tcp-socket-local-address", server) == address
        assert await guest("tcp-socket-remote-address", server) == await guest("tcp-socket-local-address", client)
        await guest("output-stream-blocking-write-and-flush", client_output, b"question")
        assert await guest("input-stream-blocking-read", server_input, 100) == b"question"
        await guest("tcp-socket-shutdown", client, "send")
        assert await guest.code("input-stream-blocking-read", server_input, 100) == ("closed", None)
        await guest("output-stream-blocking-write-and-flush", server_output, b"answer")
        assert await guest("input-stream-blocking-read", client_input, 100) == b"answer"

    await go(main)


async def test_states() -> None:
    """Operations that were not started cannot be finished, and what the state does not allow is refused."""

    async def main(guest: Guest) -> None:
        network = await guest("instance-network")
        tcp = await guest("create-tcp-socket", "ipv4")

        async def codes(*names: str) -> list[str]:
            return [await guest.code(f"tcp-socket-{name}", tcp) for name in names]

        finishes = ["finish-bind", "finish-connect", "finish-listen"]
        assert await codes(*finishes) == ["not-in-progress"] * 3
        refused = ["start-listen", "accept", "local-address", "remote-address"]
        assert await codes(*refused) == ["invalid-state"] * 4
        assert await guest.code("tcp-socket-shutdown", tcp, "both") == "invalid-state"
        await guest("tcp-socket-start-bind", tcp, network, wire())
        assert await codes("start-listen", "finish-listen") == ["concurrency-conflict", "not-in-progress"]
        assert await guest.code("tcp-socket-start-connect", tcp, network, wire(port=1)) == "concurrency-conflict"
        await guest("tcp-socket-finish-bind", tcp)
        assert await codes("finish-bind", "accept") == ["not-in-progress", "invalid-state"]
        assert await guest.code("tcp-socket-start-bind", tcp, network, wire()) == "invalid-state"
        await guest("tcp-socket-start-listen", tcp)
        assert await codes("start-listen", "accept") == ["concurrency-conflict", "invalid-state"]
        await guest("tcp-socket-finish-listen", tcp)
        assert await codes("finish-listen", "accept") == ["not-in-progress", "would-block"]
        assert await guest("tcp-socket-is-listening", tcp)
        assert (await guest("tcp-socket-address-family", tcp)).value == "ipv4"
        assert await guest.code("tcp-socket-shutdown", tcp, "both") == "invalid-state"

    await go(main)


@pytest.mark.parametrize("name", TCP_OPTIONS)
async def test_tcp_options(name: str) -> None:
    """Options can be set and read, and none can be 0."""
    values = {"keep-alive-enabled": True, "keep-alive-count": 42, "hop-limit": 42, "receive-buffer-size": 1 << 16}
    value = values.get(name, 42 * 10**9 if "keep-alive" in name else 1 << 16)

    async def main(guest: Guest) -> None:
        tcp = await guest("create-tcp-socket", "ipv4")
        await guest(f"tcp-socket-set-{name}", tcp, value)
        assert await guest(f"tcp-socket-{name}", tcp) == value
        assert name == "keep-alive-enabled" or await guest.code(f"tcp-socket-set-{name}", tcp, 0) == "invalid-argument"
        assert await guest.code("tcp-socket-set-listen-backlog-size", tcp, 0) == "invalid-argument"

    await go(main)


async def test_refused() -> None:
    """A connection that is refused is closed, and cannot be tried again."""

    async def main(guest: Guest) -> None:
        tcp = await guest("create-tcp-socket", "ipv4")
        network = await guest("instance-network")
        with deaf() as port:
            await guest("tcp-socket-start-connect", tcp, network, wire(port=port))
            with pytest.raises(weft.Err) as caught:
                await blocking(guest, "tcp-socket", tcp, "tcp-socket-finish-connect")
        assert caught.value.value == "connection-refused"
        assert await guest.code("tcp-socket-finish-connect", tcp) == "not-in-progress"
        assert await guest.code("tcp-socket-start-connect", tcp, network, wire(port=1)) == "invalid-state"
        assert guest.ctx.handles.open == 0

    await go(main)


async def test_waiting_for_a_connection() -> None:
    """A pollable of a listener is ready when somebody connects, and not before."""

    async def main(guest: Guest) -> None:
        listener, address = await listening(guest)
        pollable = await guest("tcp-socket-subscribe", listener)
        assert not await guest("pollable-ready", pollable)
        async with anyio.create_task_group() as group:
            group.start_soon(guest, "pollable-block", pollable)
            await anyio.wait_all_tasks_blocked()
            client = socket.create_connection(("127.0.0.1", address.value.port))
        assert await guest("pollable-ready", pollable)
        await guest("tcp-socket-accept", listener)
        assert not await guest("pollable-ready", pollable)
        client.close()

    await go(main)


async def test_no_handle_left() -> None:
    """A connection for which there is no handle waits, and the guest is told why; so it is for new sockets."""

    async def main(guest: Guest) -> None:
        listener, address = await listening(guest)
        with socket.create_connection(("127.0.0.1", address.value.port)):
            hog = await guest("create-tcp-socket", "ipv4")
            assert await guest.code("tcp-socket-accept", listener) == "new-socket-limit"
            assert await guest.code("create-udp-socket", "ipv4") == "new-socket-limit"
            await guest("drop-tcp-socket", hog)
            await guest("tcp-socket-accept", listener)

    await go(main, context(handles=2))


async def test_shutdown_of_receiving() -> None:
    """The input is closed at once, whatever has arrived, and also for who waits for it; a second time is fine."""

    async def main(guest: Guest) -> None:
        (client, client_input, _), (_, _, server_output) = await pair(guest)
        await guest("output-stream-blocking-write-and-flush", server_output, b"unread")
        pollable = await guest("input-stream-subscribe", client_input)
        await guest("pollable-block", pollable)
        for how in ("receive", "receive", "both"):
            await guest("tcp-socket-shutdown", client, how)
            assert await guest.code("input-stream-blocking-read", client_input, 10) == ("closed", None)
            assert await guest("pollable-ready", pollable)
        await guest("drop-pollable", pollable)
        await guest("drop-input-stream", client_input)

    await go(main)


async def test_shutdown_of_sending_loses_nothing() -> None:
    """What was written before the output was shut down arrives; nothing can be written afterwards."""

    async def main(guest: Guest) -> None:
        (client, _, client_output), (_, server_input, _) = await pair(guest)
        await guest("tcp-socket-set-send-buffer-size", client, 1024)
        length = await guest("output-stream-check-write", client_output)
        await guest("output-stream-write", client_output, bytes(length))
        await guest("tcp-socket-shutdown", client, "send")
        assert await guest.code("output-stream-write", client_output, b"x") == ("closed", None)
        assert await guest.code("output-stream-check-write", client_output) == ("closed", None)
        got = 0
        while got < length:
            got += len(await guest("input-stream-blocking-read", server_input, 1 << 20))
        assert got == length
        assert await guest.code("input-stream-blocking-read", server_input, 1) == ("closed", None)

    await go(main)


async def test_reset() -> None:
    """An error of a stream's has a code of the network's."""

    async def main(guest: Guest) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            listener = await guest("create-tcp-socket", "ipv4")
            network = await guest("instance-network")
            await guest("tcp-socket-start-connect", listener, network, wire(port=port))
            stream, _ = await blocking(guest, "tcp-socket", listener, "tcp-socket-finish-connect")
            peer, _ = server.accept()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
        with pytest.raises(weft.Err) as caught:
            await guest("input-stream-blocking-read", stream, 10)
        case, error = caught.value.value
        assert case == "last-operation-failed"
        code = await guest("network-error-code", error)
        assert code.value == "connection-reset"

    await go(main)


async def test_streams_outlive_the_socket() -> None:
    """The streams of a connection go on when the socket is dropped; the last one closes it."""

    async def main(guest: Guest) -> None:
        (client, client_input, client_output), (_, server_input, server_output) = await pair(guest)
        await guest("drop-tcp-socket", client)
        await guest("output-stream-blocking-write-and-flush", client_output, b"a")
        assert await guest("input-stream-blocking-read", server_input, 10) == b"a"
        before = guest.ctx.handles.open
        await guest("drop-output-stream", client_output)
        assert await guest.code("input-stream-blocking-read", server_input, 10) == ("closed", None)
        await guest("output-stream-blocking-write-and-flush", server_output, b"b")
        assert await guest("input-stream-blocking-read", client_input, 10) == b"b"
        await guest("drop-input-stream", client_input)
        assert guest.ctx.handles.open == before - 1

    await go(main)


async def test_policy() -> None:
    """The same leave is needed as in 0.3."""

    async def main(guest: Guest) -> None:
        assert await guest.code("create-udp-socket", "ipv4") == "access-denied"
        tcp = await guest("create-tcp-socket", "ipv4")
        network = await guest("instance-network")
        for where in (wire(), wire("0.0.0.0")):
            assert await guest.code("tcp-socket-start-bind", tcp, network, where) == "access-denied"
        assert await guest.code("tcp-socket-start-connect", tcp, network, wire(port=1)) == "access-denied"
        assert await guest.code("resolve-addresses", network, "localhost") == "access-denied"

    await go(main, context(tcp=True, addresses=["127.0.0.2"]))


# UDP.


async def streams(guest: Guest, udp: int, address: Any = None) -> tuple[int, int]:
    incoming, outgoing = await guest("udp-socket-stream", udp, address)
    return incoming, outgoing


async def send(guest: Guest, outgoing: int, *datagrams: tuple[bytes, Any]) -> Any:
    await guest("outgoing-datagram-stream-check-send", outgoing)
    records = [{"data": data, "remote-address": address} for data, address in datagrams]
    return await guest("outgoing-datagram-stream-send", outgoing, records)


async def receive(guest: Guest, incoming: int, count: int = 100) -> list[tuple[bytes, Any]]:
    pollable = await guest("incoming-datagram-stream-subscribe", incoming)
    await guest("pollable-block", pollable)
    await guest("drop-pollable", pollable)
    got = await guest("incoming-datagram-stream-receive", incoming, count)
    return [(each.data, each.remote_address) for each in got]


@pytest.mark.parametrize("ip", LOOPBACKS)
async def test_datagrams(ip: str) -> None:
    """Datagrams go back and forth, between sockets that know their peer and ones that do not."""

    async def main(guest: Guest) -> None:
        server, client = await bound(guest, "udp", ip), await bound(guest, "udp", ip)
        where = await guest("udp-socket-local-address", server)
        server_in, server_out = await streams(guest, server)
        client_in, client_out = await streams(guest, client, where)
        assert await guest("udp-socket-remote-address", client) == where
        assert await guest.code("udp-socket-remote-address", server) == "invalid-state"
        assert await guest("incoming-datagram-stream-receive", server_in, 5) == []
        assert await send(guest, client_out, (b"a", None), (b"b", where), (b"", None)) == 3
        got = await receive(guest, server_in, 2) + await receive(guest, server_in)
        sender = await guest("udp-socket-local-address", client)
        assert got == [(b"a", sender), (b"b", sender), (b"", sender)]
        assert await send(guest, server_out, (b"c", sender)) == 1
        assert await receive(guest, client_in) == [(b"c", where)]
        assert await guest("incoming-datagram-stream-receive", client_in, 0) == []

    await go(main)


async def test_most_datagrams() -> None:
    """A guest gets only so many datagrams at once, however many it asks for."""

    async def main(guest: Guest) -> None:
        server = await bound(guest, "udp")
        incoming, _ = await streams(guest, server)
        where = await guest("udp-socket-local-address", server)
        with socket.socket(type=socket.SOCK_DGRAM) as raw:
            for _ in range(datagrams.MOST_DATAGRAMS + 1):
                raw.sendto(b"x", ("127.0.0.1", where.value.port))
        got = await guest("incoming-datagram-stream-receive", incoming, (1 << 64) - 1)
        assert len(got) == datagrams.MOST_DATAGRAMS
        assert len(await receive(guest, incoming)) == 1

    await go(main)


async def test_permits() -> None:
    """A guest that sends what was not permitted traps; a permit is good for one call."""

    async def main(guest: Guest) -> None:
        udp = await bound(guest, "udp")
        _, outgoing = await streams(guest, udp, wire(port=9))
        assert await guest("outgoing-datagram-stream-send", outgoing, []) == 0
        permit = await guest("outgoing-datagram-stream-check-send", outgoing)
        assert permit == datagrams.MOST_DATAGRAMS
        datagram = {"data": b"x", "remote-address": None}
        await guest("outgoing-datagram-stream-send", outgoing, [datagram])
        with pytest.raises(weft.Trap, match="1 datagrams were sent where 0 were permitted"):
            await guest("outgoing-datagram-stream-send", outgoing, [datagram])

    await go(main)


async def test_errors_of_datagrams() -> None:
    """The error of the first datagram is the call's; after a first that went, the call says how many did."""

    async def main(guest: Guest) -> None:
        udp = await bound(guest, "udp")
        _, outgoing = await streams(guest, udp)
        too_large = (bytes(65536), wire(port=9))
        with pytest.raises(weft.Err) as caught:
            await send(guest, outgoing, too_large)
        assert caught.value.value == "datagram-too-large"
        assert await send(guest, outgoing, (b"x", wire(port=9)), too_large, (b"y", wire(port=9))) == 1
        for address in (None, wire("::1", 9), wire(port=0), wire("0.0.0.0", 9)):
            with pytest.raises(weft.Err) as caught:
                await send(guest, outgoing, (b"x", address))
            assert caught.value.value == "invalid-argument"

    await go(main)


async def test_a_refused_datagram() -> None:
    """Datagrams before an error are delivered, and the error with the next call."""

    async def main(guest: Guest) -> None:
        udp = await bound(guest, "udp")
        with deaf(socket.SOCK_DGRAM) as port:
            incoming, outgoing = await streams(guest, udp, wire(port=port))
            await send(guest, outgoing, (b"x", None))
            pollable = await guest("incoming-datagram-stream-subscribe", incoming)
            await guest("pollable-block", pollable)
            assert await guest.code("incoming-datagram-stream-receive", incoming, 5) == "connection-refused"

    await go(main)


def test_an_error_after_a_datagram(monkeypatch: pytest.MonkeyPatch) -> None:
    """Datagrams before an error are delivered; the error waits for the next call, and makes the stream ready."""
    answers: list[Any] = [(b"a", "me"), ConnectionRefusedError(), (b"b", "me"), BlockingIOError()]

    class Udp:
        is_bound, is_connected = True, False

        def receive_nowait(self) -> Any:
            answer = answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            return answer

    incoming, _ = datagrams.UdpChannel(Udp()).stream(None)  # type: ignore[arg-type]
    assert incoming.receive(5) == [(b"a", "me")]
    assert incoming.is_ready()
    with pytest.raises(ConnectionRefusedError):
        incoming.receive(5)
    assert incoming.receive(5) == [(b"b", "me")]


async def test_streams_of_datagrams() -> None:
    """A socket must be bound for streams, and has one pair at a time, with one peer or none."""

    async def main(guest: Guest) -> None:
        udp = await guest("create-udp-socket", "ipv4")
        assert await guest.code("udp-socket-stream", udp, None) == "invalid-state"
        network = await guest("instance-network")
        assert await guest.code("udp-socket-finish-bind", udp) == "not-in-progress"
        await guest("udp-socket-start-bind", udp, network, wire())
        assert await guest.code("udp-socket-start-bind", udp, network, wire()) == "concurrency-conflict"
        await guest("udp-socket-finish-bind", udp)
        ready = await guest("udp-socket-subscribe", udp)
        assert await guest("pollable-ready", ready)
        await guest("pollable-block", ready)
        for address in (wire(port=9), None):
            pair = await streams(guest, udp, address)
            connected = await guest.code("udp-socket-remote-address", udp) == "ok"
            assert connected is (address is not None)
            await guest("drop-incoming-datagram-stream", pair[0])
            await guest("drop-outgoing-datagram-stream", pair[1])
        await streams(guest, udp)
        with pytest.raises(weft.Trap, match="not dropped"):
            await streams(guest, udp)

    await go(main)


async def test_dropping_datagram_streams() -> None:
    """The socket of the system's is closed when the resource and both streams were dropped, in any order."""

    async def main(guest: Guest) -> None:
        udp = await bound(guest, "udp")
        incoming, outgoing = await streams(guest, udp)
        pollables = [
            await guest("incoming-datagram-stream-subscribe", incoming),
            await guest("outgoing-datagram-stream-subscribe", outgoing),
        ]
        assert [await guest("pollable-ready", each) for each in pollables] == [False, True]
        await guest("drop-udp-socket", udp)
        assert await send(guest, outgoing, (b"x", wire(port=9))) == 1
        await guest("drop-incoming-datagram-stream", incoming)
        assert guest.ctx.handles.open == 1
        await guest("drop-outgoing-datagram-stream", outgoing)
        assert guest.ctx.handles.open == 0
        assert [await guest("pollable-ready", each) for each in pollables] == [True, True]

    await go(main)


@pytest.mark.parametrize("name", UDP_OPTIONS)
async def test_udp_options(name: str) -> None:
    """Options can be set and read, and none can be 0."""
    value = 42 if "hop" in name else 1 << 16

    async def main(guest: Guest) -> None:
        udp = await guest("create-udp-socket", "ipv4")
        await guest(f"udp-socket-set-{name}", udp, value)
        assert await guest(f"udp-socket-{name}", udp) == value
        assert await guest.code(f"udp-socket-set-{name}", udp, 0) == "invalid-argument"

    await go(main)


# Names.


async def test_lookup() -> None:
    """Addresses come one by one, and then none; those that are addresses in themselves at once."""

    async def main(guest: Guest) -> None:
        network = await guest("instance-network")
        for name in ("localhost", "127.0.0.1"):
            found = await guest("resolve-addresses", network, name)
            pollable = await guest("resolve-address-stream-subscribe", found)
            await guest("pollable-block", pollable)
            address = await guest("resolve-address-stream-resolve-next-address", found)
            assert address.case in {"ipv4", "ipv6"}
            while await guest("resolve-address-stream-resolve-next-address", found) is not None:
                pass
        assert await guest.code("resolve-addresses", network, "a..b") == "invalid-argument"

    await go(main)


async def test_lookup_in_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that is not there yet is `would-block`, an error stays an error, and a lookup can be dropped."""
    answer = anyio.Event()

    async def getaddrinfo(*_: object, **__: object) -> Any:
        await answer.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(lookup.anyio, "getaddrinfo", getaddrinfo)

    async def main(guest: Guest) -> None:
        network = await guest("instance-network")
        dropped = await guest("resolve-addresses", network, "example.org")
        found = await guest("resolve-addresses", network, "example.org")
        assert guest.ctx.handles.open == 2
        pollable = await guest("resolve-address-stream-subscribe", found)
        assert await guest.code("resolve-address-stream-resolve-next-address", found) == "would-block"
        await guest("drop-resolve-address-stream", dropped)
        answer.set()
        await guest("pollable-block", pollable)
        for _ in range(2):
            code = await guest.code("resolve-address-stream-resolve-next-address", found)
            assert code == "temporary-resolver-failure"

    await go(main)
