"""wasi:clocks 0.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p3.clocks import monotonic_clock, system_clock, timezone

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package."""
    for interface in (monotonic_clock, system_clock, timezone):
        interface.add_to_linker(linker, getter)


__all__ = ["add_to_linker"]
