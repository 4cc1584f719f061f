"""Bases of producers and consumers whose transfers either succeed at once or would block.

The transfer is made while the stream is polled, so no view of guest memory outlives a poll, and what is ready costs no
task; only the wait for what is not runs in one.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from weft.host.streams.operation_task import OperationTask
from weft.host.streams.transmits import PENDING, StreamResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.host.streams.destination import Destination
    from weft.host.streams.source import Source
    from weft.host.streams.transmits import PayloadType, StreamAnswer
    from weft.host.streams.wakers import Waker

TURN_OPERATIONS = 16
"""How many operations in a row are served at once: then the event loop gets a turn, however fast the peer is."""


class _NonblockingParty:
    """What both have.

    Invariant: `__has_task` says whether a task was started to wait; then that task ends the use.
    Invariant: `__waiting` says whether a wait was asked for whose end was not seen yet. It outlives an operation that
    was taken back, and serves the next one.
    """

    holds_operation: ClassVar[bool] = False

    __slots__ = ("__has_task", "__in_turn", "__operations", "__waiting", "error")

    error: BaseException | None

    def __init__(self) -> None:
        self.error = None
        self.__in_turn = 0
        self.__has_task = self.__waiting = False
        self.__operations = OperationTask(self.__aclose)

    async def wait(self) -> None:
        """Wait until a transfer is worth a try; cancelled when nobody wants it any more."""
        raise NotImplementedError

    def check_ready(self) -> None:
        """Look whether there is something to transfer: what reads and writes of zero items ask. By default there is.

        Raises:
            BlockingIOError: not now, and `wait` is awaited before the next look.
        """

    def finished(self) -> None:
        """Clean up: called once, when the stream is over or nobody reads or writes any more.

        Raises:
            Exception: who awaits `wait_closed` gets it; the store's loop goes on.
        """

    def opened(self, waker: Waker, payload: PayloadType) -> None:
        """Note who polls."""
        self.__operations.opened(waker, payload)

    def _poll(self, waker: Waker, transfer: Callable[[], StreamResult], *, finish: bool) -> StreamAnswer:
        """Try, and wait if that would block."""
        if self.__waiting:
            if self.__operations.poll(waker, self.wait) is PENDING:
                return StreamResult.CANCELLED if finish else PENDING
            self.__waiting = False
        if self.__in_turn < TURN_OPERATIONS:
            self.__in_turn += 1
            with suppress(BlockingIOError, InterruptedError):
                return transfer()
        self.__in_turn = 0
        if finish:
            return StreamResult.CANCELLED
        self.__has_task = self.__waiting = True
        return self.__operations.poll(waker, self.wait)  # PENDING: it was just started

    def _look(self) -> StreamResult:
        self.check_ready()
        return StreamResult.COMPLETED

    def __finish(self) -> None:
        try:
            self.finished()
        except Exception as error:  # noqa: BLE001 - kept for who awaits the end
            self.error = self.error or error

    async def __aclose(self) -> None:
        self.__finish()

    def close(self) -> None:
        """Stop waiting, and clean up."""
        if self.__has_task:
            self.__operations.close()
        else:
            self.__finish()

    async def wait_closed(self) -> None:
        """Wait until all is cleaned up.

        Raises:
            Exception: what `error` was set to, or `finished` raised.
        """
        if self.__has_task:
            await self.__operations.wait_closed()
        if self.error is not None:
            raise self.error


class NonblockingProducer(_NonblockingParty):
    """A `StreamProducer` that never blocks: implement `receive` and `wait`.

    Attributes:
        error: what `wait_closed` will raise.
    """

    __slots__ = ()

    def receive(self, destination: Destination) -> StreamResult:
        """Write one or more items to `destination` and answer COMPLETED, or DROPPED if they are the last.

        Raises:
            BlockingIOError: nothing is there yet; nothing was written, and `wait` is awaited before the next try.
            Exception: the guest that reads traps with it.
        """
        raise NotImplementedError

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """As `StreamProducer.poll_produce`."""
        transfer = self._look if destination.zero_length else partial(self.receive, destination)
        return self._poll(waker, transfer, finish=finish)


class NonblockingConsumer(_NonblockingParty):
    """A `StreamConsumer` that never blocks: implement `send` and `wait`.

    Attributes:
        error: what `wait_closed` will raise.
    """

    __slots__ = ()

    def send(self, source: Source) -> StreamResult:
        """Take one or more items from `source` and answer COMPLETED, or DROPPED to take no more.

        Raises:
            BlockingIOError: nothing can be taken now, nothing was, and `wait` is awaited before the next try.
            Exception: the guest that writes traps with it.
        """
        raise NotImplementedError

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """As `StreamConsumer.poll_consume`."""
        transfer = partial(self.send, source) if source.offered else self._look
        return self._poll(waker, transfer, finish=finish)


__all__ = ["TURN_OPERATIONS", "NonblockingConsumer", "NonblockingProducer"]
