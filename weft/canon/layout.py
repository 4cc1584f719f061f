"""Sizes, alignments and offsets of value types in linear memory.

Source: CanonicalABI.md, "Alignment" and "Element Size".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

from weft.canon.types import (
    EnumType,
    FlagsType,
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
    from collections.abc import Callable, Sequence

VariantLike: TypeAlias = VariantType | EnumType | OptionType | ResultType
RecordLike: TypeAlias = RecordType | TupleType

_PRIM_SIZES = {
    Prim.BOOL: 1,
    Prim.S8: 1,
    Prim.U8: 1,
    Prim.S16: 2,
    Prim.U16: 2,
    Prim.S32: 4,
    Prim.U32: 4,
    Prim.S64: 8,
    Prim.U64: 8,
    Prim.F32: 4,
    Prim.F64: 8,
    Prim.CHAR: 4,
    Prim.ERROR_CONTEXT: 4,
}


def pointer_size(memory64: bool) -> int:
    """Return the bytes of a pointer or length in memory."""
    return 8 if memory64 else 4


def align_to(offset: int, align: int) -> int:
    """Return the first multiple of `align`, a power of two, at or after `offset`."""
    return (offset + align - 1) & -align


def case_types(t: VariantLike) -> tuple[ValType | None, ...]:
    """Return the payload types of the cases of anything that is a variant underneath, in order."""
    match t:
        case VariantType():
            return tuple(case.type for case in t.cases)
        case EnumType():
            return (None,) * len(t.labels)
        case OptionType():
            return (None, t.payload)
        case ResultType():
            return (t.ok, t.err)


def field_types(t: RecordLike) -> tuple[ValType, ...]:
    """Return the types of the fields of a record or tuple, in order."""
    return tuple(field.type for field in t.fields) if isinstance(t, RecordType) else t.types


def discriminant_size(case_count: int) -> int:
    """Return the bytes of the discriminant of a variant: 1, 2 or 4."""
    if case_count <= 1 << 8:
        return 1
    return 2 if case_count <= 1 << 16 else 4


def flags_size(label_count: int) -> int:
    """Return the bytes (and alignment) of a flags value: 1, 2 or 4."""
    if label_count <= 8:
        return 1
    return 2 if label_count <= 16 else 4


def _per_type(fn: Callable[[ValType, bool], int]) -> Callable[[ValType, bool], int]:
    # Weak keys: a type may hold a resource type, and through it a whole store.
    memos: tuple[WeakKeyDictionary[ValType, int], WeakKeyDictionary[ValType, int]] = (
        WeakKeyDictionary(),
        WeakKeyDictionary(),
    )

    def cached(t: ValType, memory64: bool) -> int:
        memo = memos[memory64]
        found = memo.get(t)
        if found is None:
            found = memo[t] = fn(t, memory64)
        return found

    return cached


def _max_alignment(types: Sequence[ValType | None], memory64: bool) -> int:
    return max((_alignment(t, memory64) for t in types if t is not None), default=1)


@_per_type
def _alignment(t: ValType, memory64: bool) -> int:
    match t:
        case Prim.STRING | MapType():
            return pointer_size(memory64)
        case Prim():
            return _PRIM_SIZES[t]
        case ListType():
            return pointer_size(memory64) if t.length is None else _alignment(t.element, memory64)
        case RecordType() | TupleType():
            return _max_alignment(field_types(t), memory64)
        case VariantType() | EnumType() | OptionType() | ResultType():
            cases = case_types(t)
            return max(discriminant_size(len(cases)), _max_alignment(cases, memory64))
        case FlagsType():
            return flags_size(len(t.labels))
        case _:  # handles are indices
            return 4


@_per_type
def _elem_size(t: ValType, memory64: bool) -> int:
    match t:
        case Prim.STRING | MapType():
            return 2 * pointer_size(memory64)
        case Prim():
            return _PRIM_SIZES[t]
        case ListType():
            return 2 * pointer_size(memory64) if t.length is None else t.length * _elem_size(t.element, memory64)
        case RecordType() | TupleType():
            types = field_types(t)
            end = field_offsets(types, memory64)[-1] + _elem_size(types[-1], memory64)
            return align_to(end, _alignment(t, memory64))
        case VariantType() | EnumType() | OptionType() | ResultType():
            cases = case_types(t)
            payload = max((_elem_size(case, memory64) for case in cases if case is not None), default=0)
            return align_to(payload_offset(cases, memory64) + payload, _alignment(t, memory64))
        case FlagsType():
            return flags_size(len(t.labels))
        case _:
            return 4


def alignment(t: ValType, memory64: bool = False) -> int:
    """Return the alignment of `t` in bytes: 1, 2, 4 or 8."""
    return _alignment(t, memory64)


def elem_size(t: ValType, memory64: bool = False) -> int:
    """Return the bytes one value of `t` takes in a list, a multiple of its alignment."""
    return _elem_size(t, memory64)


def field_offsets(types: Sequence[ValType], memory64: bool = False) -> tuple[int, ...]:
    """Return the byte offset of each field of a record whose fields have `types`."""
    offset = 0
    offsets = []
    for t in types:
        offset = align_to(offset, _alignment(t, memory64))
        offsets.append(offset)
        offset += _elem_size(t, memory64)
    return tuple(offsets)


def payload_offset(cases: Sequence[ValType | None], memory64: bool = False) -> int:
    """Return the byte offset of the payload of a variant whose cases have the types `cases`."""
    return align_to(discriminant_size(len(cases)), _max_alignment(cases, memory64))


__all__ = [
    "RecordLike",
    "VariantLike",
    "align_to",
    "alignment",
    "case_types",
    "discriminant_size",
    "elem_size",
    "field_offsets",
    "field_types",
    "flags_size",
    "payload_offset",
    "pointer_size",
]
