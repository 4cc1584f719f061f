"""How a value lies in memory as one `struct`: its words, in order, each with its format and its offset.

A type of up to 16 words is spread out inside the type that holds it; a larger one is a single opaque word of bytes with
a function of its own, so the code of a function stays linear in the size of its types however they nest. A variant is
its discriminant and its payload: spread out when only one case has one, else opaque.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from attrs import Factory, define, frozen

from weft.canon.layout import (
    VariantLike,
    case_types,
    discriminant_size,
    elem_size,
    field_offsets,
    field_types,
    flags_size,
    payload_offset,
    pointer_size,
)
from weft.canon.numbers import NUMBER_FORMATS
from weft.canon.types import (
    EnumType,
    FlagsType,
    ListType,
    MapType,
    OptionType,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_INLINE_WORDS = 16

_PRIM_FORMATS = NUMBER_FORMATS | {Prim.BOOL: "?", Prim.CHAR: "I", Prim.ERROR_CONTEXT: "I"}
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}


@final
@frozen
class Word:
    """One item of a struct: its format (``I``, ``12s``), its byte offset and size."""

    fmt: str
    offset: int
    size: int

    @property
    def zero(self) -> str:
        """What to store, as source text, where the value has nothing to say."""
        if self.fmt.endswith("s"):
            return "b''"
        return {"?": "False", "f": "0.0", "d": "0.0"}.get(self.fmt, "0")


@final
@define(eq=False)
class WordPlan:
    """The words of every type of one generated module."""

    memory64: bool
    _words: dict[int, tuple[ValType, tuple[Word, ...]]] = Factory(dict)

    def words(self, t: ValType) -> tuple[Word, ...]:
        """Return the words of `t`, fields spread out."""
        known = self._words.get(id(t))  # by identity: equal types may differ in names, and hashing is not free
        if known is None:
            known = self._words[id(t)] = (t, tuple(self._make(t)))
        return known[1]

    def is_opaque(self, t: ValType) -> bool:
        """Say whether `t` is one word of bytes inside another type."""
        return len(self.words(t)) > _INLINE_WORDS

    def child(self, t: ValType) -> tuple[Word, ...]:
        """Return the words of `t` inside another type."""
        if not self.is_opaque(t):
            return self.words(t)
        size = elem_size(t, self.memory64)
        return (Word(f"{size}s", 0, size),)

    def payload_size(self, t: VariantLike) -> int:
        """Return the size of the payload of a variant that is opaque, 0 when it is spread out or there is none."""
        payloads = [case for case in case_types(t) if case is not None]
        if len(payloads) <= 1:
            return 0
        return max(elem_size(case, self.memory64) for case in payloads)

    def format(self, t: ValType) -> str:
        """Return the struct format of `t`, padding included."""
        parts = ["<"]
        end = 0
        for word in self.words(t):
            parts.append("x" * (word.offset - end) + word.fmt)
            end = word.offset + word.size
        parts.append("x" * (elem_size(t, self.memory64) - end))
        return "".join(parts)

    def _make(self, t: ValType) -> Iterable[Word]:
        match t:
            case Prim.STRING | MapType() | ListType(length=None):
                size = pointer_size(self.memory64)
                return [Word(_UNSIGNED[size], 0, size), Word(_UNSIGNED[size], size, size)]
            case ListType():
                size = elem_size(t, self.memory64)
                return [Word(f"{size}s", 0, size)]
            case Prim():
                return [Word(_PRIM_FORMATS[t], 0, elem_size(t))]
            case RecordType() | TupleType():
                types = field_types(t)
                offsets = field_offsets(types, self.memory64)
                return [word for at, field in zip(offsets, types, strict=True) for word in self._at(at, field)]
            case VariantType() | EnumType() | OptionType() | ResultType():
                return self._variant(t)
            case FlagsType():
                size = flags_size(len(t.labels))
                return [Word(_UNSIGNED[size], 0, size)]
            case _:  # a handle
                return [Word("I", 0, 4)]

    def _at(self, offset: int, t: ValType) -> list[Word]:
        return [Word(word.fmt, offset + word.offset, word.size) for word in self.child(t)]

    def _variant(self, t: VariantLike) -> list[Word]:
        cases = case_types(t)
        size = discriminant_size(len(cases))
        discriminant = Word(_UNSIGNED[size], 0, size)
        offset = payload_offset(cases, self.memory64)
        payload_size = self.payload_size(t)
        if payload_size:
            return [discriminant, Word(f"{payload_size}s", offset, payload_size)]
        return [discriminant, *(word for case in cases if case is not None for word in self._at(offset, case))]


__all__ = ["Word", "WordPlan"]
