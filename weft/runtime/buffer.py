"""Buffers: where the two sides of a copy read from and write to.

Source: CanonicalABI.md, "Buffer State".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from weft.errors import Trap, TrapCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weft.engine import CoreMemory

MAX_LENGTH = 2**28 - 1
_MOST_NOTHINGS = 1 << 20


class Payload(Protocol):
    """How elements of one type lie in guest memory; see `weft.canon.payload`."""

    @property
    def size(self) -> int:
        """Bytes an element takes."""
        ...

    @property
    def alignment(self) -> int:
        """Of an element, in bytes."""
        ...

    @property
    def numeric(self) -> bool:
        """Whether every bit pattern is a value, so that elements can be copied as bytes."""
        ...

    @property
    def load(self) -> Callable[[Any, int, int], Sequence[object]]:
        """Lift elements: (context, pointer, count); the range is in bounds."""
        ...

    @property
    def store(self) -> Callable[[Any, Sequence[object], int], None]:
        """Lower elements: (context, values, pointer); the range is in bounds."""
        ...


class PayloadContext(Protocol):
    """What a payload needs of a guest; see `weft.canon.context`."""

    @property
    def memory(self) -> CoreMemory | None:
        """The guest's memory."""


class Buffer(Protocol):
    """One side of a copy. Elements are Python values, and ``bytes`` for ``stream<u8>``."""

    @property
    def remaining(self) -> int:
        """How many elements can still be read from or written to it."""
        ...

    @property
    def length(self) -> int:
        """How many elements it was made for."""
        ...

    def read(self, count: int) -> Sequence[object]:
        """Take the next `count` elements, or fewer where that is too much at once, but at least one."""
        ...

    def write(self, values: Sequence[object]) -> None:
        """Append `values`."""


class GuestBuffer:
    """A range of elements in a guest's memory, and how far a copy has come in it.

    Raises:
        Trap: for a range that is too long, unaligned or out of bounds.
    """

    __slots__ = ("cx", "length", "payload", "progress", "ptr")

    def __init__(self, payload: Payload | None, cx: PayloadContext, ptr: int, length: int) -> None:
        if length > MAX_LENGTH:
            raise Trap(TrapCode.STREAM_OP_TOO_BIG)
        if payload is not None and length:
            if ptr % payload.alignment:
                raise Trap(TrapCode.UNALIGNED_POINTER, "read/write pointer not aligned")
            memory = cx.memory
            if memory is None or not memory.check(ptr, length * payload.size):
                raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS, "read/write pointer out of bounds of memory")
        self.cx = cx
        self.payload = payload
        self.ptr = ptr
        self.length = length
        self.progress = 0

    @property
    def remaining(self) -> int:
        """How many elements can still be copied."""
        return self.length - self.progress

    @property
    def position(self) -> int:
        """Address of the next element."""
        return self.ptr + self.progress * (self.payload.size if self.payload is not None else 0)

    def read(self, count: int) -> Sequence[object]:
        """Lift the next `count` elements, or fewer where that is too much at once."""
        if self.payload is None:
            values: Sequence[object] = [None] * min(count, _MOST_NOTHINGS)
        else:
            values = self.payload.load(self.cx, self.position, count)
        self.progress += len(values)
        return values

    def write(self, values: Sequence[object]) -> None:
        """Lower `values` behind what was written before."""
        if self.payload is not None:
            self.payload.store(self.cx, values, self.position)
        self.progress += len(values)

    def advance(self, count: int) -> None:
        """Count `count` elements as copied: whoever calls this has touched the memory itself."""
        self.progress += count


def transfer(source: Buffer, destination: Buffer, count: int) -> None:
    """Copy `count` elements; plain memory to memory where both sides are guests and the elements are numbers."""
    if isinstance(source, GuestBuffer) and isinstance(destination, GuestBuffer):
        payload = source.payload
        if payload is None:
            source.advance(count)
            destination.advance(count)
            return
        if payload.numeric:
            _transfer_bytes(source, destination, count * payload.size)
            source.advance(count)
            destination.advance(count)
            return
    destination.write(source.read(count))


def _transfer_bytes(source: GuestBuffer, destination: GuestBuffer, byte_length: int) -> None:
    from_memory, to_memory = source.cx.memory, destination.cx.memory
    assert from_memory is not None
    assert to_memory is not None
    start, end = source.position, destination.position
    to_memory.view[end : end + byte_length] = from_memory.view[start : start + byte_length]
