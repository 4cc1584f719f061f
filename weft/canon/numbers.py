"""Lists of numbers, moved whole between Python and linear memory.

Source: CanonicalABI.md, "Loading" and "Storing", `load_list` and `store_list`.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from weft.canon.memory import Context, allocate
from weft.canon.types import Prim
from weft.errors import LowerError, TrapCode

_LITTLE = sys.byteorder == "little"

NUMBER_FORMATS = {
    Prim.S8: "b",
    Prim.U8: "B",
    Prim.S16: "h",
    Prim.U16: "H",
    Prim.S32: "i",
    Prim.U32: "I",
    Prim.S64: "q",
    Prim.U64: "Q",
    Prim.F32: "f",
    Prim.F64: "d",
}
"""The `struct` format of each number, with its standard size (`array` has the same ones on every platform of ours)."""

_SIGNED, _UNSIGNED, _FLOATS = frozenset("bhilqn"), frozenset("BHILQNc"), frozenset("efd")


def load_numbers(view: memoryview, ptr: int, end: int, fmt: str) -> list[Any]:
    """Return the numbers of format `fmt` in the checked range from `ptr` to `end`."""
    if _LITTLE:
        return view[ptr:end].cast(fmt).tolist()  # type: ignore[call-overload,no-any-return]
    return [number for (number,) in struct.iter_unpack(f"<{fmt}", view[ptr:end])]


def number_bytes(values: object, fmt: str) -> bytes | memoryview:
    """Return `values` as they are stored in memory; copies only what is not a buffer of the right format.

    Args:
        values: a sequence of numbers, or a buffer.
        fmt: the `struct` format of one element.

    Raises:
        LowerError: `values` is neither.
        TypeError, OverflowError: an element is not a number of this format.
    """
    if type(values) is list or type(values) is tuple:
        return _pack(values, fmt)
    if isinstance(values, str | Mapping | AbstractSet):
        raise LowerError(f"expected a sequence of numbers, got {type(values).__name__}")
    try:
        view = memoryview(values)  # type: ignore[arg-type]
    except TypeError:
        return _pack(as_sequence(values), fmt)
    if not _same_format(view, fmt):
        if isinstance(values, bytes | bytearray) and struct.calcsize(fmt) > 1:
            raise LowerError("expected a sequence of numbers, got bytes") from None
        return _pack(view.tolist(), fmt)
    return view.cast("B") if view.c_contiguous else view.tobytes()


def _same_format(view: memoryview, fmt: str) -> bool:
    kind = next(kind for kind in (_SIGNED, _UNSIGNED, _FLOATS) if fmt in kind)
    native = view.format.lstrip("@=<" if _LITTLE else "")
    return (
        native in kind and view.ndim == 1 and view.itemsize == struct.calcsize(fmt) and (_LITTLE or view.itemsize == 1)
    )


def _pack(values: Sequence[Any], fmt: str) -> bytes | memoryview:
    packed = array(fmt, values)
    if fmt in _FLOATS:
        _canonicalize_nans(packed, values)
    if not _LITTLE:
        packed.byteswap()
    return memoryview(packed).cast("B")


def _canonicalize_nans(packed: array[Any], values: Sequence[Any]) -> None:
    total = sum(values)  # NaN if any of them is, and cheap; infinities may make it one too
    if total != total:  # noqa: PLR0124 - the test for NaN
        for i, value in enumerate(values):
            if value != value:  # noqa: PLR0124 - likewise
                packed[i] = float("nan")


def as_sequence(values: object) -> Sequence[Any]:
    """Return `values` as a list or tuple of fixed length.

    Raises:
        LowerError: it is a string, a mapping, a set, bytes or no sequence at all.
    """
    if isinstance(values, list | tuple):
        return values
    refused = isinstance(values, str | bytes | bytearray | Mapping | AbstractSet)
    if refused or not (hasattr(values, "__len__") and hasattr(values, "__getitem__")):
        raise LowerError(f"expected a sequence, got {type(values).__name__}")
    return list(values)  # type: ignore[call-overload,no-any-return]


def lower_numbers(cx: Context, values: object, fmt: str, size: int) -> tuple[int, int]:
    """Store a list of numbers of `size` bytes each; return its pointer and length.

    Raises:
        LowerError, TypeError, OverflowError: as `number_bytes`.
        Trap: realloc returned a bad pointer.
    """
    data = values if type(values) is bytes and fmt == "B" else number_bytes(values, fmt)
    byte_length = len(data)
    ptr = allocate(cx, size, byte_length, TrapCode.LIST_OUT_OF_BOUNDS)
    cx.memory.view[ptr : ptr + byte_length] = data
    return ptr, byte_length // size


__all__ = ["NUMBER_FORMATS", "as_sequence", "load_numbers", "lower_numbers", "number_bytes"]
