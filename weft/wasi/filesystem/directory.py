"""What guests do to names in directories that they have open.

Everything here blocks, and takes paths as guests give them: see `weft.wasi.filesystem.beneath` for what keeps them in.
A slash at the end of a path asks for a directory, and a symbolic link before it is followed.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from weft.wasi.filesystem import walk
from weft.wasi.filesystem.beneath import Place, locate
from weft.wasi.filesystem.descriptor import Descriptor, identity_hash
from weft.wasi.filesystem.errors import os_error
from weft.wasi.filesystem.libc import utimensat
from weft.wasi.filesystem.paths import check_target

if TYPE_CHECKING:
    from weft.wasi.filesystem.times import NewTime


def _mutable_fd(directory: Descriptor) -> int:
    fd = directory.directory_fd
    directory.check_mutable()
    return fd


def _follows(path: str, *, follow: bool) -> bool:
    return follow or path.endswith("/")


def stat_at(directory: Descriptor, path: str, *, follow: bool) -> os.stat_result:
    """Return the attributes of what is at `path`, of a symbolic link itself unless it is to be followed."""
    with locate(directory.directory_fd, path, follow=_follows(path, follow=follow)) as place:
        return _checked_stat(place)


def _checked_stat(place: Place) -> os.stat_result:
    """Return the attributes of what is there: a directory, if a slash asked for one."""
    return _check_directory(place) if place.at.must_be_directory else place.stat()


def _check_directory(place: Place) -> os.stat_result:
    status = place.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise os_error(errno.ENOTDIR, place.name)
    return status


def _check_new_name(place: Place) -> None:
    """Refuse a slash after the name of what will be no directory: not every system leaves a link before it alone."""
    if place.at.must_be_directory:
        _check_directory(place)
        raise os_error(errno.EEXIST, place.name)


def metadata_hash_at(directory: Descriptor, path: str, *, follow: bool) -> tuple[int, int]:
    """Return `identity_hash` of what is at `path`."""
    return identity_hash(stat_at(directory, path, follow=follow))


def set_times_at(directory: Descriptor, path: str, access: NewTime, modification: NewTime, *, follow: bool) -> None:
    """Set the times of the last access and the last modification."""
    fd = _mutable_fd(directory)
    with locate(fd, path, follow=_follows(path, follow=follow)) as place:
        if place.at.must_be_directory:
            _check_directory(place)
        utimensat(place.dir_fd, place.name, access, modification)


def create_directory_at(directory: Descriptor, path: str) -> None:
    """Make a directory."""
    with locate(_mutable_fd(directory), path, follow=False) as place:
        os.mkdir(place.name, dir_fd=place.dir_fd)


def remove_directory_at(directory: Descriptor, path: str) -> None:
    """Remove an empty directory."""
    fd = _mutable_fd(directory)
    _check_directory_if_asked(fd, path)
    with locate(fd, path, follow=False) as place:
        os.rmdir(place.name, dir_fd=place.dir_fd)


def _check_directory_if_asked(fd: int, path: str) -> bool:
    """Return whether a path ends in a slash; if so there is a directory."""
    if not path.endswith("/"):
        return False
    with locate(fd, path, follow=True) as place:
        _check_directory(place)
    return True


def unlink_file_at(directory: Descriptor, path: str) -> None:
    """Remove anything but a directory."""
    fd = _mutable_fd(directory)
    if _check_directory_if_asked(fd, path):
        raise os_error(errno.EISDIR, path)
    with locate(fd, path, follow=False) as place:
        os.unlink(place.name, dir_fd=place.dir_fd)


def rename_at(directory: Descriptor, old_path: str, new_directory: Descriptor, new_path: str) -> None:
    """Give what is at `old_path` a new name, perhaps in another directory."""
    old_fd, new_fd = _mutable_fd(directory), _mutable_fd(new_directory)
    with locate(old_fd, old_path, follow=False) as old, locate(new_fd, new_path, follow=False) as new:
        if old.at.must_be_directory or new.at.must_be_directory:
            _check_directory(old)
        os.rename(old.name, new.name, src_dir_fd=old.dir_fd, dst_dir_fd=new.dir_fd)


def link_at(directory: Descriptor, old_path: str, new_directory: Descriptor, new_path: str, *, follow: bool) -> None:
    """Give what is at `old_path`, and is no directory, another name."""
    old_fd, new_fd = _mutable_fd(directory), _mutable_fd(new_directory)
    with (
        locate(old_fd, old_path, follow=_follows(old_path, follow=follow)) as old,
        locate(new_fd, new_path, follow=False) as new,
    ):
        if old.at.must_be_directory:
            _check_directory(old)
        _check_new_name(new)
        os.link(old.name, new.name, src_dir_fd=old.dir_fd, dst_dir_fd=new.dir_fd, follow_symlinks=False)


def symlink_at(directory: Descriptor, target: str, path: str) -> None:
    """Make a symbolic link to anything that is not absolute; where it leads is checked whenever it is followed."""
    fd = _mutable_fd(directory)
    contents = target.encode()
    if b"\0" in contents:
        raise os_error(errno.EINVAL)
    check_target(contents)
    with locate(fd, path, follow=False) as place:
        _check_new_name(place)
        os.symlink(contents, place.name, dir_fd=place.dir_fd)


def read_link_at(directory: Descriptor, path: str) -> str:
    """Return what a symbolic link contains; not if that is absolute, which would tell of the host.

    Raises:
        OSError: there is none (``EINVAL``), it is absolute (``EPERM``) or no UTF-8 (``EILSEQ``), or as the system says.
    """
    with locate(directory.directory_fd, path, follow=path.endswith("/")) as place:
        _checked_stat(place)
        target = walk.read_link(place.dir_fd, place.name)
    if target is None:
        raise os_error(errno.EINVAL, path)
    check_target(target)
    try:
        return target.decode()
    except UnicodeDecodeError:
        raise os_error(errno.EILSEQ, path) from None


__all__ = [
    "create_directory_at",
    "link_at",
    "metadata_hash_at",
    "read_link_at",
    "remove_directory_at",
    "rename_at",
    "set_times_at",
    "stat_at",
    "symlink_at",
    "unlink_file_at",
]
