"""Headers and trailers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from weft import Err, Trap, TrapCode
from weft.wasi.http.errors import HttpError
from weft.wasi.http.held import Held
from weft.wasi.http.syntax import content_length_of, is_field_value, is_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from weft.wasi.ctx import WasiCtx

ENTRY_OVERHEAD: Final = 32
"""What a value costs beside its bytes, so that empty ones are not free (RFC 9113, section 6.5.2, counts so)."""

HELD_BASE: Final = 512
"""About what an object costs the host that says nothing yet, in bytes."""

NAME_BYTE_LENGTH: Final = 256
"""About what a name costs the host beside its bytes."""


@final
class Fields:
    """The fields of a message's head, or of its trailers; a resource of ``wasi:http/types``.

    Names are looked up without regard to case and given back in the case of the first that was set. The values of one
    name are kept together.

    Attributes:
        byte_length: how long all names and values are, with an overhead for each value.
        immutable: whether `set`, `append` and `delete` fail.
    """

    __slots__ = ("_ctx", "_entries", "_held", "_viewed", "byte_length", "immutable")

    def __init__(self, ctx: WasiCtx) -> None:
        try:
            self._held = Held(ctx.held, HELD_BASE)
        except OSError as error:
            raise Trap(TrapCode.OTHER, str(error)) from error
        self._ctx = ctx
        self._entries: dict[str, tuple[str, list[bytes]]] = {}
        self._viewed: Held | None = None
        self.byte_length = 0
        self.immutable = False

    @classmethod
    def from_list(cls, ctx: WasiCtx, entries: Iterable[tuple[str, bytes]]) -> Fields:
        """Make fields of pairs, for a guest that may change them.

        Raises:
            Err: the ``header-error``.
        """
        fields = cls(ctx)
        for name, value in entries:
            fields.append(name, value)
        return fields

    @classmethod
    def received(cls, ctx: WasiCtx, entries: Iterable[tuple[str | bytes, bytes]], too_long: str) -> Fields:
        """Make fields of what came over the network, without those that guests do not see, and immutable.

        Args:
            ctx: the context of the guest that will see them.
            entries: names and values; names in bytes are ASCII.
            too_long: the case of ``error-code`` for too many of them: ``"HTTP-request-header-section-size"``, ...

        Raises:
            HttpError: they are too long together, or not what HTTP allows.
        """
        fields = cls(ctx)
        chunked = False
        for raw_name, value in entries:
            name = raw_name if isinstance(raw_name, str) else raw_name.decode("latin-1")
            try:
                fields.append(name, value)
            except Err as error:
                if error.value == "size-exceeded":
                    raise HttpError((too_long, None)) from None
                if error.value != "forbidden":
                    raise HttpError("HTTP-protocol-error") from None
                chunked = chunked or name.lower() == "transfer-encoding"
        if chunked:  # which overrides a length, and that must not be passed on (RFC 9112, section 6.3)
            fields.delete("content-length")
        fields.immutable = True
        return fields

    # Reading.

    def get(self, name: str) -> Sequence[bytes]:
        """Return all values of a name."""
        entry = self._entries.get(name.lower())
        return () if entry is None else entry[1]

    def has(self, name: str) -> bool:
        """Whether there is a value of a name."""
        return name.lower() in self._entries

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over the pairs of a name and a value."""
        return ((name, value) for name, values in self._entries.values() for value in values)

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._entries)

    def clone(self) -> Fields:
        """Return a copy that can be changed."""
        copy = Fields(self._ctx)
        try:
            copy._resize(self.byte_length, len(self))
        except Err as error:
            raise Trap(TrapCode.OTHER, "the guest may not have the host hold another copy of these fields") from error
        copy._entries = {key: (name, values.copy()) for key, (name, values) in self._entries.items()}
        return copy

    def view(self) -> Fields:
        """Return the same as another resource; both are immutable from now on."""
        self.immutable = True
        view = Fields(self._ctx)
        view._entries = self._entries
        view._viewed = self._viewed or self._held  # they are there for as long as one of the two is
        view.byte_length = self.byte_length
        view.immutable = True
        return view

    def content_length(self) -> int | None:
        """Return what the ``content-length`` fields say; None when there are none.

        Raises:
            HttpError: they contradict each other, which those use who smuggle requests.
        """
        lengths = {content_length_of(value) for value in self.get("content-length")}
        if len(lengths) > 1:
            raise HttpError("HTTP-protocol-error")
        return lengths.pop() if lengths else None

    # Changing.

    def _check_name(self, name: str) -> str:
        if not is_token(name):
            raise Err("invalid-syntax")
        key = name.lower()
        if key in self._ctx.http.forbidden_headers:
            raise Err("forbidden")
        return key

    @staticmethod
    def _check_value(key: str, value: bytes) -> None:
        if not is_field_value(value) or (key == "content-length" and content_length_of(value) is None):
            raise Err("invalid-syntax")

    def _check_mutable(self) -> None:
        if self.immutable:
            raise Err("immutable")

    def _resize(self, byte_length: int, names: int) -> None:
        if byte_length > self._ctx.limits.header_byte_length:
            raise Err("size-exceeded")
        try:
            self._held.resize(HELD_BASE + byte_length + names * NAME_BYTE_LENGTH)
        except OSError as error:
            raise Err("size-exceeded") from error
        self.byte_length = byte_length

    def append(self, name: str, value: bytes) -> None:
        """Add a value to those of a name.

        Raises:
            Err: the ``header-error``.
        """
        key = self._check_name(name)
        self._check_value(key, value)
        self._check_mutable()
        known = key in self._entries
        byte_length = self.byte_length + (0 if known else len(name)) + len(value) + ENTRY_OVERHEAD
        self._resize(byte_length, len(self) + (not known))
        if known:
            self._entries[key][1].append(value)
        else:
            self._entries[key] = (name, [value])

    def set(self, name: str, values: Sequence[bytes]) -> None:
        """Give a name these values and no others.

        Raises:
            Err: the ``header-error``.
        """
        key = self._check_name(name)
        for value in values:
            self._check_value(key, value)
        self._check_mutable()
        added = _entry_length(name, values) if values else 0
        names = len(self) - (key in self._entries) + bool(values)
        self._resize(self.byte_length - self._length_of(key) + added, names)
        if not values:
            self._entries.pop(key, None)
        elif key in self._entries:
            self._entries[key] = (self._entries[key][0], list(values))
        else:
            self._entries[key] = (name, list(values))

    def delete(self, name: str) -> Sequence[bytes]:
        """Remove the values of a name, and return them.

        Raises:
            Err: the ``header-error``.
        """
        key = self._check_name(name)
        self._check_mutable()
        self._resize(self.byte_length - self._length_of(key), len(self) - (key in self._entries))
        entry = self._entries.pop(key, None)
        return () if entry is None else entry[1]

    def _length_of(self, key: str) -> int:
        entry = self._entries.get(key)
        return 0 if entry is None else _entry_length(*entry)


def _entry_length(name: str, values: Sequence[bytes]) -> int:
    return len(name) + sum(len(value) for value in values) + len(values) * ENTRY_OVERHEAD


__all__ = ["ENTRY_OVERHEAD", "Fields"]
