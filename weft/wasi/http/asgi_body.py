"""What an ASGI server receives: the body of a request, and that the client has gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, final

import anyio

from weft import PENDING, StreamResult
from weft.wasi.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft import Destination, StreamAnswer, Waker

Message: TypeAlias = "dict[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[Message]]"


def _nothing() -> None:
    """Do nothing."""


@final
class ReceivedBody:
    """The body of a request, as the guest reads it (`weft.StreamProducer`), and the only one who calls `receive`.

    The server is asked for more only when the guest has taken what came before, or wants no more: so the client is held
    back by the guest. Once the body is over, or not wanted, what can still come is that the client goes.

    Invariant: at most one message is held in `_chunk`, and `run` waits on `_taken` while it is.

    Args:
        receive: the server's.
        is_empty: whether it is known that there is no body.
        on_wanted: called once, when `run` is needed.
        on_disconnect: called when the client has gone.

    Attributes:
        trailers: the future of the request's trailers, of which ASGI has none.
    """

    __slots__ = (
        "_chunk",
        "_closed",
        "_ended",
        "_on_disconnect",
        "_on_wanted",
        "_receive",
        "_taken",
        "_waker",
        "_wanted",
        "_watched",
        "trailers",
    )

    def __init__(
        self,
        receive: Receive,
        *,
        is_empty: bool,
        on_wanted: Callable[[], object],
        on_disconnect: Callable[[], object],
    ) -> None:
        self._receive = receive
        self._on_wanted = on_wanted
        self._on_disconnect = on_disconnect
        self._chunk = b""
        self._ended = is_empty
        self._closed = is_empty
        self._taken: anyio.Event | None = None
        self._waker: Waker | None = None
        self.trailers = Outcome()
        self._wanted = self._watched = False
        if is_empty:
            self.trailers.succeed(None)

    def _want(self) -> None:
        if not self._wanted:
            self._wanted = True
            self._on_wanted()

    def watch(self) -> None:
        """Notice when the client goes, as soon as that does not take from it what the guest did not ask for."""
        self._watched = True
        if self._closed:
            self._want()

    def finish(self) -> None:
        """End the body: nothing can be received any more."""
        self._wanted = True
        self._cut_off()
        self._on_wanted = self._on_disconnect = _nothing  # whoever gave them need not wait for the garbage collector

    # For the guest.

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """Give what there is; have more received when there is nothing."""
        if self._chunk:
            if destination.zero_length:
                return StreamResult.COMPLETED
            destination.write(self._take())
            return StreamResult.DROPPED if self._ended else StreamResult.COMPLETED
        if self._ended:
            return StreamResult.DROPPED
        if finish:
            return StreamResult.CANCELLED
        self._waker = waker
        self._want()
        return PENDING

    def _take(self) -> bytes:
        chunk, self._chunk = self._chunk, b""
        if self._taken is not None:
            self._taken.set()
        return chunk

    def close(self) -> None:
        """Note that the guest wants no more; the rest is received, and goes nowhere."""
        self._closed = True
        self._chunk = b""
        self.trailers.succeed(None)
        if self._taken is not None:
            self._taken.set()
        if self._watched:
            self._want()

    # For the server.

    async def run(self) -> None:
        """Receive whatever comes until the client goes."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._cut_off()
                self._on_disconnect()
                return
            self._arrived(message)
            await self._wait_until_taken()

    def _arrived(self, message: Message) -> None:
        more = message.get("more_body", False)
        if not self._closed:
            self._chunk = message.get("body", b"")
        if not more and not self._ended:
            self._ended = True
            self.trailers.succeed(None)
        self._wake()

    async def _wait_until_taken(self) -> None:
        while self._chunk and not self._ended:
            self._taken = anyio.Event()
            await self._taken.wait()

    def _cut_off(self) -> None:
        if not self._ended:
            self._ended = True
            self.trailers.fail("connection-terminated")
            self._wake()

    def _wake(self) -> None:
        waker, self._waker = self._waker, None
        if waker is not None:
            waker.wake()


__all__ = ["Message", "Receive", "ReceivedBody"]
