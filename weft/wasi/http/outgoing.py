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
    """What a guest writes: first `read` it to its end, then await `trailers`, then call one of `succeed` and `fail`.

    Args:
        store: the store of the guest.
        contents: the bytes, None for none.
        trailers: what comes after them.
        result: what the guest is told in the end.
        content_length: how many bytes there must be, None if that was not said.
        size_error: the case of ``error-code`` for when there are more or less.
    """

    __slots__ = ("_contents", "_result", "_sent", "_size_error", "_store", "_trailers", "content_length")

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
        self._sent = 0
        self.content_length = content_length

    @property
    def has_contents(self) -> bool:
        """Whether there is a stream of bytes, be it an empty one."""
        return self._contents is not None

    async def read(self, max_byte_length: int = CHUNK_BYTE_LENGTH) -> bytes | None:
        """Return the next bytes, None at the end; the guest waits until somebody reads.

        Raises:
            HttpError: the guest trapped, or wrote more or less than it said.
        """
        chunk = await self._read(max_byte_length)
        self._sent += len(chunk or b"")
        length = self.content_length
        if length is not None and (self._sent > length or (chunk is None and self._sent < length)):
            raise HttpError((self._size_error, self._sent))
        return chunk

    async def chunks(self, max_byte_length: int = CHUNK_BYTE_LENGTH) -> AsyncGenerator[bytes, None]:
        """Iterate over what `read` returns, to the end.

        Raises:
            HttpError: as for `read`.
        """
        while (chunk := await self.read(max_byte_length)) is not None:
            yield chunk

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
