"""Times that guests set."""

from __future__ import annotations

import errno
from typing import Final, TypeAlias

from weft.wasi.filesystem.errors import os_error
from weft.wasi.filesystem.libc import UTIME_NOW, UTIME_OMIT

NANOSECONDS: Final = 1_000_000_000
MAX_SECONDS: Final = (1 << 63) - 1

NewTime: TypeAlias = tuple[int, int]
"""Seconds since 1970, negative before, and nanoseconds after those; or `KEEP` or `NOW`."""

KEEP: Final[NewTime] = (0, UTIME_OMIT)
NOW: Final[NewTime] = (0, UTIME_NOW)


def timestamp(seconds: int, nanoseconds: int) -> NewTime:
    """Return a point in time.

    Raises:
        OSError: it is too late for the system (``EOVERFLOW``), or the nanoseconds are a second or more (``EINVAL``):
            some such numbers have a meaning to the system.
    """
    if nanoseconds >= NANOSECONDS:
        raise os_error(errno.EINVAL)
    if seconds > MAX_SECONDS:
        raise os_error(errno.EOVERFLOW)
    return seconds, nanoseconds


__all__ = ["KEEP", "MAX_SECONDS", "NANOSECONDS", "NOW", "NewTime", "timestamp"]
