"""Streams and futures that the host consumes: a guest's write asks a consumer.

Source: CanonicalABI.md, "Stream State"; the consumer's rules are those of Wasmtime's `StreamConsumer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.errors import ConsumerError
from weft.host.streams.host_transmit import HostTransmit
from weft.host.streams.source import Source
from weft.host.streams.transmits import PENDING, UNBOUND, FutureConsumer, StreamConsumer, StreamResult
from weft.runtime.shared import CopyResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.host.streams.transmits import PayloadType, TransmitStore
    from weft.runtime.buffer import Buffer
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.shared import Copier

_RESULTS = {
    StreamResult.COMPLETED: CopyResult.COMPLETED,
    StreamResult.CANCELLED: CopyResult.CANCELLED,
    StreamResult.DROPPED: CopyResult.DROPPED,
}


class HostSink(HostTransmit[StreamConsumer]):
    """A consumer of the host's behind what a guest, or another part of the host, writes.

    Attributes:
        writer_cancelled: whether the writer has asked for the write in progress to end.
        on_end: called once, when the consumer is gone; with the exception that ended it, or None.
    """

    __slots__ = ("_source", "on_end", "writer_cancelled")

    def __init__(
        self,
        store: TransmitStore,
        consumer: StreamConsumer,
        payload: PayloadType = UNBOUND,
        on_end: Callable[[BaseException | None], None] | None = None,
    ) -> None:
        self._source = Source(payload)
        self.on_end = on_end
        self.writer_cancelled = False
        super().__init__(store, consumer, payload)

    # `Sink`.

    def write(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        """Offer a write to the consumer."""
        if self._party is None:
            copier.on_copy_done(CopyResult.DROPPED)
            return
        self.writer_cancelled = False
        self._source.open(buffer)
        self._start(inst, buffer, copier)

    def cancel_write(self) -> None:
        """Ask the consumer to finish the write in progress, because the writer wants it back."""
        self.writer_cancelled = True
        self._cancel()

    def finish(self) -> None:
        """Ask the consumer to finish the write in progress, for another reason."""
        self._cancel()

    def drop_writable(self) -> None:
        """Close the consumer: nothing is written any more."""
        self._abandon()
        self._end()

    def reset_pending(self) -> None:
        """Forget the write in progress: the writer is done with it."""
        self._abandon()

    # The consumer.

    def _poll(self, party: StreamConsumer, finish: bool) -> CopyResult | None:
        result = party.poll_consume(self._waker, self._source, finish)
        if self._copier is None:
            return None  # the writer went away meanwhile
        if not self._holds:
            self._source.end_loan()
        broken = self._broken_rule(result, finish)
        if broken is not None:
            raise ConsumerError(f"{type(party).__qualname__}.poll_consume {broken}")
        if result is PENDING:
            return None
        assert isinstance(result, StreamResult)
        if result is StreamResult.DROPPED:
            self._end()
        return _RESULTS[result]

    def _broken_rule(self, result: object, finish: bool) -> str | None:
        source = self._source
        if result is StreamResult.COMPLETED:
            broken = source.offered and not source.taken
            return "answered COMPLETED without taking anything" if broken else None
        if result is StreamResult.CANCELLED:
            if not finish:
                return "answered CANCELLED although the write was not to finish"
            return f"answered CANCELLED although it took {source.taken} items" if source.taken else None
        return None if result in (PENDING, StreamResult.DROPPED) else f"answered {result!r}"

    def _operation_over(self) -> None:
        self._source.close()

    def _ended(self, error: BaseException | None) -> None:
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end(error)

    # For pipes.

    def end_with(self, error: BaseException) -> None:
        """Close the consumer because of an exception from elsewhere."""
        self._abandon()
        self._end(error)

    def operation(self) -> tuple[ComponentInstance | None, Buffer, Copier] | None:
        """Return the write in progress, or None."""
        if self._copier is None or self._buffer is None:
            return None
        return self._inst, self._buffer, self._copier

    def redirect(self, copier: Copier) -> None:
        """Tell `copier`, and not the writer, how the write in progress ends."""
        self._copier = copier

    @property
    def taken(self) -> int:
        """How many items of the write in progress were taken."""
        return self._source.taken


@final
class StreamSink(HostSink):
    """The sink of a stream."""

    __slots__ = ()


@final
class FutureSink(HostSink):
    """The sink of a future: it takes one value, and then it is over."""

    __slots__ = ()

    def _poll(self, party: StreamConsumer | FutureConsumer, finish: bool) -> CopyResult | None:
        result = super()._poll(party, finish)
        if result is CopyResult.DROPPED and self._source.taken:
            return CopyResult.COMPLETED
        if result is CopyResult.COMPLETED:
            self._end()
        return result


__all__ = ["FutureSink", "HostSink", "StreamSink"]
