"""Every operation of TCP sockets in every state."""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

import pytest
from socket_helpers import FAMILIES, address, connected, context, deaf, loopback, tcp_socket

from weft.wasi.sockets.errors import SocketError, error_code
from weft.wasi.sockets.options import TCP_OPTIONS
from weft.wasi.sockets.tcp import ALLOWED, DEFAULT_BACKLOG, TcpSocket, TcpState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MATRIX = """
                  unbound  bound  connecting  connected  listening  closed
bind              yes      no     no          no         no         no
connect           yes      yes    no          no         no         no
finish-connect    no       no     yes         no         no         no
listen            yes      yes    no          no         no         no
send              no       no     no          yes        no         no
receive           no       no     no          yes        no         no
local-address     no       yes    yes         yes        yes        no
remote-address    no       no     no          yes        no         no
backlog           yes      yes    no          no         yes        no
option            yes      yes    yes         yes        yes        no
"""
"""TcpSocketOperationalSemantics.md, and the errors that types.wit documents for each function."""

_HEAD, *_ROWS = (line.split() for line in MATRIX.strip().splitlines())
EXPECTED = {(row[0], state): answer == "yes" for row in _ROWS for state, answer in zip(_HEAD, row[1:], strict=True)}


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def put_in(state: TcpState, server: socket.socket) -> TcpSocket:
    tcp = tcp_socket()
    if state in {TcpState.BOUND, TcpState.LISTENING}:
        tcp.bind(loopback())
    if state is TcpState.LISTENING:
        tcp.listen().close()
    if state in {TcpState.CONNECTING, TcpState.CONNECTED}:
        tcp.start_connect(loopback(port=server.getsockname()[1]))
    if state is TcpState.CONNECTED:
        assert tcp.finish_connect()
    if state is TcpState.CLOSED:
        with deaf() as port:
            tcp.start_connect(loopback(port=port))
            with pytest.raises(ConnectionRefusedError):
                tcp.finish_connect()
    assert tcp.state is state
    return tcp


def operations(server: socket.socket) -> dict[str, Callable[[TcpSocket], Any]]:
    return {
        "bind": lambda tcp: tcp.bind(loopback()),
        "connect": lambda tcp: tcp.start_connect(loopback(port=server.getsockname()[1])),
        "finish-connect": lambda tcp: tcp.finish_connect(),
        "listen": lambda tcp: tcp.listen().close(),
        "send": lambda tcp: tcp.send().close(),
        "receive": lambda tcp: tcp.receive().close(),
        "local-address": lambda tcp: tcp.local_address(),
        "remote-address": lambda tcp: tcp.remote_address(),
        "backlog": lambda tcp: tcp.set_listen_backlog_size(1),
        "option": lambda tcp: tcp.get_option("hop-limit"),
    }


def test_the_table_is_complete() -> None:
    """The table of the code, the one here and the operations tested are about the same operations and states."""
    assert set(EXPECTED) == {(operation, state.value) for operation in ALLOWED for state in TcpState}
    assert {name for name, _ in EXPECTED} == set(operations(socket.socket.__new__(socket.socket)))


@pytest.mark.parametrize("state", TcpState)
@pytest.mark.parametrize("operation", ALLOWED)
def test_state_and_operation(state: TcpState, operation: str, server: socket.socket) -> None:
    """An operation works in the states it is for; in others it is `invalid-state`, and changes nothing."""
    tcp = put_in(state, server)
    try:
        perform = operations(server)[operation]
        if EXPECTED[operation, state.value]:
            perform(tcp)
        else:
            with pytest.raises(SocketError, match="invalid-state"):
                perform(tcp)
            assert tcp.state is state
        assert tcp.family == "ipv4"
        assert tcp.is_listening is (tcp.state is TcpState.LISTENING)
    finally:
        tcp.on_drop()


@pytest.mark.parametrize("state", TcpState)
def test_dropped_in_any_state(state: TcpState, server: socket.socket) -> None:
    """A socket can be dropped in any state, and what the system had for it is gone then; nothing works afterwards."""
    tcp = put_in(state, server)
    tcp.on_drop()
    tcp.on_drop()
    with pytest.raises(SocketError, match="invalid-state"):
        tcp.get_option("hop-limit")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("make", ["bind", "start_connect"])
@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "224.0.0.1", "255.255.255.255", "ff02::1"]
)
def test_addresses_that_do_not_fit(family: Any, make: str, ip: str) -> None:
    """Another family, IPv4 in disguise, and groups are `invalid-argument`, and the socket may try again."""
    fits = {"127.0.0.1": "ipv4", "::1": "ipv6"}.get(ip) == family
    tcp = tcp_socket(family=family)
    port = 0 if make == "bind" else 1
    if fits:
        tcp.bind(address(ip))
    else:
        with pytest.raises(SocketError, match="invalid-argument"):
            getattr(tcp, make)(address(ip, port))
        assert tcp.state is TcpState.UNBOUND
    tcp.on_drop()


@pytest.mark.parametrize(("ip", "port"), [("0.0.0.0", 80), ("127.0.0.1", 0)])
def test_nobody_to_connect_to(ip: str, port: int) -> None:
    """The wildcard address and port 0 are `invalid-argument`, though the system would know what to do with them."""
    tcp = tcp_socket()
    with pytest.raises(SocketError, match="invalid-argument"):
        tcp.start_connect(address(ip, port))
    assert tcp.state is TcpState.UNBOUND
    tcp.on_drop()


def test_bind_errors() -> None:
    """A failed bind leaves the socket unbound, to try another address."""
    first, second = tcp_socket(), tcp_socket()
    first.bind(loopback())
    first.listen().close()
    for where, code in ((first.local_address(), "address-in-use"), (address("192.0.2.1"), "address-not-bindable")):
        with pytest.raises(OSError, match="ddress") as caught:
            second.bind(where)
        assert error_code(caught.value) == code
        assert second.state is TcpState.UNBOUND
    second.bind(loopback())
    assert second.local_address().port != 0
    first.on_drop()
    second.on_drop()


@pytest.mark.parametrize("family", FAMILIES)
def test_listening_binds(family: Any) -> None:
    """A socket that was not bound binds to the wildcard address and some port in order to listen."""
    tcp = tcp_socket(family=family)
    tcp.listen().close()
    bound = tcp.local_address()
    assert int(bound.ip) == 0
    assert bound.port
    tcp.on_drop()


def test_once_only() -> None:
    """Sending and receiving begin once each."""
    tcp, peer = connected()
    halves = [tcp.send(), tcp.receive()]
    for begin in (tcp.send, tcp.receive):
        with pytest.raises(SocketError, match="invalid-state"):
            begin()
    for half in halves:
        half.close()
    tcp.on_drop()
    peer.close()


# Options.

SECOND = 1_000_000_000


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("option", "value", "read"),
    [
        ("keep-alive-idle-time", 42 * SECOND, 42 * SECOND),
        ("keep-alive-idle-time", 1, SECOND),
        ("keep-alive-idle-time", (1 << 64) - 1, 32767 * SECOND),
        ("keep-alive-interval", 42 * SECOND, 42 * SECOND),
        ("keep-alive-interval", 1, SECOND),
        ("keep-alive-interval", (1 << 64) - 1, 32767 * SECOND),
        ("keep-alive-count", 42, 42),
        ("keep-alive-count", (1 << 32) - 1, 127),
        ("hop-limit", 1, 1),
        ("hop-limit", 255, 255),
        ("receive-buffer-size", 0x10000, 0x10000),
        ("send-buffer-size", 0x10000, 0x10000),
        ("keep-alive-enabled", True, True),
        ("keep-alive-enabled", False, False),
    ],
)
def test_options(family: Any, option: str, value: int, read: int) -> None:
    """An option has the value that was set, or the nearest that is possible."""
    tcp = tcp_socket(family=family)
    tcp.set_option(option, value)
    assert tcp.get_option(option) == read
    tcp.on_drop()


@pytest.mark.parametrize("option", [option for option in TCP_OPTIONS if option != "keep-alive-enabled"])
def test_zero(option: str) -> None:
    """No option can be 0."""
    tcp = tcp_socket()
    with pytest.raises(SocketError, match="invalid-argument"):
        tcp.set_option(option, 0)
    tcp.on_drop()


@pytest.mark.parametrize("option", ["receive-buffer-size", "send-buffer-size"])
@pytest.mark.parametrize("value", [1, (1 << 31) - 1, 1 << 31, (1 << 64) - 1])
def test_any_buffer_size(option: str, value: int) -> None:
    """Any other buffer size is fine; the system makes of it what it wants."""
    tcp = tcp_socket()
    tcp.set_option(option, value)
    assert tcp.get_option(option) > 0
    tcp.on_drop()


def test_backlog() -> None:
    """Any backlog but 0 is fine, before and after the socket listens."""
    tcp = tcp_socket()
    for _ in range(2):
        tcp.set_listen_backlog_size(1)
        tcp.set_listen_backlog_size((1 << 64) - 1)
        with pytest.raises(SocketError, match="invalid-argument"):
            tcp.set_listen_backlog_size(0)
        if not tcp.is_listening:
            tcp.listen().close()
    tcp.on_drop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long the queue may be")
@pytest.mark.parametrize("backlog", [None, 1, 17])
def test_the_system_is_told_the_backlog(backlog: int | None) -> None:
    """The system is asked for the queue that the guest wants, or for the default."""
    tcp = tcp_socket()
    if backlog is not None:
        tcp.set_listen_backlog_size(backlog)
    tcp.listen().close()
    info = tcp.require("backlog").raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    assert struct.unpack_from("I", info, 28) == (backlog or DEFAULT_BACKLOG,)
    tcp.on_drop()


def test_an_address_of_old_connections() -> None:
    """An address can be bound to again while the system still remembers connections that ended there."""
    with socket.socket() as before:
        before.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
        before.bind(("127.0.0.1", 0))
        before.listen()
        where = before.getsockname()
        with socket.create_connection(where) as client:
            before.accept()[0].close()  # who closes first remembers
            assert client.recv(1) == b""
    tcp = tcp_socket()
    tcp.bind(loopback(port=where[1]))
    tcp.listen().close()
    tcp.on_drop()


# The policy.


def test_no_tcp() -> None:
    """Without leave there are no sockets."""
    ctx = context(udp=True)
    with pytest.raises(PermissionError):
        tcp_socket(ctx)
    assert ctx.handles.open == 0


def test_handles_are_counted() -> None:
    """There are no more sockets than the limits say, and one that is dropped makes room."""
    ctx = context(handles=1)
    tcp = tcp_socket(ctx)
    with pytest.raises(OSError, match="1 handles") as caught:
        tcp_socket(ctx)
    assert error_code(caught.value) == "new-socket-limit"
    tcp.on_drop()
    assert ctx.handles.open == 0
    tcp_socket(ctx).on_drop()


def test_policy_of_addresses(server: socket.socket) -> None:
    """Where to bind, to listen and to connect is checked; a socket that may not connect is closed."""
    ctx = context(tcp=True, addresses=["127.0.0.2"])
    tcp = tcp_socket(ctx)
    for where in (loopback(), address("0.0.0.0")):
        with pytest.raises(PermissionError):
            tcp.bind(where)
    with pytest.raises(PermissionError):
        tcp.listen()  # at the wildcard address
    assert tcp.state is TcpState.UNBOUND
    with pytest.raises(PermissionError):
        tcp.start_connect(loopback(port=server.getsockname()[1]))
    assert tcp.state is TcpState.CLOSED
    assert ctx.handles.open == 0


def test_checks(server: socket.socket) -> None:
    """`check` is asked about explicit and implicit binds, listening and connecting, with the address in question."""
    asked: list[tuple[str, str, int]] = []

    def check(use: str, host: object, port: int) -> bool:
        asked.append((use, str(host), port))
        return True

    ctx = context(tcp=True, check=check)
    port = server.getsockname()[1]
    bound, listener, client = (tcp_socket(ctx) for _ in range(3))
    bound.bind(loopback())
    bound.listen().close()
    listener.listen().close()
    client.start_connect(loopback(port=port))
    assert asked == [
        ("tcp-bind", "127.0.0.1", 0),
        ("tcp-listen", "127.0.0.1", bound.local_address().port),
        ("tcp-bind", "0.0.0.0", 0),
        ("tcp-listen", "0.0.0.0", 0),
        ("tcp-bind", "0.0.0.0", 0),
        ("tcp-connect", "127.0.0.1", port),
    ]
    for tcp in (bound, listener, client):
        tcp.on_drop()
    assert ctx.handles.open == 0
