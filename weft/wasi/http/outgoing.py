"""The body of a message on its way from a guest to the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import anyio

from weft import WriterTrappedError
from weft.wasi.http.arrival import TRAPPED, Arrival
from weft.wasi.http.errors import HttpError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from weft import FutureReader, Store, StreamReader
    from weft.wasi.http.errors import ErrorCode
    from weft.wasi.http.fields import Fields
    from weft.wasi.outcome import Outcome

CHUNK_BYTE_LENGTH = 1 << 16
"""How much is taken of a guest at once, by default; it goes on writing when that has gone."""


@final
class OutgoingBody:
    """What a guest writes: first all of `chunks`, then `trailers`, and then one of `succeed` and `fail`.

    Args:
        store: the store of the guest.
        contents: the bytes, None for none.
        trailers: what comes after them.
        result: what the guest is told in the end.
        content_length: how many bytes there must be, None if that was not said.
        size_error: the case of ``error-code`` for when there are more or less.
    """

    __slots__ = ("_contents", "_result", "_size_error", "_store", "_trailers", "content_length")

    def __init__(
        self,
        store: Store,
        contents: StreamReader | None,
        trailers: FutureReader,
        result: Outcome,
        content_length: int | None,
        size_error: str,
    ) -> None:
        self._store = store
        self._contents = contents
        self._trailers = Arrival(store, trailers)
        self._result = result
        self._size_error = size_error
        self.content_length = content_length

    @property
    def has_contents(self) -> bool:
        """Whether there is a stream of bytes, be it an empty one."""
        return self._contents is not None

    async def chunks(self, max_byte_length: int = CHUNK_BYTE_LENGTH) -> AsyncGenerator[bytes, None]:
        """Iterate over the bytes; the guest waits while the iteration does.

        Raises:
            HttpError: the guest trapped, or wrote more or less than it said.
        """
        sent = 0
        while (chunk := await self._read(max_byte_length)) is not None:
            sent += len(chunk)
            if self.content_length is not None and sent > self.content_length:
                raise HttpError((self._size_error, sent))
            yield chunk
        if self.content_length is not None and sent != self.content_length:
            raise HttpError((self._size_error, sent))

    async def _read(self, max_byte_length: int) -> bytes | None:
        if self._contents is None:
            return None
        try:
            chunk: Any = await self._contents.read(self._store, max_byte_length)
        except anyio.EndOfStream:
            return None
        except WriterTrappedError as error:
            raise HttpError(TRAPPED) from error
        return chunk if type(chunk) is bytes else bytes(chunk)

    async def trailers(self) -> Fields | None:
        """Wait for the trailers, None for none.

        Raises:
            HttpError: the guest trapped, or says that the message is not to be completed.
        """
        trailers: Fields | None = await self._trailers.wait()
        return trailers

    def succeed(self) -> None:
        """Tell the guest that everything was sent."""
        self._result.succeed()
        self._close()

    def fail(self, code: ErrorCode) -> None:
        """Tell the guest that something was not sent, and take no more of it."""
        self._result.fail(code)
        self._close()

    def _close(self) -> None:
        contents, self._contents = self._contents, None
        if contents is not None:
            contents.close(self._store)


__all__ = ["CHUNK_BYTE_LENGTH", "OutgoingBody"]
