"""A guest of wasi:sockets 0.2 that does what a test tells it: it exports what it imports, with handles as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sockets_guest import (
    ADDRESS,
    BOOL,
    BYTES,
    DONE,
    FAMILY,
    HOW,
    MAYBE_ADDRESS,
    STRING,
    U8,
    U32,
    U64,
    Function,
    Guest,
    Interface,
    Type,
    World,
    borrow,
    fallible,
    methods,
    own,
    run_world,
)  # fmt: skip

from weft import wasi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

CODES = [
    "unknown", "access-denied", "not-supported", "invalid-argument", "out-of-memory", "timeout",
    "concurrency-conflict", "not-in-progress", "would-block", "invalid-state", "new-socket-limit",
    "address-not-bindable", "address-in-use", "remote-unreachable", "connection-refused", "connection-reset",
    "connection-aborted", "datagram-too-large", "name-unresolvable", "temporary-resolver-failure",
    "permanent-resolver-failure",
]  # fmt: skip


STREAM_ERROR = Type("$stream-error", "$failure")


def options(instance: str, resource: str, **types: Type) -> list[Function]:
    both: dict[str, tuple[Any, ...]] = {}
    for name, value in types.items():
        both |= {name: (fallible(value),), f"set_{name}": (value, DONE)}
    return methods(instance, resource, **both)


SUBSCRIBE = (own("pollable"),)
FUNCTIONS = [
    *methods("poll", "pollable", ready=(BOOL,), block=(None,)),
    *methods("streams", "input-stream", blocking_read=(U64, fallible(BYTES, STREAM_ERROR)), subscribe=SUBSCRIBE),
    *methods(
        "streams",
        "output-stream",
        check_write=(fallible(U64, STREAM_ERROR),),
        write=(BYTES, fallible(None, STREAM_ERROR)),
        blocking_write_and_flush=(BYTES, fallible(None, STREAM_ERROR)),
        subscribe=SUBSCRIBE,
    ),
    Function("network", "network-error-code", (borrow("error"),), Type.same("(option $code)", "memory")),
    Function("instance-network", "instance-network", (), own("network")),
    Function("tcp-create", "create-tcp-socket", (FAMILY,), fallible(own("tcp-socket"))),
    Function("udp-create", "create-udp-socket", (FAMILY,), fallible(own("udp-socket"))),
    *methods(
        "tcp",
        "tcp-socket",
        start_bind=(borrow("network"), ADDRESS, DONE),
        finish_bind=(DONE,),
        start_connect=(borrow("network"), ADDRESS, DONE),
        finish_connect=(fallible(own("input-stream", "output-stream")),),
        start_listen=(DONE,),
        finish_listen=(DONE,),
        accept=(fallible(own("tcp-socket", "input-stream", "output-stream")),),
        local_address=(fallible(Type.same("$address")),),
        remote_address=(fallible(Type.same("$address")),),
        is_listening=(BOOL,),
        address_family=(FAMILY,),
        set_listen_backlog_size=(U64, DONE),
        shutdown=(HOW, DONE),
        subscribe=SUBSCRIBE,
    ),
    *options(
        "tcp",
        "tcp-socket",
        keep_alive_enabled=BOOL,
        keep_alive_idle_time=U64,
        keep_alive_interval=U64,
        keep_alive_count=U32,
        hop_limit=U8,
        receive_buffer_size=U64,
        send_buffer_size=U64,
    ),
    *methods(
        "udp",
        "udp-socket",
        start_bind=(borrow("network"), ADDRESS, DONE),
        finish_bind=(DONE,),
        stream=(MAYBE_ADDRESS, fallible(own("incoming-datagram-stream", "outgoing-datagram-stream"))),
        local_address=(fallible(Type.same("$address")),),
        remote_address=(fallible(Type.same("$address")),),
        address_family=(FAMILY,),
        subscribe=SUBSCRIBE,
    ),
    *options("udp", "udp-socket", unicast_hop_limit=U8, receive_buffer_size=U64, send_buffer_size=U64),
    *methods(
        "udp",
        "incoming-datagram-stream",
        receive=(U64, fallible(Type.same("(list $incoming)"))),
        subscribe=SUBSCRIBE,
    ),
    *methods(
        "udp",
        "outgoing-datagram-stream",
        check_send=(fallible(U64),),
        send=(Type.same("(list $outgoing)", "i32", "i32"), fallible(U64)),
        subscribe=SUBSCRIBE,
    ),
    *methods(
        "lookup",
        "resolve-address-stream",
        resolve_next_address=(fallible(Type.same("(option $ip)")),),
        subscribe=SUBSCRIBE,
    ),
    Function(
        "lookup",
        "resolve-addresses",
        (borrow("network"), STRING),
        fallible(own("resolve-address-stream")),
        names=("network", "name"),
    ),
]

NUMBERS_4, NUMBERS_6 = "(tuple u8 u8 u8 u8)", "(tuple u16 u16 u16 u16 u16 u16 u16 u16)"

INSTANCES = [
    ("error", "wasi:io/error@0.2.0", '(export "error" (type $error (sub resource)))', "error"),
    ("poll", "wasi:io/poll@0.2.0", '(export "pollable" (type $pollable (sub resource)))', "pollable"),
    (
        "streams",
        "wasi:io/streams@0.2.0",
        """(type $variant (variant (case "last-operation-failed" (own $error)) (case "closed")))
        (export "stream-error" (type $stream-error (eq $variant)))
        (export "input-stream" (type $input-stream (sub resource)))
        (export "output-stream" (type $output-stream (sub resource)))""",
        "input-stream output-stream",
    ),
    (
        "network",
        "wasi:sockets/network@0.2.0",
        f"""(export "network" (type $network (sub resource)))
        (type $e (enum {" ".join(f'"{code}"' for code in CODES)})) (export "error-code" (type $code (eq $e)))
        (type $f (enum "ipv4" "ipv6")) (export "ip-address-family" (type $family (eq $f)))
        (type $v (variant (case "ipv4" {NUMBERS_4}) (case "ipv6" {NUMBERS_6})))
        (export "ip-address" (type $ip (eq $v)))
        (type $r4 (record (field "port" u16) (field "address" {NUMBERS_4})))
        (export "ipv4-socket-address" (type $s4 (eq $r4)))
        (type $r6 (record (field "port" u16) (field "flow-info" u32) (field "address" {NUMBERS_6})
          (field "scope-id" u32)))
        (export "ipv6-socket-address" (type $s6 (eq $r6)))
        (type $s (variant (case "ipv4" $s4) (case "ipv6" $s6)))
        (export "ip-socket-address" (type $address (eq $s)))""",
        "network code=error-code family=ip-address-family ip=ip-address address=ip-socket-address",
    ),
    ("instance-network", "wasi:sockets/instance-network@0.2.0", "", ""),
    (
        "tcp",
        "wasi:sockets/tcp@0.2.0",
        """(export "tcp-socket" (type $tcp-socket (sub resource)))
        (type $h (enum "receive" "send" "both")) (export "shutdown-type" (type $how (eq $h)))""",
        "tcp-socket how=shutdown-type",
    ),
    ("tcp-create", "wasi:sockets/tcp-create-socket@0.2.0", "", ""),
    (
        "udp",
        "wasi:sockets/udp@0.2.0",
        """(export "udp-socket" (type $udp-socket (sub resource)))
        (export "incoming-datagram-stream" (type $incoming-datagram-stream (sub resource)))
        (export "outgoing-datagram-stream" (type $outgoing-datagram-stream (sub resource)))
        (type $in (record (field "data" (list u8)) (field "remote-address" $address)))
        (export "incoming-datagram" (type $incoming (eq $in)))
        (type $out (record (field "data" (list u8)) (field "remote-address" (option $address))))
        (export "outgoing-datagram" (type $outgoing (eq $out)))""",
        """udp-socket incoming-datagram-stream outgoing-datagram-stream
        incoming=incoming-datagram outgoing=outgoing-datagram""",
    ),
    ("udp-create", "wasi:sockets/udp-create-socket@0.2.0", "", ""),
    (
        "lookup",
        "wasi:sockets/ip-name-lookup@0.2.0",
        '(export "resolve-address-stream" (type $resolve-address-stream (sub resource)))',
        "resolve-address-stream",
    ),
]

RESOURCES = [
    "error", "pollable", "input-stream", "output-stream", "network", "tcp-socket", "udp-socket",
    "incoming-datagram-stream", "outgoing-datagram-stream", "resolve-address-stream",
]  # fmt: skip

DEFINITIONS = """(type $variant (variant (case "last-operation-failed" u32) (case "closed")))
    (export $failure "failure" (type $variant))"""

WORLD = World(tuple(Interface(*each) for each in INSTANCES), tuple(FUNCTIONS), tuple(RESOURCES), DEFINITIONS)


async def run(main: Callable[[Guest], Awaitable[T]], ctx: wasi.WasiCtx) -> T:
    """Run ``main(guest)`` while a guest makes progress, and close its store."""
    return await run_world(WORLD, wasi.p2.add_to_linker, main, ctx)


__all__ = ["CODES", "Guest", "run"]
