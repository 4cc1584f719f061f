"""Destinations: where a producer puts the items of a read.

Source: Wasmtime's `Destination` and `DirectDestination`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from weft.errors import ProducerError
from weft.host.streams.chunks import Retained, as_chunk, own_chunk, put
from weft.host.streams.loans import lend, number_format
from weft.host.streams.transmits import UNBOUND

if TYPE_CHECKING:
    from weft.host.streams.loans import Loan
    from weft.host.streams.transmits import PayloadType
    from weft.runtime.buffer import Buffer

DIRECT_CAPACITY = 65536
"""How many elements `Destination.direct` offers by default when the reader is the host."""


@final
class Destination:
    """Where a producer puts the items of the read in progress; it cannot be used between reads.

    What is written, directly or not, reaches the reader in the order in which it was written.

    Attributes:
        payload: the element type, `UNBOUND` while it is not known.
        written: how many items were written in this read, including those that must wait for the next one.
    """

    __slots__ = ("_buffer", "_host", "_loan", "_scratch", "payload", "retained", "written", "zero_length")

    def __init__(self, payload: PayloadType = UNBOUND) -> None:
        self.payload = payload
        self.written = 0
        self.zero_length = False
        self.retained = Retained()
        self._buffer: Buffer | None = None
        self._host = False
        self._loan: Loan | None = None
        self._scratch: memoryview | None = None

    def open(self, buffer: Buffer, *, host: bool) -> None:
        """Start a read into `buffer`; `host` tells that the reader is the host."""
        self._buffer = buffer
        self._host = host
        self.written = 0
        self.zero_length = not host and buffer.remaining == 0

    def close(self) -> None:
        """End the read.

        Raises:
            BufferError: the producer kept a part of the guest's memory.
        """
        self._buffer = self._scratch = None
        self.end_loan()

    def end_loan(self) -> None:
        """Take back what `direct` gave.

        Raises:
            BufferError: the producer kept a part of the guest's memory.
        """
        loan, self._loan = self._loan, None
        if loan is not None:
            loan.release()

    def _open_buffer(self) -> Buffer:
        if self._buffer is None:
            raise ProducerError("a destination was used while its reader does not read")
        return self._buffer

    @property
    def remaining(self) -> int | None:
        """How many more items the reader has room for; None when the reader is the host, which takes any number."""
        buffer = self._open_buffer()
        return None if self._host else buffer.remaining

    def write(self, items: object) -> None:
        """Write a run of items: any sequence, and for numbers any buffer of them.

        What the reader has no room for is kept and serves its next reads; the producer is asked again after that.

        Raises:
            LowerError: `items` is no sequence, or one of them does not fit the element type.
        """
        buffer = self._open_buffer()
        if self._loan is not None:
            self.end_loan()
        chunk = items if type(items) is bytes else as_chunk(items)
        count = len(chunk)
        self.written += count
        room = buffer.remaining
        if self.retained:
            self.retained.add(chunk, 0)
        elif count <= room:
            if count:
                put(buffer, own_chunk(chunk, 0) if self._host and type(chunk) is not bytes else chunk)
        else:
            if room:
                put(buffer, own_chunk(chunk[:room], 0) if self._host else chunk[:room])
            self.retained.add(chunk, room)

    def direct(self, capacity: int = DIRECT_CAPACITY) -> memoryview:
        """Return the room that is left as writable memory: the guest's own, or `capacity` items of the host's.

        One entry is one item. The view is good until the answer to this poll (for a producer that holds the operation:
        until its end), or until the next call of `direct` or `write`. Call `mark_written` with what was filled.

        Raises:
            LowerError: the items are no numbers.
            BufferError: a part of an earlier view was kept.
        """
        buffer = self._open_buffer()
        self.end_loan()
        self._scratch = None
        loan = None if self._host or self.retained else lend(buffer, self.payload, writable=True)
        if loan is not None:
            self._loan = loan
            return loan.view
        fmt = "B" if self.payload is UNBOUND else number_format(self.payload)
        room = memoryview(bytearray(capacity * memoryview(b"\0" * 8).cast(fmt).itemsize))  # type: ignore[call-overload]
        scratch: memoryview = room.cast(fmt)  # type: ignore[call-overload]
        self._scratch = scratch
        return scratch

    def mark_written(self, count: int) -> None:
        """Say that the first `count` items of the view that `direct` returned were written.

        Raises:
            ProducerError: there is no such view, or it is shorter.
        """
        view: Any = self._scratch if self._loan is None else self._loan.view
        if view is None or not 0 <= count <= len(view):
            raise ProducerError(f"{count} items were marked as written, but `direct` gave no room for so many")
        if self._loan is None:
            filled = view[:count]
            self._scratch = None
            self.write(filled)
        else:
            self.end_loan_after(count)

    def end_loan_after(self, count: int) -> None:
        """Take back what `direct` gave, with `count` items written to it."""
        self._open_buffer().advance(count)  # type: ignore[attr-defined]  # a loan is of a GuestBuffer
        self.written += count
        self.end_loan()


__all__ = ["DIRECT_CAPACITY", "Destination"]
