"""wasi:filesystem 0.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p3.filesystem import preopens, types

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package."""
    for interface in (types, preopens):
        interface.add_to_linker(linker, getter)


__all__ = ["add_to_linker"]
