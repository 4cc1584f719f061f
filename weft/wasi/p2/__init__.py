"""WASI 0.2, one module an interface or a family of small ones, over the same host objects as 0.3.

The interfaces are defined as version 0.2.12, which serves guests that import any 0.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.ctx import whole_data
from weft.wasi.p2 import cli, clocks, filesystem, http, io, random, sockets

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter = whole_data) -> None:
    """Let guests import all of ``wasi:cli/imports@0.2.12``, and ``wasi:http``.

    Args:
        linker: defines it from now on.
        getter: finds the `weft.wasi.WasiCtx` in the data of a store; by default, the data is one.
    """
    for package in (io, cli, clocks, filesystem, http, random, sockets):
        package.add_to_linker(linker, getter)


__all__ = ["add_to_linker"]
