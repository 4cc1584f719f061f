"""Calls of the C library that Python's `os` has no function for, or none with all that they can do."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any, Final

from weft.wasi.filesystem.errors import os_error

AT_FDCWD: Final = -100 if sys.platform == "linux" else -2
AT_SYMLINK_NOFOLLOW: Final = 0x100 if sys.platform == "linux" else 0x20
UTIME_NOW: Final = (1 << 30) - 1 if sys.platform == "linux" else -1
UTIME_OMIT: Final = (1 << 30) - 2 if sys.platform == "linux" else -2


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        raise os_error(ctypes.get_errno())
    return result


class OpenHow(ctypes.Structure):
    """How `openat2` opens (``struct open_how``)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


_SYS_OPENAT2: Final = 437  # the same number on every architecture that Wasmtime runs on


def openat2(dir_fd: int, path: bytes, how: OpenHow) -> int:
    """Open as Linux's ``openat2`` does, which the C library has no function for.

    Args:
        dir_fd: where `path` starts.
        path: without a zero in it.
        how: flags, mode and restrictions.

    Raises:
        OSError: as the system says; ``ENOSYS`` where there is no such call.
    """
    syscall: Any = _library().syscall
    syscall.restype = ctypes.c_long
    return _checked(
        syscall(
            ctypes.c_long(_SYS_OPENAT2),
            ctypes.c_long(dir_fd),
            ctypes.c_char_p(path),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
    )


def _time_specs(access: tuple[int, int], modification: tuple[int, int]) -> ctypes.Array[_TimeSpec]:
    return (_TimeSpec * 2)(_TimeSpec(*access), _TimeSpec(*modification))


def futimens(fd: int, access: tuple[int, int], modification: tuple[int, int]) -> None:
    """Set the times of what is open; each is seconds and nanoseconds, or has `UTIME_NOW` or `UTIME_OMIT` as those.

    Raises:
        OSError: as the system says.
    """
    _checked(_library().futimens(ctypes.c_int(fd), _time_specs(access, modification)))


def utimensat(dir_fd: int, name: bytes, access: tuple[int, int], modification: tuple[int, int]) -> None:
    """Set the times of what is called `name` in a directory, of a symbolic link itself.

    Raises:
        OSError: as the system says.
    """
    times = _time_specs(access, modification)
    _checked(
        _library().utimensat(ctypes.c_int(dir_fd), ctypes.c_char_p(name), times, ctypes.c_int(AT_SYMLINK_NOFOLLOW))
    )


__all__ = [
    "AT_FDCWD",
    "AT_SYMLINK_NOFOLLOW",
    "UTIME_NOW",
    "UTIME_OMIT",
    "OpenHow",
    "futimens",
    "openat2",
    "utimensat",
]
