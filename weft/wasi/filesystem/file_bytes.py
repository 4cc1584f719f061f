"""Reading and writing files at positions, straight into and from memory."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final, final

import anyio.lowlevel

from weft.wasi.filesystem.descriptor import check_offset
from weft.wasi.filesystem.errors import os_error

if TYPE_CHECKING:
    from weft.wasi.filesystem.open_file import OpenFile

CHUNK_BYTE_LENGTH: Final = 1 << 20
"""How much is read or written at once, at the most."""

TURN_BYTE_LENGTH: Final = 4 << 20
"""How much is read from the system's cache before others get a turn."""

SHORT_BYTE_LENGTH: Final = 64 << 10
"""What a shorter read counts as, since it takes its time, too."""

_NOWAIT: Final[int | None] = getattr(os, "RWF_NOWAIT", None)
_APPEND: Final[int | None] = getattr(os, "RWF_APPEND", None)


@final
class FileBytes:
    """A file as bytes from a position on (`weft.wasi.byte_io.ByteInput` and `ByteOutput`), which a disk may delay.

    The position is of this object's own: others that read or write the same file do not move it. Pipes and other
    things without positions can be opened, but neither read nor written: ``ESPIPE``.

    Args:
        file: what is read or written; its users see to it that it stays open.
        offset: where to start, in bytes; None to write at the end, wherever that is by then.
    """

    __slots__ = ("_file", "_in_turn", "_offset")

    def __init__(self, file: OpenFile, offset: int | None) -> None:
        self._file = file
        self._offset = offset
        self._in_turn = 0

    def read_into(self, view: memoryview) -> int:
        """Fill a part of `view`, and return how long that is; 0 at the end of the file."""
        return self._read(view, 0)

    def _read(self, view: memoryview, flags: int) -> int:
        assert self._offset is not None
        count = os.preadv(self._file.fd, [view[:CHUNK_BYTE_LENGTH]], check_offset(self._offset), flags)
        self._offset += count
        return count

    def read_cached_into(self, view: memoryview) -> int | None:
        """Do what `read_into` does if no disk has to be waited for, else return None; so it does at times in any case.

        Only some systems can tell, and some file systems of theirs.
        """
        if _NOWAIT is None or self._in_turn >= TURN_BYTE_LENGTH:
            self._in_turn = 0
            return None
        try:
            count = self._read(view, _NOWAIT)
        except OSError:  # it is not there, or cannot be had so: who reads it in another way gets the error
            return None
        self._in_turn += max(count, SHORT_BYTE_LENGTH)
        return count

    def write_from(self, view: memoryview) -> int:
        """Write a part of `view`, and return how long that is."""
        view = view[:CHUNK_BYTE_LENGTH]
        if self._offset is None:
            count = append(self._file.fd, view)
        else:
            count = os.pwritev(self._file.fd, [view], check_offset(self._offset))
            self._offset += count
        if not count:
            raise os_error(errno.EIO)
        return count

    async def wait_readable(self) -> None:
        """Return: a file is always ready."""
        await anyio.lowlevel.checkpoint()

    wait_writable = wait_readable


def append(fd: int, view: memoryview) -> int:
    """Write a part of `view` at the end of a file, and return how long that is."""
    if _APPEND is not None:
        try:
            return os.pwritev(fd, [view], 0, _APPEND)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP):
                raise
    return os.pwritev(fd, [view], os.fstat(fd).st_size)  # not at once: others may append between the two


__all__ = ["CHUNK_BYTE_LENGTH", "FileBytes", "append"]
