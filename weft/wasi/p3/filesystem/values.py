"""Records, variants and flags of wasi:filesystem/types@0.3.0."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict

from weft.wasi.filesystem import error_code, kind_of
from weft.wasi.filesystem.times import KEEP, NOW, timestamp
from weft.wasi.p3.clocks.system_clock import instant

if TYPE_CHECKING:
    import enum
    import os

    from weft.wasi.filesystem.times import NewTime
    from weft.wasi.p3.clocks.system_clock import Instant


@lru_cache(256)
def labels(flags: enum.Flag) -> frozenset[str]:
    """Return the WIT labels of flags."""
    return frozenset((member.name or "").lower().replace("_", "-") for member in flags)


def follows(path_flags: enum.Flag) -> bool:
    """Return whether a symbolic link at the end of a path is followed."""
    return "symlink-follow" in labels(path_flags)


def error_code_of(error: OSError) -> str:
    """Return what an error is called in the interface, which has no ``would-block``."""
    code = error_code(error)
    return "busy" if code == "would-block" else code


def descriptor_type(kind: str) -> str | tuple[str, None]:
    """Return the label of a type as a ``descriptor-type``."""
    return ("other", None) if kind == "other" else kind


Stat = TypedDict(
    "Stat",
    {
        "type": str | tuple[str, None],
        "link-count": int,
        "size": int,
        "data-access-timestamp": "Instant",
        "data-modification-timestamp": "Instant",
        "status-change-timestamp": "Instant",
    },
)


def descriptor_stat(status: os.stat_result) -> Stat:
    """Return attributes as a ``descriptor-stat``."""
    return {
        "type": descriptor_type(kind_of(status.st_mode)),
        "link-count": status.st_nlink,
        "size": status.st_size,
        "data-access-timestamp": instant(status.st_atime_ns),
        "data-modification-timestamp": instant(status.st_mtime_ns),
        "status-change-timestamp": instant(status.st_ctime_ns),
    }


def new_time(given: Any) -> NewTime:
    """Return a ``new-timestamp`` as a time.

    Raises:
        OSError: it is none (``EINVAL``).
    """
    if given.case == "timestamp":
        return timestamp(given.value.seconds, given.value.nanoseconds)
    return NOW if given.case == "now" else KEEP


def hash_value(halves: tuple[int, int]) -> dict[str, int]:
    """Return a ``metadata-hash-value``."""
    lower, upper = halves
    return {"lower": lower, "upper": upper}


__all__ = [
    "Stat",
    "descriptor_stat",
    "descriptor_type",
    "error_code_of",
    "follows",
    "hash_value",
    "labels",
    "new_time",
]
