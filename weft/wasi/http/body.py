"""The body of a message, while it is a part of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from weft import FutureReader, StreamReader, producers
from weft.wasi.http.arrival import Forward
from weft.wasi.http.errors import internal_error
from weft.wasi.http.outgoing import OutgoingBody
from weft.wasi.outcome import Outcome

if TYPE_CHECKING:
    from weft import FutureProducer, Store, StreamProducer

NOT_SENT: Final = internal_error("the message was dropped and never sent")


@final
class Body:
    """Contents and trailers, and what their maker is told of their fate.

    It is taken apart once: by `consume`, `send` or `drop`. Readers are passed on as they are, so what one guest writes
    and another reads never passes through the host.

    Attributes:
        result: the ``future<result<_, error-code>>`` that says whether it was sent, or handled.
    """

    __slots__ = ("_by_guest", "_contents", "_store", "_trailers", "result")

    def __init__(
        self, store: Store, contents: StreamReader | None, trailers: FutureReader, *, by_guest: bool = True
    ) -> None:
        self._store = store
        self._contents = contents
        self._trailers: FutureReader | None = trailers
        self._by_guest = by_guest
        self.result = Outcome()

    @classmethod
    def received(cls, store: Store, contents: StreamProducer | None, trailers: FutureProducer) -> Body:
        """Make a body of what comes over the network.

        Args:
            store: the store of the guest that will read it.
            contents: the bytes; its ``close()`` is called when they are over or the guest wants no more. None for none.
            trailers: settled, after the end of the contents, with the trailers, with None, or with an ``error-code``
                that says why they are not complete.
        """
        reader = None if contents is None else StreamReader.new(store, contents)
        return cls(store, reader, FutureReader.new(store, trailers), by_guest=False)

    def _take(self) -> tuple[StreamReader | None, FutureReader]:
        contents, trailers = self._contents, self._trailers
        if trailers is None:
            raise ValueError("this body was taken already")
        self._contents = self._trailers = None
        return contents, trailers

    def consume(self, result: FutureReader) -> tuple[StreamReader | StreamProducer, FutureReader]:
        """Take it apart for a guest, which says with `result` how it went."""
        contents, trailers = self._take()
        result.pipe(self._store, Forward(self.result))
        return producers.empty() if contents is None else contents, trailers

    def send(self, content_length: int | None, size_error: str) -> OutgoingBody:
        """Take it apart for the network.

        Args:
            content_length: how long the contents must be, None if that was not said.
            size_error: the case of ``error-code`` for when they are not.
        """
        contents, trailers = self._take()
        return OutgoingBody(self._store, contents, trailers, self.result, content_length, size_error)

    def drop(self) -> None:
        """Close both ends, unless they were taken; a guest that made it learns that nobody sent it."""
        if self._trailers is None:
            return
        contents, trailers = self._take()
        if contents is not None:
            contents.close(self._store)
        trailers.close(self._store)
        if self._by_guest:
            self.result.fail(NOT_SENT)
        else:
            self.result.succeed()


__all__ = ["NOT_SENT", "Body"]
