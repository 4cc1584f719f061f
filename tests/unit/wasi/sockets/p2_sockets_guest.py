"""A guest of wasi:sockets 0.2 that does what a test tells it: it exports what it imports, with handles as numbers."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, frozen

import weft
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


@frozen
class Type:
    """A type: as the guest imports it, as it exports it, and as core values."""

    imported: str
    exported: str
    cores: tuple[str, ...] = ("i32",)

    @classmethod
    def same(cls, text: str, *cores: str) -> Type:
        return cls(text, text, cores or ("i32",))


def borrow(resource: str) -> Type:
    return Type(f"(borrow ${resource})", "u32")


def own(*resources: str) -> Type:
    imported = " ".join(f"(own ${resource})" for resource in resources)
    exported = " ".join("u32" for _ in resources)
    return Type(imported, exported) if len(resources) == 1 else Type(f"(tuple {imported})", f"(tuple {exported})")


def fallible(ok: Type | None = None, error: Type | None = None) -> Type:
    error = error or Type.same("$code")
    imported, exported = (ok.imported, ok.exported) if ok else ("", "")
    return Type(
        f"(result {imported} (error {error.imported}))", f"(result {exported} (error {error.exported}))", ("memory",)
    )


U8, U32, BOOL = (Type.same(name) for name in ("u8", "u32", "bool"))
U64 = Type.same("u64", "i64")
BYTES, STRING = (Type.same(name, "i32", "i32") for name in ("(list u8)", "string"))
FAMILY, HOW = Type.same("$family"), Type.same("$how")
ADDRESS = Type.same("$address", *["i32"] * 12)
MAYBE_ADDRESS = Type.same("(option $address)", *["i32"] * 13)
DONE = fallible()
STREAM_ERROR = Type("$stream-error", "$failure")


@frozen
class Function:
    instance: str
    name: str
    params: tuple[Type, ...]
    result: Type | None

    @property
    def export(self) -> str:
        return self.name.rpartition("]")[2].replace(".", "-")

    @property
    def in_memory(self) -> bool:
        return self.result is not None and self.result.cores == ("memory",)

    @property
    def cores(self) -> list[str]:
        return [core for param in self.params for core in param.cores]

    @property
    def core_result(self) -> str:
        if self.result is None:
            return ""
        return "(result i32)" if self.in_memory else f"(result {self.result.cores[0]})"

    def func(self) -> str:
        params = " ".join(f'(param "p{at}" {param.imported})' for at, param in enumerate(self.params))
        return f"(func {params} {f'(result {self.result.imported})' if self.result else ''})"

    def imported(self) -> str:
        """The import, with the names that parameters have in WIT: `self` for all that a method is called on."""
        text = self.func()
        for at, name in enumerate(PARAMS.get(self.export, ("self", "value", "more"))):
            text = text.replace(f'"p{at}"', f'"{name}"')
        return f'(export "{self.name}" {text})'

    def core_import(self) -> str:
        cores = [*self.cores, *(["i32"] if self.in_memory else [])]
        return f"(func ${self.export} (param {' '.join(cores)}) {'' if self.in_memory else self.core_result})"

    def core_export(self) -> str:
        gets = " ".join(f"(local.get {at})" for at in range(len(self.cores)))
        call = f"(call ${self.export} {gets} {'(i32.const 16)' if self.in_memory else ''})"
        body = f"{call} (i32.const 16)" if self.in_memory else call
        return f'(func (export "{self.export}") (param {" ".join(self.cores)}) {self.core_result} {body})'

    def lift(self) -> str:
        params = " ".join(f'(param "p{at}" {param.exported})' for at, param in enumerate(self.params))
        result = f"(result {self.result.exported})" if self.result else ""
        return (
            f'(func (export "{self.export}") {params} {result} (canon lift (core func $i "{self.export}") '
            '(memory $memory) (realloc (core func $libc "realloc"))))'
        )


PARAMS = {
    "tcp-socket-start-bind": ("self", "network", "local-address"),
    "udp-socket-start-bind": ("self", "network", "local-address"),
    "tcp-socket-start-connect": ("self", "network", "remote-address"),
    "tcp-socket-shutdown": ("self", "shutdown-type"),
    "udp-socket-stream": ("self", "remote-address"),
    "incoming-datagram-stream-receive": ("self", "max-results"),
    "outgoing-datagram-stream-send": ("self", "datagrams"),
    "input-stream-blocking-read": ("self", "len"),
    "output-stream-write": ("self", "contents"),
    "output-stream-blocking-write-and-flush": ("self", "contents"),
    "create-tcp-socket": ("address-family",),
    "create-udp-socket": ("address-family",),
    "resolve-addresses": ("network", "name"),
    "network-error-code": ("err",),
}


def methods(instance: str, resource: str, **funcs: tuple[Any, ...]) -> list[Function]:
    """Methods by name: the parameters after `self`, and last the result."""
    return [
        Function(instance, f"[method]{resource}.{name.replace('_', '-')}", (borrow(resource), *params), result)
        for name, (*params, result) in funcs.items()
    ]


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
    Function("lookup", "resolve-addresses", (borrow("network"), STRING), fallible(own("resolve-address-stream"))),
]

NUMBERS_4, NUMBERS_6 = "(tuple u8 u8 u8 u8)", "(tuple u16 u16 u16 u16 u16 u16 u16 u16)"

INSTANCES: list[tuple[str, str, str, str]] = [
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


def instances() -> str:
    """Return the imports, each of which sees the types of those before it."""
    lines: list[str] = []
    known: list[str] = []
    for instance, name, types, exports in INSTANCES:
        outer = " ".join(f"(alias outer 1 ${each} (type ${each}))" for each in known)
        funcs = "\n".join(each.imported() for each in FUNCTIONS if each.instance == instance)
        lines.append(f'(import "{name}" (instance ${instance} {outer} {types} {funcs}))')
        for export in exports.split():
            local, _, label = export.partition("=")
            lines.append(f'(alias export ${instance} "{label or local}" (type ${local}))')
            known.append(local)
    return "\n".join(lines)


def text() -> str:
    """Return the component."""
    lowered = "\n".join(
        f'(core func ${each.export} (canon lower (func ${each.instance} "{each.name}") (memory $memory)'
        ' (realloc (core func $libc "realloc"))))'
        for each in FUNCTIONS
    )
    drops = "\n".join(f"(core func $drop-{name} (canon resource.drop ${name}))" for name in RESOURCES)
    names = [*(each.export for each in FUNCTIONS), *(f"drop-{name}" for name in RESOURCES)]
    return f"""(component {instances()}
    (type $variant (variant (case "last-operation-failed" u32) (case "closed")))
    (export $failure "failure" (type $variant))
    (core module $Libc
      (memory (export "memory") 4)
      (global $free (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
        (global.set $free (i32.add (local.get $at) (local.get 3)))
        (block $enough
          (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
          (drop (memory.grow (i32.add (i32.div_u (local.get 3) (i32.const 65536)) (i32.const 1)))))
        (local.get $at)))
    (core instance $libc (instantiate $Libc))
    (alias core export $libc "memory" (core memory $memory))
    {lowered}
    {drops}
    (core module $Guest
      {"".join(f'(import "" "{each.export}" {each.core_import()})' for each in FUNCTIONS)}
      {"".join(f'(import "" "drop-{name}" (func $drop-{name} (param i32)))' for name in RESOURCES)}
      {"".join(each.core_export() for each in FUNCTIONS)}
      {"".join(f'(func (export "drop-{name}") (param i32) (call $drop-{name} (local.get 0)))' for name in RESOURCES)})
    (core instance $i (instantiate $Guest (with "" (instance
      {"".join(f'(export "{name}" (func ${name}))' for name in names)}))))
    {"".join(each.lift() for each in FUNCTIONS)}
    {
        "".join(
            f'(func (export "drop-{name}") (param "h" u32) (canon lift (core func $i "drop-{name}")))'
            for name in RESOURCES
        )
    })"""


@functools.cache
def compiled() -> tuple[weft.Engine, weft.Component]:
    engine = weft.Engine(weft.Config(cache_dir=None, opt_level="none"))
    return engine, weft.Component(engine, text())


@define(eq=False)
class Guest:
    """An instance: ``await guest("tcp-socket-finish-bind", handle)``; codes of errors are raised as `weft.Err`."""

    ctx: wasi.WasiCtx
    accessor: weft.Accessor
    instance: weft.Instance

    async def __call__(self, name: str, *args: object) -> Any:
        try:
            return await self.instance.get_func(name).call_concurrent(self.accessor, *args)
        except weft.Err as error:
            value: Any = error.value
            raise weft.Err(value.value if not hasattr(value, "case") else (value.case, value.value)) from error

    async def code(self, name: str, *args: object) -> str:
        """Call a function that fails, and return why."""
        try:
            await self(name, *args)
        except weft.Err as error:
            code: str = error.value
            return code
        return "ok"


async def run(main: Callable[[Guest], Awaitable[T]], ctx: wasi.WasiCtx) -> T:
    """Run ``main(guest)`` while a guest makes progress, and close its store."""
    engine, component = compiled()
    linker = weft.Linker(engine)
    wasi.p2.add_to_linker(linker)
    async with weft.Store(engine, data=ctx) as store:
        instance = await linker.instantiate(store, component)
        return await store.run_concurrent(lambda accessor: main(Guest(ctx, accessor, instance)))
