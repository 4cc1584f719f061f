"""wasi:sockets 0.2, over the same objects as 0.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p2.sockets import ip_name_lookup, network, tcp, udp

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package."""
    for interface in (network, tcp, udp, ip_name_lookup):
        interface.add_to_linker(linker, getter)


__all__ = ["add_to_linker"]
