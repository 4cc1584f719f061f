"""The value of a future of a guest's, awaited by the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import anyio

from weft import Err, StreamResult
from weft.wasi.http.errors import HttpError, internal_error

if TYPE_CHECKING:
    from weft import FutureReader, Source, Store, StreamAnswer, Waker
    from weft.wasi.outcome import Outcome

TRAPPED = internal_error("the guest trapped before it was done")


@final
class Arrival:
    """Takes a ``future<result<...>>`` as soon as it has a value (`weft.FutureConsumer`).

    Most have one by the time that somebody waits: the event is made only for those that have not.
    """

    __slots__ = ("_event", "_over", "_value")

    def __init__(self, store: Store, reader: FutureReader) -> None:
        self._event: anyio.Event | None = None
        self._over = False
        self._value: Any = Err(TRAPPED)
        reader.pipe(store, self)

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """Take the value."""
        del waker, finish
        self._value = source.take()
        return StreamResult.COMPLETED

    def close(self) -> None:
        """Learn that there is a value, or will be none."""
        self._over = True
        if self._event is not None:
            self._event.set()

    async def wait(self) -> Any:
        """Return the payload of ``ok``.

        Raises:
            HttpError: it was ``error``, or the guest trapped before.
        """
        if not self._over:
            self._event = self._event or anyio.Event()
            await self._event.wait()
        if isinstance(self._value, Err):
            raise HttpError(self._value.value)
        return self._value.value


@final
class Forward:
    """Settles an outcome with what a ``future<result<_, error-code>>`` says (`weft.FutureConsumer`)."""

    __slots__ = ("_outcome",)

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """Take the value."""
        del waker, finish
        value = source.take()
        if isinstance(value, Err):
            self._outcome.fail(value.value)
        else:
            self._outcome.succeed()
        return StreamResult.COMPLETED

    def close(self) -> None:
        """Settle all the same when the guest trapped."""
        self._outcome.fail(TRAPPED)


__all__ = ["TRAPPED", "Arrival", "Forward"]
