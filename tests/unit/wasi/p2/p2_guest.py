"""A guest of WASI 0.2 that does what a test tells it: it exports what it imports, with handles as numbers.

So everything a test does goes through the canonical ABI, the guest's handle table and its stack.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, frozen
from p2_fakes import engine

import weft
from weft import wasi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.wasi.p2.io import OutputStream

T = TypeVar("T")

IO = """
  (import "wasi:io/error@0.2.0" (instance $error
    (export "error" (type $error (sub resource)))
    (export "[method]error.to-debug-string" (func (param "self" (borrow $error)) (result string)))))
  (alias export $error "error" (type $error))
  (import "wasi:io/poll@0.2.3" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.ready" (func (param "self" (borrow $pollable)) (result bool)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.12" (instance $streams
    (alias outer 1 $error (type $error))
    (alias outer 1 $pollable (type $pollable))
    (type $variant (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $variant)))
    (export "input-stream" (type $input (sub resource)))
    (export "output-stream" (type $output (sub resource)))
    (type $bytes (func (param "self" (borrow $input)) (param "len" u64)
      (result (result (list u8) (error $stream-error)))))
    (type $skip (func (param "self" (borrow $input)) (param "len" u64) (result (result u64 (error $stream-error)))))
    (type $write (func (param "self" (borrow $output)) (param "contents" (list u8))
      (result (result (error $stream-error)))))
    (type $zeroes (func (param "self" (borrow $output)) (param "len" u64) (result (result (error $stream-error)))))
    (type $flush (func (param "self" (borrow $output)) (result (result (error $stream-error)))))
    (type $splice (func (param "self" (borrow $output)) (param "src" (borrow $input)) (param "len" u64)
      (result (result u64 (error $stream-error)))))
    (export "[method]input-stream.read" (func (type $bytes)))
    (export "[method]input-stream.blocking-read" (func (type $bytes)))
    (export "[method]input-stream.skip" (func (type $skip)))
    (export "[method]input-stream.blocking-skip" (func (type $skip)))
    (export "[method]input-stream.subscribe" (func (param "self" (borrow $input)) (result (own $pollable))))
    (export "[method]output-stream.check-write" (func (param "self" (borrow $output))
      (result (result u64 (error $stream-error)))))
    (export "[method]output-stream.write" (func (type $write)))
    (export "[method]output-stream.blocking-write-and-flush" (func (type $write)))
    (export "[method]output-stream.flush" (func (type $flush)))
    (export "[method]output-stream.blocking-flush" (func (type $flush)))
    (export "[method]output-stream.subscribe" (func (param "self" (borrow $output)) (result (own $pollable))))
    (export "[method]output-stream.write-zeroes" (func (type $zeroes)))
    (export "[method]output-stream.blocking-write-zeroes-and-flush" (func (type $zeroes)))
    (export "[method]output-stream.splice" (func (type $splice)))
    (export "[method]output-stream.blocking-splice" (func (type $splice)))))
  (alias export $streams "input-stream" (type $input))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdin@0.2.0" (instance $stdin
    (alias outer 1 $input (type $t)) (export "get-stdin" (func (result (own $t))))))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output (type $t)) (export "get-stdout" (func (result (own $t))))))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $output (type $t)) (export "get-stderr" (func (result (own $t))))))
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (alias outer 1 $pollable (type $t))
    (export "now" (func (result u64)))
    (export "resolution" (func (result u64)))
    (export "subscribe-instant" (func (param "when" u64) (result (own $t))))
    (export "subscribe-duration" (func (param "when" u64) (result (own $t))))))
  (type $variant (variant (case "last-operation-failed" u32) (case "closed")))
  (export $failure "failure" (type $variant))
"""

FAILURE = "$failure"
BYTES = f"(result (list u8) (error {FAILURE}))"
COUNT = f"(result u64 (error {FAILURE}))"
DONE = f"(result (error {FAILURE}))"


CORES = {"u8": ["i32"], "u32": ["i32"], "u64": ["i64"], "(result)": ["i32"], "$datetime": ["i64", "i32"]}
"""What values are in core functions; two i32 unless said here."""


@frozen
class Function:
    """A function that the guest imports, and exports with handles as numbers.

    Attributes:
        instance: which import has it.
        name: its name there; it is exported under the last part of it.
        params: component types; lists take two core values.
        result: component type, or "".
        in_memory: whether the result is.
    """

    instance: str
    name: str
    params: tuple[str, ...]
    result: str = ""
    in_memory: bool = True

    @property
    def export(self) -> str:
        method = self.name.rpartition("]")[2].replace(".", "-")
        return method.removeprefix("pollable-").removeprefix("error-")

    @property
    def core_params(self) -> list[str]:
        return [core for param in self.params for core in CORES.get(param, ["i32", "i32"])]

    @property
    def core_result(self) -> str:
        return "" if not self.result else "i64" if self.result == "u64" else "i32"

    @property
    def signature(self) -> str:
        """The core function that is imported."""
        params = [*self.core_params, *(["i32"] if self.in_memory else [])]
        result = "" if self.in_memory or not self.core_result else f"(result {self.core_result})"
        return f"(param {' '.join(params)}) {result}"

    @property
    def adapter(self) -> str:
        """The core function that is exported: a result in memory is at address 16."""
        gets = " ".join(f"(local.get {at})" for at in range(len(self.core_params)))
        call = f"(call ${self.export} {gets} {'(i32.const 16)' if self.in_memory else ''})"
        result = f"(result {self.core_result})" if self.core_result else ""
        body = f"{call} (i32.const 16)" if self.in_memory else call
        return f'(func (export "{self.export}") (param {" ".join(self.core_params)}) {result} {body})'

    @property
    def lift(self) -> str:
        params = " ".join(f'(param "p{at}" {param})' for at, param in enumerate(self.params))
        result = f"(result {self.result})" if self.result else ""
        return (
            f'(func (export "{self.export}") {params} {result} (canon lift (core func $i "{self.export}")'
            ' (memory $memory) (realloc (core func $libc "realloc"))))'
        )


IO_FUNCTIONS = (
    Function("error", "[method]error.to-debug-string", ("u32",), "string"),
    Function("poll", "[method]pollable.ready", ("u32",), "bool", in_memory=False),
    Function("poll", "[method]pollable.block", ("u32",), in_memory=False),
    Function("poll", "poll", ("(list u32)",), "(list u32)"),
    *(Function("streams", f"[method]input-stream.{name}", ("u32", "u64"), BYTES) for name in ("read", "blocking-read")),
    *(Function("streams", f"[method]input-stream.{name}", ("u32", "u64"), COUNT) for name in ("skip", "blocking-skip")),
    *(
        Function("streams", f"[method]{name}-stream.subscribe", ("u32",), "u32", in_memory=False)
        for name in ("input", "output")
    ),
    Function("streams", "[method]output-stream.check-write", ("u32",), COUNT),
    *(
        Function("streams", f"[method]output-stream.{name}", ("u32", "(list u8)"), DONE)
        for name in ("write", "blocking-write-and-flush")
    ),
    *(
        Function("streams", f"[method]output-stream.{name}", ("u32", "u64"), DONE)
        for name in ("write-zeroes", "blocking-write-zeroes-and-flush")
    ),
    *(Function("streams", f"[method]output-stream.{name}", ("u32",), DONE) for name in ("flush", "blocking-flush")),
    *(
        Function("streams", f"[method]output-stream.{name}", ("u32", "u32", "u64"), COUNT)
        for name in ("splice", "blocking-splice")
    ),
    *(Function(name, f"get-{name}", (), "u32", in_memory=False) for name in ("stdin", "stdout", "stderr")),
    *(Function("clock", name, (), "u64", in_memory=False) for name in ("now", "resolution")),
    *(Function("clock", f"subscribe-{name}", ("u64",), "u32", in_memory=False) for name in ("instant", "duration")),
)

SPINNERS = """
    (func (export "spin-until-ready") (param i32)
      (loop $again (br_if $again (i32.eqz (call $ready (local.get 0))))))
    (func (export "spin-until-permitted") (param i32)
      (loop $again
        (call $output-stream-check-write (local.get 0) (i32.const 16))
        (br_if $again (i64.eqz (i64.load (i32.const 24))))))
    (func (export "block-until") (param i32 i64)
      (loop $again (call $block (local.get 0)) (br_if $again (i64.lt_u (call $now) (local.get 1)))))
    (func (export "poll-until") (param i32 i64)
      (i32.store (i32.const 512) (local.get 0))
      (loop $again
        (call $reset)
        (call $poll (i32.const 512) (i32.const 1) (i32.const 16))
        (br_if $again (i64.lt_u (call $now) (local.get 1)))))
"""
"""Ask for ever, until a pollable is ready, or while another is until some time."""


@frozen
class Program:
    """What a guest imports and does.

    Attributes:
        imports: component text.
        functions: what it passes on.
        resources: types in `imports` that it can drop.
        code: core functions of its own.
        exports: their lifts.
    """

    imports: str
    functions: tuple[Function, ...]
    resources: tuple[str, ...] = ()
    code: str = ""
    exports: str = ""

    def text(self) -> str:
        """Return the component."""
        options = '(memory $memory) (realloc (core func $libc "realloc"))'
        lowered = [
            f'(core func ${each.export} (canon lower (func ${each.instance} "{each.name}") {options}))'
            for each in self.functions
        ]
        dropped = [f"(core func $drop-{name} (canon resource.drop ${name}))" for name in self.resources]
        imports = [f'(import "" "{each.export}" (func ${each.export} {each.signature}))' for each in self.functions]
        drop_imports = [f'(import "" "drop-{name}" (func $drop-{name} (param i32)))' for name in self.resources]
        drops = [
            f'(func (export "drop-{name}") (param i32) (call $drop-{name} (local.get 0)))' for name in self.resources
        ]
        names = [*(each.export for each in self.functions), *(f"drop-{name}" for name in self.resources)]
        arguments = [f'(export "{name}" (func ${name}))' for name in names]
        drop_lifts = [
            f'(func (export "drop-{name}") (param "h" u32) (canon lift (core func $i "drop-{name}")))'
            for name in self.resources
        ]
        return "\n".join(
            [
                f"(component {self.imports}",
                LIBC,
                *lowered,
                *dropped,
                '(core module $Guest (import "" "memory" (memory 1)) (import "" "reset" (func $reset))',
                *imports,
                *drop_imports,
                *(each.adapter for each in self.functions),
                *drops,
                self.code,
                ")",
                '(core instance $i (instantiate $Guest (with "" (instance',
                '(export "memory" (memory $memory)) (export "reset" (func $libc "reset"))',
                *arguments,
                "))))",
                *(each.lift for each in self.functions),
                *drop_lifts,
                self.exports,
                '(func (export "reset") (canon lift (core func $libc "reset"))))',
            ]
        )


LIBC = """
  (core module $Libc
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "reset") (global.set $free (i32.const 1024)))
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
"""

IO_PROGRAM = Program(
    IO,
    IO_FUNCTIONS,
    ("error", "pollable", "input", "output"),
    SPINNERS,
    """
    (func (export "spin-until-ready") (param "h" u32) (canon lift (core func $i "spin-until-ready")))
    (func (export "spin-until-permitted") (param "h" u32) (canon lift (core func $i "spin-until-permitted")))
    (func (export "block-until") (param "h" u32) (param "when" u64) (canon lift (core func $i "block-until")))
    (func (export "poll-until") (param "h" u32) (param "when" u64) (canon lift (core func $i "poll-until")))""",
)


@functools.cache
def compiled(program: Program) -> tuple[weft.Engine, weft.Component]:
    made = engine()
    return made, weft.Component(made, program.text())


@define(eq=False)
class Guest:
    """An instance: ``await guest("read", handle, 10)``; `Err` is raised with ``(case, handle of the error)``."""

    store: weft.Store
    accessor: weft.Accessor
    instance: weft.Instance

    async def __call__(self, name: str, *args: object) -> Any:
        return await self.finish(self.start(name, *args))

    def start(self, name: str, *args: object) -> weft.Call:
        return self.instance.get_func(name).start_call_concurrent(self.accessor, *args)

    async def finish(self, call: weft.Call) -> Any:
        try:
            await call.wait()
            return call.outcome()
        except weft.Err as error:
            value: Any = error.value
            raise weft.Err((value.case, value.value)) from error


async def run(
    main: Callable[[Guest], Awaitable[T]],
    ctx: wasi.WasiCtx | None = None,
    program: Program = IO_PROGRAM,
    stdout: OutputStream | None = None,
) -> T:
    """Run ``main(guest)`` while a guest makes progress, and close its store; it may get some stream as its output."""
    made, component = compiled(program)
    linker = weft.Linker(made, allow_shadowing=stdout is not None)
    wasi.p2.add_to_linker(linker)
    if stdout is not None:
        linker.instance("wasi:cli/stdout@0.2.12").func_wrap("get-stdout", lambda _store: stdout)
    async with weft.Store(made, data=ctx or wasi.WasiCtx()) as store:
        instance = await linker.instantiate(store, component)
        return await store.run_concurrent(lambda accessor: main(Guest(store, accessor, instance)))
