"""A bounded cursor over the bytes of a component: LEB128 integers, names, vectors and windows.

Every fault is a `DecodeError` at the offset, counted from the start of the outermost input, where decoding stopped.

Source: Binary.md, and the "Values" chapter of the core specification's binary format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar, final

from attrs import define, field

from weft.component.plan import GatedUse
from weft.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.component.plan import Gated

MAX_DEPTH: Final = 100
"""How deep components, component types and instance types may nest, all counted together."""

MAX_ITEMS: Final = 1_000_000
"""How many items a vector may have; Wasmtime's own limit for most of them."""

T = TypeVar("T")


@final
@define(eq=False)
class Reader:
    """A cursor over ``data[position:end]``.

    Attributes:
        data: the outermost input, so that positions are offsets into it.
        position: where the next byte is read; never above `end`.
        end: the end of this reader's window.
        depth: how many scopes enclose what is being read.
        gated: uses of features to be rewritten for validation, noted by the type and canon decoders.
        notes_labels: whether component-level names and labels are noted among them.
        notes_wide: whether types of 64 bits are noted among them, for `weft.component.narrow`.
    """

    data: bytes
    position: int
    end: int
    depth: int = 0
    gated: list[GatedUse] = field(factory=list)
    notes_labels: bool = False
    notes_wide: bool = False

    def error(self, reason: str, offset: int | None = None) -> DecodeError:
        """Return the error to raise, at `offset` or at the current position."""
        return DecodeError(reason, self.position if offset is None else offset)

    def invalid_byte(self, value: int, what: str) -> DecodeError:
        """Return the error to raise for the byte just read, which is none of those that `what` may begin with."""
        return self.error(f"invalid leading byte ({value:#x}) for {what}", self.position - 1)

    def at_end(self) -> bool:
        """Whether the window is used up."""
        return self.position >= self.end

    def byte(self) -> int:
        """Read one byte."""
        position = self.position
        if position >= self.end:
            raise self.error("unexpected end-of-file")
        self.position = position + 1
        return self.data[position]

    def peek(self) -> int:
        """Return the next byte without reading it."""
        if self.position >= self.end:
            raise self.error("unexpected end-of-file")
        return self.data[self.position]

    def expect(self, value: int, what: str) -> None:
        """Read one byte that must be `value`."""
        if (found := self.byte()) != value:
            raise self.invalid_byte(found, what)

    def u32(self) -> int:
        """Read an unsigned 32-bit LEB128 integer."""
        return self._unsigned(32)

    def u64(self) -> int:
        """Read an unsigned 64-bit LEB128 integer."""
        return self._unsigned(64)

    def _unsigned(self, bits: int) -> int:
        start, result, shift = self.position, 0, 0
        while True:
            value = self.byte()
            result |= (value & 0x7F) << shift
            shift += 7
            if shift >= bits:
                self._check_last(value, value >> (bits - shift + 7) == 0, start)
            if value < 0x80:
                return result

    def s33(self) -> int:
        """Read a signed 33-bit LEB128 integer, the encoding of type indices and type codes."""
        start, result, shift = self.position, 0, 0
        while True:
            value = self.byte()
            result |= (value & 0x7F) << shift
            shift += 7
            if shift == 35:
                self._check_last(value, value & 0x70 in {0, 0x70}, start)
            if value < 0x80:
                return result - (1 << shift) if value & 0x40 else result

    def _check_last(self, value: int, fits: bool, start: int) -> None:
        if value >= 0x80:
            raise self.error("integer representation too long", start)
        if not fits:
            raise self.error("integer too large", start)

    def count(self) -> int:
        """Read the length of a vector whose items take at least one byte each."""
        start = self.position
        length = self.u32()
        if length > self.end - self.position:
            raise self.error("unexpected end-of-file: vector longer than its section", start)
        if length > MAX_ITEMS:
            raise self.error(f"vector longer than {MAX_ITEMS} items", start)
        return length

    def vec(self, item: Callable[[Reader], T]) -> tuple[T, ...]:
        """Read a vector."""
        return tuple([item(self) for _ in range(self.count())])

    def optional(self, item: Callable[[Reader], T], what: str) -> T | None:
        """Read ``item?``: 0x00, or 0x01 and an item."""
        return item(self) if self.flag(what) else None

    def flag(self, what: str) -> bool:
        """Read a byte that is 0x00 or 0x01."""
        value = self.byte()
        if value > 1:
            raise self.invalid_byte(value, what)
        return value == 1

    def bytes(self, length: int) -> bytes:
        """Read `length` bytes."""
        start = self.position
        if length > self.end - start:
            raise self.error("unexpected end-of-file")
        self.position = start + length
        return self.data[start : start + length]

    def name(self) -> str:
        """Read a name: its length in bytes, and UTF-8."""
        length = self.u32()
        start = self.position
        try:
            return self.bytes(length).decode()
        except UnicodeDecodeError as error:
            raise DecodeError("malformed UTF-8 encoding", start + error.start) from None

    def label(self) -> str:
        """Read a name that belongs to the component level."""
        start = self.position
        text = self.name()
        if self.notes_labels:
            self.note_gated(start, text)
        return text

    def window(self, length: int) -> Reader:
        """Return a reader over the next `length` bytes and skip them here. It notes its gated uses in this one."""
        start = self.position
        if length > self.end - start:
            raise self.error("unexpected end-of-file: section size out of bounds")
        self.position = start + length
        return Reader(self.data, start, self.position, self.depth, self.gated, self.notes_labels, self.notes_wide)

    def finish(self, what: str) -> None:
        """Refuse bytes left over in the window."""
        if self.position != self.end:
            raise self.error(f"unexpected content after the end of {what}")

    def descend(self) -> None:
        """Enter a nested scope; undone by ``depth -= 1``."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"components and types nest deeper than {MAX_DEPTH} levels")

    def note_gated(self, start: int, what: Gated) -> None:
        """Note that the bytes from `start` to here use a feature the validating engine has no switch for."""
        self.gated.append(GatedUse(start, self.position, what))

    def note_wide(self, start: int, narrower: Gated) -> None:
        """Note that the bytes from `start` to here are a type of 64 bits, and what to write instead."""
        if self.notes_wide:
            self.note_gated(start, narrower)


__all__ = ["MAX_DEPTH", "MAX_ITEMS", "Reader"]
