"""Resolving a path by hand, one name at a time, where the system cannot keep it beneath a directory.

No name is ever followed by the system: symbolic links are read and put in place of their names here. ``..`` starts over
from the top with one name less, so nothing depends on where a directory was moved meanwhile, and one descriptor is open
at a time however deep a path is.

Source: wasi-filesystem, path-resolution.md, "Implementing path resolution manually".
"""

from __future__ import annotations

import errno
import os
from typing import Final, final

from weft.wasi.filesystem.errors import os_error
from weft.wasi.filesystem.paths import check_target

MAX_LINKS: Final = 40
"""How many symbolic links one path may lead through, as on Linux."""
MAX_STEPS: Final = 20_000
"""How many directories are opened for one path: ``..`` starts over, so a hostile path could take long."""

DIRECTORY_FLAGS: Final = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)


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
    walk = _Walk(root)
    try:
        return walk.along(path)
    except BaseException:
        walk.close()
        raise


def open_without_links(path: bytes) -> int:
    """Open the directory at an absolute path on which there is no symbolic link, for reading it.

    Raises:
        OSError: there is one (``ENOTDIR``), or as the system says.
    """
    fd = os.open(b"/", DIRECTORY_FLAGS)
    for name in filter(None, path.split(b"/")):
        fd = _exchange(fd, name, DIRECTORY_FLAGS | os.O_NOFOLLOW)
    return _exchange(fd, b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _exchange(dir_fd: int, name: bytes, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=dir_fd)
    finally:
        os.close(dir_fd)


def read_link(dir_fd: int, name: bytes) -> bytes | None:
    """Return what the symbolic link `name` contains, None when there is no symbolic link.

    Raises:
        OSError: as the system says.
    """
    try:
        return os.readlink(name, dir_fd=dir_fd)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise


@final
class _Walk:
    """Invariant: `_names` leads from the root to the directory `_fd`, and none of them was a symbolic link."""

    __slots__ = ("_fd", "_links", "_names", "_root", "_steps", "_todo")

    def __init__(self, root: int) -> None:
        self._root = self._fd = root
        self._names: list[bytes] = []
        self._todo: list[bytes] = []
        self._links = self._steps = 0

    def along(self, path: bytes) -> int:
        self._push(path)
        while self._todo:
            name = self._todo.pop()
            if name == b"..":
                self._start_over_above()
            elif name not in (b"", b"."):
                self._enter(name)
        return os.open(b".", DIRECTORY_FLAGS, dir_fd=self._root) if self._fd == self._root else self._fd

    def _push(self, path: bytes) -> None:
        self._todo.extend(reversed(path.split(b"/")))

    def close(self) -> None:
        if self._fd != self._root:
            os.close(self._fd)
            self._fd = self._root

    def _start_over_above(self) -> None:
        """Go up by the ``..`` just met, and by those that follow it."""
        levels = 1
        while self._todo and self._todo[-1] in (b"", b".", b".."):
            levels += self._todo.pop() == b".."
        if levels > len(self._names):
            raise os_error(errno.EPERM)
        self.close()
        self._todo.extend(reversed(self._names[:-levels]))
        self._names.clear()

    def _enter(self, name: bytes) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise os_error(errno.ELOOP, name)
        try:
            child = os.open(name, DIRECTORY_FLAGS | os.O_NOFOLLOW, dir_fd=self._fd)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            self._follow(name, error)
        else:
            self.close()
            self._fd = child
            self._names.append(name)

    def _follow(self, name: bytes, error: OSError) -> None:
        target = read_link(self._fd, name)
        if target is None:
            raise error
        self._links += 1
        if self._links > MAX_LINKS:
            raise os_error(errno.ELOOP, name)
        check_target(target)
        self._push(target)


__all__ = ["DIRECTORY_FLAGS", "MAX_LINKS", "MAX_STEPS", "open_directory", "open_without_links", "read_link"]
