"""Loans: stretches of guest memory in the hands of producers and consumers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, final

from weft.canon.numbers import NUMBER_FORMATS
from weft.errors import LowerError
from weft.host.streams.transmits import describe
from weft.runtime.buffer import GuestBuffer

if TYPE_CHECKING:
    from weft.engine import Borrow
    from weft.host.streams.transmits import PayloadType
    from weft.runtime.buffer import Buffer


def number_format(payload: PayloadType) -> str:
    """Return the `struct` format of the elements.

    Raises:
        LowerError: they are no numbers, so that no view can show them.
    """
    fmt = NUMBER_FORMATS.get(payload)  # type: ignore[arg-type]
    if fmt is None:
        raise LowerError(f"only streams of numbers can be accessed directly, this one has {describe(payload)}")
    if sys.byteorder != "little" and fmt not in "bB":
        raise LowerError("guest memory is little-endian: only bytes can be accessed directly on this machine")
    return fmt


@final
class Loan:
    """A view of the elements that are left in a guest's buffer, in their own format.

    Attributes:
        view: one item an element.
    """

    __slots__ = ("_borrow", "view")

    def __init__(self, buffer: GuestBuffer, fmt: str, *, writable: bool) -> None:
        payload, memory = buffer.payload, buffer.cx.memory
        assert payload is not None
        self._borrow: Borrow | None = None
        self.view: memoryview
        if memory is None or not buffer.remaining:
            self.view = memoryview(bytearray()).cast("B").cast(fmt)  # type: ignore[call-overload]
            return
        self._borrow = memory.borrow(buffer.position, buffer.remaining * payload.size, writable=writable)
        self.view = self._borrow.view.cast(fmt)  # type: ignore[call-overload]

    def release(self) -> None:
        """End the loan.

        Raises:
            BufferError: a part of the view was kept.
        """
        self.view.release()
        if self._borrow is not None:
            self._borrow.release()


def lend(buffer: Buffer, payload: PayloadType, *, writable: bool) -> Loan | None:
    """Lend what is left of `buffer`, or None when it is not in a guest.

    Raises:
        LowerError: the elements are no numbers.
    """
    if not isinstance(buffer, GuestBuffer):
        return None
    return Loan(buffer, number_format(payload), writable=writable)


__all__ = ["Loan", "lend", "number_format"]
