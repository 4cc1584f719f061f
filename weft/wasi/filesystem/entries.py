"""The entries of directories."""

from __future__ import annotations

import errno
import os
import stat
import threading
from itertools import islice
from typing import TYPE_CHECKING, Final, final

from attrs import frozen

from weft.wasi.filesystem.errors import os_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.wasi.ctx import WasiCtx
    from weft.wasi.filesystem.descriptor import Descriptor
    from weft.wasi.limits import HandleCount

_KINDS: Final = {
    stat.S_IFBLK: "block-device",
    stat.S_IFCHR: "character-device",
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "fifo",
    stat.S_IFLNK: "symbolic-link",
    stat.S_IFREG: "regular-file",
    stat.S_IFSOCK: "socket",
}


def kind_of(mode: int) -> str:
    """Return the WASI label of the type in an ``st_mode``: ``other`` where there is none."""
    return _KINDS.get(stat.S_IFMT(mode), "other")


@final
@frozen
class Entry:
    """What a directory says of one thing in it.

    Attributes:
        kind: as `kind_of` returns it.
        name: its name.
    """

    kind: str
    name: str


@final
class Entries:
    """Reads a directory from its start; it is opened for this at the first read, with a position of its own.

    Args:
        directory: used until `close`.
        handles: one is taken, and given back by `close`.

    Raises:
        OSError: it is no directory (``ENOTDIR``), or too many handles are open (``EMFILE``).
    """

    __slots__ = ("_closed", "_directory", "_error", "_handles", "_lock", "_scan")

    def __init__(self, directory: Descriptor, handles: HandleCount) -> None:
        directory.directory_fd  # noqa: B018 - whether it is one
        handles.acquire()
        self._handles = handles
        self._directory = directory.file.retain()
        self._scan: _Scan | None = None
        self._error: OSError | None = None
        self._lock = threading.Lock()
        self._closed = False

    async def next(self, ctx: WasiCtx, count: int) -> list[Entry]:
        """Return the next entries, at most `count`; none after the last.

        Raises:
            OSError: the next name is no UTF-8 (``EILSEQ``), and is passed over; or as the system says.
        """
        with self._directory:
            return await ctx.run_blocking(self.read, count)

    def read(self, count: int) -> list[Entry]:
        """Do what `next` does, blocking; one at a time."""
        try:
            with self._lock:
                return self._read(count)
        finally:
            if self._closed:
                with self._lock:
                    self._close_scan()

    def _read(self, count: int) -> list[Entry]:
        error, self._error = self._error, None
        if error is not None:
            raise error
        entries: list[Entry] = []
        try:
            if self._scan is None:
                self._scan = _Scan(self._directory.fd)
            entries.extend(islice(_entries(self._scan.found), count))
        except OSError as raised:
            if not entries:
                raise
            self._error = raised  # what came before it comes first
        return entries

    def close(self) -> None:
        """Close it; a read that runs in a thread ends first."""
        self._closed = True
        self._directory.release()
        self._handles.release()
        if self._lock.acquire(blocking=False):
            self._close_scan()
            self._lock.release()

    def _close_scan(self) -> None:
        scan, self._scan = self._scan, None
        if scan is not None:
            scan.close()


@final
class _Scan:
    """A directory that is read; entries of an unknown type are asked for in `_fd`, so it stays open, too."""

    __slots__ = ("_fd", "found")

    def __init__(self, dir_fd: int) -> None:
        self._fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)
        try:
            self.found = os.scandir(self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    def close(self) -> None:
        self.found.close()
        fd, self._fd = self._fd, -1
        os.close(fd)


def _entries(scan: Iterator[os.DirEntry[str]]) -> Iterator[Entry]:
    for found in scan:
        kind = _kind_of_entry(found)
        if kind is not None:
            yield Entry(kind, _text(found.name))


def _kind_of_entry(found: os.DirEntry[str]) -> str | None:
    """Return what it is, mostly without asking the system again; None when it is gone."""
    if found.is_symlink():
        return "symbolic-link"
    if found.is_dir(follow_symlinks=False):
        return "directory"
    if found.is_file(follow_symlinks=False):
        return "regular-file"
    try:
        return kind_of(found.stat(follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def _text(name: str) -> str:
    try:
        return os.fsencode(name).decode()
    except UnicodeDecodeError:
        raise os_error(errno.EILSEQ) from None


__all__ = ["Entries", "Entry", "kind_of"]
