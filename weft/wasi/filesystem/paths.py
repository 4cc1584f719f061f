"""Paths as guests give them: relative, with slashes, in UTF-8 on the host's side.

Source: wasi-filesystem, path-resolution.md.
"""

from __future__ import annotations

import errno
from typing import Final, final

from attrs import frozen

from weft.wasi.filesystem.errors import os_error

PATH_MAX: Final = 4096
"""How long a path may be, in bytes with a zero at the end (Linux)."""


def encode(path: str) -> bytes:
    """Return a path of a guest's as the system takes it.

    Raises:
        OSError: it is empty (``ENOENT``), absolute (``EPERM``), too long (``ENAMETOOLONG``), or has a zero in it
            (``EINVAL``), which would end it in the middle.
    """
    encoded = path.encode()
    if not encoded:
        raise os_error(errno.ENOENT, path)
    if b"\0" in encoded:
        raise os_error(errno.EINVAL, path)
    if len(encoded) >= PATH_MAX:
        raise os_error(errno.ENAMETOOLONG)
    if encoded.startswith(b"/"):
        raise os_error(errno.EPERM, path)
    return encoded


@final
@frozen
class SplitPath:
    """A path as the directory to look in, and what to look for.

    Attributes:
        parent: the path of the directory; empty for the one that the path starts from.
        name: one name, or ``.``; never ``..``, which is not looked for in a directory but is one.
        must_be_directory: whether a slash at the end asked for a directory.
    """

    parent: bytes
    name: bytes
    must_be_directory: bool


def split(path: bytes) -> SplitPath:
    """Split a path that is not empty at its last name."""
    stripped = path.rstrip(b"/")
    parent, _, name = stripped.rpartition(b"/")
    if name == b"..":
        parent, name = stripped, b"."
    return SplitPath(parent, name, len(stripped) < len(path))


def follow_link(at: SplitPath, target: bytes) -> bytes:
    """Return the path that a symbolic link at `at` stands for, from the same directory.

    Raises:
        OSError: the link is absolute (``EPERM``), or empty (``ENOENT``).
    """
    check_target(target)
    path = at.parent + b"/" + target if at.parent else target
    return path + b"/" if at.must_be_directory else path


def check_target(target: bytes) -> None:
    """Refuse what no symbolic link of a guest's may contain.

    Raises:
        OSError: it is absolute (``EPERM``), or empty (``ENOENT``).
    """
    if target.startswith(b"/"):
        raise os_error(errno.EPERM, target)
    if not target:
        raise os_error(errno.ENOENT)


__all__ = ["PATH_MAX", "SplitPath", "check_target", "encode", "follow_link", "split"]
