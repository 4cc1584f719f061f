"""wasi:cli 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p2.cli import stdio
from weft.wasi.p2.io.error import VERSION
from weft.wasi.p3.cli import environment, exit, terminal  # noqa: A004 - the interface is called so

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package."""
    environment.add_to_linker(linker, getter, VERSION, "initial-cwd")
    exit.add_to_linker(linker, getter, VERSION)
    stdio.add_to_linker(linker, getter)
    terminal.add_to_linker(linker, getter, VERSION)


__all__ = ["add_to_linker"]
