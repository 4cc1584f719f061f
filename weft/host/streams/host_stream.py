"""Streams and futures that the host writes: a guest's read asks a producer.

Source: CanonicalABI.md, "Stream State"; the producer's rules are those of Wasmtime's `StreamProducer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from weft.errors import LowerError, ProducerError
from weft.host.streams.destination import Destination
from weft.host.streams.host_transmit import HostTransmit
from weft.host.streams.transmits import (
    PENDING,
    UNBOUND,
    FutureProducer,
    Produced,
    StreamProducer,
    StreamResult,
    describe,
)
from weft.runtime.shared import CopyResult

if TYPE_CHECKING:
    from weft.host.streams.chunks import Chunk
    from weft.host.streams.transmits import PayloadType, TransmitStore
    from weft.runtime.buffer import Buffer
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.shared import Copier

_RESULTS = {
    StreamResult.COMPLETED: CopyResult.COMPLETED,
    StreamResult.CANCELLED: CopyResult.CANCELLED,
    StreamResult.DROPPED: CopyResult.DROPPED,
}


def bound(payload: PayloadType, wanted: PayloadType, noun: str) -> PayloadType:
    """Return what `payload` becomes where `wanted` is expected.

    Raises:
        LowerError: it is another type.
    """
    if payload is UNBOUND or payload is wanted:
        return wanted
    if payload != wanted:
        raise LowerError(f"expected a {noun} of {describe(wanted)}, got one of {describe(payload)}")
    return payload


@final
class HostStream(HostTransmit[StreamProducer]):
    """A stream that a producer of the host's writes."""

    __slots__ = ("_destination", "_take_bytes", "take_bytes")

    def __init__(self, store: TransmitStore, producer: StreamProducer, payload: PayloadType = UNBOUND) -> None:
        super().__init__(store, producer, payload)
        self._destination = Destination(payload)
        self._take_bytes = self.take_bytes = getattr(producer, "take_bytes", None)

    def bind(self, payload: PayloadType) -> None:
        """Take on an element type.

        Raises:
            LowerError: this has another one.
        """
        self.payload = self._destination.payload = bound(self.payload, payload, "stream")

    def _offer_bytes(self) -> None:
        """Let guests take bytes from the producer without a poll, while nothing comes before those bytes."""
        self.take_bytes = None if self._party is None or self._destination.retained else self._take_bytes

    # `Readable`.

    def read(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        """Serve a read from what was retained, or else ask the producer."""
        retained = self._destination.retained
        if retained:
            retained.move_to(buffer)
            self._offer_bytes()
            over = self._party is None and not retained
            copier.on_copy_done(CopyResult.DROPPED if over else CopyResult.COMPLETED)
        elif self._party is None:
            copier.on_copy_done(CopyResult.DROPPED)
        else:
            self.take_bytes = None
            self._destination.open(buffer, host=inst is None)
            self._start(inst, buffer, copier)

    def cancel_read(self) -> None:
        """Ask the producer to finish the read in progress."""
        self._cancel()

    def drop_readable(self) -> None:
        """Close the producer: nobody reads any more."""
        self._abandon()
        self._destination.retained.clear()
        self._end()

    def reset_pending(self) -> None:
        """Take the buffer of the read in progress back: its guest trapped."""
        self._abandon()

    # The producer.

    def _poll(self, party: StreamProducer, finish: bool) -> CopyResult | None:
        destination = self._destination
        result = party.poll_produce(self._waker, destination, finish)
        if self._copier is None:
            return None  # the reader went away meanwhile
        if not self._holds:
            destination.end_loan()
        if result is StreamResult.COMPLETED and destination.written:
            return CopyResult.COMPLETED
        broken = self._broken_rule(result, finish)
        if broken is not None:
            raise ProducerError(f"{type(party).__qualname__}.poll_produce {broken}")
        if result is PENDING:
            return None
        assert isinstance(result, StreamResult)
        if result is StreamResult.DROPPED:
            self._end()
            if destination.retained:
                return CopyResult.COMPLETED
        return _RESULTS[result]

    def _broken_rule(self, result: object, finish: bool) -> str | None:
        written = self._destination.written
        if result is PENDING:
            broken = written and not self._holds
            return f"answered PENDING although it wrote {written} items" if broken else None
        if result is StreamResult.COMPLETED:
            broken = not written and not self._destination.zero_length
            return "answered COMPLETED without writing anything" if broken else None
        if result is StreamResult.CANCELLED:
            if not finish:
                return "answered CANCELLED although the read was not to finish"
            return f"answered CANCELLED although it wrote {written} items" if written else None
        return None if result is StreamResult.DROPPED else f"answered {result!r}"

    def _operation_over(self) -> None:
        self._offer_bytes()
        self._destination.close()

    def _ended(self, error: BaseException | None) -> None:
        self.take_bytes = None
        super()._ended(error)

    # For the host.

    def put_back(self, chunk: Chunk) -> None:
        """Serve `chunk` to the next reads, before everything else."""
        self._destination.retained.put_back(chunk)
        self.take_bytes = None

    def take_back(self, cls: type) -> Any:
        """Return the object behind this stream as a `cls`, or None; afterwards the stream has ended.

        Only a stream of which nothing was read yet has all of it.
        """
        return _take_back(self, cls)

    @property
    def untouched(self) -> bool:
        """Whether nothing is retained or under way."""
        return self._copier is None and not self._destination.retained


@final
class HostFuture(HostTransmit[FutureProducer]):
    """A future that a producer of the host's gives its value."""

    __slots__ = ("_kept",)

    def __init__(self, store: TransmitStore, producer: FutureProducer, payload: PayloadType = UNBOUND) -> None:
        super().__init__(store, producer, payload)
        self._kept: Chunk | None = None

    def bind(self, payload: PayloadType) -> None:
        """Take on a type.

        Raises:
            LowerError: this has another one.
        """
        self.payload = bound(self.payload, payload, "future")

    # `Readable`.

    def read(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        """Ask the producer for the value."""
        if self._kept is not None:
            buffer.write(self._kept)
            self._kept = None
            copier.on_copy_done(CopyResult.COMPLETED)
        elif self._party is None:
            copier.on_copy_done(CopyResult.DROPPED)
        else:
            self._start(inst, buffer, copier)

    def cancel_read(self) -> None:
        """Ask the producer to finish the read in progress."""
        self._cancel()

    def drop_readable(self) -> None:
        """Close the producer: nobody reads any more."""
        self._abandon()
        self._end()

    def reset_pending(self) -> None:
        """Take the buffer of the read in progress back: its guest trapped."""
        self._abandon()

    # The producer.

    def _poll(self, party: FutureProducer, finish: bool) -> CopyResult | None:
        answer = party.poll_produce(self._waker, finish)
        buffer = self._buffer
        if answer is PENDING or buffer is None:
            return None
        if isinstance(answer, Produced):
            self._end()
            buffer.write([answer.value])
            return CopyResult.COMPLETED
        name = f"{type(party).__qualname__}.poll_produce"
        if answer is not StreamResult.CANCELLED:
            raise ProducerError(f"{name} answered {answer!r}: expected Produced(value), PENDING or CANCELLED")
        if not finish:
            raise ProducerError(f"{name} answered CANCELLED although the read was not to finish")
        return CopyResult.CANCELLED

    # For the host.

    def put_back(self, chunk: Chunk) -> None:
        """Serve the value, which was read and not used, to the next read."""
        self._kept = chunk

    def take_back(self, cls: type) -> Any:
        """Return the object behind this future as a `cls`, or None; afterwards the future is closed."""
        return _take_back(self, cls)

    @property
    def untouched(self) -> bool:
        """Whether nothing is under way."""
        return self._copier is None and self._kept is None


def _take_back(transmit: HostStream | HostFuture, cls: type) -> Any:
    try_into = getattr(transmit._party, "try_into", None)
    if try_into is None or not transmit.untouched:
        return None
    found = try_into(cls)
    if found is not None:
        transmit._release_party()
    return found


__all__ = ["HostFuture", "HostStream", "bound"]
