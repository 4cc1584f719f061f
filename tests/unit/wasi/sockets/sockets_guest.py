"""Guests that do what a test tells them: they export what they import, with handles as numbers.

So everything a test does goes through the canonical ABI, the guest's handle table and its stack.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, frozen

import weft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from weft import wasi

T = TypeVar("T")


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


@frozen
class Function:
    instance: str
    name: str
    params: tuple[Type, ...]
    result: Type | None
    is_async: bool = False
    names: tuple[str, ...] = ()

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
        result = f"(result {self.result.imported})" if self.result else ""
        return f"(func {'async' if self.is_async else ''} {params} {result})"

    def imported(self) -> str:
        """The import, with the names that parameters have in WIT: `self` for all that a method is called on."""
        text = self.func()
        for at, name in enumerate(self.names or PARAMS.get(self.export, ("self", "value", "more"))):
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

    def lift(self, *, is_async: bool) -> str:
        params = " ".join(f'(param "p{at}" {param.exported})' for at, param in enumerate(self.params))
        result = f"(result {self.result.exported})" if self.result else ""
        return (
            f'(func (export "{self.export}") {"async" if is_async else ""} {params} {result}'
            f' (canon lift (core func $i "{self.export}") (memory $memory) (realloc (core func $libc "realloc"))))'
        )


PARAMS = {
    "tcp-socket-create": ("address-family",),
    "udp-socket-create": ("address-family",),
    "tcp-socket-bind": ("self", "local-address"),
    "udp-socket-bind": ("self", "local-address"),
    "tcp-socket-connect": ("self", "remote-address"),
    "udp-socket-connect": ("self", "remote-address"),
    "tcp-socket-send": ("self", "data"),
    "udp-socket-send": ("self", "data", "remote-address"),
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
    "network-error-code": ("err",),
}
"""What parameters are called in WIT, where they are not `self` and `value`; names count in the types of functions."""


def methods(instance: str, resource: str, *, is_async: bool = False, **funcs: tuple[Any, ...]) -> list[Function]:
    """Methods by name: the parameters after `self`, and last the result."""
    return [
        Function(
            instance, f"[method]{resource}.{name.replace('_', '-')}", (borrow(resource), *params), result, is_async
        )
        for name, (*params, result) in funcs.items()
    ]


@frozen
class Interface:
    """An import: under which name, and the types it has and others use, as ``name`` or ``name=label``."""

    local: str
    name: str
    types: str
    exports: str


@frozen
class World:
    """What a guest imports, and what it has beside that: text for the component, its core module and its exports."""

    interfaces: Sequence[Interface]
    functions: Sequence[Function]
    resources: Sequence[str]
    definitions: str = ""
    core: str = ""
    builtins: Sequence[tuple[str, str]] = ()
    exports: str = ""
    is_async: bool = False

    def imports(self) -> str:
        """Return the imports, each of which sees the types of those before it."""
        lines: list[str] = []
        known: list[str] = []
        for interface in self.interfaces:
            outer = " ".join(f"(alias outer 1 ${each} (type ${each}))" for each in known)
            funcs = "\n".join(each.imported() for each in self.functions if each.instance == interface.local)
            lines.append(f'(import "{interface.name}" (instance ${interface.local} {outer} {interface.types} {funcs}))')
            for export in interface.exports.split():
                local, _, label = export.partition("=")
                lines.append(f'(alias export ${interface.local} "{label or local}" (type ${local}))')
                known.append(local)
        return "\n".join(lines)

    def drops(self, template: str) -> str:
        return "\n".join(template.replace("NAME", name) for name in self.resources)

    def text(self) -> str:
        """Return the component."""
        lowered = "\n".join(
            f'(core func ${each.export} (canon lower (func ${each.instance} "{each.name}") (memory $memory)'
            ' (realloc (core func $libc "realloc"))))'
            for each in self.functions
        )
        names = [
            *(each.export for each in self.functions),
            *(f"drop-{name}" for name in self.resources),
            *(name for name, _ in self.builtins),
        ]
        return f"""(component {self.imports()}
        {LIBC}
        {lowered}
        {self.drops("(core func $drop-NAME (canon resource.drop $NAME))")}
        {self.definitions}
        (core module $Guest
          (import "" "memory" (memory 4))
          {"".join(f'(import "" "{each.export}" {each.core_import()})' for each in self.functions)}
          {self.drops('(import "" "drop-NAME" (func $drop-NAME (param i32)))')}
          {"".join(f'(import "" "{name}" (func ${name} {signature}))' for name, signature in self.builtins)}
          {"".join(each.core_export() for each in self.functions)}
          {self.drops('(func (export "drop-NAME") (param i32) (call $drop-NAME (local.get 0)))')}
          (func (export "trap") unreachable)
          {self.core})
        (core instance $i (instantiate $Guest (with "" (instance
          (export "memory" (memory $memory))
          {"".join(f'(export "{name}" (func ${name}))' for name in names)}))))
        {"".join(each.lift(is_async=self.is_async) for each in self.functions)}
        {self.drops('(func (export "drop-NAME") (param "h" u32) (canon lift (core func $i "drop-NAME")))')}
        (func (export "trap") (canon lift (core func $i "trap")))
        {self.exports})"""


LIBC = """(core module $Libc
      (memory (export "memory") 4)
      (global $free (mut i32) (i32.const 131072))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
        (global.set $free (i32.add (local.get $at) (local.get 3)))
        (block $enough
          (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
          (drop (memory.grow (i32.add (i32.div_u (local.get 3) (i32.const 65536)) (i32.const 1)))))
        (local.get $at)))
    (core instance $libc (instantiate $Libc))
    (alias core export $libc "memory" (core memory $memory))"""


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

    async def code(self, name: str, *args: object) -> Any:
        """Call a function that fails, and return why."""
        try:
            await self(name, *args)
        except weft.Err as error:
            return error.value
        return "ok"


@functools.cache
def compiled(world: World) -> tuple[weft.Engine, weft.Component]:
    engine = weft.Engine(weft.Config(cache_dir=None, opt_level="none"))
    return engine, weft.Component(engine, world.text())


async def run_world(
    world: World,
    add_to_linker: Callable[[weft.Linker], None],
    main: Callable[[Guest], Awaitable[T]],
    ctx: wasi.WasiCtx,
) -> T:
    """Run ``main(guest)`` while a guest makes progress, and close its store."""
    engine, component = compiled(world)
    linker = weft.Linker(engine)
    add_to_linker(linker)
    async with weft.Store(engine, data=ctx) as store:
        instance = await linker.instantiate(store, component)
        return await store.run_concurrent(lambda accessor: main(Guest(ctx, accessor, instance)))
