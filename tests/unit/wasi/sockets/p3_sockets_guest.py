"""A guest of wasi:sockets 0.3 that does what a test tells it, with the ends of streams and futures as numbers, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sockets_guest import (
    ADDRESS,
    BOOL,
    BYTES,
    DONE,
    FAMILY,
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
    fallible,
    methods,
    own,
    run_world,
)  # fmt: skip

from weft import wasi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

CASES = """(case "access-denied") (case "not-supported") (case "invalid-argument") (case "out-of-memory")
    (case "timeout") (case "invalid-state") (case "address-not-bindable") (case "address-in-use")
    (case "remote-unreachable") (case "connection-refused") (case "connection-broken") (case "connection-reset")
    (case "connection-aborted") (case "datagram-too-large") (case "other" (option string))"""
LOOKUP_CASES = """(case "access-denied") (case "invalid-argument") (case "name-unresolvable")
    (case "temporary-resolver-failure") (case "permanent-resolver-failure") (case "other" (option string))"""

NUMBERS_4, NUMBERS_6 = "(tuple u8 u8 u8 u8)", "(tuple u16 u16 u16 u16 u16 u16 u16 u16)"

INTERFACES = (
    Interface(
        "types",
        "wasi:sockets/types@0.3.0",
        f"""(type $e (variant {CASES})) (export "error-code" (type $code (eq $e)))
        (type $f (enum "ipv4" "ipv6")) (export "ip-address-family" (type $family (eq $f)))
        (type $v (variant (case "ipv4" {NUMBERS_4}) (case "ipv6" {NUMBERS_6})))
        (export "ip-address" (type $ip (eq $v)))
        (type $r4 (record (field "port" u16) (field "address" {NUMBERS_4})))
        (export "ipv4-socket-address" (type $s4 (eq $r4)))
        (type $r6 (record (field "port" u16) (field "flow-info" u32) (field "address" {NUMBERS_6})
          (field "scope-id" u32)))
        (export "ipv6-socket-address" (type $s6 (eq $r6)))
        (type $s (variant (case "ipv4" $s4) (case "ipv6" $s6)))
        (export "ip-socket-address" (type $address (eq $s)))
        (export "tcp-socket" (type $tcp-socket (sub resource)))
        (export "udp-socket" (type $udp-socket (sub resource)))
        (type $connections (stream (own $tcp-socket))) (type $data (stream u8))
        (type $done (result (error $code))) (type $sent (future $done))""",
        "code=error-code family=ip-address-family ip=ip-address address=ip-socket-address tcp-socket udp-socket",
    ),
    Interface(
        "lookup",
        "wasi:sockets/ip-name-lookup@0.3.0",
        f'(type $l (variant {LOOKUP_CASES})) (export "error-code" (type $lookup-code (eq $l)))',
        "lookup-code=error-code",
    ),
)

SOCKETS, STREAM, OUTCOME = (Type(name, "u32") for name in ("$connections", "$data", "$sent"))
RECEIVED = Type(f"(tuple {STREAM.imported} {OUTCOME.imported})", "(tuple u32 u32)", ("memory",))


def options(resource: str, **types: Type) -> list[Function]:
    both: dict[str, tuple[Any, ...]] = {}
    for name, value in types.items():
        both |= {f"get_{name}": (fallible(value),), f"set_{name}": (value, DONE)}
    return methods("types", resource, **both)


FUNCTIONS = (
    Function("types", "[static]tcp-socket.create", (FAMILY,), fallible(own("tcp-socket"))),
    Function("types", "[static]udp-socket.create", (FAMILY,), fallible(own("udp-socket"))),
    *methods("types", "tcp-socket", is_async=True, connect=(ADDRESS, DONE)),
    *methods(
        "types",
        "tcp-socket",
        bind=(ADDRESS, DONE),
        listen=(fallible(SOCKETS),),
        send=(STREAM, OUTCOME),
        receive=(RECEIVED,),
        get_local_address=(fallible(Type.same("$address")),),
        get_remote_address=(fallible(Type.same("$address")),),
        get_is_listening=(BOOL,),
        get_address_family=(FAMILY,),
        set_listen_backlog_size=(U64, DONE),
    ),
    *options(
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
        "types",
        "udp-socket",
        is_async=True,
        send=(BYTES, MAYBE_ADDRESS, DONE),
        receive=(fallible(Type.same("(tuple (list u8) $address)")),),
    ),
    *methods(
        "types",
        "udp-socket",
        bind=(ADDRESS, DONE),
        connect=(ADDRESS, DONE),
        disconnect=(DONE,),
        get_local_address=(fallible(Type.same("$address")),),
        get_remote_address=(fallible(Type.same("$address")),),
        get_address_family=(FAMILY,),
    ),
    *options("udp-socket", unicast_hop_limit=U8, receive_buffer_size=U64, send_buffer_size=U64),
    Function(
        "lookup",
        "resolve-addresses",
        (STRING,),
        fallible(Type.same("(list $ip)"), Type.same("$lookup-code")),
        is_async=True,
        names=("name",),
    ),
)

DEFINITIONS = """
    (type $bytes (stream u8))
    (type $sockets (stream (own $tcp-socket)))
    (type $outcome (future (result (error $code))))
    (core func $new-bytes (canon stream.new $bytes))
    (core func $stream-read (canon stream.read $bytes (memory $memory)))
    (core func $stream-write (canon stream.write $bytes (memory $memory)))
    (core func $drop-bytes (canon stream.drop-readable $bytes))
    (core func $end-bytes (canon stream.drop-writable $bytes))
    (core func $sockets-read (canon stream.read $sockets (memory $memory)))
    (core func $drop-sockets (canon stream.drop-readable $sockets))
    (core func $outcome-read (canon future.read $outcome (memory $memory) (realloc (core func $libc "realloc"))))
"""

BUILTINS = (
    ("new-bytes", "(result i64)"),
    ("stream-read", "(param i32 i32 i32) (result i32)"),
    ("stream-write", "(param i32 i32 i32) (result i32)"),
    ("drop-bytes", "(param i32)"),
    ("end-bytes", "(param i32)"),
    ("sockets-read", "(param i32 i32 i32) (result i32)"),
    ("drop-sockets", "(param i32)"),
    ("outcome-read", "(param i32 i32) (result i32)"),
)

CORE = """
    (func (export "new-bytes") (result i64) (call $new-bytes))
    (func (export "end-bytes") (param i32) (call $end-bytes (local.get 0)))
    (func (export "drop-bytes") (param i32) (call $drop-bytes (local.get 0)))
    (func (export "drop-sockets") (param i32) (call $drop-sockets (local.get 0)))
    (func (export "write") (param i32 i32 i32) (result i32)
      (call $stream-write (local.get 0) (local.get 1) (local.get 2)))
    (func (export "read-nothing") (param i32) (result i32)
      (call $stream-read (local.get 0) (i32.const 65536) (i32.const 0)))
    (func (export "accept-nothing") (param i32) (result i32)
      (call $sockets-read (local.get 0) (i32.const 65536) (i32.const 0)))
    (func (export "read") (param i32) (result i32)
      (i32.store (i32.const 16) (call $stream-read (local.get 0) (i32.const 65536) (i32.const 65536)))
      (i32.store (i32.const 20) (i32.const 65536))
      (i32.store (i32.const 24) (i32.shr_u (i32.load (i32.const 16)) (i32.const 4)))
      (i32.store (i32.const 16) (i32.and (i32.load (i32.const 16)) (i32.const 15)))
      (i32.const 16))
    (func (export "accept") (param i32) (result i32)
      (i32.store (i32.const 16) (call $sockets-read (local.get 0) (i32.const 20) (i32.const 1)))
      (i32.const 16))
    (func (export "outcome") (param i32) (result i32)
      (drop (call $outcome-read (local.get 0) (i32.const 16)))
      (i32.const 16))
"""

EXPORTS = """
    (func (export "new-bytes") (result u64) (canon lift (core func $i "new-bytes")))
    (func (export "end-bytes") (param "h" u32) (canon lift (core func $i "end-bytes")))
    (func (export "drop-bytes") (param "h" u32) (canon lift (core func $i "drop-bytes")))
    (func (export "drop-sockets") (param "h" u32) (canon lift (core func $i "drop-sockets")))
    (func (export "write") async (param "h" u32) (param "b" (list u8)) (result u32)
      (canon lift (core func $i "write") (memory $memory) (realloc (core func $libc "realloc"))))
    (func (export "read-nothing") async (param "h" u32) (result u32) (canon lift (core func $i "read-nothing")))
    (func (export "accept-nothing") async (param "h" u32) (result u32) (canon lift (core func $i "accept-nothing")))
    (func (export "read") async (param "h" u32) (result (tuple u32 (list u8)))
      (canon lift (core func $i "read") (memory $memory)))
    (func (export "accept") async (param "h" u32) (result (tuple u32 u32))
      (canon lift (core func $i "accept") (memory $memory)))
    (func (export "outcome") async (param "h" u32) (result (result (error $code)))
      (canon lift (core func $i "outcome") (memory $memory)))
"""

WORLD = World(INTERFACES, FUNCTIONS, ("tcp-socket", "udp-socket"), DEFINITIONS, CORE, BUILTINS, EXPORTS, is_async=True)


async def run(main: Callable[[Guest], Awaitable[T]], ctx: wasi.WasiCtx) -> T:
    """Run ``main(guest)`` while a guest makes progress, and close its store."""
    return await run_world(WORLD, wasi.p3.add_to_linker, main, ctx)


__all__ = ["Guest", "run"]
