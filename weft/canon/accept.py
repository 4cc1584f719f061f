"""What Python values each type accepts, beyond the fast path that compiled code has inline.

Compiled lower calls these where its test for the usual class fails; `check` uses them to find the path to a bad value.
"""

from __future__ import annotations

import enum
import math
import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from weft.canon.names import upper_name
from weft.canon.values import RepeatingMap
from weft.errors import LowerError

if TYPE_CHECKING:
    from weft.canon.types import Case

INT_RANGES = {
    "s8": (-(1 << 7), (1 << 7) - 1),
    "u8": (0, (1 << 8) - 1),
    "s16": (-(1 << 15), (1 << 15) - 1),
    "u16": (0, (1 << 16) - 1),
    "s32": (-(1 << 31), (1 << 31) - 1),
    "u32": (0, (1 << 32) - 1),
    "s64": (-(1 << 63), (1 << 63) - 1),
    "u64": (0, (1 << 64) - 1),
}
"""The least and the greatest value of each integer type."""

F32_MAX = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]

_F32 = struct.Struct("<f")
_F64 = struct.Struct("<d")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


def refuse(expected: str, value: object) -> NoReturn:
    """Raise the LowerError that says what was expected and what was given."""
    raise LowerError(f"expected {expected}, got {type(value).__name__}")


def as_int(value: object, name: str) -> int:
    """Return an int in the range of the type called `name`; a bool is none."""
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(f"int ({name})", value)
    low, high = INT_RANGES[name]
    if not low <= value <= high:
        raise LowerError(f"{value} is out of range for {name}")
    return int(value)


def as_f64(value: object) -> float:
    """Return a float whose NaN is canonical; accepts int."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        refuse("float", value)
    try:
        number = float(value)
    except OverflowError:
        raise LowerError("int too large for a float") from None
    return math.nan if math.isnan(number) else number


def as_f32(value: object) -> float:
    """Return the nearest single-precision float, infinite on overflow, whose NaN is canonical; accepts int."""
    number = as_f64(value)
    try:
        rounded: float = _F32.unpack(_F32.pack(number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)
    return rounded


def f32_bits(value: float) -> int:
    """Return the bits of a single-precision float."""
    bits: int = _U32.unpack(_F32.pack(value))[0]
    return bits


def f64_bits(value: float) -> int:
    """Return the bits of a double-precision float."""
    bits: int = _U64.unpack(_F64.pack(value))[0]
    return bits


def f32_from_bits(bits: int) -> float:
    """Return the single-precision float that has `bits`."""
    value: float = _F32.unpack(_U32.pack(bits))[0]
    return value


def f64_from_bits(bits: int) -> float:
    """Return the double-precision float that has `bits`."""
    value: float = _F64.unpack(_U64.pack(bits))[0]
    return value


def not_bool(value: object) -> NoReturn:
    """Refuse what is neither True nor False."""
    refuse("bool", value)


def as_char(value: object) -> int:
    """Return the code point of a string of one character that is no surrogate."""
    if not isinstance(value, str) or len(value) != 1:
        raise LowerError(f"expected a str of length 1, got {_shown(value)}")
    code_point = ord(value)
    if 0xD800 <= code_point <= 0xDFFF:
        raise LowerError(f"{value!r} is a surrogate, not a char")
    return code_point


def _shown(value: object) -> str:
    return f"a str of length {len(value)}" if isinstance(value, str) else type(value).__name__


def as_tuple(value: object, length: int) -> tuple[Any, ...]:
    """Return a tuple of `length` items; accepts list."""
    if not isinstance(value, tuple | list):
        refuse("tuple", value)
    if len(value) != length:
        raise LowerError(f"expected {length} items, got {len(value)}")
    return tuple(value)


def record_values(value: object, labels: tuple[str, ...], names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the fields of a mapping, by WIT label or Python name, or of any object that has them as attributes."""
    if isinstance(value, Mapping):
        return tuple(_entry(value, label, name) for label, name in zip(labels, names, strict=True))
    try:
        return tuple([getattr(value, name) for name in names])
    except AttributeError:
        missing = next(name for name in names if not hasattr(value, name))
        raise LowerError(f"{type(value).__name__} has no field {missing!r}") from None


def _entry(value: Mapping[Any, Any], label: str, name: str) -> Any:
    if label in value:
        return value[label]
    if name in value:
        return value[name]
    raise LowerError(f"field {label!r} is missing")


def variant_parts(value: Any, cases: tuple[Case, ...]) -> tuple[int, Any]:
    """Return the case index and payload of a label, a ``(label, payload)`` pair, or an object with `case`."""
    payload: Any = None
    if isinstance(value, str):
        label: Any = value
    elif isinstance(value, tuple) and len(value) == 2:
        label, payload = value
    elif hasattr(value, "case"):
        label, payload = getattr(value, "case", None), getattr(value, "value", None)
    else:
        refuse("a variant", value)
    for index, case in enumerate(cases):
        if case.name == label:
            if case.type is None and payload is not None:
                raise LowerError(f"variant case {label!r} has no payload")
            return index, payload
    raise LowerError(f"no variant case {label!r}")


def enum_index(value: object, labels: tuple[str, ...]) -> int:
    """Return the index of a label, or of a member of any Enum whose value is a label."""
    label = value.value if isinstance(value, enum.Enum) else value
    if not isinstance(label, str):
        refuse("an enum label", value)
    if label not in labels:
        raise LowerError(f"no enum case {label!r}")
    return labels.index(label)


def flags_bits(value: object, labels: tuple[str, ...]) -> int:
    """Return the bits of a Flag with members of these names, an iterable of labels, or a mapping of label to bool."""
    if isinstance(value, enum.Flag):
        bit_of = {upper_name(label): 1 << i for i, label in enumerate(labels)}
        return _union(bit_of, (member.name for member in value))
    bit_of = {label: 1 << i for i, label in enumerate(labels)}
    if isinstance(value, Mapping):
        unset = [label for label, given in value.items() if given is False]
        _union(bit_of, unset)
        return _union(bit_of, (label for label, given in value.items() if _is_set(given)))
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        refuse("flags", value)
    return _union(bit_of, value)


def _is_set(value: object) -> bool:
    if value is not True and value is not False:
        refuse("bool", value)
    return value is True


def _union(bit_of: Mapping[Any, int], names: Iterable[Any]) -> int:
    bits = 0
    for name in names:
        if name not in bit_of:
            raise LowerError(f"no flag {name!r}")
        bits |= bit_of[name]
    return bits


def as_items(value: object) -> list[tuple[Any, Any]]:
    """Return the items of a mapping."""
    if isinstance(value, RepeatingMap):
        return value.pairs
    if not isinstance(value, Mapping):
        refuse("a mapping", value)
    return list(value.items())


def as_fixed(value: Any, length: int) -> Any:
    """Return a sequence or buffer that has `length` elements."""
    if not hasattr(value, "__len__"):
        refuse("a sequence", value)
    if len(value) != length:
        raise LowerError(f"expected {length} elements, got {len(value)}")
    return value


def no_payload(value: object, what: str) -> None:
    """Refuse a payload where there is none."""
    if value is not None:
        raise LowerError(f"{what} has no payload")


def not_some(value: object) -> NoReturn:
    """Refuse a bare value of an option of an option."""
    refuse("None or Some, since options nest here,", value)


def not_result(value: object) -> NoReturn:
    """Refuse what is neither Ok nor Err."""
    refuse("Ok or Err", value)


__all__ = [
    "F32_MAX",
    "INT_RANGES",
    "as_char",
    "as_f32",
    "as_f64",
    "as_fixed",
    "as_int",
    "as_items",
    "as_tuple",
    "enum_index",
    "f32_bits",
    "f32_from_bits",
    "f64_bits",
    "f64_from_bits",
    "flags_bits",
    "no_payload",
    "not_bool",
    "not_result",
    "not_some",
    "record_values",
    "refuse",
    "variant_parts",
]
