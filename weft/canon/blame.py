"""The path to a bad value. Compiled lower does not keep track of where it is; when it fails, this walks once more.

The walk has no effects and runs only on values that were already refused.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from weft.canon import accept
from weft.canon.names import snake_name
from weft.canon.numbers import NUMBER_FORMATS, as_sequence, number_bytes
from weft.canon.strings import check_string
from weft.canon.types import (
    EnumType,
    FlagsType,
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
from weft.canon.values import Err, Ok, Some
from weft.errors import LowerError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONVERSION_ERRORS = (TypeError, ValueError, AttributeError, LookupError, OverflowError, BufferError, struct.error)
"""What compiled lower may run into on a value of the wrong type; `LowerError` is a TypeError."""


@contextmanager
def _within(step: str) -> Iterator[None]:
    try:
        yield
    except LowerError as error:
        raise error.within(step) from None


def blame_params(ft: FuncType, args: tuple[Any, ...], error: Exception) -> None:
    """Raise a LowerError with the path to what is wrong in `args`; return when nothing is.

    Args:
        ft: the function they are for.
        args: its arguments.
        error: what compiled lower raised.
    """
    if len(args) != len(ft.params):
        names = ", ".join(param.name for param in ft.params) or "none"
        raise LowerError(f"expected {len(ft.params)} arguments ({names}), got {len(args)}") from error
    for param, value in zip(ft.params, args, strict=True):
        _blame(f"argument {param.name!r}", param.type, value, error)


def blame_result(t: ValType | None, value: Any, error: Exception) -> None:
    """Raise a LowerError with the path to what is wrong in a result; return when nothing is."""
    if t is not None:
        _blame("result", t, value, error)


def blame_elements(t: ValType, values: Any, error: Exception) -> None:
    """Raise a LowerError with the path to what is wrong in a list or a stream's payload; return when nothing is."""
    try:
        _check_list(values, t)
    except LowerError as found:
        raise found from error


def _blame(step: str, t: ValType, value: Any, error: Exception) -> None:
    try:
        with _within(step):
            check(value, t)
    except LowerError as found:
        raise found from error


def check(value: Any, t: ValType) -> None:
    """Accept a value of type `t`; handles are not looked at.

    Raises:
        LowerError: it is none, with the path to the part that is wrong.
    """
    match t:
        case Prim():
            _check_prim(value, t)
        case ListType():
            if t.length is not None:
                accept.as_fixed(value, t.length)
            _check_list(value, t.element)
        case MapType():
            for key, entry in accept.as_items(value):
                with _within(f"map key {key!r}"):
                    check(key, t.key)
                with _within(f"map value of {key!r}"):
                    check(entry, t.value)
        case RecordType():
            _check_record(value, t)
        case TupleType():
            for i, (item, item_type) in enumerate(zip(accept.as_tuple(value, len(t.types)), t.types, strict=True)):
                with _within(f"tuple item {i}"):
                    check(item, item_type)
        case VariantType():
            index, payload = accept.variant_parts(value, t.cases)
            _check_payload(payload, t.cases[index].type, f"variant case {t.cases[index].name!r}")
        case EnumType():
            accept.enum_index(value, t.labels)
        case FlagsType():
            accept.flags_bits(value, t.labels)
        case OptionType():
            _check_option(value, t)
        case ResultType():
            _check_result(value, t)
        case _:  # handles belong to the instance's table
            pass


def _check_prim(value: Any, t: Prim) -> None:
    match t:
        case Prim.BOOL:
            if not isinstance(value, bool):
                accept.not_bool(value)
        case Prim.F32 | Prim.F64:
            accept.as_f64(value)
        case Prim.CHAR:
            accept.as_char(value)
        case Prim.STRING:
            check_string(value)
        case Prim.ERROR_CONTEXT:
            pass
        case _:
            accept.as_int(value, t.value)


def _check_list(values: Any, element: ValType) -> None:
    fmt = NUMBER_FORMATS.get(element) if isinstance(element, Prim) else None
    if fmt is not None:
        try:
            number_bytes(values, fmt)
        except LowerError:
            raise
        except (TypeError, ValueError, OverflowError, BufferError):
            values = values.tolist() if isinstance(values, memoryview) else values
        else:
            return
    for i, item in enumerate(as_sequence(values)):
        with _within(f"list index {i}"):
            check(item, element)


def _check_record(value: Any, t: RecordType) -> None:
    labels = tuple(field.name for field in t.fields)
    names = tuple(snake_name(label) for label in labels)
    for field, item in zip(t.fields, accept.record_values(value, labels, names), strict=True):
        with _within(f"record field {field.name!r}"):
            check(item, field.type)


def _check_payload(payload: Any, t: ValType | None, step: str) -> None:
    if t is None:
        accept.no_payload(payload, step)
        return
    with _within(step):
        check(payload, t)


def _check_option(value: Any, t: OptionType) -> None:
    if value is None:
        return
    if isinstance(value, Some):
        value = value.value
    elif isinstance(t.payload, OptionType):
        accept.not_some(value)
    with _within("option payload"):
        check(value, t.payload)


def _check_result(value: Any, t: ResultType) -> None:
    if isinstance(value, Ok):
        _check_payload(value.value, t.ok, "result case 'ok'")
    elif isinstance(value, Err):
        _check_payload(value.value, t.err, "result case 'error'")
    else:
        accept.not_result(value)


__all__ = ["CONVERSION_ERRORS", "blame_elements", "blame_params", "blame_result", "check"]
