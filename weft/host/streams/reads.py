"""Reads that the host itself makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import anyio

from weft.host.streams.chunks import HostBuffer
from weft.host.streams.outcomes import Outcome
from weft.runtime.shared import CopyResult, SharedFuture, SharedStream

if TYPE_CHECKING:
    from weft.host.streams.transmits import TransmitStore
    from weft.runtime.shared import Readable


@final
class HostRead:
    """One read from a readable end into the host.

    Attributes:
        buffer: what came.
        result: how it ended; None while it goes on.
    """

    __slots__ = ("_outcome", "_readable", "_store", "buffer", "result")

    def __init__(self, store: TransmitStore, readable: Readable, length: int) -> None:
        self._store = store
        self._readable = readable
        self._outcome = Outcome()
        self.buffer = HostBuffer(length)
        self.result: CopyResult | None = None

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._outcome.done

    @property
    def error(self) -> BaseException | None:
        """What the producer raised, or None."""
        return self._outcome.error

    def start(self) -> None:
        """Start to read."""
        self._readable.read(None, self.buffer, self)

    def on_copy(self) -> None:
        """Take what a writer wrote, and the buffer back."""
        self._readable.reset_pending()
        self.on_copy_done(CopyResult.COMPLETED)

    def on_copy_done(self, result: CopyResult) -> None:
        """Note the end."""
        self.result = result
        if isinstance(self._readable, SharedStream | SharedFuture) and self._outcome.awaited:
            trap = self._readable.writer_trap
            if trap is not None:
                self._store.claim(trap)
        self._outcome.set()

    def on_copy_failed(self, error: BaseException) -> None:
        """Note that the producer failed."""
        self._outcome.set(error)

    async def wait(self) -> None:
        """Wait until there is something, or the end.

        A caller that is cancelled asks for the read to end; it may have to wait for this again, to know what came.

        Raises:
            Exception: what the producer raised.
        """
        try:
            await self._outcome.wait()
        except anyio.get_cancelled_exc_class():
            if not self._outcome.done:
                self._readable.cancel_read()
            raise


__all__ = ["HostRead"]
