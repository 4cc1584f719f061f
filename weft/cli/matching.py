"""Constants of a script against component types: as arguments, and as expected results.

A constant must be spelled as its type is: ``(u32.const 1)`` for a u32 and for nothing else.
"""

from __future__ import annotations

import math
import struct
from typing import Any, Final, final

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
from weft.cli import shapes
from weft.cli.consts import (
    BoolConst,
    CharConst,
    Const,
    EnumConst,
    FlagsConst,
    FloatConst,
    IntConst,
    ListConst,
    OptionConst,
    RecordConst,
    ResultConst,
    StrConst,
    TupleConst,
    VariantConst,
)


@final
class MismatchError(Exception):
    """A constant does not fit a type, or a result differs from what was expected.

    Attributes:
        reason: what differs.
        path: where, outermost first.
    """

    def __init__(self, reason: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def within(self, step: str) -> MismatchError:
        """Return the same error, one step further out."""
        return MismatchError(self.reason, (step, *self.path))

    def __str__(self) -> str:
        return ": ".join((*self.path, self.reason))


def to_value(const: Const, type_: ValType) -> object:
    """Return the Python value that a constant means as a value of a type.

    Raises:
        MismatchError: the constant is of another type.
    """
    match const, type_:
        case (
            (BoolConst(value=value), Prim.BOOL)
            | (CharConst(value=value), Prim.CHAR)
            | (StrConst(value=value), Prim.STRING)
        ):
            return value
        case ((IntConst(kind=kind, value=value) | FloatConst(kind=kind, value=value)), Prim()) if kind == type_.value:
            return value
        case ListConst(items=items), ListType(element=element):
            return [_step(f"element {i}", item, element) for i, item in enumerate(items)]
        case ListConst(items=items), MapType():
            pair = TupleType((type_.key, type_.value))
            pairs: list[Any] = [_step(f"element {i}", item, pair) for i, item in enumerate(items)]
            return dict(pairs)
        case TupleConst(items=items), TupleType(types=types) if len(items) == len(types):
            return tuple(_step(f"element {i}", item, types[i]) for i, item in enumerate(items))
        case RecordConst(fields=fields), RecordType():
            return shapes.make_record(type_, _fields(dict(fields), type_))
        case VariantConst(case=case, payload=payload), VariantType(cases=cases):
            by_label = {entry.name: entry.type for entry in cases}
            if case in by_label:
                return shapes.make_variant(type_, case, _payload(f"case {case}", payload, by_label[case]))
        case EnumConst(label=label), EnumType(labels=labels) if label in labels:
            return shapes.make_enum(type_, label)
        case FlagsConst(labels=given), FlagsType(labels=labels) if set(given) <= set(labels):
            return shapes.make_flags(type_, given)
        case OptionConst(payload=payload), OptionType():
            return None if payload is None else shapes.make_some(type_, _step("some", payload, type_.payload))
        case ResultConst(is_ok=is_ok, payload=payload), ResultType(ok=ok, err=err):
            word, payload_type = ("ok", ok) if is_ok else ("err", err)
            return shapes.make_result(is_ok, _payload(word, payload, payload_type))
    raise MismatchError(f"expected a value of type {shapes.type_text(type_)}, found {const_text(const)}")


def _step(step: str, const: Const, type_: ValType) -> object:
    try:
        return to_value(const, type_)
    except MismatchError as error:
        raise error.within(step) from None


def _fields(consts: dict[str, Const], type_: RecordType) -> dict[str, object]:
    labels = [field.name for field in type_.fields]
    if list(consts) != labels:
        raise MismatchError(f"expected the fields {', '.join(labels)}, found {', '.join(consts)}")
    return {field.name: _step(f"field {field.name}", consts[field.name], field.type) for field in type_.fields}


def _payload(step: str, const: Const | None, type_: ValType | None) -> object:
    if (const is None) != (type_ is None):
        raise MismatchError(f"{step} has {'no ' if type_ is None else 'a '}payload")
    return None if const is None or type_ is None else _step(step, const, type_)


def check(expected: Const, type_: ValType, value: Any) -> None:
    """Compare a result with the constant that a script expects. Every NaN equals every NaN; -0.0 is not 0.0.

    Raises:
        MismatchError: they differ, or the constant is of another type.
    """
    _compare(type_, to_value(expected, type_), value)


def _compare(type_: ValType, expected: Any, value: Any) -> None:
    match type_:
        case Prim.F32 | Prim.F64:
            _compare_floats(type_, expected, value)
        case ListType(element=element):
            _compare_items([element] * max(len(expected), len(value)), expected, value)
        case TupleType(types=types):
            _compare_items(list(types), expected, value)
        case MapType(key=key, value=item_type):
            pair = TupleType((key, item_type))
            _compare_items([pair] * max(len(expected), len(value)), [*expected.items()], [*value.items()])
        case RecordType(fields=fields):
            left, right = shapes.record_fields(type_, expected), shapes.record_fields(type_, value)
            for field in fields:
                _compare_step(f"field {field.name}", field.type, left[field.name], right[field.name])
        case VariantType(cases=cases):
            by_label = {case.name: case.type for case in cases}
            _compare_cases(by_label, shapes.variant_parts(expected), shapes.variant_parts(value))
        case OptionType(payload=payload):
            _compare_cases({"none": None, "some": payload}, _option_parts(expected), _option_parts(value))
        case ResultType(ok=ok, err=err):
            _compare_cases({"ok": ok, "err": err}, _result_parts(expected), _result_parts(value))
        case _:
            if expected != value or type(expected) is not type(value):
                raise MismatchError(f"expected {expected!r}, found {value!r}")


def _compare_floats(type_: Prim, expected: float, value: Any) -> None:
    code = "<f" if type_ is Prim.F32 else "<d"
    if not isinstance(value, float):
        raise MismatchError(f"expected {expected!r}, found {value!r}")
    if math.isnan(expected) and math.isnan(value):
        return
    if struct.pack(code, expected) != struct.pack(code, value):
        raise MismatchError(f"expected {expected!r}, found {value!r}")


def _compare_items(types: list[ValType], expected: Any, value: Any) -> None:
    if len(expected) != len(value):
        raise MismatchError(f"expected {len(expected)} elements, found {len(value)}")
    for i, (type_, left, right) in enumerate(zip(types, expected, value, strict=True)):
        _compare_step(f"element {i}", type_, left, right)


def _compare_step(step: str, type_: ValType, expected: object, value: object) -> None:
    try:
        _compare(type_, expected, value)
    except MismatchError as error:
        raise error.within(step) from None


def _compare_cases(types: dict[str, ValType | None], expected: tuple[str, Any], value: tuple[str, Any]) -> None:
    if expected[0] != value[0]:
        raise MismatchError(f"expected case {expected[0]}, found case {value[0]}")
    payload_type = types[expected[0]]
    if payload_type is not None:
        _compare_step(f"case {expected[0]}", payload_type, expected[1], value[1])


def _option_parts(value: Any) -> tuple[str, Any]:
    some = shapes.option_payload(value)
    return ("none", None) if some is None else ("some", some[0])


def _result_parts(value: Any) -> tuple[str, Any]:
    is_ok, payload = shapes.result_parts(value)
    return "ok" if is_ok else "err", payload


_KINDS: Final = {
    BoolConst: "bool",
    CharConst: "char",
    StrConst: "str",
    ListConst: "list",
    RecordConst: "record",
    TupleConst: "tuple",
    VariantConst: "variant",
    EnumConst: "enum",
    OptionConst: "option",
    ResultConst: "result",
    FlagsConst: "flags",
}


def const_text(const: Const) -> str:
    """Return the kind of a constant as a script spells it, for messages."""
    match const:
        case IntConst(kind=kind, value=value) | FloatConst(kind=kind, value=value):
            return f"({kind}.const {value})"
        case EnumConst(label=label) | VariantConst(case=label):
            return f'({_KINDS[type(const)]}.const "{label}" ...)'
        case TupleConst(items=items):
            return f"a tuple.const of {len(items)}"
    return f"({_KINDS.get(type(const), 'core')}.const ...)"


__all__ = ["MismatchError", "check", "const_text", "to_value"]
