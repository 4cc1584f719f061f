"""Walks over a type: does it have handles, and which names does it give to its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.canon.layout import case_types, field_types
from weft.canon.types import (
    BorrowType,
    EnumType,
    FlagsType,
    FuncType,
    FutureType,
    ListType,
    MapType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResultType,
    StreamType,
    TupleType,
    ValType,
    VariantType,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def _parts(t: ValType) -> tuple[ValType | None, ...]:
    match t:
        case ListType():
            return (t.element,)
        case MapType():
            return (t.key, t.value)
        case RecordType() | TupleType():
            return field_types(t)
        case VariantType() | OptionType() | ResultType():
            return case_types(t)
        case StreamType() | FutureType():
            return (t.payload,)
        case _:
            return ()


def _walk(ft: FuncType) -> Iterator[tuple[ValType, int | None]]:
    """Yield each type object below `ft` and None; for one met before, the number it was met as, and nothing below it.

    A type is a tree whose parts may be shared, so the walk is linear in the objects and not in the tree.
    """
    met: dict[int, int] = {}
    pending: list[ValType | None] = [ft.result, *(param.type for param in ft.params)]
    while pending:
        t = pending.pop()
        if t is None:
            continue
        number = met.get(id(t))
        yield t, number
        if number is None:
            met[id(t)] = len(met)
            pending += _parts(t)


def has_handles(ft: FuncType) -> bool:
    """Say whether a value of `ft` can hold a resource, stream, future or error-context handle."""
    handles = (OwnType, BorrowType, StreamType, FutureType)
    return any(t is Prim.ERROR_CONTEXT or isinstance(t, handles) for t, _ in _walk(ft))


def is_unbounded(t: ValType) -> bool:
    """Say whether a guest chooses how large a value of `t` is: it has a string, a list or a map."""
    return any(_chosen(part) for part, _ in _walk(FuncType((), t)))


def _chosen(t: ValType) -> bool:
    return t is Prim.STRING or isinstance(t, MapType) or (isinstance(t, ListType) and t.length is None)


def type_names(ft: FuncType) -> tuple[object, ...]:
    """Return what tells `ft` from an equal function type whose parts have other names."""
    named = (RecordType, VariantType, EnumType, FlagsType)
    return tuple(t.name if number is None else number for t, number in _walk(ft) if isinstance(t, named))


__all__ = ["has_handles", "is_unbounded", "type_names"]
