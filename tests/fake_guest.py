"""A guest's memory and allocator without a guest."""

from __future__ import annotations


class FakeMemory:
    """A memory of fixed size whose `view` may be shorter than it, as after a growth nobody looked at."""

    def __init__(self, size: int = 1 << 16, seen: int | None = None) -> None:
        self.data = bytearray(size)
        self._whole = memoryview(self.data)
        self.view = self._whole[: size if seen is None else seen]
        self.checks: list[tuple[int, int]] = []

    def check(self, ptr: int, byte_length: int) -> bool:
        self.checks.append((ptr, byte_length))
        self.view = self._whole
        return ptr + byte_length <= len(self.data)


class FakeContext:
    """What compiled code needs of a call; realloc moves a pointer up and never looks back.

    Attributes:
        calls: the arguments of every call of realloc.
        returns: pointers that realloc returns first, good or bad.
        lift_budget: the most that `lifted` may become.
    """

    lift_budget = 1 << 30

    def __init__(self, memory: FakeMemory | None = None, heap: int = 64) -> None:
        self.memory = memory or FakeMemory()
        self.heap = heap
        self.lifted = 0
        self.calls: list[tuple[int, int, int, int]] = []
        self.returns: list[int] = []

    def realloc(self, old: int, old_size: int, align: int, new_size: int) -> int:
        self.calls.append((old, old_size, align, new_size))
        if self.returns:
            return self.returns.pop(0)
        ptr = (self.heap + align - 1) & -align
        self.heap = ptr + new_size
        return ptr
