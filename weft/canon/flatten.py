"""Value types as core value types: the signature of the core function under a component function.

Source: CanonicalABI.md, "Flattening".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol
from weakref import WeakKeyDictionary

from attrs import frozen

from weft.canon.layout import case_types, field_types
from weft.canon.types import (
    EnumType,
    FuncType,
    ListType,
    MapType,
    OptionType,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FLAT_PARAMS = 16
MAX_FLAT_ASYNC_PARAMS = 4
MAX_FLAT_RESULTS = 1

# Nothing longer travels flat, so a longer flattening is cut here: `list<u8, 1000000>` need not become a million names.
_CUT = MAX_FLAT_PARAMS + 1

_PRIM_FLAT = {Prim.S64: "i64", Prim.U64: "i64", Prim.F32: "f32", Prim.F64: "f64"}

_memos: tuple[WeakKeyDictionary[ValType, tuple[str, ...]], WeakKeyDictionary[ValType, tuple[str, ...]]] = (
    WeakKeyDictionary(),  # weak: a type may hold a resource type, and through it a whole store
    WeakKeyDictionary(),
)


class FlattenOptions(Protocol):
    """What flattening a function type needs to know of its canonical options."""

    @property
    def memory64(self) -> bool:
        """Whether the memory has 64-bit addresses."""
        raise NotImplementedError

    @property
    def is_async(self) -> bool:
        """The ``async`` option."""
        raise NotImplementedError

    @property
    def callback(self) -> object:
        """The ``callback`` option, None without one."""


@frozen
class CoreSignature:
    """Parameters and results of a core function, each 'i32', 'i64', 'f32' or 'f64'."""

    params: tuple[str, ...]
    results: tuple[str, ...]


def pointer_type(memory64: bool) -> str:
    """Return the core type of a pointer."""
    return "i64" if memory64 else "i32"


def join(a: str, b: str) -> str:
    """Return the core type that can carry the bits of both `a` and `b`."""
    if a == b:
        return a
    return "i32" if {a, b} == {"i32", "f32"} else "i64"


def flatten_type(t: ValType, memory64: bool = False) -> tuple[str, ...]:
    """Return the core types of `t`; at most 17, since a value of more than 16 is passed in memory."""
    memo = _memos[memory64]
    flat = memo.get(t)
    if flat is None:
        flat = memo[t] = _flatten(t, memory64)
    return flat


def flatten_types(types: Iterable[ValType], memory64: bool = False) -> tuple[str, ...]:
    """Return the core types of several values, cut to 17 like `flatten_type`."""
    flat: list[str] = []
    for t in types:
        flat += flatten_type(t, memory64)
        if len(flat) >= _CUT:
            break
    return tuple(flat[:_CUT])


def _flatten(t: ValType, memory64: bool) -> tuple[str, ...]:
    match t:
        case Prim.STRING | MapType() | ListType(length=None):
            return (pointer_type(memory64),) * 2
        case Prim():
            return (_PRIM_FLAT.get(t, "i32"),)
        case ListType(length=int(length)):
            return flatten_types((t.element,) * min(length, _CUT), memory64)
        case RecordType() | TupleType():
            return flatten_types(field_types(t), memory64)
        case VariantType() | EnumType() | OptionType() | ResultType():
            return _flatten_variant(case_types(t), memory64)
        case _:  # flags and handles
            return ("i32",)


def _flatten_variant(cases: tuple[ValType | None, ...], memory64: bool) -> tuple[str, ...]:
    flat: list[str] = []
    for case in cases:
        for i, core in enumerate(() if case is None else flatten_type(case, memory64)):
            if i < len(flat):
                flat[i] = join(flat[i], core)
            else:
                flat.append(core)
    return ("i32", *flat)[:_CUT]


def flatten_functype(opts: FlattenOptions, ft: FuncType, context: Literal["lift", "lower"]) -> CoreSignature:
    """Return the core signature of `ft` lifted or lowered with `opts`.

    Source: CanonicalABI.md, "Flattening", `flatten_functype`.
    """
    pointer = pointer_type(opts.memory64)
    params = flatten_types((param.type for param in ft.params), opts.memory64)
    results = () if ft.result is None else flatten_type(ft.result, opts.memory64)
    is_async_lower = opts.is_async and context == "lower"
    if len(params) > (MAX_FLAT_ASYNC_PARAMS if is_async_lower else MAX_FLAT_PARAMS):
        params = (pointer,)
    if is_async_lower:
        return CoreSignature((*params, pointer) if results else params, ("i32",))
    if opts.is_async:
        return CoreSignature(params, () if opts.callback is None else ("i32",))
    if len(results) <= MAX_FLAT_RESULTS:
        return CoreSignature(params, results)
    if context == "lift":
        return CoreSignature(params, (pointer,))
    return CoreSignature((*params, pointer), ())


__all__ = [
    "MAX_FLAT_ASYNC_PARAMS",
    "MAX_FLAT_PARAMS",
    "MAX_FLAT_RESULTS",
    "CoreSignature",
    "FlattenOptions",
    "flatten_functype",
    "flatten_type",
    "flatten_types",
    "join",
    "pointer_type",
]
