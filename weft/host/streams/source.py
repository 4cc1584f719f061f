"""Sources: what a consumer takes the items of a write from.

Source: Wasmtime's `Source` and `DirectSource`.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, final

from weft.errors import ConsumerError
from weft.host.streams.loans import lend, number_format
from weft.host.streams.transmits import UNBOUND
from weft.runtime.buffer import GuestBuffer

if TYPE_CHECKING:
    from weft.host.streams.loans import Loan
    from weft.host.streams.transmits import PayloadType
    from weft.runtime.buffer import Buffer

MAX_UNITS = 65536
"""How many items without payload `Source.read` takes by default, at the most."""


@final
class Source:
    """What the write in progress offers; it cannot be used between writes.

    Attributes:
        payload: the element type, `UNBOUND` while it is not known.
    """

    __slots__ = ("_buffer", "_copy", "_loan", "_start", "payload")

    def __init__(self, payload: PayloadType = UNBOUND) -> None:
        self.payload = payload
        self._buffer: Buffer | None = None
        self._start = 0
        self._loan: Loan | None = None
        self._copy: memoryview | None = None

    def open(self, buffer: Buffer) -> None:
        """Start a write from `buffer`."""
        self._buffer = buffer
        self._start = buffer.remaining

    def close(self) -> None:
        """End the write.

        Raises:
            BufferError: the consumer kept a part of the guest's memory.
        """
        self._buffer = self._copy = None
        self.end_loan()

    def end_loan(self) -> None:
        """Take back what `direct` gave.

        Raises:
            BufferError: the consumer kept a part of the guest's memory.
        """
        loan, self._loan = self._loan, None
        if loan is not None:
            loan.release()

    def _open_buffer(self) -> Buffer:
        if self._buffer is None:
            raise ConsumerError("a source was used while its writer does not write")
        return self._buffer

    @property
    def remaining(self) -> int:
        """How many more items there are."""
        return self._open_buffer().remaining

    @property
    def taken(self) -> int:
        """How many items were taken in this write, over all polls."""
        return self._start - self._open_buffer().remaining

    @property
    def offered(self) -> int:
        """How many items there were at the start of this write."""
        return self._start

    def read(self, count: int | None = None) -> Any:
        """Take up to `count` items: ``bytes`` of a ``stream<u8>``, else a sequence.

        By default it takes all; but of a stream without payload, where writing costs a guest nothing, at most 65536.

        Raises:
            Trap: the guest wrote what is no value of the element type.
        """
        buffer = self._open_buffer()
        if self._loan is not None or self._copy is not None:
            self._copy = None
            self.end_loan()
        remaining = buffer.remaining
        if count is None:
            count = min(remaining, MAX_UNITS) if self.payload is None else remaining
        return buffer.read(min(count, remaining))

    def take(self) -> Any:
        """Take one item: the value of a future.

        Raises:
            ConsumerError: there is none.
        """
        items = self.read(1)
        if not items:
            raise ConsumerError("there is nothing to take")
        return items[0]

    def direct(self) -> memoryview:
        """Return the items that are left as read-only memory, the guest's own if it is a guest that writes.

        One entry is one item. The view is good until the answer to this poll (for a consumer that holds the operation:
        until its end), or until the next call of `direct` or `read`. Call `mark_read` with what was taken.

        Raises:
            LowerError: the items are no numbers.
            BufferError: a part of an earlier view was kept.
        """
        buffer = self._open_buffer()
        self.end_loan()
        self._loan = lend(buffer, self.payload, writable=False)
        if self._loan is not None:
            return self._loan.view
        self._copy = self._copied(buffer)
        return self._copy

    def _copied(self, buffer: Buffer) -> memoryview:
        peeked: Any = buffer.peek()  # type: ignore[attr-defined]  # not in a guest, so a chunk of the host's
        if not isinstance(peeked, list | tuple):
            return memoryview(peeked).toreadonly()
        fmt = "B" if self.payload is UNBOUND else number_format(self.payload)
        return memoryview(array(fmt, peeked)).toreadonly()

    def mark_read(self, count: int) -> None:
        """Take `count` items without looking at them again: they were seen through `direct`, or nobody wants them.

        Raises:
            ConsumerError: there are fewer.
        """
        buffer = self._open_buffer()
        if not 0 <= count <= buffer.remaining:
            raise ConsumerError(f"{count} items were marked as read of {buffer.remaining}")
        self._copy = None
        self.end_loan()
        if isinstance(buffer, GuestBuffer) and (buffer.payload is None or buffer.payload.numeric):
            buffer.advance(count)
        else:
            while count:  # lifted all the same: a handle among the items must leave the guest
                count -= len(buffer.read(count))


__all__ = ["Source"]
