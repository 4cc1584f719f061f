"""The contents of a body that a guest writes: a sink of an ``output-stream``, and a producer of what goes out."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, final

import anyio

from weft import PENDING, StreamResult
from weft.wasi.p2.http.errors import HttpIOError

if TYPE_CHECKING:
    from weft import Destination, StreamAnswer, Waker

CHUNK_BYTE_LENGTH: Final = 1 << 16
"""How much is held, beside what the stream itself holds."""


@final
class BodySink:
    """Hands a chunk at a time from `weft.wasi.byte_io.ByteOutput` to `weft.StreamProducer`.

    Args:
        content_length: how many bytes there may be; None for any number.
        size_error: the case of ``error-code`` for more.

    Attributes:
        byte_length: how many there were so far.
    """

    __slots__ = ("_changed", "_chunk", "_content_length", "_ended", "_gone", "_size_error", "_waker", "byte_length")

    def __init__(self, content_length: int | None, size_error: str) -> None:
        self._content_length = content_length
        self._size_error = size_error
        self._chunk = b""
        self._ended = self._gone = False
        self._waker: Waker | None = None
        self._changed = anyio.Event()
        self.byte_length = 0

    # `ByteOutput`.

    def write_from(self, view: memoryview) -> int:
        """Take a chunk, when the last one is gone."""
        if self._gone:
            raise BrokenPipeError(errno.EPIPE, "nobody reads the body any more")
        if self._chunk:
            raise BlockingIOError(errno.EAGAIN, "the last chunk is still there")
        chunk = bytes(view[:CHUNK_BYTE_LENGTH])
        byte_length = self.byte_length + len(chunk)
        if self._content_length is not None and byte_length > self._content_length:
            raise HttpIOError((self._size_error, byte_length))
        self._chunk = chunk
        self.byte_length = byte_length
        self._wake()
        return len(chunk)

    async def wait_writable(self) -> None:
        """Wait until the chunk is gone, or nobody takes any."""
        while self._chunk and not self._gone:
            await self._changed.wait()

    async def drain(self) -> None:
        """Wait until everything is gone."""
        await self.wait_writable()
        if self._chunk:
            raise BrokenPipeError(errno.EPIPE, "nobody reads the body any more")

    def end(self) -> None:
        """Say that no more will come."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waker is not None:
            self._waker.wake()

    # `StreamProducer`.

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """Hand on the chunk."""
        if not self._chunk:
            self._waker = waker
            if self._ended:
                return StreamResult.DROPPED
            return StreamResult.CANCELLED if finish else PENDING
        if not destination.zero_length:
            destination.write(self._chunk)
            self._chunk = b""
            self._notify()
        return StreamResult.COMPLETED

    def close(self) -> None:
        """Learn that nobody takes any more."""
        self._gone = True
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


__all__ = ["BodySink"]
