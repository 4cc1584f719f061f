"""What the two ends of a stream or future share: where a reader and a writer meet.

A side that comes first leaves its buffer; the side that comes second copies. A host that reads what guests write is
a `Sink`: it is called at each write and keeps no buffer here.

Source: CanonicalABI.md, "Stream State" and "Future State".
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol, final

from weft.errors import Trap, TrapCode
from weft.runtime.buffer import transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.runtime.buffer import Buffer
    from weft.runtime.instance import ComponentInstance


@final
class CopyResult(enum.IntEnum):
    """How a copy ended; the numbers cross the ABI."""

    COMPLETED = 0
    DROPPED = 1
    CANCELLED = 2


class Copier(Protocol):
    """The side that left a buffer, and learns what became of it."""

    def on_copy(self) -> None:
        """Some elements were copied, and more may be, until this side takes notice."""

    def on_copy_done(self, result: CopyResult) -> None:
        """The copy is over."""


class Readable(Protocol):
    """What a readable end reads from: a `SharedStream` or `SharedFuture`, or something of the host's."""

    @property
    def payload(self) -> object:
        """The element type, or None."""

    @property
    def take_bytes(self) -> Callable[[int], bytes | memoryview | None] | None:
        """For a ``stream<u8>`` whose bytes may be there before they are read: gives at most so many, or None."""

    def read(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        """Start a read; `copier` learns of progress and of the end, maybe at once."""

    def cancel_read(self) -> None:
        """End the read in progress, now or later, with CANCELLED if nothing else ended it."""

    def drop_readable(self) -> None:
        """Note that nobody will read any more."""

    def reset_pending(self) -> None:
        """Take a partly filled buffer back."""


class Sink(Protocol):
    """A host that consumes what guests write."""

    def write(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        """Take from `buffer`; `copier` learns of the end, now or later."""

    def cancel_write(self) -> None:
        """End the write in progress."""

    def reset_pending(self) -> None:
        """Give the buffer back: the writer has taken notice of what was copied before, and is done with the write."""

    def drop_writable(self) -> None:
        """Note that nobody will write any more."""


class _Shared:
    """The state both kinds have.

    Invariant: `pending` is the buffer of the side that came first, with the instance and end it belongs to.

    Attributes:
        writer_trap: why the instance that wrote was stopped before it was done, or None.
    """

    __slots__ = ("__weakref__", "dropped", "numeric", "payload", "pending", "sink", "writer_trap")

    take_bytes = None  # what a guest writes meets its reader in a copy

    def __init__(self, payload: object, *, numeric: bool) -> None:
        self.payload = payload
        self.numeric = numeric
        self.dropped = False
        self.pending: tuple[ComponentInstance | None, Buffer, Copier] | None = None
        self.sink: Sink | None = None
        self.writer_trap: BaseException | None = None

    def reset_pending(self) -> None:
        """Take the pending buffer back."""
        self.pending = None
        if self.sink is not None:
            self.sink.reset_pending()

    def _notify_pending(self, result: CopyResult) -> None:
        pending, self.pending = self.pending, None
        if pending is not None:
            pending[2].on_copy_done(result)

    def _check_other_instance(self, inst: ComponentInstance | None, what: str) -> None:
        """Trap on a copy within one instance, which would re-enter it (temporarily, says the specification)."""
        assert self.pending is not None
        if inst is not None and inst is self.pending[0] and not self.numeric:
            raise Trap(
                TrapCode.SAME_INSTANCE_COPY,
                f"cannot read from and write to intra-component {what} with non-numeric payload",
            )

    def cancel_read(self) -> None:
        """End the pending read."""
        self._notify_pending(CopyResult.CANCELLED)

    def cancel_write(self) -> None:
        """End the pending write."""
        if self.sink is not None:
            self.sink.cancel_write()
        else:
            self._notify_pending(CopyResult.CANCELLED)

    def drop_readable(self) -> None:
        """Note that the reader is gone."""
        if not self.dropped:
            self.dropped = True
            self._notify_pending(CopyResult.DROPPED)

    def drop_writable(self) -> None:
        """Note that the writer is gone."""
        if not self.dropped:
            self.dropped = True
            if self.sink is not None:
                self.sink.drop_writable()
            else:
                self._notify_pending(CopyResult.DROPPED)

    def attach_sink(self, sink: Sink) -> None:
        """Let `sink` consume everything written from now on, and what a writer has left already."""
        self.sink = sink
        pending, self.pending = self.pending, None
        if pending is not None:
            sink.write(*pending)
        elif self.dropped:
            sink.drop_writable()

    def detach_sink(self) -> None:
        """Let buffers meet here again."""
        self.sink = None


@final
class SharedStream(_Shared):
    """A stream between two guests, or from a guest to a sink."""

    __slots__ = ()

    def read(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        """Read what a writer has left, or leave a buffer."""
        pending = self.pending
        if self.dropped:
            copier.on_copy_done(CopyResult.DROPPED)
        elif pending is None:
            self.pending = (inst, buffer, copier)
        else:
            self._check_other_instance(inst, "stream")
            _, source, writer = pending
            if source.remaining > 0:
                if buffer.remaining > 0:
                    transfer(source, buffer, min(source.remaining, buffer.remaining))
                    writer.on_copy()
                copier.on_copy_done(CopyResult.COMPLETED)
            else:
                self._notify_pending(CopyResult.COMPLETED)
                self.pending = (inst, buffer, copier)

    def write(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        """Write into what a reader has left, or leave a buffer."""
        pending = self.pending
        if self.dropped:
            copier.on_copy_done(CopyResult.DROPPED)
        elif self.sink is not None:
            self.sink.write(inst, buffer, copier)
        elif pending is None:
            self.pending = (inst, buffer, copier)
        else:
            self._check_other_instance(inst, "stream")
            _, destination, reader = pending
            if destination.remaining > 0:
                if buffer.remaining > 0:
                    transfer(buffer, destination, min(buffer.remaining, destination.remaining))
                    reader.on_copy()
                copier.on_copy_done(CopyResult.COMPLETED)
            elif buffer.length == 0 and destination.length == 0:
                copier.on_copy_done(CopyResult.COMPLETED)
            else:
                self._notify_pending(CopyResult.COMPLETED)
                self.pending = (inst, buffer, copier)


@final
class SharedFuture(_Shared):
    """A future between two guests, or from a guest to a sink."""

    __slots__ = ()

    def read(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        """Read the value a writer has left, or leave a buffer."""
        if self.dropped:  # a writer writes before it drops, unless its instance trapped
            raise Trap(TrapCode.COPY_STATE, "cannot read from future: the instance that should write it trapped")
        if self.pending is None:
            self.pending = (inst, buffer, copier)
            return
        self._check_other_instance(inst, "future")
        transfer(self.pending[1], buffer, 1)
        self._notify_pending(CopyResult.COMPLETED)
        copier.on_copy_done(CopyResult.COMPLETED)

    def write(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        """Write the value into what a reader has left, or leave a buffer."""
        if self.dropped:
            copier.on_copy_done(CopyResult.DROPPED)
        elif self.sink is not None:
            self.sink.write(inst, buffer, copier)
        elif self.pending is None:
            self.pending = (inst, buffer, copier)
        else:
            self._check_other_instance(inst, "future")
            transfer(buffer, self.pending[1], 1)
            self._notify_pending(CopyResult.COMPLETED)
            copier.on_copy_done(CopyResult.COMPLETED)
