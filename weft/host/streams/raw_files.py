"""Files plugged into guest memory: `readinto` fills it and `write` writes from it, in a worker thread.

Nobody can interrupt a thread, so an operation that is given up ends when the thread is done: until then the guest does
not get its buffer back. If the guest is gone for good, by a trap or because the store is closed, what the thread holds
keeps that memory mapped.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, final

import anyio
import anyio.to_thread

from weft.host.streams.awaiting import AwaitingConsumer, AwaitingProducer
from weft.host.streams.raw_bytes import bytes_offered, room_for_bytes
from weft.host.streams.transmits import StreamResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from weft.host.streams.destination import Destination
    from weft.host.streams.source import Source
    from weft.host.streams.transmits import StreamConsumer, StreamProducer


class ReadableFile(Protocol):
    """What can be read into memory."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Fill a part of `buffer`, and return how long that is."""
        ...


class WritableFile(Protocol):
    """What can be written to from memory."""

    def write(self, data: Any, /) -> int | None:
        """Write a part of `data`, and return how long that is."""
        ...


AnyFile: TypeAlias = "str | PathLike[str] | int"


def from_raw_file(file: AnyFile | ReadableFile) -> StreamProducer:
    """Produce the bytes of a file, read straight into the reader's memory in a worker thread.

    A guest that takes a read back, and a store that is closed, wait until the thread has read: for what may never give
    anything, such as a pipe or a terminal, use `from_byte_stream`.

    Args:
        file: a path, a file descriptor, or an object with `readinto`, best one without a buffer of its own; only what
            is opened here is closed here. It must block.
    """
    return _RawFileProducer(file, "rb")


def to_raw_file(file: AnyFile | WritableFile) -> StreamConsumer:
    """Write the bytes of a ``stream<u8>`` to a file, straight from the writer's memory in a worker thread.

    Args:
        file: a path, which is overwritten, a file descriptor, or an object with `write`, best one without a buffer of
            its own; only what is opened here is closed here. It must block.
    """
    return _RawFileConsumer(file, "wb")


class _RawFile:
    """A file that is opened when it is first used."""

    __slots__ = ("_file", "_mode", "_opens", "_path")

    def __init__(self, file: Any, mode: str) -> None:
        self._path = file
        self._mode = mode
        self._opens = isinstance(file, (str, int)) or hasattr(file, "__fspath__")
        self._file: Any = None if self._opens else file

    def run(self, method: str, view: memoryview) -> int:
        """Call a method of the file with a view of guest memory; runs in a thread."""
        if self._file is None:
            self._file = io.FileIO(self._path, self._mode, closefd=not isinstance(self._path, int))
        count: int | None = getattr(self._file, method)(view)
        if count is None:
            raise BlockingIOError("a file that does not block was given: make it block, or use a stream of anyio's")
        return count

    def close(self) -> None:
        """Close what was opened here; a file that is written exists, even if nothing was written."""
        if not self._opens:
            return
        if self._file is None and self._mode == "wb" and not isinstance(self._path, int):
            self._file = io.FileIO(self._path, self._mode)
        if self._file is not None:
            self._file.close()


async def _in_thread(function: Callable[..., int], *args: object) -> int:
    """Run in a thread to the end, whoever does not want to wait."""
    with anyio.CancelScope(shield=True):
        return await anyio.to_thread.run_sync(function, *args)
    raise AssertionError  # what is shielded is not cancelled


@final
class _RawFileProducer(AwaitingProducer):
    __slots__ = ("_file",)

    def __init__(self, file: Any, mode: str) -> None:
        self._file = _RawFile(file, mode)

    async def produce(self, destination: Destination) -> StreamResult:
        """Read once. What was read cannot be read again, so a read that was taken back gets it all the same."""
        count = await _in_thread(self._file.run, "readinto", room_for_bytes(destination))
        if not count:
            return StreamResult.DROPPED
        destination.mark_written(count)
        return StreamResult.COMPLETED

    async def aclose(self) -> None:
        """Close the file, if it was opened here."""
        await anyio.to_thread.run_sync(self._file.close)


@final
class _RawFileConsumer(AwaitingConsumer):
    __slots__ = ("_file",)

    def __init__(self, file: Any, mode: str) -> None:
        self._file = _RawFile(file, mode)

    async def consume(self, source: Source) -> StreamResult:
        """Write once; the guest is told how much that was."""
        source.mark_read(await _in_thread(self._file.run, "write", bytes_offered(source)))
        return StreamResult.COMPLETED

    async def aclose(self) -> None:
        """Close the file, if it was opened here."""
        await anyio.to_thread.run_sync(self._file.close)


__all__ = ["AnyFile", "ReadableFile", "WritableFile", "from_raw_file", "to_raw_file"]
