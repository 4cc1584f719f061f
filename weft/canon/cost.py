"""What lifted values cost the host: about how many bytes of Python objects an element of a list becomes.

A guest chooses lengths, and lists may share their elements: a few pages of guest memory can stand for terabytes of
values. So lifting counts what it makes, and stops a call that goes beyond `StoreState.lift_budget`. The numbers are
those of a 64-bit CPython, rounded; what lists and long strings inside an element hold is counted when they are lifted.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from weft.canon.layout import case_types, field_types
from weft.canon.types import (
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

_SLOT = 8
_OBJECT = 56
_NUMBER = 16  # less than an int object takes, for most numbers are small and shared
_DICT_ENTRY = 100

_OWN_OBJECT = (Prim.STRING, Prim.ERROR_CONTEXT)
_costs: WeakKeyDictionary[ValType, int] = WeakKeyDictionary()


def element_cost(t: ValType) -> int:
    """Return about how many bytes an element of type `t` takes in a Python list."""
    if t is Prim.U8:
        return 1
    return _SLOT + _cost(t)


def _cost(t: ValType) -> int:
    if isinstance(t, Prim):
        return _OBJECT if t in _OWN_OBJECT else 0 if t in (Prim.BOOL, Prim.S8, Prim.U8) else _NUMBER - _SLOT
    found = _costs.get(t)
    if found is None:
        found = _costs[t] = _compute(t)
    return found


def _compute(t: ValType) -> int:
    match t:
        case ListType(length=int(length)):
            return _OBJECT + length * element_cost(t.element)
        case MapType():
            return _OBJECT + _DICT_ENTRY
        case RecordType() | TupleType():
            return _OBJECT + sum(_SLOT + _cost(field) for field in field_types(t))
        case VariantType() | OptionType() | ResultType():
            return _OBJECT + max((_cost(case) for case in case_types(t) if case is not None), default=0)
        case _:
            return _OBJECT


def entry_cost(t: MapType) -> int:
    """Return about how many bytes an entry of a map takes."""
    return _DICT_ENTRY + _cost(t.key) + _cost(t.value)


__all__ = ["element_cost", "entry_cost"]
