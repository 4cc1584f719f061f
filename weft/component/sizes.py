"""How large values of a type are, for the limit on it: computed with 64-bit pointers.

Source: CanonicalABI.md, "Alignment" and "Element Size".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from attrs import frozen

from weft.canon.types import Prim
from weft.component.plan import (
    EnumDef,
    FlagsDef,
    ListDef,
    MapDef,
    OptionDef,
    RecordDef,
    ResultDef,
    TupleDef,
    VariantDef,
)
from weft.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from weft.component.plan import DefValType, ValTypeRef

MAX_SIZE: Final = 1 << 28
"""A value must be smaller than this, in bytes."""


@final
@frozen
class Layout:
    """The size and alignment of a value in bytes."""

    size: int
    alignment: int


_HANDLE: Final = Layout(4, 4)
_POINTER_PAIR: Final = Layout(16, 8)
_PRIMITIVES: Final = {
    Prim.BOOL: Layout(1, 1),
    Prim.S8: Layout(1, 1),
    Prim.U8: Layout(1, 1),
    Prim.S16: Layout(2, 2),
    Prim.U16: Layout(2, 2),
    Prim.S32: Layout(4, 4),
    Prim.U32: Layout(4, 4),
    Prim.F32: Layout(4, 4),
    Prim.CHAR: Layout(4, 4),
    Prim.S64: Layout(8, 8),
    Prim.U64: Layout(8, 8),
    Prim.F64: Layout(8, 8),
    Prim.STRING: _POINTER_PAIR,
    Prim.ERROR_CONTEXT: _HANDLE,
}


def layout_of(defined: DefValType, at_index: Callable[[int], Layout]) -> Layout:
    """Return the layout of a defined value type.

    Args:
        defined: the definition.
        at_index: gives the layout of a type index in its scope.

    Raises:
        ValidationError: values of it are too large.
    """

    def layout(ref: ValTypeRef | None) -> Layout:
        if ref is None:
            return Layout(0, 1)
        return _PRIMITIVES[ref] if isinstance(ref, Prim) else at_index(ref)

    found = _layout(defined, layout)
    if found.size >= MAX_SIZE:
        raise ValidationError(f"values of a type are {found.size} bytes; they must be smaller than {MAX_SIZE}")
    return found


def _layout(defined: DefValType, layout: Callable[[ValTypeRef | None], Layout]) -> Layout:
    match defined:
        case Prim():
            return _PRIMITIVES[defined]
        case RecordDef(fields=fields):
            return _sequence(layout(field.type) for field in fields)
        case TupleDef(types=types):
            return _sequence(map(layout, types))
        case VariantDef(cases=cases):
            return _variant([layout(case.type) for case in cases])
        case OptionDef(payload=payload):
            return _variant([layout(None), layout(payload)])
        case ResultDef(ok=ok, err=err):
            return _variant([layout(ok), layout(err)])
        case EnumDef(labels=labels):
            return _variant([layout(None)] * len(labels))
        case FlagsDef(labels=labels):
            size = 1 if len(labels) <= 8 else 2 if len(labels) <= 16 else 4
            return Layout(size, size)
        case ListDef(element=element, length=int(length)):
            return Layout(layout(element).size * length, layout(element).alignment)
        case ListDef() | MapDef():
            return _POINTER_PAIR
        case _:
            return _HANDLE


def _align(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _sequence(layouts: Iterable[Layout]) -> Layout:
    size, alignment = 0, 1
    for layout in layouts:
        size = _align(size, layout.alignment) + layout.size
        alignment = max(alignment, layout.alignment)
    return Layout(_align(size, alignment), alignment)


def _variant(cases: list[Layout]) -> Layout:
    tag = 1 if len(cases) <= 1 << 8 else 2 if len(cases) <= 1 << 16 else 4
    alignment = max([tag, *(case.alignment for case in cases)])
    payload = _align(tag, max([1, *(case.alignment for case in cases)]))
    return Layout(_align(payload + max([0, *(case.size for case in cases)]), alignment), alignment)


__all__ = ["MAX_SIZE", "Layout", "layout_of"]
