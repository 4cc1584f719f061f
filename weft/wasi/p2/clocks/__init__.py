"""wasi:clocks 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p2.clocks import monotonic_clock, timezone, wall_clock

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package."""
    for interface in (monotonic_clock, wall_clock, timezone):
        interface.add_to_linker(linker, getter)


__all__ = ["add_to_linker"]
