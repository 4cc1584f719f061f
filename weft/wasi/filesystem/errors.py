"""What errors of the operating system are called in wasi:filesystem."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: Final = {
    "access": ("EACCES",),
    "would-block": ("EAGAIN", "EWOULDBLOCK"),
    "already": ("EALREADY",),
    "bad-descriptor": ("EBADF",),
    "busy": ("EBUSY",),
    "deadlock": ("EDEADLK",),
    "quota": ("EDQUOT",),
    "exist": ("EEXIST",),
    "file-too-large": ("EFBIG",),
    "illegal-byte-sequence": ("EILSEQ",),
    "in-progress": ("EINPROGRESS",),
    "interrupted": ("EINTR",),
    "invalid": ("EINVAL",),
    "io": ("EIO",),
    "is-directory": ("EISDIR",),
    "loop": ("ELOOP",),
    "too-many-links": ("EMLINK",),
    "message-size": ("EMSGSIZE",),
    "name-too-long": ("ENAMETOOLONG",),
    "no-device": ("ENODEV",),
    "no-entry": ("ENOENT",),
    "no-lock": ("ENOLCK",),
    # There is no code for too many open files; this one says that the host has run out of something, too.
    "insufficient-memory": ("ENOMEM", "EMFILE", "ENFILE"),
    "insufficient-space": ("ENOSPC",),
    "not-directory": ("ENOTDIR",),
    "not-empty": ("ENOTEMPTY",),
    "not-recoverable": ("ENOTRECOVERABLE",),
    "unsupported": ("ENOSYS", "ENOTSUP", "EOPNOTSUPP"),
    "no-tty": ("ENOTTY",),
    "no-such-device": ("ENXIO",),
    "overflow": ("EOVERFLOW",),
    "not-permitted": ("EPERM",),
    "pipe": ("EPIPE",),
    "read-only": ("EROFS",),
    "invalid-seek": ("ESPIPE",),
    "text-file-busy": ("ETXTBSY",),
    "cross-device": ("EXDEV",),
}

ERROR_CODES: Final[Mapping[int, str]] = {
    getattr(errno, name): code for code, names in _NAMES.items() for name in names if hasattr(errno, name)
}
"""By error number. WASI 0.2 has all of these codes, WASI 0.3 all but ``would-block``."""


def error_code(error: OSError) -> str:
    """Return the code of an error; ``io`` where there is none."""
    return "io" if error.errno is None else ERROR_CODES.get(error.errno, "io")


def os_error(number: int, path: object = None) -> OSError:
    """Return the error of a number, as the system would raise it.

    Args:
        number: of the `errno` module.
        path: what it is about.
    """
    return OSError(number, os.strerror(number), path)


__all__ = ["ERROR_CODES", "error_code", "os_error"]
