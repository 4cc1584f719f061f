"""What guests give and get in wasi:filesystem/types and is the same in both versions of WASI."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from weft.wasi.filesystem.times import KEEP, NOW, timestamp

if TYPE_CHECKING:
    import enum

    from weft.wasi.filesystem.times import NewTime


@lru_cache(256)
def labels(flags: enum.Flag) -> frozenset[str]:
    """Return the WIT labels of flags."""
    return frozenset((member.name or "").lower().replace("_", "-") for member in flags)


def follows(path_flags: enum.Flag) -> bool:
    """Return whether a symbolic link at the end of a path is followed."""
    return "symlink-follow" in labels(path_flags)


def new_time(given: Any) -> NewTime:
    """Return a ``new-timestamp`` as a time.

    Raises:
        OSError: the system knows no such time.
    """
    if given.case == "timestamp":
        return timestamp(given.value.seconds, given.value.nanoseconds)
    return NOW if given.case == "now" else KEEP


def hash_value(halves: tuple[int, int]) -> dict[str, int]:
    """Return a ``metadata-hash-value``."""
    lower, upper = halves
    return {"lower": lower, "upper": upper}


__all__ = ["follows", "hash_value", "labels", "new_time"]
