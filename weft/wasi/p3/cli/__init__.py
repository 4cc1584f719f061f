"""wasi:cli 0.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p3.cli import environment, exit, stdio, terminal  # noqa: A004 - the interface is called so

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package."""
    for interface in (environment, exit, stdio, terminal):
        interface.add_to_linker(linker, getter)


__all__ = ["add_to_linker"]
