"""wasi:io 0.2: errors, pollables and streams of bytes, which every other interface of 0.2 uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p2.io import error, poll, streams
from weft.wasi.p2.io.error import Error
from weft.wasi.p2.io.input import InputStream
from weft.wasi.p2.io.output import OutputStream
from weft.wasi.p2.io.poll import Deadline, Pollable, Readiness

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package."""
    for interface in (error, poll, streams):
        interface.add_to_linker(linker, getter)


__all__ = ["Deadline", "Error", "InputStream", "OutputStream", "Pollable", "Readiness", "add_to_linker"]
