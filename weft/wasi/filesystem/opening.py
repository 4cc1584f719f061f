"""Opening files and directories beneath one that a guest has open, and those that it starts with."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from weft.wasi.filesystem import walk
from weft.wasi.filesystem.beneath import locate
from weft.wasi.filesystem.blocking import call
from weft.wasi.filesystem.descriptor import Descriptor
from weft.wasi.filesystem.errors import os_error
from weft.wasi.filesystem.open_file import OpenFile

if TYPE_CHECKING:
    from weft.wasi.ctx import Preopen, WasiCtx

# Opening a FIFO or a device must not wait for anybody, nor make a terminal that of this process.
_ALWAYS: Final = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW
_FILE_MODE: Final = 0o666
_SYNC_FLAGS: Final = {
    "file-integrity-sync": os.O_SYNC,
    "data-integrity-sync": os.O_DSYNC,
    "requested-write-sync": getattr(os, "O_RSYNC", 0),
}
_DIRECTORY_FLAGS: Final = frozenset({"read", "mutate-directory"})
_FILE_FLAGS: Final = frozenset({"read", "write", *_SYNC_FLAGS})


def granted_flags(open_flags: frozenset[str], flags: frozenset[str]) -> frozenset[str]:
    """Return how a guest will have a file or directory open: creating and truncating write, not writing is reading.

    Args:
        open_flags: the WASI labels of ``open-flags``.
        flags: the WASI labels of ``descriptor-flags`` that it asked for.

    Raises:
        OSError: a directory cannot be had so (``EINVAL``).
    """
    if "directory" in open_flags and open_flags & {"create", "exclusive", "truncate"}:
        raise os_error(errno.EINVAL)
    granted = set(flags)
    if open_flags & {"create", "truncate"}:
        granted.add("write")
    if "write" not in flags:
        granted.add("read")
    return frozenset(granted)


def system_flags(open_flags: frozenset[str], granted: frozenset[str]) -> int:
    """Return the same as the system takes it (``O_...``)."""
    flags = _ALWAYS
    if "write" in granted:
        flags |= os.O_RDWR if "read" in granted else os.O_WRONLY
    if "create" in open_flags:
        flags |= os.O_CREAT | (os.O_EXCL if "exclusive" in open_flags else 0)
    if "truncate" in open_flags:
        flags |= os.O_TRUNC
    if "directory" in open_flags:
        flags |= os.O_DIRECTORY
    for label in granted & _SYNC_FLAGS.keys():
        flags |= _SYNC_FLAGS[label]
    return flags


def open_beneath(directory: Descriptor, path: str, flags: int, *, follow: bool) -> tuple[int, int]:
    """Open `path`, and return the system's descriptor, which is the caller's, and its ``st_mode``.

    Args:
        directory: where it must stay beneath.
        path: as the guest gave it.
        flags: as `system_flags` returns them.
        follow: whether a symbolic link at the end is followed.

    Raises:
        OSError: as the system says.
    """
    root = directory.directory_fd
    if path.endswith("/"):
        flags |= os.O_DIRECTORY
        follow = True
    follow = follow and not flags & os.O_EXCL
    for _ in range(walk.MAX_LINKS):
        with locate(root, path, follow=follow) as place:
            if place.at.must_be_directory and flags & os.O_CREAT:
                raise os_error(errno.EISDIR, path)
            try:
                return _with_mode(os.open(place.name, flags, _FILE_MODE, dir_fd=place.dir_fd))
            except OSError as error:
                if not (follow and error.errno == errno.ELOOP):  # else a link came there just now
                    raise
    raise os_error(errno.ELOOP, path)


def _with_mode(fd: int) -> tuple[int, int]:
    try:
        return fd, os.fstat(fd).st_mode
    except BaseException:
        os.close(fd)
        raise


async def open_at(
    ctx: WasiCtx, directory: Descriptor, path: str, open_flags: frozenset[str], flags: frozenset[str], *, follow: bool
) -> Descriptor:
    """Open a file or directory for a guest.

    Args:
        ctx: whose limits count.
        directory: where it must stay beneath.
        path: as the guest gave it.
        open_flags: the WASI labels of ``open-flags``.
        flags: the WASI labels of ``descriptor-flags``.
        follow: whether a symbolic link at the end is followed.

    Raises:
        OSError: as the system says, the directory may only be read (``EPERM``), or too many are open (``EMFILE``).
    """
    granted = granted_flags(open_flags, flags)
    if "write" in granted:
        directory.check_mutable()
    ctx.handles.acquire()
    try:
        opened = await call(ctx, open_beneath, directory, path, system_flags(open_flags, granted), follow=follow)
    except BaseException:
        ctx.handles.release()
        raise
    file = OpenFile(*opened, ctx.handles)
    if file.is_directory:
        granted &= _DIRECTORY_FLAGS - ({"mutate-directory"} if directory.read_only else set())
    else:
        granted &= _FILE_FLAGS
    return Descriptor(file, granted, read_only=directory.read_only)


def open_preopen(ctx: WasiCtx, preopen: Preopen) -> Descriptor:
    """Open a directory that a guest starts with.

    A guest that can change what is above it may have put a link in its place since the last time: none is followed.

    Raises:
        OSError: a symbolic link is on the way (``ENOTDIR``), as the system says, or too many are open (``EMFILE``).
    """
    ctx.handles.acquire()
    try:
        opened = _with_mode(walk.open_without_links(os.fsencode(preopen.host_path)))
    except BaseException:
        ctx.handles.release()
        raise
    flags = frozenset({"read"}) if preopen.read_only else _DIRECTORY_FLAGS
    return Descriptor(OpenFile(*opened, ctx.handles), flags, read_only=preopen.read_only)


__all__ = ["granted_flags", "open_at", "open_beneath", "open_preopen", "system_flags"]
