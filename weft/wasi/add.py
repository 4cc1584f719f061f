"""All of WASI at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi import p2, p3
from weft.wasi.ctx import whole_data

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter = whole_data) -> None:
    """Let guests import WASI 0.3 and 0.2, which one component may mix.

    Args:
        linker: defines both from now on.
        getter: finds the `weft.wasi.WasiCtx` in the data of a store; by default, the data is one.
    """
    for version in (p3, p2):
        version.add_to_linker(linker, getter)


__all__ = ["add_to_linker"]
