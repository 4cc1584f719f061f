"""wasi:filesystem 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p2.filesystem import types
from weft.wasi.p2.io.error import VERSION
from weft.wasi.p3.filesystem import preopens

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package."""
    types.add_to_linker(linker, getter)
    preopens.add_to_linker(linker, getter, VERSION)


__all__ = ["add_to_linker"]
