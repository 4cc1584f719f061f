"""Files and directories that guests have open: the resource ``descriptor``, under both versions of WASI.

Everything here blocks, if only as long as a disk does: call it through `weft.wasi.filesystem.blocking.call`.
"""

from __future__ import annotations

import errno
import os
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, final

from weft.wasi.filesystem.errors import os_error
from weft.wasi.filesystem.libc import futimens

if TYPE_CHECKING:
    from weft.wasi.filesystem.open_file import OpenFile
    from weft.wasi.filesystem.times import NewTime

MAX_OFFSET: Final = (1 << 63) - 1
"""The largest offset that the system knows; guests have one bit more."""

_HASH_KEY: Final = os.urandom(32)

_ADVICE: Final = {
    "normal": "POSIX_FADV_NORMAL",
    "sequential": "POSIX_FADV_SEQUENTIAL",
    "random": "POSIX_FADV_RANDOM",
    "will-need": "POSIX_FADV_WILLNEED",
    "dont-need": "POSIX_FADV_DONTNEED",
    "no-reuse": "POSIX_FADV_NOREUSE",
}


def check_offset(offset: int) -> int:
    """Return an offset or length of a guest's.

    Raises:
        OSError: the system knows none so large (``EINVAL``).
    """
    if offset > MAX_OFFSET:
        raise os_error(errno.EINVAL)
    return offset


def identity_hash(status: os.stat_result) -> tuple[int, int]:
    """Return 128 bits that tell objects apart, lower half first, and tell nothing of device and inode numbers.

    They do not depend on sizes and times: what guests have as an inode number is made of them.
    """
    digest = blake2b(b"%d %d" % (status.st_dev, status.st_ino), digest_size=16, key=_HASH_KEY).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


@final
class Descriptor:
    """A file or directory that a guest has open.

    Args:
        file: one use of it is the descriptor's.
        flags: the WASI labels of how it was opened.
        read_only: whether the directory that it was found in was given to the guest for reading only.
    """

    __slots__ = ("file", "flags", "read_only")

    def __init__(self, file: OpenFile, flags: frozenset[str], *, read_only: bool) -> None:
        self.file = file
        self.flags = flags
        self.read_only = read_only

    def on_drop(self) -> None:
        """Let go of it."""
        self.file.release()

    @property
    def fd(self) -> int:
        """The system's descriptor."""
        return self.file.fd

    @property
    def directory_fd(self) -> int:
        """The system's descriptor, of a directory.

        Raises:
            OSError: it is none (``ENOTDIR``).
        """
        if not self.file.is_directory:
            raise os_error(errno.ENOTDIR)
        return self.file.fd

    def check_file(self) -> None:
        """Refuse a directory where a file is wanted.

        Raises:
            OSError: it is one (``EBADF``).
        """
        if self.file.is_directory:
            raise os_error(errno.EBADF)

    def check_mutable(self) -> None:
        """Refuse to change what may only be read.

        Raises:
            OSError: it may (``EPERM``).
        """
        if self.read_only:
            raise os_error(errno.EPERM)

    def check_writable_file(self) -> None:
        """Refuse to write to a directory, or to what may only be read; the system refuses the rest.

        Raises:
            OSError: it is a directory (``EBADF``), or may (``EPERM``).
        """
        self.check_file()
        self.check_mutable()

    def stat(self) -> os.stat_result:
        """Return the attributes."""
        return os.fstat(self.fd)

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        os.fsync(self.fd)

    def sync_data(self) -> None:
        """Wait until the data is on the disk."""
        getattr(os, "fdatasync", os.fsync)(self.fd)

    def advise(self, offset: int, length: int, advice: str) -> None:
        """Tell the system how a part of a file will be used, where it wants to know.

        Args:
            offset: where the part starts, in bytes.
            length: how long it is, in bytes; 0 for all the rest.
            advice: the WASI label.
        """
        self.check_file()
        check_offset(offset)
        check_offset(length)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.fd, offset, length, getattr(os, _ADVICE[advice]))

    def set_size(self, size: int) -> None:
        """Cut a file off, or fill it up with zeros, at `size` bytes."""
        self.check_writable_file()
        os.ftruncate(self.fd, check_offset(size))

    def set_times(self, access: NewTime, modification: NewTime) -> None:
        """Set the times of the last access and the last modification."""
        self.check_mutable()
        futimens(self.fd, access, modification)

    def is_same_object(self, other: Descriptor) -> bool:
        """Return whether both are the same file or directory."""
        return os.path.samestat(self.stat(), other.stat())

    def metadata_hash(self) -> tuple[int, int]:
        """Return `identity_hash` of it."""
        return identity_hash(self.stat())


__all__ = ["MAX_OFFSET", "Descriptor", "check_offset", "identity_hash"]
