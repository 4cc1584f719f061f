"""Chunks: runs of elements of a stream on the host's side, and the buffers made of them."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeAlias, final

from weft.canon.types import Prim
from weft.errors import LowerError
from weft.host.streams.transmits import UNBOUND
from weft.runtime.buffer import GuestBuffer

if TYPE_CHECKING:
    from weft.host.streams.transmits import PayloadType
    from weft.runtime.buffer import Buffer

Chunk: TypeAlias = Sequence[Any] | memoryview

BYTES_LIKE = (bytes, bytearray, memoryview)

UNLIMITED = (1 << 28) - 1
"""The capacity of a buffer of the host's that takes whatever comes, in elements: the most that any buffer may have."""


def as_chunk(items: object) -> Chunk:
    """Return `items` as something that can be sliced.

    Raises:
        LowerError: they are no run of elements: a string, a mapping, a set, or nothing iterable.
    """
    if isinstance(items, bytes | list | tuple):
        return items
    if isinstance(items, str | Mapping | AbstractSet) or not isinstance(items, Iterable):
        raise LowerError(f"expected a sequence of stream elements, got {type(items).__name__}")
    try:
        view = memoryview(items)  # type: ignore[arg-type]
    except TypeError:
        return list(items)
    if view.ndim != 1 or not view.c_contiguous:
        raise LowerError("expected a one-dimensional, contiguous buffer of stream elements")
    return view


def is_chunk(item: object, payload: PayloadType) -> bool:
    """Say whether an item that was offered for a stream is a run of elements, rather than one element.

    No number, string or other primitive is a list, a tuple or a buffer, so in a stream of those such items are runs.
    """
    return (payload is UNBOUND or isinstance(payload, Prim)) and isinstance(item, (*BYTES_LIKE, list, tuple, array))


def own_chunk(chunk: Chunk, start: int) -> Chunk:
    """Return the part of `chunk` from `start`, such that later changes of what it came from are not seen."""
    if type(chunk) is bytes:
        return memoryview(chunk)[start:]
    if type(chunk) is memoryview:
        copy = memoryview(chunk[start:].tobytes())
        return copy if chunk.format == "B" else copy.cast(chunk.format)  # type: ignore[call-overload]
    return chunk[start:]


def join_chunks(chunks: Sequence[Chunk], payload: PayloadType) -> bytes | list[Any]:
    """Return all elements as one value: ``bytes`` for bytes, else a list."""
    if len(chunks) == 1 and (type(chunks[0]) is bytes or (type(chunks[0]) is list and payload is not Prim.U8)):
        return chunks[0]
    if payload is Prim.U8 or (payload is UNBOUND and chunks and all(_is_bytes(chunk) for chunk in chunks)):
        return b"".join([bytes(chunk) for chunk in chunks])
    return [element for chunk in chunks for element in chunk]


def _is_bytes(chunk: Chunk) -> bool:
    return type(chunk) is bytes or (type(chunk) is memoryview and chunk.format == "B")


def put(buffer: Buffer, chunk: Chunk) -> None:
    """Append a chunk that fits to a buffer; bytes to a guest's memory are copied without further ado."""
    if type(buffer) is GuestBuffer and _is_bytes(chunk) and getattr(buffer.payload, "type", None) is Prim.U8:
        memory, start, count = buffer.cx.memory, buffer.ptr + buffer.progress, len(chunk)
        assert memory is not None
        memory.view[start : start + count] = chunk  # type: ignore[assignment]
        buffer.progress += count
    else:
        buffer.write(chunk)


@final
class Retained:
    """Elements that a producer wrote and no read had room for, oldest first."""

    __slots__ = ("_at", "_chunks")

    def __init__(self) -> None:
        self._chunks: deque[Chunk] = deque()
        self._at = 0

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def add(self, chunk: Chunk, start: int) -> None:
        """Keep `chunk` from element `start` on."""
        if start < len(chunk):
            self._chunks.append(own_chunk(chunk, start))

    def put_back(self, chunk: Chunk) -> None:
        """Keep `chunk` before everything else."""
        if self._at:
            self._chunks[0] = self._chunks[0][self._at :]
            self._at = 0
        if len(chunk):
            self._chunks.appendleft(own_chunk(chunk, 0))

    def move_to(self, buffer: Buffer) -> None:
        """Write as much as fits to `buffer`."""
        while self._chunks and (room := buffer.remaining) > 0:
            chunk, start = self._chunks[0], self._at
            end = min(start + room, len(chunk))
            put(buffer, chunk if end - start == len(chunk) else chunk[start:end])
            if end == len(chunk):
                self._chunks.popleft()
                self._at = 0
            else:
                self._at = end

    def clear(self) -> None:
        """Forget everything."""
        self._chunks.clear()
        self._at = 0


@final
class HostBuffer:
    """Room on the host's side for what a stream or future delivers.

    Attributes:
        length: how many elements there is room for.
        chunks: what came so far.
    """

    __slots__ = ("chunks", "length", "remaining")

    def __init__(self, length: int) -> None:
        self.length = length
        self.remaining = length
        self.chunks: list[Chunk] = []

    def read(self, count: int) -> Sequence[object]:
        """Not possible: nothing reads from a reader's buffer."""
        raise NotImplementedError

    def write(self, values: Chunk) -> None:
        """Append `values`."""
        self.chunks.append(values)
        self.remaining -= len(values)


@final
class ChunkBuffer:
    """A chunk to be read, as the buffer of a writer."""

    __slots__ = ("_at", "_chunk", "length")

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._at = 0
        self.length = len(chunk)

    @property
    def remaining(self) -> int:
        """How many elements are left."""
        return self.length - self._at

    def read(self, count: int) -> Sequence[object]:
        """Take the next `count` elements."""
        start = self._at
        self._at = start + count
        if count == self.length and type(self._chunk) is not memoryview:
            return self._chunk
        part = self._chunk[start : start + count]
        if type(part) is memoryview:
            return part.tobytes() if part.format == "B" else part.tolist()
        return part

    def peek(self) -> Chunk:
        """Return what is left without taking it."""
        return self._chunk[self._at :] if self._at or type(self._chunk) is not bytes else self._chunk

    def write(self, values: Sequence[object]) -> None:
        """Not possible: nothing writes to a writer's buffer."""
        raise NotImplementedError


__all__ = [
    "BYTES_LIKE",
    "UNLIMITED",
    "Chunk",
    "ChunkBuffer",
    "HostBuffer",
    "Retained",
    "as_chunk",
    "is_chunk",
    "join_chunks",
    "own_chunk",
    "put",
]
