"""The resource ``input-stream`` of wasi:io/streams, over a `ByteInput`.

How other interfaces make one, and the pollable of anything::

    InputStream(source)                                                # a socket, a body: reads never wait
    InputStream(file, run_blocking=ctx.run_blocking, release=close)    # a file: reads wait for the disk, in a thread
    Pollable(anything_with_is_ready_and_wait_ready)                    # a stream, too

A source raises OSError; what it raises becomes ``last-operation-failed`` with an `Error` that keeps it, and the stream
is closed. At its end, which is `read_into` returning 0, the stream is closed, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import anyio

from weft.wasi.p2.io.blocking import Lease
from weft.wasi.p2.io.error import closed, last_operation_failed
from weft.wasi.read_ahead import with_read_ahead

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.wasi.byte_io import ByteInput
    from weft.wasi.p2.io.blocking import RunBlocking

READ_BYTE_LENGTH: Final = 64 << 10
"""How much a guest gets at once, however much it asks for."""


def _always() -> bool:
    return True


@final
class InputStream:
    """Bytes that a guest reads (`Readiness`: ready when a read gives something, if only the end).

    Args:
        source: where they come from. One that is no `ReadableInput` is read ahead where a guest waits for it.
        blocking: a read waits in any case until there is something; then the stream is always ready, as files are.
        run_blocking: makes a stream blocking whose ``source.read_into`` may hold up the event loop: calls it elsewhere.
        release: called once, when the guest has dropped the stream and no read is in progress; must not raise.
    """

    _source: ByteInput
    _is_readable: Callable[[], bool]

    __slots__ = ("_blocking", "_closed", "_error", "_is_readable", "_lease", "_run_blocking", "_source", "_waits")

    def __init__(
        self,
        source: ByteInput,
        *,
        blocking: bool = False,
        run_blocking: RunBlocking | None = None,
        release: Callable[[], object] | None = None,
    ) -> None:
        self._run_blocking = run_blocking
        self._blocking = blocking = blocking or run_blocking is not None
        if blocking:
            self._source, self._is_readable = source, _always
        else:
            self._source = readable = with_read_ahead(source)
            self._is_readable = readable.is_readable
        self._lease = Lease(release)
        self._closed = False
        self._error: OSError | None = None
        self._waits: set[anyio.CancelScope] = set()

    def close(self) -> None:
        """Let nothing more be read; who waits is woken."""
        self._closed = True
        for scope in list(self._waits):
            scope.cancel()

    def on_drop(self) -> None:
        """Note that the guest dropped the stream; its pollables, if any are left, are ready and leave the source be."""
        self.close()
        self._lease.end()

    def is_ready(self) -> bool:
        """Whether a read would not have to wait."""
        return self._closed or self._error is not None or self._is_readable()

    async def wait_ready(self) -> None:
        """Wait until a read is worth a try, or the stream is closed."""
        with anyio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                await self._source.wait_readable()
            except OSError as error:
                self._error = error
            finally:
                self._waits.discard(scope)

    async def read(self, length: int, *, wait: bool = False) -> bytearray:
        """Read up to `length` bytes, and at most `READ_BYTE_LENGTH`.

        Args:
            length: any number.
            wait: until there is at least one byte; else the result can be empty.

        Raises:
            weft.Err: a ``stream-error``.
        """
        self._check_open()
        buffer = bytearray(min(length, READ_BYTE_LENGTH))
        if buffer:
            with memoryview(buffer) as view:
                count = await self._read_into(view, wait=wait or self._blocking)
            del buffer[count:]
        return buffer

    async def _read_into(self, view: memoryview, *, wait: bool) -> int:
        while True:
            try:
                count = await self._lease.call(self._run_blocking, self._source.read_into, view)
            except (BlockingIOError, InterruptedError):
                if not wait:
                    return 0
            except OSError as error:
                self._closed = True
                raise last_operation_failed(error) from error
            else:
                if not count:
                    self._closed = True
                    raise closed()
                return count
            await self.wait_ready()
            self._check_open()

    def _check_open(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            self._closed = True
            raise last_operation_failed(error) from error
        if self._closed:
            raise closed()


__all__ = ["READ_BYTE_LENGTH", "InputStream"]
