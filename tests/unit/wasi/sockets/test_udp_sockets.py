"""UDP sockets."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from socket_helpers import FAMILIES, NEEDS_IPV6, address, context, deaf, loopback

from weft.wasi.sockets import udp as module
from weft.wasi.sockets.addresses import SocketAddress
from weft.wasi.sockets.errors import SocketError, error_code
from weft.wasi.sockets.options import UDP_OPTIONS
from weft.wasi.sockets.udp import MAX_DATAGRAM_BYTE_LENGTH, TURN_DATAGRAMS, UdpSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.wasi import WasiCtx

pytestmark = pytest.mark.anyio


def udp_socket(ctx: WasiCtx | None = None, family: Any = "ipv4") -> UdpSocket:
    return UdpSocket.create(ctx or context(), family)


def bound(ctx: WasiCtx | None = None, family: Any = "ipv4") -> UdpSocket:
    udp = udp_socket(ctx, family)
    udp.bind(loopback(family))
    return udp


def free_udp_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as raw:
        raw.bind(("127.0.0.1", 0))
        port: int = raw.getsockname()[1]
    return port


def drop(*sockets: UdpSocket) -> None:
    for udp in sockets:
        udp.on_drop()


MATRIX = """
                unbound  bound  connected  disconnected
bind            yes      no     no         no
connect         yes      yes    yes        yes
disconnect      no       no     yes        no
send            yes      yes    yes        yes
receive         no       yes    yes        yes
local-address   no       yes    yes        yes
remote-address  no       no     yes        no
option          yes      yes    yes        yes
"""

_HEAD, *_ROWS = (line.split() for line in MATRIX.strip().splitlines())
CELLS = [(row[0], state, answer == "yes") for row in _ROWS for state, answer in zip(_HEAD, row[1:], strict=True)]


def receive_nothing(udp: UdpSocket) -> None:
    with pytest.raises(BlockingIOError):
        udp.receive_nowait()


OPERATIONS: dict[str, Callable[[UdpSocket], Any]] = {
    "bind": lambda udp: udp.bind(loopback()),
    "connect": lambda udp: udp.connect(loopback(port=9)),
    "disconnect": lambda udp: udp.disconnect(),
    "send": lambda udp: udp.send_nowait(b"x", loopback(port=9)),
    "receive": receive_nothing,
    "local-address": lambda udp: udp.local_address(),
    "remote-address": lambda udp: udp.remote_address(),
    "option": lambda udp: udp.get_option("unicast-hop-limit"),
}


@pytest.mark.parametrize(("operation", "state", "works"), CELLS)
def test_state_and_operation(operation: str, state: str, works: bool) -> None:
    """An operation works in the states it is for; in the others it is `invalid-state`."""
    udp = udp_socket()
    if state == "bound":
        udp.bind(loopback())
    if state in {"connected", "disconnected"}:
        udp.connect(loopback(port=9))
    if state == "disconnected":
        udp.disconnect()
    before = udp.is_bound, udp.is_connected
    if works:
        OPERATIONS[operation](udp)
    else:
        with pytest.raises(SocketError, match="invalid-state"):
            OPERATIONS[operation](udp)
        assert (udp.is_bound, udp.is_connected) == before
    drop(udp)


def test_dropped() -> None:
    """A socket that was dropped, once or twice, has nothing of the system's."""
    ctx = context()
    udp = udp_socket(ctx)
    assert ctx.handles.open == 1
    drop(udp, udp)
    assert ctx.handles.open == 0
    with pytest.raises(SocketError, match="invalid-state"):
        udp.get_option("send-buffer-size")


@pytest.mark.parametrize("family", FAMILIES)
async def test_datagrams(family: Any) -> None:
    """A datagram arrives as it was sent, an empty one too, with the address to answer to."""
    server, client = bound(family=family), udp_socket(family=family)
    for data in (b"abc", b""):
        await client.send(data, server.local_address())
        received, sender = await server.receive()
        assert received == data
        assert sender == address(str(server.local_address().ip), client.local_address().port)
        await server.send(b"re: " + data, sender)
        assert await client.receive() == (b"re: " + data, server.local_address())
    drop(server, client)


async def test_any_number_of_receivers() -> None:
    """Several calls can wait for a datagram; each gets one, and one that is given up loses none."""
    server, client = bound(), udp_socket()
    got: list[bytes] = []

    async def receive() -> None:
        got.append((await server.receive())[0])

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            async with anyio.create_task_group() as given_up:
                given_up.start_soon(receive)
                await anyio.wait_all_tasks_blocked()
                for _ in range(3):
                    group.start_soon(receive)
                await anyio.wait_all_tasks_blocked()
                given_up.cancel_scope.cancel()
            for data in (b"a", b"b", b"c"):
                await client.send(data, server.local_address())
    assert sorted(got) == [b"a", b"b", b"c"]
    drop(server, client)


async def test_dropped_while_it_receives() -> None:
    """A descriptor that is waited for stays open until nobody waits; who waits is woken when the socket is dropped."""
    ctx = context()
    udp = bound(ctx)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:

            async def receive() -> None:
                with pytest.raises(SocketError, match="invalid-state"):
                    await udp.receive()

            group.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            udp.on_drop()
            assert ctx.handles.open == 1
    assert ctx.handles.open == 0


async def test_sending_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A datagram that the system does not take now is sent when it does."""
    server, client = bound(), udp_socket()
    full = [True]
    real = socket.socket.sendto

    def sendto(self: socket.socket, *args: Any) -> int:
        if full:
            full.clear()
            raise BlockingIOError
        return real(self, *args)

    monkeypatch.setattr(socket.socket, "sendto", sendto)
    await client.send(b"abc", server.local_address())
    assert (await server.receive())[0] == b"abc"
    drop(server, client)


@pytest.mark.parametrize("byte_length", [65508, MAX_DATAGRAM_BYTE_LENGTH, MAX_DATAGRAM_BYTE_LENGTH + 1, 1 << 20])
async def test_too_large(byte_length: int) -> None:
    """A datagram that is too large is `datagram-too-large`, whether for the system or for UDP."""
    udp = udp_socket()
    with pytest.raises((OSError, SocketError)) as caught:
        await udp.send(bytes(byte_length), loopback(port=9))
    assert error_code(caught.value) == "datagram-too-large"
    drop(udp)


async def test_the_largest() -> None:
    """A datagram of the largest size that the system takes arrives whole."""
    server, client = bound(), udp_socket()
    await client.send(bytes(65507), server.local_address())
    assert len((await server.receive())[0]) == 65507
    drop(server, client)


# Connected sockets.


async def test_connected() -> None:
    """A connected socket sends to its peer without being told, and to nobody else; and hears nobody else."""
    first, second, udp = bound(), bound(), bound()
    await second.send(b"early", udp.local_address())
    udp.connect(first.local_address())
    assert udp.remote_address() == first.local_address()
    await second.send(b"late", udp.local_address())
    await first.send(b"mine", udp.local_address())
    assert await udp.receive() == (b"mine", first.local_address())
    await udp.send(b"a", None)
    await udp.send(b"b", first.local_address())
    assert [(await first.receive())[0] for _ in range(2)] == [b"a", b"b"]
    with pytest.raises(SocketError, match="invalid-argument"):
        await udp.send(b"c", second.local_address())
    drop(first, second, udp)


async def test_reconnecting() -> None:
    """A socket can connect to somebody else, and to nobody; the address it was bound to stays."""
    first, second, udp = bound(), bound(), udp_socket()
    udp.bind(loopback(port=free_udp_port()))
    local = udp.local_address()
    for peer in (first, second, second):
        udp.connect(peer.local_address())
        assert udp.remote_address() == peer.local_address()
    udp.disconnect()
    with pytest.raises(SocketError, match="invalid-argument"):
        await udp.send(b"a", None)
    await udp.send(b"a", first.local_address())
    assert await first.receive() == (b"a", local)
    drop(first, second, udp)


async def test_refused() -> None:
    """A connected socket learns that nobody is there."""
    udp = bound()
    with deaf(socket.SOCK_DGRAM) as port:
        udp.connect(loopback(port=port))
        await udp.send(b"a", None)
        with pytest.raises(ConnectionRefusedError):
            await udp.receive()
    drop(udp)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("ip", "port"),
    [("0.0.0.0", 9), ("::", 9), ("127.0.0.1", 0), ("::1", 0), ("::ffff:127.0.0.1", 9), ("::127.0.0.1", 9)],
)
def test_nobody_to_talk_to(family: Any, ip: str, port: int) -> None:
    """Wildcards, port 0, the other family and IPv4 in disguise are `invalid-argument` to connect and to send to."""
    udp = udp_socket(family=family)
    with pytest.raises(SocketError, match="invalid-argument"):
        udp.connect(address(ip, port))
    with pytest.raises(SocketError, match="invalid-argument"):
        udp.send_nowait(b"x", address(ip, port))
    assert not udp.is_bound
    drop(udp)


def test_bind_errors() -> None:
    """A failed bind leaves the socket unbound, to try another address."""
    first, second = bound(), udp_socket()
    for where, code in ((first.local_address(), "address-in-use"), (address("192.0.2.1"), "address-not-bindable")):
        with pytest.raises(OSError, match="ddress") as caught:
            second.bind(where)
        assert error_code(caught.value) == code
        assert not second.is_bound
    with pytest.raises(SocketError, match="invalid-argument"):
        second.bind(address("::1"))
    second.bind(address("0.0.0.0"))
    assert second.local_address().port
    drop(first, second)


# Options.


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("option", UDP_OPTIONS)
def test_options(family: Any, option: str) -> None:
    """An option has the value that was set; none can be 0."""
    udp = udp_socket(family=family)
    value = 42 if option == "unicast-hop-limit" else 0x10000
    udp.set_option(option, value)
    assert udp.get_option(option) == value
    with pytest.raises(SocketError, match="invalid-argument"):
        udp.set_option(option, 0)
    drop(udp)


# The policy.


def test_no_udp() -> None:
    """Without leave there are no sockets."""
    ctx = context(tcp=True)
    with pytest.raises(PermissionError):
        udp_socket(ctx)
    assert ctx.handles.open == 0


async def test_policy_of_addresses() -> None:
    """Where to bind and whom to talk to is checked, and what comes from elsewhere is not seen."""
    ctx = context(udp=True, addresses=["127.0.0.2"])
    stranger = bound()
    udp = udp_socket(ctx)
    for where in (loopback(), address("0.0.0.0")):
        with pytest.raises(PermissionError):
            udp.bind(where)
    with pytest.raises(PermissionError):
        await udp.send(b"x", stranger.local_address())
    with pytest.raises(PermissionError):
        udp.connect(stranger.local_address())
    assert not udp.is_bound
    friend = udp_socket()
    friend.bind(address("127.0.0.2"))
    await udp.send(b"hello", friend.local_address())
    _, me = await friend.receive()
    await stranger.send(b"stranger", me)
    await friend.send(b"friend", me)
    assert await udp.receive() == (b"friend", friend.local_address())
    drop(stranger, friend, udp)


async def test_a_flood_from_strangers() -> None:
    """Datagrams that are dropped do not keep the event loop from its other work."""
    udp = bound(context(udp=True, check=lambda use, *_: use != "udp-receive"))
    stranger = udp_socket()
    for _ in range(TURN_DATAGRAMS + 1):
        await stranger.send(b"x", udp.local_address())
    receive_nothing(udp)
    assert udp.os.raw.recv(10) == b"x"
    drop(udp, stranger)


async def test_connecting_needs_one_direction() -> None:
    """A socket may connect where it may send or receive; each datagram is checked for itself."""
    peer = bound()
    for allowed in ("udp-send", "udp-receive"):
        udp = udp_socket(context(udp=True, check=lambda use, *_, allowed=allowed: use in {"udp-bind", allowed}))
        udp.connect(peer.local_address())
        if allowed == "udp-receive":
            with pytest.raises(PermissionError):
                await udp.send(b"x", None)
        drop(udp)
    udp = udp_socket(context(udp=True, check=lambda use, *_: use == "udp-bind"))
    with pytest.raises(PermissionError):
        udp.connect(peer.local_address())
    drop(udp, peer)


async def test_implicit_binds_are_checked() -> None:
    """A socket that binds of itself, to connect or to send, needs leave to bind."""
    udp = udp_socket(context(udp=True, check=lambda use, *_: use != "udp-bind"))
    with pytest.raises(PermissionError):
        udp.connect(loopback(port=9))
    with pytest.raises(PermissionError):
        await udp.send(b"x", loopback(port=9))
    assert not udp.is_bound
    drop(udp)


@NEEDS_IPV6
async def test_the_scope_counts() -> None:
    """Two link-local addresses on different interfaces are different; the flow information makes no difference."""
    udp = udp_socket(family="ipv6")
    udp.connect(address("::1", 9, flow_info=5))
    await udp.send(b"x", address("::1", 9, flow_info=6))
    with pytest.raises(SocketError, match="invalid-argument"):
        await udp.send(b"x", address("::1", 9, scope_id=7))
    assert SocketAddress.from_system(("fe80::1%lo", 9, 0, 1)) != address("fe80::1", 9, scope_id=2)
    drop(udp)


@NEEDS_IPV6
async def test_a_peer_by_the_name_that_the_guest_gave() -> None:
    """A scope that the system does not keep may be given again with each datagram, as when the socket connected."""
    udp = udp_socket(family="ipv6")
    where = address("::1", 9, scope_id=7)
    udp.connect(where)
    assert udp.remote_address() != where
    await udp.send(b"x", where)
    drop(udp)


def test_disconnect_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the system's surfaces, and the socket knows whether it is connected all the same."""
    udp = udp_socket()
    udp.connect(loopback(port=9))

    def fail(_raw: socket.socket) -> None:
        raise OSError(12, "no memory")

    monkeypatch.setattr(module, "_disconnect", fail)
    with pytest.raises(OSError, match="no memory"):
        udp.disconnect()
    assert udp.is_connected
    drop(udp)
