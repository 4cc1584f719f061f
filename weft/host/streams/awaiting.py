"""Bases of producers and consumers that await: one coroutine call an operation, all in one task."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from weft.host.streams.operation_task import INTERRUPTED, OperationTask
from weft.host.streams.transmits import PENDING, StreamResult

if TYPE_CHECKING:
    from weft.host.streams.destination import Destination
    from weft.host.streams.source import Source
    from weft.host.streams.transmits import PayloadType, StreamAnswer
    from weft.host.streams.wakers import Waker


class _AwaitingParty:
    """What both have."""

    holds_operation: ClassVar[bool] = True

    __slots__ = ("__operations",)
    __operations: OperationTask

    @property
    def _operations(self) -> OperationTask:
        try:
            return self.__operations
        except AttributeError:  # the first time: subclasses need not call `__init__` of this class
            self.__operations = OperationTask(self.aclose)
            return self.__operations

    async def aclose(self) -> None:
        """Clean up: called once, in the task, when the stream is over or nobody reads or writes any more."""

    def opened(self, waker: Waker, payload: PayloadType) -> None:
        """Note who polls."""
        self._operations.opened(waker, payload)

    def close(self) -> None:
        """End the task."""
        self._operations.close()

    async def wait_closed(self) -> None:
        """Wait until `aclose` has returned.

        Raises:
            Exception: what it raised.
        """
        await self._operations.wait_closed()


class AwaitingProducer(_AwaitingParty):
    """A `StreamProducer` that awaits: implement `produce`."""

    __slots__ = ()

    async def produce(self, destination: Destination) -> StreamResult | None:
        """Write one or more items to `destination`, which is good until this returns.

        When the reader takes its read back, or goes away, this is cancelled: where it awaits, it should not yet have
        taken what nobody else can give it again.

        Returns:
            DROPPED after the last items, or when there are none left; else COMPLETED or None.

        Raises:
            Exception: the guest that reads traps with it.
        """
        raise NotImplementedError

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """As `StreamProducer.poll_produce`; a read of zero items is said to be possible."""
        if destination.zero_length:
            return StreamResult.COMPLETED
        if finish:
            self._operations.interrupt()
        result = self._operations.poll(waker, partial(self.produce, destination))
        if result is INTERRUPTED:
            return StreamResult.COMPLETED if destination.written else StreamResult.CANCELLED
        return StreamResult.COMPLETED if result is None else result


class AwaitingConsumer(_AwaitingParty):
    """A `StreamConsumer` that awaits: implement `consume`."""

    __slots__ = ()

    async def consume(self, source: Source) -> StreamResult | None:
        """Take one or more items from `source`, which is good until this returns; the writer waits so long.

        When the writer takes its write back before anything was taken, or goes away, this is cancelled.

        Returns:
            DROPPED to take nothing more; else COMPLETED or None.

        Raises:
            Exception: the guest that writes traps with it.
        """
        raise NotImplementedError

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """As `StreamConsumer.poll_consume`; a write of zero items is said to be possible."""
        if not source.offered:
            return StreamResult.COMPLETED
        if finish and not source.taken:
            self._operations.interrupt()
        result = self._operations.poll(waker, partial(self.consume, source))
        if result is INTERRUPTED:
            return StreamResult.COMPLETED if source.taken else StreamResult.CANCELLED
        return StreamResult.COMPLETED if result is None else result


__all__ = ["PENDING", "AwaitingConsumer", "AwaitingProducer"]
