"""Looking up paths without leaving a directory, whatever links there are and whoever renames what meanwhile.

The directory that a path names something in is opened first, either by the system, where it can keep the path beneath
(Linux's ``openat2``), or by hand. What is then done, is done to one name in that directory without following it; links
at the end of a path are followed here.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Final

from attrs import frozen

from weft.wasi.filesystem import walk
from weft.wasi.filesystem.errors import os_error
from weft.wasi.filesystem.libc import AT_FDCWD, OpenHow, openat2
from weft.wasi.filesystem.paths import PATH_MAX, SplitPath, encode, follow_link, split

if TYPE_CHECKING:
    from collections.abc import Iterator

RESOLVE_NO_MAGICLINKS: Final = 0x02  # which the other implies as yet; openat2(2) says not to count on that
RESOLVE_BENEATH: Final = 0x08
_TRIES: Final = 4  # before what others rename all the time is looked up by hand


@cache
def has_openat2() -> bool:
    """Return whether the system keeps paths beneath a directory: an old one does not, nor one in some sandboxes."""
    if sys.platform != "linux":
        return False
    try:
        os.close(openat2(AT_FDCWD, b".", _how()))
    except OSError:
        return False
    return True


def _how() -> OpenHow:
    return OpenHow(walk.DIRECTORY_FLAGS, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)


def open_directory(root: int, path: bytes) -> int:
    """Open the directory at `path` beneath `root`.

    Args:
        root: a descriptor of a directory.
        path: not absolute.

    Returns:
        A descriptor that is the caller's, for looking up names.

    Raises:
        OSError: the path leaves `root` (``EPERM``), leads through too many links (``ELOOP``), or as the system says.
    """
    if len(path) < PATH_MAX and has_openat2():
        for _ in range(_TRIES):
            with suppress(BlockingIOError, InterruptedError):
                return _open_at_once(root, path)
    return walk.open_directory(root, path)


def _open_at_once(root: int, path: bytes) -> int:
    try:
        return openat2(root, path, _how())
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise os_error(errno.EPERM, path) from None
        raise


@frozen
class Place:
    """One name in an open directory: what the system is told to use, without following it.

    Attributes:
        dir_fd: the directory.
        at: where it was looked up.
    """

    dir_fd: int
    at: SplitPath

    @property
    def name(self) -> bytes:
        """The name, or ``.``."""
        return self.at.name

    def stat(self) -> os.stat_result:
        """Return the attributes of what is there."""
        return os.stat(self.at.name, dir_fd=self.dir_fd, follow_symlinks=False)


@contextmanager
def locate(root: int, path: str, *, follow: bool) -> Iterator[Place]:
    """Find the place that a path of a guest's names.

    Args:
        root: a descriptor of the directory that it must stay beneath.
        path: as the guest gave it.
        follow: whether a symbolic link at its end is followed; then there was none at the place just now.

    Yields:
        The place, until the context is left.

    Raises:
        OSError: the path leaves `root` (``EPERM``), leads through too many links (``ELOOP``), or as the system says.
    """
    at = split(encode(path))
    links = 0
    while True:
        with _opened(root, at.parent) as dir_fd:
            target = walk.read_link(dir_fd, at.name) if follow else None
            if target is None:
                yield Place(dir_fd, at)
                return
        links += 1
        if links > walk.MAX_LINKS:
            raise os_error(errno.ELOOP, path)
        at = split(follow_link(at, target))


@contextmanager
def _opened(root: int, path: bytes) -> Iterator[int]:
    if not path:
        yield root
        return
    fd = open_directory(root, path)
    try:
        yield fd
    finally:
        os.close(fd)


__all__ = ["RESOLVE_BENEATH", "RESOLVE_NO_MAGICLINKS", "Place", "has_openat2", "locate", "open_directory"]
