"""Python values taken apart and put together by their component type.

The one place of the command line that knows how `weft.canon.values` spells a variant, an enum, flags, an option or a
result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.canon.names import snake_name, unique_camel_names, upper_name
from weft.canon.types import (
    BorrowType,
    EnumType,
    FlagsType,
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
from weft.canon.values import Err, Ok, Some, python_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def make_record(record: RecordType, fields: Mapping[str, object]) -> object:
    """Return the value of `record` whose fields, by label, are `fields`."""
    return python_class(record)(*(fields[field.name] for field in record.fields))


def record_fields(record: RecordType, value: Any) -> dict[str, Any]:
    """Return the fields of a record value by label."""
    return {field.name: getattr(value, snake_name(field.name)) for field in record.fields}


def make_variant(variant: VariantType, case: str, payload: object) -> object:
    """Return the value of `variant` in `case`; `payload` is not used for a case without one."""
    base = python_class(variant)
    labels = [entry.name for entry in variant.cases]
    index = labels.index(case)
    made = getattr(base, unique_camel_names(labels)[index])
    return made() if variant.cases[index].type is None else made(payload)


def variant_parts(value: Any) -> tuple[str, Any]:
    """Return the label of a variant value's case, and its payload or None."""
    return value.case, value.value


def make_enum(enum: EnumType, label: str) -> object:
    """Return the value of `enum` with a label."""
    return python_class(enum)(label)


def enum_label(value: Any) -> str:
    """Return the label of an enum value."""
    return str(value.value)


def make_flags(flags: FlagsType, labels: Iterable[str]) -> object:
    """Return the value of `flags` in which the flags of some labels are set."""
    found: Any = python_class(flags)
    value = found(0)
    for label in labels:
        value |= found[upper_name(label)]
    return value


def flags_labels(flags: FlagsType, value: Any) -> tuple[str, ...]:
    """Return the labels of the flags that are set, in the order of the type."""
    return tuple(label for i, label in enumerate(flags.labels) if value.value >> i & 1)


def make_some(option: OptionType, payload: object) -> object:
    """Return the ``some`` of an option."""
    return Some(payload) if isinstance(option.payload, OptionType) else payload


def option_payload(value: Any) -> tuple[Any] | None:
    """Return the payload of an option in a tuple of one, or None for ``none``."""
    if value is None:
        return None
    return (value.value,) if isinstance(value, Some) else (value,)


def make_result(is_ok: bool, payload: object) -> object:
    """Return a result; `payload` is None when its case has none."""
    return Ok(payload) if is_ok else Err(payload)


def result_parts(value: Any) -> tuple[bool, Any]:
    """Return whether a result is ok, and its payload or None."""
    return isinstance(value, Ok), value.value


def type_text(type_: ValType | None) -> str:
    """Return a type in the words of WIT; named and generated types by their kind."""
    match type_:
        case None:
            return "_"
        case Prim():
            return type_.value
        case ListType(element=element, length=length):
            return f"list<{type_text(element)}{'' if length is None else f', {length}'}>"
        case TupleType(types=types):
            return f"tuple<{', '.join(map(type_text, types))}>"
        case OptionType(payload=payload):
            return f"option<{type_text(payload)}>"
        case ResultType(ok=None, err=None):
            return "result"
        case ResultType(ok=ok, err=None):
            return f"result<{type_text(ok)}>"
        case ResultType(ok=ok, err=err):
            return f"result<{type_text(ok)}, {type_text(err)}>"
        case MapType(key=key, value=value):
            return f"map<{type_text(key)}, {type_text(value)}>"
        case StreamType(payload=payload) | FutureType(payload=payload):
            word = "stream" if isinstance(type_, StreamType) else "future"
            return word if payload is None else f"{word}<{type_text(payload)}>"
        case OwnType() | BorrowType():
            return "own" if isinstance(type_, OwnType) else "borrow"
        case RecordType() | VariantType() | EnumType() | FlagsType():
            return type_.name or type(type_).__name__.removesuffix("Type").lower()


__all__ = [
    "enum_label",
    "flags_labels",
    "make_enum",
    "make_flags",
    "make_record",
    "make_result",
    "make_some",
    "make_variant",
    "option_payload",
    "record_fields",
    "result_parts",
    "type_text",
    "variant_parts",
]
