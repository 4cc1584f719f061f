"""Records and variants of wasi:filesystem/types@0.3.0."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from weft.wasi.filesystem import error_code, kind_of
from weft.wasi.p3.clocks.system_clock import instant

if TYPE_CHECKING:
    import os

    from weft.wasi.p3.clocks.system_clock import Instant


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


__all__ = ["Stat", "descriptor_stat", "descriptor_type", "error_code_of"]
