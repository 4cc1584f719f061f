"""Letting go of what nobody takes: a result for a guest that was stopped, arguments of a call that never began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.canon.accept import record_values, variant_parts
from weft.canon.layout import case_types, field_types
from weft.canon.names import snake_name
from weft.canon.type_walk import has_handles
from weft.canon.types import (
    FuncType,
    FutureType,
    ListType,
    MapType,
    OptionType,
    OwnType,
    RecordType,
    ResultType,
    StreamType,
    TupleType,
    ValType,
    VariantType,
)
from weft.canon.values import Some
from weft.runtime.resource import Resource, ResourceType

if TYPE_CHECKING:
    from weft.runtime.store import StoreState


def release(store: StoreState, t: ValType | None, value: Any) -> None:
    """Let go of the objects of the host's, the streams and the futures in `value`.

    Args:
        store: where it was going.
        t: its type.
        value: what host code gave or was to get; a `Resource` of a guest's in it stays as it is.

    Raises:
        LowerError: it is no value of the type.
    """
    _release(store, t, value, {})


def _release(store: StoreState, t: ValType | None, value: Any, known: dict[int, bool]) -> None:
    match t:
        case OwnType(resource=ResourceType(let_go=let_go)) if let_go is not None:
            let_go(store, value)
        case OwnType(resource=ResourceType(impl=None)) if isinstance(value, Resource) and value.owned:
            value.drop()
        case StreamType() | FutureType():
            store.unwrap_readable(value, t).drop_readable()
        case _ if t is not None and _holds_handles(t, known):
            for part, item in _parts(t, value):
                _release(store, part, item, known)


def _holds_handles(t: ValType, known: dict[int, bool]) -> bool:
    """Look through a type once, however many values of it there are: guests choose both."""
    answer = known.get(id(t))
    if answer is None:
        answer = known[id(t)] = has_handles(FuncType((), t))
    return answer


def _parts(t: ValType, value: Any) -> list[tuple[ValType | None, Any]]:
    match t:
        case ListType():
            return [(t.element, item) for item in value]
        case MapType():
            return [(t.value, item) for item in value.values()]
        case TupleType():
            return list(zip(t.types, value, strict=True))
        case RecordType():
            labels = tuple(field.name for field in t.fields)
            values = record_values(value, labels, tuple(map(snake_name, labels)))
            return list(zip(field_types(t), values, strict=True))
        case VariantType():
            index, payload = variant_parts(value, t.cases)
            return [(case_types(t)[index], payload)]
        case OptionType():
            return [] if value is None else [(t.payload, value.value if isinstance(value, Some) else value)]
        case ResultType():
            return [(t.ok if value.case == "ok" else t.err, value.value)]
        case _:
            return []


__all__ = ["release"]
