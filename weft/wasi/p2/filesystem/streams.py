"""The streams of wasi:filesystem/types 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from weft.wasi.filesystem import FileBytes
from weft.wasi.p2.io import InputStream, OutputStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.wasi.ctx import WasiCtx
    from weft.wasi.filesystem import Entries, Entry
    from weft.wasi.filesystem.open_file import OpenFile


ENTRY_BYTE_LENGTH: Final = 512
"""What an entry that was read ahead counts as: names have up to 255 bytes."""


def input_stream(ctx: WasiCtx, file: OpenFile, offset: int) -> InputStream:
    """Return a stream of the bytes of a file from `offset` on; it uses the file until it is dropped."""
    data = FileBytes(file.retain(), offset)

    async def read(read_into: Callable[[memoryview], int], view: memoryview) -> int:
        count = data.read_cached_into(view)
        return await ctx.run_blocking(read_into, view) if count is None else count

    return InputStream(data, run_blocking=read, release=file.release)


def output_stream(ctx: WasiCtx, file: OpenFile, offset: int | None) -> OutputStream:
    """Return a stream into a file from `offset` on, or at its end; it uses the file until it is dropped."""
    return OutputStream(FileBytes(file.retain(), offset), run_blocking=ctx.run_blocking, release=file.release)


@final
class DirectoryEntryStream:
    """The resource ``directory-entry-stream``; as many entries are read at once as the limits say.

    What is read ahead counts as held for the guest; when that is too much, entries are read one by one.

    Args:
        ctx: whose limits count.
        entries: closed when the guest drops this.
    """

    __slots__ = ("_ahead", "_ctx", "_entries", "_held")

    def __init__(self, ctx: WasiCtx, entries: Entries) -> None:
        self._ctx = ctx
        self._entries = entries
        self._ahead: list[Entry] = []  # the next one last
        self._held = 0

    async def next(self) -> Entry | None:
        """Return the next entry, None after the last.

        Raises:
            OSError: as the system says, or a name is no UTF-8 (``EILSEQ``).
        """
        if not self._ahead:
            self._let_go()
            found = await self._entries.next(self._ctx, self._claim())
            self._ahead[:0] = reversed(found)
        return self._ahead.pop() if self._ahead else None

    def _claim(self) -> int:
        """Return how many entries may be read."""
        count = max(1, self._ctx.limits.directory_entries)
        byte_length = count * ENTRY_BYTE_LENGTH
        try:
            self._ctx.held.add(byte_length)
        except OSError:
            return 1
        self._held += byte_length
        return count

    def _let_go(self) -> None:
        held, self._held = self._held, 0
        self._ctx.held.add(-held)

    def on_drop(self) -> None:
        """Close the directory."""
        self._let_go()
        self._ahead.clear()
        self._entries.close()


__all__ = ["ENTRY_BYTE_LENGTH", "DirectoryEntryStream", "input_stream", "output_stream"]
