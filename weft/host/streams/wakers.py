"""Wakers: how a producer or consumer that could not go on says that it can now."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.host.streams.transmits import TransmitStore


@final
class Waker:
    """Makes the operation in progress be polled again.

    One waker serves a stream or future for its whole life; a wake-up that comes when no operation is in progress does
    nothing, so it may be kept and used late.

    Attributes:
        store: the store; a producer or consumer can run tasks of its own in it.
    """

    __slots__ = ("_poll_again", "_queued", "store")

    def __init__(self, store: TransmitStore, poll_again: Callable[[], None]) -> None:
        self.store = store
        self._poll_again = poll_again
        self._queued = False

    def wake(self) -> None:
        """Poll again, soon. Idempotent; only the thread of the event loop may call it."""
        if not self._queued:
            self._queued = True
            self.store.state.scheduler.push_job(self._run)

    def _run(self) -> None:
        self._queued = False
        self._poll_again()


__all__ = ["Waker"]
