"""The resource ``output-stream`` of wasi:io/streams, over a `ByteOutput`.

How other interfaces make one::

    OutputStream(sink)                                                  # a socket, a body: through a bounded buffer
    OutputStream(sink, blocking=True)                                   # stdio: a guest waits until the sink has it
    OutputStream(file, run_blocking=ctx.run_blocking, release=close)    # a file: the same, in a thread

A sink that itself keeps what it takes has a method ``async def drain(self)``, which waits until that has arrived, and
raises OSError if it did not: a blocking write, and any flush, awaits it. What a sink raises becomes
``last-operation-failed`` with an `Error` that keeps it, and the stream is closed.

What a buffered stream accepted is written in the background, also after the guest has dropped the stream, until the
store is closed; what has not been flushed by then is lost, as WIT allows. A blocking stream has nothing to lose.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import anyio

from weft import StoreError, Trap, TrapCode
from weft.wasi.p2.io.blocking import Lease
from weft.wasi.p2.io.error import closed, last_operation_failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft import Store
    from weft.wasi.byte_io import ByteOutput
    from weft.wasi.p2.io.blocking import RunBlocking

    Buffer: TypeAlias = bytes | bytearray | memoryview

BUFFER_BYTE_LENGTH: Final = 64 << 10
"""How much a stream holds for a sink that is slower than the guest."""

BLOCKING_WRITE_BYTE_LENGTH: Final = 1 << 20
"""How much may be written at once to a stream that holds nothing."""


@final
class OutputStream:
    """Bytes that a guest writes (`Readiness`: ready when something may be written, or there is an error to be had).

    Invariant: while there is anything in `_pending`, or `_flushing`, a task `_drain` is there.

    Args:
        sink: where they go.
        blocking: a write waits until the sink has it all, so that nothing is held here.
        run_blocking: makes a stream blocking whose ``sink.write_from`` may hold up the event loop: calls it elsewhere.
        buffer_byte_length: how much is held if it is not blocking.
        release: called once, when the guest has dropped the stream and nothing more will be written; must not raise.
    """

    __slots__ = (
        "_blocking",
        "_changed",
        "_closed",
        "_draining",
        "_error",
        "_flushing",
        "_lease",
        "_limit",
        "_pending",
        "_run_blocking",
        "_sink",
        "_sink_drain",
    )

    def __init__(
        self,
        sink: ByteOutput,
        *,
        blocking: bool = False,
        run_blocking: RunBlocking | None = None,
        buffer_byte_length: int = BUFFER_BYTE_LENGTH,
        release: Callable[[], object] | None = None,
    ) -> None:
        self._sink = sink
        self._sink_drain: Callable[[], Awaitable[object]] | None = getattr(sink, "drain", None)
        self._run_blocking = run_blocking
        self._blocking = blocking = blocking or run_blocking is not None
        self._limit = BLOCKING_WRITE_BYTE_LENGTH if blocking else buffer_byte_length
        self._lease = Lease(release)
        self._pending = bytearray()
        self._flushing = self._draining = self._closed = False
        self._error: OSError | None = None
        self._changed: anyio.Event | None = None

    # Readiness.

    @property
    def permit(self) -> int:
        """How many bytes may be written now, where the stream is neither closed nor broken."""
        return 0 if self._flushing else self._limit - len(self._pending)

    @property
    def dropped(self) -> bool:
        """Whether the guest has dropped it; what was accepted may not have gone yet."""
        return self._lease.ended

    @property
    def pending_byte_length(self) -> int:
        """How many bytes were accepted and have not gone yet."""
        return len(self._pending)

    def is_ready(self) -> bool:
        """Whether something may be written, or there is an error to be had."""
        return self._closed or self._error is not None or self.permit > 0

    async def wait_ready(self) -> None:
        """Wait until that is so."""
        while not self.is_ready():
            await self._wait_change()

    async def _wait_change(self) -> None:
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    # The end.

    def close(self) -> None:
        """Accept nothing more; who waits is woken. What was accepted is still written."""
        self._closed = True
        self._wake()

    def on_drop(self) -> None:
        """Note that the guest dropped the stream; its pollables, if any are left, are ready."""
        self.close()
        self._lease.end()

    def _fail(self, error: OSError) -> None:
        self._error = error
        self._pending = bytearray()
        self._flushing = False
        self._wake()

    def _check_open(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            self._closed = True
            raise last_operation_failed(error) from error
        if self._closed:
            raise closed()

    # What guests do.

    def check_write(self) -> int:
        """Return how many bytes may be written now.

        Raises:
            weft.Err: a ``stream-error``.
        """
        self._check_open()
        return self.permit

    async def write(self, store: Store, contents: Buffer) -> None:
        """Accept `contents`; a blocking stream waits until all of it is written.

        Raises:
            Trap: it is more than `check_write` permits.
            weft.Err: a ``stream-error``.
        """
        self._check_open()
        if len(contents) > self.permit:
            raise Trap(TrapCode.OTHER, f"{len(contents)} bytes were written where {self.permit} were permitted")
        if self._blocking:
            await self._write_through(contents)
        else:
            self._accept(store, contents)
        self._raise_failure()

    async def write_and_flush(self, store: Store, contents: Buffer) -> None:
        """Write any number of bytes, and wait until they are out; that this closes the stream is no error.

        Raises:
            weft.Err: a ``stream-error``.
        """
        rest = memoryview(contents)
        while True:
            await self.wait_ready()
            length = self.check_write()
            await self.write(store, rest[:length])
            rest = rest[length:]
            if not rest:
                break
        if not self._closed:
            await self.blocking_flush(store)

    def flush(self, store: Store) -> None:
        """Have what was written go out; nothing may be written until it has.

        Raises:
            weft.Err: a ``stream-error``.
        """
        self._check_open()
        if self._pending or (self._sink_drain is not None and not self._blocking):
            self._flushing = True
            self._start_draining(store)

    async def blocking_flush(self, store: Store) -> None:
        """Flush, and wait until that is done.

        Raises:
            weft.Err: a ``stream-error``.
        """
        self.flush(store)
        await self._flushed()

    async def _flushed(self) -> None:
        while self._flushing:
            await self._wait_change()
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._error is not None:
            self._check_open()

    # Getting rid of it.

    async def _write_through(self, contents: Buffer) -> None:
        rest = memoryview(contents)
        try:
            while rest:
                try:
                    count = await self._lease.call(self._run_blocking, self._sink.write_from, rest)
                    rest = rest[_at_least_one(count) :]
                except (BlockingIOError, InterruptedError):
                    await self._sink.wait_writable()
            if self._sink_drain is not None:
                await self._sink_drain()
        except OSError as error:
            self._fail(error)

    def _accept(self, store: Store, contents: Buffer) -> None:
        """Write what goes without waiting, and keep the rest."""
        try:
            rest = memoryview(contents)
            self._pending += rest if self._pending else rest[self._write_now(rest) :]
        except OSError as error:
            self._fail(error)
        if self._pending:
            self._start_draining(store)

    def _push(self) -> bool:
        """Write what goes without waiting of what was kept; whether that is all."""
        with memoryview(self._pending) as view:
            count = self._write_now(view)
        del self._pending[:count]
        return not self._pending

    def _write_now(self, view: memoryview) -> int:
        count = 0
        try:
            while count < len(view):
                with view[count:] as rest:  # no error may keep it: what is kept could not be changed then
                    count += _at_least_one(self._sink.write_from(rest))
        except (BlockingIOError, InterruptedError):
            pass
        return count

    def _start_draining(self, store: Store) -> None:
        if self._draining:
            return
        self._draining = True
        self._lease.take()
        try:
            store.spawn_host_task(self._drain)
        except StoreError:  # there is no event loop to do it in
            self._draining = False
            self._lease.give_back()
            raise

    async def _drain(self) -> Any:
        try:
            while self._pending or self._flushing:
                await self._drain_once()
                self._wake()
        except OSError as error:
            self._fail(error)
        finally:
            self._draining = False
            self._lease.give_back()

    async def _drain_once(self) -> None:
        while not self._push():
            self._wake()
            await self._sink.wait_writable()
        if self._flushing and self._sink_drain is not None:
            await self._sink_drain()
        self._flushing = False


def _at_least_one(count: int) -> int:
    """Take it for a sink that is full when it took nothing."""
    if not count:
        raise BlockingIOError(errno.EAGAIN, "nothing was written")
    return count


__all__ = ["BLOCKING_WRITE_BYTE_LENGTH", "BUFFER_BYTE_LENGTH", "OutputStream"]
