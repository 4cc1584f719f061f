"""Guests of wasi:filesystem that do what a test tells them: they export what they import, with handles as numbers.

So everything a test does goes through the canonical ABI, the guest's handle table and its memory. That of WASI 0.3
reads and writes streams itself: ``read-file``, ``write-file``, ``append-file`` and ``list-directory``.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio
from attrs import define, field, frozen

import weft
from weft import wasi
from weft.wasi import p2, p3

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fs_sandbox import Sandbox

T = TypeVar("T")

CODES = [
    "access",
    "already",
    "bad-descriptor",
    "busy",
    "deadlock",
    "quota",
    "exist",
    "file-too-large",
    "illegal-byte-sequence",
    "in-progress",
    "interrupted",
    "invalid",
    "io",
    "is-directory",
    "loop",
    "too-many-links",
    "message-size",
    "name-too-long",
    "no-device",
    "no-entry",
    "no-lock",
    "insufficient-memory",
    "insufficient-space",
    "not-directory",
    "not-empty",
    "not-recoverable",
    "unsupported",
    "no-tty",
    "no-such-device",
    "overflow",
    "not-permitted",
    "pipe",
    "read-only",
    "invalid-seek",
    "text-file-busy",
    "cross-device",
]
KINDS = ["block-device", "character-device", "directory", "fifo", "symbolic-link", "regular-file", "socket"]
ADVICE = ["normal", "sequential", "random", "will-need", "dont-need", "no-reuse"]
DESCRIPTOR_FLAGS = [
    "read",
    "write",
    "file-integrity-sync",
    "data-integrity-sync",
    "requested-write-sync",
    "mutate-directory",
]


def _labels(kind: str, labels: list[str]) -> str:
    return f'({kind} "' + '" "'.join(labels) + '")'


def _cases(labels: list[str], last: str) -> str:
    return '(variant (case "' + '") (case "'.join(labels) + f'") {last})'


def types(version: int) -> dict[str, str]:
    """Return the named types of the interface, those first that others need."""
    other = '(case "other" (option string))'
    seconds = "s64" if version == 3 else "u64"
    times = ("data-access-timestamp", "data-modification-timestamp", "status-change-timestamp")
    return {
        "instant": f'(record (field "seconds" {seconds}) (field "nanoseconds" u32))',
        "error-code": _cases(CODES, other) if version == 3 else _labels("enum", [CODES[0], "would-block", *CODES[1:]]),
        "descriptor-type": _cases(KINDS, other) if version == 3 else _labels("enum", ["unknown", *KINDS]),
        "descriptor-flags": _labels("flags", DESCRIPTOR_FLAGS),
        "path-flags": _labels("flags", ["symlink-follow"]),
        "open-flags": _labels("flags", ["create", "directory", "exclusive", "truncate"]),
        "advice": _labels("enum", ADVICE),
        "new-timestamp": '(variant (case "no-change") (case "now") (case "timestamp" $instant))',
        "descriptor-stat": '(record (field "type" $descriptor-type) (field "link-count" u64) (field "size" u64) '
        + " ".join(f'(field "{name}" (option $instant))' for name in times)
        + ")",
        "directory-entry": '(record (field "type" $descriptor-type) (field "name" string))',
        "metadata-hash-value": '(record (field "lower" u64) (field "upper" u64))',
    }


CORE_TYPES = {
    "u64": ["i64"],
    "u32": ["i32"],
    "string": ["i32", "i32"],
    "(list u8)": ["i32", "i32"],
    "$new-timestamp": ["i32", "i64", "i32"],
}


@frozen
class Function:
    """A function that the guest imports, and exports with handles as numbers.

    Attributes:
        name: its name in WIT.
        params: component types.
        result: component type; in memory, unless it is one core value.
        is_async: whether it is an ``async func``.
        exported: whether it is also exported.
    """

    name: str
    params: tuple[str, ...]
    result: str
    is_async: bool = True
    exported: bool = True

    @property
    def export(self) -> str:
        return self.name.rpartition("]")[2].removeprefix("descriptor.").replace(".", "-")

    @property
    def in_memory(self) -> bool:
        return self.result not in ("bool", "$outcome")

    def type(self, *, handles: bool) -> str:
        """Return the component type, with handles or with numbers for them."""
        names = ["self" if "[method]" in self.name and not at else f"p{at}" for at in range(len(self.params))]
        params = " ".join(f'(param "{name}" {param})' for name, param in zip(names, self.params, strict=True))
        text = f"{'async' if self.is_async or not handles else ''} {params} (result {self.result})"
        return text if handles else re.sub(r"\((own|borrow) \$[a-z-]+\)", "u32", text)

    @property
    def core_params(self) -> list[str]:
        return [core for param in self.params for core in CORE_TYPES.get(param, ["i32"])]

    @property
    def signature(self) -> str:
        """Return the type of the core function that is imported."""
        params = [*self.core_params, *(["i32"] if self.in_memory else [])]
        return f"(param {' '.join(params)}) {'' if self.in_memory else '(result i32)'}"

    @property
    def adapter(self) -> str:
        """Return the core function that is exported: a result in memory is at address 16."""
        gets = " ".join(f"(local.get {at})" for at in range(len(self.core_params)))
        call = f"(call ${self.export} {gets} {'(i32.const 16)' if self.in_memory else ''})"
        body = f"{call} (i32.const 16)" if self.in_memory else call
        return f'(func (export "{self.export}") (param {" ".join(self.core_params)}) (result i32) {body})'


SELF = "(borrow $descriptor)"
FAILING = "(error $error-code)"
DONE = f"(result {FAILING})"


def methods(version: int) -> list[Function]:
    """Return the methods that both versions have."""

    def method(name: str, *params: str, result: str = DONE) -> Function:
        return Function(f"[method]descriptor.{name}", (SELF, *params), result, is_async=version == 3)

    at, times = ("$path-flags", "string"), ("$new-timestamp", "$new-timestamp")
    return [
        method("advise", "u64", "u64", "$advice"),
        method("sync-data"),
        method("sync"),
        method("get-flags", result=f"(result $descriptor-flags {FAILING})"),
        method("get-type", result=f"(result $descriptor-type {FAILING})"),
        method("set-size", "u64"),
        method("set-times", *times),
        method("create-directory-at", "string"),
        method("stat", result=f"(result $descriptor-stat {FAILING})"),
        method("stat-at", *at, result=f"(result $descriptor-stat {FAILING})"),
        method("set-times-at", *at, *times),
        method("link-at", *at, SELF, "string"),
        method("open-at", *at, "$open-flags", "$descriptor-flags", result=f"(result (own $descriptor) {FAILING})"),
        method("readlink-at", "string", result=f"(result string {FAILING})"),
        method("remove-directory-at", "string"),
        method("rename-at", "string", SELF, "string"),
        method("symlink-at", "string", "string"),
        method("unlink-file-at", "string"),
        method("is-same-object", SELF, result="bool"),
        method("metadata-hash", result=f"(result $metadata-hash-value {FAILING})"),
        method("metadata-hash-at", *at, result=f"(result $metadata-hash-value {FAILING})"),
    ]


PREOPENS = Function("get-directories", (), "(list (tuple (own $descriptor) string))", is_async=False)

STREAM_FUNCTIONS = [
    Function(f"[method]descriptor.{name}", (SELF, *params), result, is_async=False, exported=False)
    for name, params, result in [
        ("read-via-stream", ("u64",), "(tuple $bytes $outcome)"),
        ("write-via-stream", ("$bytes", "u64"), "$outcome"),
        ("append-via-stream", ("$bytes",), "$outcome"),
        ("read-directory", (), "(tuple $entries $outcome)"),
    ]
]

STREAM_TYPES = f"""
    (type $bytes (stream u8))
    (type $entries (stream $directory-entry))
    (type $outcome (future {DONE}))"""

BUILTINS = {
    "bytes.new": ("stream.new $bytes", "(result i64)"),
    "bytes.read": ("stream.read $bytes {memory}", "(param i32 i32 i32) (result i32)"),
    "bytes.write": ("stream.write $bytes {memory}", "(param i32 i32 i32) (result i32)"),
    "bytes.drop-readable": ("stream.drop-readable $bytes", "(param i32)"),
    "bytes.drop-writable": ("stream.drop-writable $bytes", "(param i32)"),
    "entries.read": ("stream.read $entries {memory}", "(param i32 i32 i32) (result i32)"),
    "entries.drop-readable": ("stream.drop-readable $entries", "(param i32)"),
    "outcome.read": ("future.read $outcome {memory}", "(param i32 i32) (result i32)"),
    "outcome.drop-readable": ("future.drop-readable $outcome", "(param i32)"),
}

READ_ALL = """
    (func (export "{export}") (param $d i32) {offset} (param $limit i32) (param $chunk i32) (result i32)
      (local $stream i32) (local $future i32) (local $total i32) (local $got i32)
      (call ${start} (local.get $d) {get_offset} (i32.const 16))
      (local.set $stream (i32.load (i32.const 16)))
      (local.set $future (i32.load (i32.const 20)))
      (block $over
        (loop $again
          (br_if $over (i32.eq (local.get $total) (local.get $limit)))
          (local.set $got (call ${kind}.read (local.get $stream)
            (i32.add (i32.const 65536) (i32.mul (local.get $total) (i32.const {size})))
            (select (local.get $chunk) (i32.sub (local.get $limit) (local.get $total))
              (i32.lt_u (local.get $chunk) (i32.sub (local.get $limit) (local.get $total))))))
          (local.set $total (i32.add (local.get $total) (i32.shr_u (local.get $got) (i32.const 4))))
          (br_if $again (i32.eqz (i32.and (local.get $got) (i32.const 15))))))
      (call ${kind}.drop-readable (local.get $stream))
      (drop (call $outcome.read (local.get $future) (i32.const 24)))
      (call $outcome.drop-readable (local.get $future))
      (i32.store (i32.const 16) (i32.const 65536))
      (i32.store (i32.const 20) (local.get $total))
      (i32.const 16))"""

WRITE_ALL = """
    (func (export "{export}") (param $d i32) (param $at i32) (param $length i32) {offset} (result i32)
      (local $ends i64) (local $future i32) (local $done i32) (local $got i32)
      (local.set $ends (call $bytes.new))
      (local.set $future
        (call ${start} (local.get $d) (i32.wrap_i64 (local.get $ends)) {get_offset}))
      (local.set $ends (i64.shr_u (local.get $ends) (i64.const 32)))
      (block $over
        (loop $again
          (br_if $over (i32.eq (local.get $done) (local.get $length)))
          (local.set $got (call $bytes.write (i32.wrap_i64 (local.get $ends))
            (i32.add (local.get $at) (local.get $done)) (i32.sub (local.get $length) (local.get $done))))
          (local.set $done (i32.add (local.get $done) (i32.shr_u (local.get $got) (i32.const 4))))
          (br_if $again (i32.eqz (i32.and (local.get $got) (i32.const 15))))))
      (call $bytes.drop-writable (i32.wrap_i64 (local.get $ends)))
      (drop (call $outcome.read (local.get $future) (i32.const 16)))
      (call $outcome.drop-readable (local.get $future))
      (i32.store (i32.const 36) (local.get $done))
      (i32.const 16))"""

COPY = """
    (func (export "copy-file") (param $from i32) (param $to i32) (result i32)
      (local $future i32) (local $reading i32)
      (call $read-via-stream (local.get $from) (i64.const 0) (i32.const 16))
      (local.set $reading (i32.load (i32.const 20)))
      (local.set $future (call $append-via-stream (local.get $to) (i32.load (i32.const 16))))
      (drop (call $outcome.read (local.get $future) (i32.const 16)))
      (call $outcome.drop-readable (local.get $future))
      (drop (call $outcome.read (local.get $reading) (i32.const 36)))
      (call $outcome.drop-readable (local.get $reading))
      (i32.const 16))"""

HOLD = """
    (func (export "hold-stream") (param $d i32) (call $read-via-stream (local.get $d) (i64.const 0) (i32.const 16)))
    (func (export "hold-directory") (param $d i32) (call $read-directory (local.get $d) (i32.const 16)))"""

OFFSET = {"offset": "(param $offset i64)", "get_offset": "(local.get $offset)"}
NO_OFFSET = {"offset": "", "get_offset": ""}
STREAM_CODE = "".join(
    (
        READ_ALL.format(export="read-file", start="read-via-stream", kind="bytes", size=1, **OFFSET),
        READ_ALL.format(export="list-directory", start="read-directory", kind="entries", size=24, **NO_OFFSET),
        WRITE_ALL.format(export="write-file", start="write-via-stream", **OFFSET),
        WRITE_ALL.format(export="append-file", start="append-via-stream", **NO_OFFSET),
        COPY,
        HOLD,
    )
)
STREAM_EXPORTS = {
    "read-file": ["u32", "u64", "u32", "u32", f"(tuple (list u8) {DONE})"],
    "list-directory": ["u32", "u32", "u32", f"(tuple (list $directory-entry) {DONE})"],
    "write-file": ["u32", "(list u8)", "u64", f"(tuple {DONE} u32)"],
    "append-file": ["u32", "(list u8)", f"(tuple {DONE} u32)"],
    "copy-file": ["u32", "u32", f"(tuple {DONE} {DONE})"],
    "hold-stream": ["u32", ""],
    "hold-directory": ["u32", ""],
}

P2_FUNCTIONS = [
    Function(f"[method]descriptor.{name}", (SELF, *params), f"(result {result} {FAILING})", is_async=False)
    for name, params, result in [
        ("read", ("u64", "u64"), "(tuple (list u8) bool)"),
        ("write", ("(list u8)", "u64"), "u64"),
        ("read-via-stream", ("u64",), "(own $input)"),
        ("write-via-stream", ("u64",), "(own $output)"),
        ("append-via-stream", (), "(own $output)"),
        ("read-directory", (), "(own $entry-stream)"),
    ]
] + [
    Function(
        "[method]directory-entry-stream.read-directory-entry",
        ("(borrow $entry-stream)",),
        f"(result (option $directory-entry) {FAILING})",
        is_async=False,
    ),
    Function("filesystem-error-code", ("(borrow $error)",), "(option $error-code)", is_async=False),
]

P2_IO_FUNCTIONS = [
    Function("[method]input-stream.blocking-read", ("(borrow $input)", "u64"), "(result (list u8) (error $failure))"),
    Function(
        "[method]output-stream.blocking-write-and-flush",
        ("(borrow $output)", "(list u8)"),
        "(result (error $failure))",
    ),
]
P2_IO_FUNCTIONS = [
    Function(function.name, function.params, function.result, is_async=False) for function in P2_IO_FUNCTIONS
]

P2_IO = """
  (import "wasi:io/error@0.2.0" (instance $io-error (export "error" (type $error (sub resource)))))
  (alias export $io-error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $io
    (alias outer 1 $error (type $error))
    (type $variant (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $failure (eq $variant)))
    (export "input-stream" (type $input (sub resource)))
    (export "output-stream" (type $output (sub resource)))
    {functions}))
  (alias export $io "input-stream" (type $input))
  (alias export $io "output-stream" (type $output))"""

RESOURCES = {3: ["descriptor"], 2: ["descriptor", "entry-stream", "input", "output", "error"]}


def _lines(parts: Any) -> str:
    return "\n    ".join(parts)


def _imported(functions: list[Function]) -> str:
    return _lines(f'(export "{function.name}" (func {function.type(handles=True)}))' for function in functions)


def _types_import(version: int, functions: list[Function]) -> str:
    name = "wasi:filesystem/types@0.3.0" if version == 3 else "wasi:filesystem/types@0.2.0"
    named = _lines(
        f'(type ${label}-is {text}) (export "{label}" (type ${label} (eq ${label}-is)))'
        for label, text in types(version).items()
    )
    outer = "" if version == 3 else _lines(f"(alias outer 1 ${name} (type ${name}))" for name in RESOURCES[2][2:])
    more = STREAM_TYPES if version == 3 else '(export "directory-entry-stream" (type $entry-stream (sub resource)))'
    return f"""
  (import "{name}" (instance $types
    {outer}
    {named}
    (export "descriptor" (type $descriptor (sub resource)))
    {more}
    {_imported(functions)}))
  (alias export $types "descriptor" (type $descriptor))
  (import "{name.replace("types", "preopens")}" (instance $preopens
    (alias outer 1 $descriptor (type $descriptor))
    {_imported([PREOPENS])}))"""


def _lift(name: str, function_type: str) -> str:
    return (
        f'(func (export "{name}") {function_type} (canon lift (core func $i "{name}")'
        ' (memory $memory) (realloc (core func $libc "realloc"))))'
    )


def _stream_lifts() -> list[str]:
    lifts = []
    for name, (*params, result) in STREAM_EXPORTS.items():
        typed = " ".join(f'(param "p{at}" {param})' for at, param in enumerate(params))
        lifts.append(_lift(name, f"async {typed} {f'(result {result})' if result else ''}"))
    return lifts


def text(version: int) -> str:
    """Return the component."""
    own = [*methods(version), *(STREAM_FUNCTIONS if version == 3 else P2_FUNCTIONS)]
    by_instance = {"types": own, "preopens": [PREOPENS], "io": P2_IO_FUNCTIONS if version == 2 else []}
    functions = [function for group in by_instance.values() for function in group]
    exported = [function for function in functions if function.exported]
    builtins = BUILTINS if version == 3 else {}
    options = '(memory $memory) (realloc (core func $libc "realloc"))'
    core = {
        f"{function.export}": (f'lower (func ${instance} "{function.name}") {options}', function.signature)
        for instance, group in by_instance.items()
        for function in group
    }
    core |= {name: (code.format(memory=options), signature) for name, (code, signature) in builtins.items()}
    core |= {f"drop-{name}": (f"resource.drop ${name}", "(param i32)") for name in RESOURCES[version]}
    io = "" if version == 3 else P2_IO.format(functions=_imported(P2_IO_FUNCTIONS))
    failure = '(type $failure-is (variant (case "last-operation-failed" u32) (case "closed")))'
    more = STREAM_TYPES if version == 3 else failure + ' (export $failure "failure" (type $failure-is))'
    entry_stream = "" if version == 3 else '(alias export $types "directory-entry-stream" (type $entry-stream))'
    return f"""(component {io} {_types_import(version, own)}
    {entry_stream}
    {_lines(f'(type ${x}-is {t}) (export ${x} "{x}" (type ${x}-is))' for x, t in types(version).items())}
    {more}
    (core module $Libc
      (memory (export "memory") 128)
      (global $free (mut i32) (i32.const 4194304))
      (func (export "reset") (global.set $free (i32.const 4194304)))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
        (global.set $free (i32.add (local.get $at) (local.get 3)))
        (local.get $at)))
    (core instance $libc (instantiate $Libc))
    (alias core export $libc "memory" (core memory $memory))
    {_lines(f"(core func ${name} (canon {code}))" for name, (code, _) in core.items())}
    (core module $Guest
    {_lines(f'(import "" "{name}" (func ${name} {signature}))' for name, (_, signature) in core.items())}
    (import "" "memory" (memory 1))
    {_lines(function.adapter for function in exported)}
    {STREAM_CODE if version == 3 else ""}
    {_lines(f'(func (export "drop-{x}") (param i32) (call $drop-{x} (local.get 0)))' for x in RESOURCES[version])}
    (func (export "trap") unreachable))
    (core instance $i (instantiate $Guest (with "" (instance
      (export "memory" (memory $memory))
      {_lines(f'(export "{name}" (func ${name}))' for name in core)}))))
    {_lines(_lift(function.export, function.type(handles=False)) for function in exported)}
    {_lines(_stream_lifts()) if version == 3 else ""}
    {_lines(_lift(f"drop-{name}", '(param "h" u32)') for name in RESOURCES[version])}
    (func (export "trap") (canon lift (core func $i "trap")))
    (func (export "reset") (canon lift (core func $libc "reset"))))"""


@functools.cache
def compiled(version: int) -> tuple[weft.Component, weft.Linker]:
    engine = weft.Engine(weft.Config(cache_dir=None, opt_level="none"))
    linker = weft.Linker(engine)
    for package in (p2.io, p2.filesystem) if version == 2 else (p3.filesystem,):
        package.add_to_linker(linker, lambda data: data)
    return weft.Component(engine, text(version)), linker


@define(eq=False)
class Guest:
    """An instance: ``await guest("stat", handle)``; what fails with an error code raises `Failed`."""

    accessor: weft.Accessor
    instance: weft.Instance
    root: int = field(init=False)

    async def call(self, name: str, *args: object) -> Any:
        return await self.instance.get_func(name).call_concurrent(self.accessor, *args)

    async def __call__(self, name: str, *args: object) -> Any:
        try:
            return await self.call(name, *args)
        except weft.Err as error:
            raise Failed(label(error.value)) from error

    async def open(self, path: str, open_flags: str = "", flags: str = "read", *, follow: bool = True) -> int:
        path_flags = ["symlink-follow"] if follow else []
        opened: int = await self("open-at", self.root, path_flags, path, open_flags.split(), flags.split())
        return opened


class Failed(Exception):
    """A function returned an error code."""


def label(code: Any) -> str:
    """Return the label of an error code, which is a variant or an enum."""
    found: str = code.case if hasattr(code, "case") else code.value
    return found


def outcome(result: Any) -> str:
    """Return how a stream ended: "ok" or the label of an error code."""
    return label(result.value) if isinstance(result, weft.Err) else "ok"


async def run(version: int, main: Callable[[Guest], Awaitable[T]], ctx: wasi.WasiCtx) -> T:
    """Run ``main(guest)`` while a guest makes progress, and close its store."""
    component, linker = compiled(version)
    async with weft.Store(linker.engine, data=ctx) as store:
        instance = await linker.instantiate(store, component)

        async def begin(accessor: weft.Accessor) -> T:
            guest = Guest(accessor, instance)
            ((guest.root, _),) = await guest("get-directories")
            return await main(guest)

        return await store.run_concurrent(begin)


class Use(Protocol):
    """Runs a guest of a sandbox, and checks that it left nothing open."""

    async def __call__(self, main: Callable[[Guest], Awaitable[T]], *, read_only: bool = False, **limits: int) -> T:
        """Return what `main` does."""
        ...


def users(version: int, sandbox: Sandbox, *, block_loop: bool) -> Use:
    async def use(main: Callable[[Guest], Awaitable[T]], *, read_only: bool = False, **limits: int) -> T:
        preopens = [wasi.Preopen(str(sandbox.root), "/", read_only=read_only)]
        ctx = wasi.WasiCtx(preopens=preopens, limits=wasi.WasiLimits(**limits), block_loop=block_loop)
        before = sandbox.open_descriptors
        try:
            with anyio.fail_after(20):
                return await run(version, main, ctx)
        finally:
            assert ctx.handles.open == 0
            assert sandbox.open_descriptors == before

    return use
