"""The streams of wasi:filesystem/types@0.3.0: bytes between files and guest memory, and entries of directories.

Where reading and writing may hold up the event loop it is done while the stream is polled; elsewhere a thread has the
guest's memory until it is done, and the stream holds the operation so long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft import PENDING, StreamResult, consumers, producers
from weft.wasi.filesystem import FileBytes
from weft.wasi.p3.filesystem.values import descriptor_type, error_code_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Destination, Source, StreamAnswer, StreamConsumer, StreamProducer, Waker
    from weft.wasi.ctx import WasiCtx
    from weft.wasi.filesystem import Entries
    from weft.wasi.filesystem.open_file import OpenFile
    from weft.wasi.outcome import Outcome


@final
class _Use:
    """What a stream has of a file: one use of it, and an outcome to settle when it is over."""

    __slots__ = ("ctx", "file", "outcome")

    def __init__(self, ctx: WasiCtx, file: OpenFile, outcome: Outcome) -> None:
        self.ctx = ctx
        self.file = file.retain()
        self.outcome = outcome

    def over(self) -> None:
        """Say that all went well, unless something did not, and let go."""
        self.outcome.succeed()
        self.file.release()

    async def in_thread(self, transfer: Callable[[memoryview], int], view: memoryview) -> int | None:
        """Return how many bytes were transferred where it may block, None if that failed."""
        with self.file:
            result = await self.ctx.run_blocking(_caught, transfer, view)
        if isinstance(result, int):
            return result
        self.outcome.fail(result)
        return None


def _caught(transfer: Callable[[memoryview], int], view: memoryview) -> int | str:
    """Return what `transfer` does, or the code of its error: the error itself would keep the guest's memory."""
    try:
        return transfer(view)
    except OSError as error:
        return error_code_of(error)


def reads(ctx: WasiCtx, file: OpenFile, offset: int, outcome: Outcome) -> StreamProducer:
    """Return a stream of the bytes of a file from `offset` on; it uses the file until it is over."""
    data, use = FileBytes(file, offset), _Use(ctx, file, outcome)
    return _InlineReads(data, use) if ctx.block_loop else _ThreadReads(data, use)


def writes(ctx: WasiCtx, file: OpenFile, offset: int | None, outcome: Outcome) -> StreamConsumer:
    """Return what writes a stream to a file from `offset` on, or at its end; it uses the file until it is over."""
    data, use = FileBytes(file, offset), _Use(ctx, file, outcome)
    return _InlineWrites(data, use) if ctx.block_loop else _ThreadWrites(data, use)


@final
class _InlineReads(producers.NonblockingProducer):
    __slots__ = ("_data", "_use")

    def __init__(self, data: FileBytes, use: _Use) -> None:
        super().__init__()
        self._data = data
        self._use = use

    async def wait(self) -> None:
        """Give others a turn."""
        await self._data.wait_readable()

    def receive(self, destination: Destination) -> StreamResult:
        """Read straight into the guest's memory."""
        count = _caught(self._data.read_into, destination.direct())
        if isinstance(count, str):
            self._use.outcome.fail(count)
            return StreamResult.DROPPED
        destination.mark_written(count)
        return StreamResult.COMPLETED if count else StreamResult.DROPPED

    def finished(self) -> None:
        """Let go of the file."""
        self._use.over()


@final
class _ThreadReads(producers.AwaitingProducer):
    """Reads what the system has in memory while the stream is polled, and the rest in a thread.

    Invariant: `_in_thread` says whether a read was begun there whose end was not seen yet.
    """

    __slots__ = ("_data", "_in_thread", "_started", "_use")

    def __init__(self, data: FileBytes, use: _Use) -> None:
        self._started = self._in_thread = False
        self._data = data
        self._use = use

    async def produce(self, destination: Destination) -> StreamResult:
        """Read straight into the guest's memory; a read that was taken back gets it all the same."""
        count = await self._use.in_thread(self._data.read_into, destination.direct())
        if not count:
            return StreamResult.DROPPED
        destination.mark_written(count)
        return StreamResult.COMPLETED

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """Read at once if that goes."""
        if not (self._in_thread or destination.zero_length):
            count = self._data.read_cached_into(destination.direct())
            if count is not None:
                destination.mark_written(count)
                return StreamResult.COMPLETED if count else StreamResult.DROPPED
        self._started = True
        answer = super().poll_produce(waker, destination, finish)
        self._in_thread = answer is PENDING
        return answer

    def close(self) -> None:
        """Let go of the file at once: a closed store starts no task for it, and a thread has a use of its own."""
        self._use.over()
        if self._started:
            super().close()


@final
class _InlineWrites(consumers.NonblockingConsumer):
    __slots__ = ("_data", "_use")

    def __init__(self, data: FileBytes, use: _Use) -> None:
        super().__init__()
        self._data = data
        self._use = use

    async def wait(self) -> None:
        """Give others a turn."""
        await self._data.wait_writable()

    def send(self, source: Source) -> StreamResult:
        """Write straight from the guest's memory."""
        count = _caught(self._data.write_from, source.direct())
        if isinstance(count, str):
            self._use.outcome.fail(count)
            return StreamResult.DROPPED
        source.mark_read(count)
        return StreamResult.COMPLETED

    def finished(self) -> None:
        """Let go of the file."""
        self._use.over()


@final
class _ThreadWrites(consumers.AwaitingConsumer):
    __slots__ = ("_data", "_started", "_use")

    def __init__(self, data: FileBytes, use: _Use) -> None:
        self._started = False
        self._data = data
        self._use = use

    async def consume(self, source: Source) -> StreamResult:
        """Write straight from the guest's memory."""
        count = await self._use.in_thread(self._data.write_from, source.direct())
        if count is None:
            return StreamResult.DROPPED
        source.mark_read(count)
        return StreamResult.COMPLETED

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """Note that there is a task from now on."""
        self._started = True
        return super().poll_consume(waker, source, finish)

    def close(self) -> None:
        """Let go of the file at once, as reading does."""
        self._use.over()
        if self._started:
            super().close()


@final
class DirectoryReads(producers.AwaitingProducer):
    """A stream of the entries of a directory; as many are read at once as the limits say.

    Args:
        ctx: whose limits count.
        entries: closed when the stream is over.
        outcome: settled then.
    """

    __slots__ = ("_ctx", "_entries", "_outcome", "_started")

    def __init__(self, ctx: WasiCtx, entries: Entries, outcome: Outcome) -> None:
        self._started = False
        self._ctx = ctx
        self._entries = entries
        self._outcome = outcome

    async def produce(self, destination: Destination) -> StreamResult:
        """Write the next entries."""
        limit = max(1, self._ctx.limits.directory_entries)
        remaining = destination.remaining
        count = limit if remaining is None else min(limit, remaining)
        try:
            entries = await self._entries.next(self._ctx, count)
        except OSError as error:
            self._outcome.fail(error_code_of(error))
            return StreamResult.DROPPED
        if not entries:
            return StreamResult.DROPPED
        destination.write([{"type": descriptor_type(entry.kind), "name": entry.name} for entry in entries])
        return StreamResult.COMPLETED

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """Note that there is a task from now on."""
        self._started = True
        return super().poll_produce(waker, destination, finish)

    def close(self) -> None:
        """Close the directory at once, as reading a file does."""
        self._outcome.succeed()
        self._entries.close()
        if self._started:
            super().close()


__all__ = ["DirectoryReads", "reads", "writes"]
