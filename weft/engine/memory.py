"""Linear memories, and views of them that stay safe."""

from __future__ import annotations

import ctypes
import weakref
from typing import TYPE_CHECKING, Any, Self, final

from weft.engine import _lib
from weft.engine.extern import CoreExtern
from weft.engine.trap import check

if TYPE_CHECKING:
    from types import TracebackType

    from weft.engine.coretypes import MemoryType
    from weft.engine.store import CoreStore

_EMPTY = memoryview(bytearray())


@final
class CoreMemory(CoreExtern):
    """A linear memory. It never moves: the base address holds until the store is closed.

    Attributes:
        type: its type; the minimum is that of the definition, not of the present.
        is64: whether addresses are i64.
        view: the bytes, as of the last time its size was looked at: its length is a lower bound. A slice beyond its end
            is silently shorter, so call `check` first. Empty once the store is closed.
    """

    __slots__ = ("_base", "is64", "type", "view")

    def __init__(self, store: CoreStore, raw: bytes, kind: MemoryType) -> None:
        super().__init__(store, raw)
        self.type = kind
        self.is64 = kind.is64
        self._base: int = _lib.memory_data(store.ctx, self.item) or 0
        self.view = _EMPTY
        self.size()
        store.memories.append(self)

    def size(self) -> int:
        """Return the size in bytes, and bring `view` up to it."""
        byte_length: int = _lib.memory_data_size(self._context(), self.item)
        if byte_length != len(self.view):
            self.view = memoryview(self._span(0, byte_length)).cast("B")
        return byte_length

    def _span(self, start: int, byte_length: int) -> Any:
        span: Any = (ctypes.c_ubyte * byte_length).from_address(self._base + start)
        # Whoever sees the bytes keeps them mapped, even after the store is closed.
        span.owner = self.store.native
        return span

    def same(self, other: CoreMemory) -> bool:
        """Return whether both are one memory, reached on different ways."""
        return self.store is other.store and self._base == other._base

    def check(self, ptr: int, byte_length: int) -> bool:
        """Return whether ``[ptr, ptr + byte_length)`` lies inside the memory; both are not negative."""
        end = ptr + byte_length
        return end <= len(self.view) or end <= self.size()

    def grow(self, delta: int) -> int:
        """Grow by `delta` pages and return the size in pages before.

        Raises:
            EngineError: the maximum, a limit, or the address space does not allow it.
        """
        before = ctypes.c_uint64()
        check(_lib.memory_grow(self._context(), self.item, delta, before))
        self.size()
        return before.value

    def borrow(self, ptr: int, n: int, *, writable: bool = True) -> Borrow:
        """Lend ``[ptr, ptr + n)`` to host code, until it is released.

        Raises:
            IndexError: it does not lie inside the memory.
        """
        if ptr < 0 or n < 0 or not self.check(ptr, n):
            msg = f"{n} bytes at {ptr} are not inside the memory"
            raise IndexError(msg)
        self._context()
        return Borrow(self._span(ptr, n), writable=writable)

    def detach(self) -> None:
        """Forget the bytes: the store is being closed."""
        self.view = _EMPTY


@final
class Borrow:
    """A stretch of guest memory in the hands of host code.

    Attributes:
        view: the bytes; after `release` any use of it raises ValueError.
    """

    __slots__ = ("_span", "_whole", "view")

    def __init__(self, span: Any, *, writable: bool) -> None:
        self._span: weakref.ref[Any] = weakref.ref(span)
        self._whole = memoryview(span).cast("B")
        self.view = self._whole if writable else self._whole.toreadonly()

    def release(self) -> None:
        """End the loan. Idempotent.

        Raises:
            BufferError: host code kept a slice, a cast or a buffer of it. That stays safe to use, for it keeps the
                guest's memory mapped, but the guest sees what is written there.
        """
        self.view.release()
        self._whole.release()
        if self._span() is not None:
            msg = "a view of guest memory was kept beyond its loan"
            raise BufferError(msg)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
