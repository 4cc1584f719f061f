"""Access to a guest's linear memory on behalf of compiled lift and lower: every range is checked here first.

A slice of a memoryview truncates silently, so nothing is sliced before its range is known to be in bounds. All
arithmetic is on Python integers and cannot wrap around.
"""

from __future__ import annotations

from typing import Any, NoReturn, Protocol

from weft.errors import LowerError, Trap, TrapCode

MAX_LIST_BYTE_LENGTH = (1 << 28) - 1
"""The longest list a guest may pass. Source: CanonicalABI.md, "Loading", `load_list_from_range`."""

MAX_LOWERED_BYTE_LENGTH = 2 * MAX_LIST_BYTE_LENGTH
"""The longest string or list weft makes: the longest one a guest may pass, twice as wide in the other guest."""


class Memory(Protocol):
    """A linear memory; `view` may be older than the last growth, so its length is a lower bound of the real size."""

    @property
    def view(self) -> memoryview:
        """The bytes, format 'B'. Memory never moves, so an older view stays good for the range it has."""
        raise NotImplementedError

    def check(self, ptr: int, byte_length: int, /) -> bool:
        """Say whether the range is in bounds; `view` covers it then."""
        raise NotImplementedError


class Context(Protocol):
    """What compiled code needs to know of the call it lifts or lowers for."""

    lifted: int
    """About how many bytes of Python objects this lift has made so far; set to 0 when one begins."""

    @property
    def memory(self) -> Any:
        """The `Memory` of the canonical options; None where no type needs one, and then nothing asks for it."""

    @property
    def lift_budget(self) -> int:
        """The most that `lifted` may become."""
        raise NotImplementedError

    def realloc(self, old: int, old_size: int, align: int, new_size: int, /) -> int:
        """Call the guest's realloc and return its pointer, unchecked."""
        raise NotImplementedError


def trap(code: TrapCode, detail: str) -> Trap:
    """Return the trap `code` whose message also holds `detail`, the words Wasmtime has where it is the host."""
    return Trap(code, f"{code.message}: {detail}")


def checked_view(cx: Context, ptr: int, byte_length: int, code: TrapCode, what: str) -> memoryview:
    """Return a view that covers the range.

    Raises:
        Trap: `code`, the range is not in bounds.
    """
    memory: Memory = cx.memory
    if ptr + byte_length > len(memory.view) and not memory.check(ptr, byte_length):
        raise trap(code, f"{what} out of bounds of memory")
    return memory.view


def pointed_view(cx: Context, ptr: int, byte_length: int, align: int) -> memoryview:
    """Return a view that covers parameters or results passed in memory.

    Raises:
        Trap: UNALIGNED_POINTER or MEMORY_OUT_OF_BOUNDS.
    """
    if ptr & (align - 1):
        raise trap(TrapCode.UNALIGNED_POINTER, "pointer not aligned")
    return checked_view(cx, ptr, byte_length, TrapCode.MEMORY_OUT_OF_BOUNDS, "pointer")


def charge(cx: Context, cost: int) -> None:
    """Count `cost` bytes of Python objects that are about to be made.

    Raises:
        Trap: HOST_LIMIT, one lift makes more than the budget.
    """
    cx.lifted = lifted = cx.lifted + cost
    if lifted > cx.lift_budget:
        raise trap(TrapCode.HOST_LIMIT, "the fuel allocated for hostcalls has been exhausted by what one call lifts")


def list_view(cx: Context, ptr: int, byte_length: int, align: int, cost: int) -> memoryview:
    """Return a view that covers the elements of a list, which cost `cost` bytes of the budget.

    Raises:
        Trap: LIST_TOO_LONG, UNALIGNED_POINTER, LIST_OUT_OF_BOUNDS or HOST_LIMIT.
    """
    if byte_length > MAX_LIST_BYTE_LENGTH:
        raise Trap(TrapCode.LIST_TOO_LONG)
    if ptr & (align - 1):
        raise trap(TrapCode.UNALIGNED_POINTER, "list pointer is not aligned")
    view = checked_view(cx, ptr, byte_length, TrapCode.LIST_OUT_OF_BOUNDS, "list pointer/length")
    charge(cx, cost)
    return view


def allocate(cx: Context, align: int, byte_length: int, code: TrapCode = TrapCode.REALLOC_OUT_OF_BOUNDS) -> int:
    """Return a fresh range of the guest's memory, also when it is empty; `cx.memory.view` covers it.

    Raises:
        Trap: UNALIGNED_POINTER, or `code`: realloc returned a range that is not in bounds.
        LowerError: there is more to store than a guest may be given.
    """
    if byte_length > MAX_LOWERED_BYTE_LENGTH:
        raise LowerError(f"needs {byte_length} bytes of memory, more than {MAX_LOWERED_BYTE_LENGTH}")
    ptr = cx.realloc(0, 0, align, byte_length)
    if ptr & (align - 1):
        raise trap(TrapCode.UNALIGNED_POINTER, "realloc return: result not aligned")
    if ptr + byte_length > len(cx.memory.view):
        allocated_view(cx, ptr, byte_length, code)
    return ptr


def allocated_view(cx: Context, ptr: int, byte_length: int, code: TrapCode) -> memoryview:
    """Return a view that covers what realloc returned.

    Raises:
        Trap: `code`, the range is not in bounds.
    """
    memory: Memory = cx.memory
    if not memory.check(ptr, byte_length):
        own_text = code is TrapCode.REALLOC_OUT_OF_BOUNDS
        raise Trap(code) if own_text else trap(code, TrapCode.REALLOC_OUT_OF_BOUNDS.message)
    return memory.view


def bad_char(code_point: int) -> NoReturn:
    """Trap: a guest's ``char`` is a surrogate or beyond U+10FFFF."""
    raise trap(TrapCode.INVALID_CHAR, f"{code_point:#x}")


def bad_case(index: int, count: int) -> NoReturn:
    """Trap: a guest's discriminant has no case."""
    raise trap(TrapCode.INVALID_DISCRIMINANT, f"discriminant {index} out of range [0..{count})")


__all__ = [
    "MAX_LIST_BYTE_LENGTH",
    "MAX_LOWERED_BYTE_LENGTH",
    "Context",
    "Memory",
    "allocate",
    "allocated_view",
    "bad_case",
    "bad_char",
    "charge",
    "checked_view",
    "list_view",
    "pointed_view",
    "trap",
]
