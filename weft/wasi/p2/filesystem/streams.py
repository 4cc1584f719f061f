"""The streams of wasi:filesystem/types 0.2: files as inputs and outputs that wait for a disk in a thread.

Where reading and writing may hold up the event loop, `weft.wasi.filesystem.FileBytes` is used as it is.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, final

import anyio
import anyio.lowlevel

from weft.wasi.filesystem import FileBytes
from weft.wasi.p2.io import InputStream, OutputStream
from weft.wasi.shared_wait import SharedWait

if TYPE_CHECKING:
    from weft.wasi.ctx import WasiCtx
    from weft.wasi.filesystem import Entries, Entry
    from weft.wasi.filesystem.open_file import OpenFile


def input_stream(ctx: WasiCtx, file: OpenFile, offset: int) -> InputStream:
    """Return a stream of the bytes of a file from `offset` on; it uses the file until it is dropped."""
    data = FileBytes(file.retain(), offset)
    source = data if ctx.block_loop else ThreadInput(ctx, file, data)
    return InputStream(source, blocking=True, release=file.release)


def output_stream(ctx: WasiCtx, file: OpenFile, offset: int | None) -> OutputStream:
    """Return a stream into a file from `offset` on, or at its end; it uses the file until it is dropped."""
    data = FileBytes(file.retain(), offset)
    sink = data if ctx.block_loop else ThreadOutput(ctx, file, data)
    return OutputStream(sink, blocking=True, release=file.release)


@final
class ThreadInput:
    """A file that is read in a thread (`weft.wasi.byte_io.ByteInput`).

    A read that finds nothing here says how much it wants, and so much is read while it waits: not more, since the guest
    may write to the file before it reads on.
    """

    __slots__ = ("_chunk", "_ctx", "_data", "_file", "_wait", "_wanted")

    def __init__(self, ctx: WasiCtx, file: OpenFile, data: FileBytes) -> None:
        self._ctx = ctx
        self._file = file
        self._data = data
        self._chunk: memoryview | None = None
        self._wanted = 0
        self._wait = SharedWait(self._fill)

    def read_into(self, view: memoryview) -> int:
        """Give what was read last; 0 at the end of the file."""
        chunk = self._chunk
        if chunk is None:
            self._wanted = len(view)
            raise BlockingIOError(errno.EAGAIN, "nothing was read yet")
        count = min(len(chunk), len(view))
        view[:count] = chunk[:count]
        self._chunk = chunk[count:] if count < len(chunk) else None
        return count

    async def wait_readable(self) -> None:
        """Read.

        Raises:
            OSError: as the system says.
        """
        await self._wait()

    async def _fill(self) -> None:
        if self._chunk is not None or not self._wanted:
            return
        buffer = memoryview(bytearray(self._wanted))
        with self._file:
            count = await self._ctx.run_blocking(self._data.read_into, buffer)
        self._chunk = buffer[:count]


@final
class ThreadOutput:
    """A file that is written in a thread (`weft.wasi.byte_io.ByteOutput`); `drain` does it, after every write."""

    __slots__ = ("_ctx", "_data", "_file", "_kept", "_turn")

    def __init__(self, ctx: WasiCtx, file: OpenFile, data: FileBytes) -> None:
        self._ctx = ctx
        self._file = file
        self._data = data
        self._kept: list[bytes] = []
        self._turn = anyio.Lock()

    def write_from(self, view: memoryview) -> int:
        """Keep everything: an `OutputStream` offers only so much at once, and drains before it offers more."""
        self._kept.append(bytes(view))
        return len(view)

    async def wait_writable(self) -> None:
        """Return: there is room."""
        await anyio.lowlevel.checkpoint()

    async def drain(self) -> None:
        """Write what is kept.

        Raises:
            OSError: as the system says; what is left is forgotten.
        """
        async with self._turn:
            kept, self._kept = self._kept, []
            with self._file:
                for data in kept:
                    await self._ctx.run_blocking(self._write_all, data)

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._data.write_from(rest) :]


@final
class DirectoryEntryStream:
    """The resource ``directory-entry-stream``; as many entries are read at once as the limits say.

    Args:
        ctx: whose limits count.
        entries: closed when the guest drops this.
    """

    __slots__ = ("_ahead", "_ctx", "_entries")

    def __init__(self, ctx: WasiCtx, entries: Entries) -> None:
        self._ctx = ctx
        self._entries = entries
        self._ahead: list[Entry] = []  # the next one last

    async def next(self) -> Entry | None:
        """Return the next entry, None after the last.

        Raises:
            OSError: as the system says, or a name is no UTF-8 (``EILSEQ``).
        """
        if not self._ahead:
            found = await self._entries.next(self._ctx, max(1, self._ctx.limits.directory_entries))
            self._ahead[:0] = reversed(found)
        return self._ahead.pop() if self._ahead else None

    def on_drop(self) -> None:
        """Close the directory."""
        self._entries.close()


__all__ = ["DirectoryEntryStream", "ThreadInput", "ThreadOutput", "input_stream", "output_stream"]
