"""Handle tables: what a guest's small integers stand for.

Source: CanonicalABI.md, "Table State".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, final

from weft.errors import Trap, TrapCode

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

MAX_LENGTH = 2**28 - 1


@final
class Table(Generic[T]):
    """A growable array with a last-in first-out free list; index 0 is never valid.

    Invariant: `_free` holds exactly the indices above 0 whose element is None.
    """

    __slots__ = ("_array", "_free", "limit")

    def __init__(self, limit: int = MAX_LENGTH) -> None:
        self._array: list[T | None] = [None]
        self._free: list[int] = []
        self.limit = min(limit, MAX_LENGTH)

    def __iter__(self) -> Iterator[T]:
        return (element for element in self._array if element is not None)

    def items(self) -> Iterator[tuple[int, T]]:
        """Yield every element with its index."""
        return ((index, element) for index, element in enumerate(self._array) if element is not None)

    def __len__(self) -> int:
        return len(self._array) - len(self._free) - 1

    def clear(self) -> None:
        """Forget every element; no index stands for anything any more."""
        self._array = [None]
        self._free.clear()

    def get(self, index: int) -> T:
        """Return the element at `index`; a `Trap` when there is none."""
        array = self._array
        if index >= len(array) or (element := array[index]) is None:
            raise unknown_handle(index)
        return element

    def add(self, element: T) -> int:
        """Store `element` at the index freed last, or at a new one."""
        if self._free:
            index = self._free.pop()
            self._array[index] = element
            return index
        index = len(self._array)
        if index > self.limit:
            raise Trap(TrapCode.HANDLE_TABLE_FULL)
        self._array.append(element)
        return index

    def remove(self, index: int) -> T:
        """Take the element at `index` out; a `Trap` when there is none."""
        element = self.get(index)
        self._array[index] = None
        self._free.append(index)
        return element


def unknown_handle(index: int) -> Trap:
    """Return the trap for an index that stands for nothing."""
    return Trap(TrapCode.UNKNOWN_HANDLE, f"unknown handle index {index}")
