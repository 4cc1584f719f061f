"""Strings in and out of linear memory, in the three encodings.

A Python string has no encoding, so it is lowered as a source that already has the encoding of the destination: one
allocation of the exact size. Source: CanonicalABI.md, "Loading" and "Storing", `load_string` and `store_string`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.canon.memory import MAX_LOWERED_BYTE_LENGTH, allocate, allocated_view, charge, checked_view, trap
from weft.errors import LowerError, Trap, TrapCode

if TYPE_CHECKING:
    from weft.canon.memory import Context

MAX_STRING_BYTE_LENGTH = (1 << 28) - 1
"""The longest string a guest may pass. Source: CanonicalABI.md, "Loading", `load_string_from_range`."""

FREE_STRING_BYTE_LENGTH = 64
"""Strings of up to so many bytes cost nothing by themselves: they are counted with what holds them."""


def utf16_tag(memory64: bool) -> int:
    """Return the bit of a latin1+utf16 length that says UTF-16."""
    return 1 << 63 if memory64 else 1 << 31


def lift_utf8(cx: Context, ptr: int, byte_length: int) -> str:
    """Return the string of `byte_length` bytes of UTF-8 at `ptr`.

    Raises:
        Trap: STRING_TOO_LONG, STRING_OUT_OF_BOUNDS, HOST_LIMIT or INVALID_STRING.
    """
    end = ptr + byte_length
    view: memoryview = cx.memory.view
    if end > len(view) or byte_length > FREE_STRING_BYTE_LENGTH:
        view = _string_view(cx, ptr, byte_length)
    try:
        return view[ptr:end].tobytes().decode()
    except UnicodeDecodeError as error:
        raise invalid_utf8(error) from None


def lift_utf16(cx: Context, ptr: int, code_units: int) -> str:
    """Return the string of `code_units` units of UTF-16 at `ptr`.

    Raises:
        Trap: STRING_TOO_LONG, UNALIGNED_POINTER, STRING_OUT_OF_BOUNDS or INVALID_STRING.
    """
    view = _string_view(cx, ptr, 2 * code_units, 2)
    try:
        return str(view[ptr : ptr + 2 * code_units], "utf-16-le")
    except UnicodeDecodeError as error:
        raise Trap(TrapCode.INVALID_STRING, f"invalid utf-16: unpaired surrogate at byte {error.start}") from None


def lift_latin1_utf16(cx: Context, ptr: int, tagged_code_units: int, tag: int) -> str:
    """Return the string at `ptr`: UTF-16 when the length has `tag`, else Latin-1.

    Raises:
        Trap: STRING_TOO_LONG, UNALIGNED_POINTER, STRING_OUT_OF_BOUNDS or INVALID_STRING.
    """
    if tagged_code_units & tag:
        return lift_utf16(cx, ptr, tagged_code_units ^ tag)
    view = _string_view(cx, ptr, tagged_code_units, 2)
    return str(view[ptr : ptr + tagged_code_units], "latin-1")


def _string_view(cx: Context, ptr: int, byte_length: int, align: int = 1) -> memoryview:
    if byte_length > MAX_STRING_BYTE_LENGTH:
        raise Trap(TrapCode.STRING_TOO_LONG)
    if ptr & (align - 1):
        raise trap(TrapCode.UNALIGNED_POINTER, f"string pointer not aligned to {align}")
    view = checked_view(cx, ptr, byte_length, TrapCode.STRING_OUT_OF_BOUNDS, "string pointer/length")
    if byte_length > FREE_STRING_BYTE_LENGTH:
        charge(cx, byte_length)
    return view


def invalid_utf8(error: UnicodeDecodeError) -> Trap:
    """Return the trap for bytes that are not UTF-8."""
    if error.reason == "unexpected end of data":
        return Trap(TrapCode.INVALID_STRING, f"incomplete utf-8 byte sequence from index {error.start}")
    length = error.end - error.start
    return Trap(TrapCode.INVALID_STRING, f"invalid utf-8 sequence of {length} bytes from index {error.start}")


def check_string(value: object) -> None:
    """Accept a string without lone surrogates.

    Raises:
        LowerError: it is something else.
    """
    if not isinstance(value, str):
        raise LowerError(f"expected str, got {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise LowerError(f"lone surrogate {value[error.start]!r} at index {error.start}") from None


def _encode(value: object, encoding: str) -> bytes:
    try:
        return str.encode(value, encoding)  # type: ignore[arg-type]  # a TypeError for anything but str
    except (TypeError, UnicodeEncodeError):
        check_string(value)
        raise


def lower_utf8(cx: Context, value: str) -> tuple[int, int]:
    """Store `value` as UTF-8 and return its pointer and byte length.

    Raises:
        LowerError: it is not a string, or has lone surrogates.
        Trap: realloc returned a bad pointer.
    """
    try:
        data = str.encode(value)
    except (TypeError, UnicodeEncodeError):
        data = _encode(value, "utf-8")
    byte_length = len(data)
    if byte_length > MAX_LOWERED_BYTE_LENGTH:
        return _store(cx, data, 1)
    ptr = cx.realloc(0, 0, 1, byte_length)  # `_store` without its two calls: this is the hottest path of all
    end = ptr + byte_length
    view: memoryview = cx.memory.view
    if end > len(view):
        view = allocated_view(cx, ptr, byte_length, TrapCode.STRING_OUT_OF_BOUNDS)
    view[ptr:end] = data
    return ptr, byte_length


def lower_utf16(cx: Context, value: str) -> tuple[int, int]:
    """Store `value` as UTF-16 and return its pointer and its length in code units; raises as `lower_utf8` does."""
    ptr, byte_length = _store(cx, _encode(value, "utf-16-le"), 2)
    return ptr, byte_length >> 1


def lower_latin1_utf16(cx: Context, value: str, tag: int) -> tuple[int, int]:
    """Store `value` as Latin-1, else as UTF-16; return its pointer and tagged length. Raises as `lower_utf8` does."""
    try:
        return _store(cx, str.encode(value, "latin-1"), 2)
    except (TypeError, UnicodeEncodeError):
        ptr, code_units = lower_utf16(cx, value)
        return ptr, code_units | tag


def _store(cx: Context, data: bytes, align: int) -> tuple[int, int]:
    byte_length = len(data)
    ptr = allocate(cx, align, byte_length, TrapCode.STRING_OUT_OF_BOUNDS)
    cx.memory.view[ptr : ptr + byte_length] = data
    return ptr, byte_length


__all__ = [
    "MAX_STRING_BYTE_LENGTH",
    "check_string",
    "invalid_utf8",
    "lift_latin1_utf16",
    "lift_utf8",
    "lift_utf16",
    "lower_latin1_utf16",
    "lower_utf8",
    "lower_utf16",
    "utf16_tag",
]
