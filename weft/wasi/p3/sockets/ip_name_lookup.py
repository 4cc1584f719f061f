"""wasi:sockets/ip-name-lookup: names to addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.wasi.p3.sockets.errors import failing_async
from weft.wasi.sockets.addresses import lower_ip
from weft.wasi.sockets.lookup import resolve

if TYPE_CHECKING:
    from weft import Accessor, Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance("wasi:sockets/ip-name-lookup@0.3.0")

    @api.func_wrap_concurrent("resolve-addresses")
    @failing_async
    async def resolve_addresses(accessor: Accessor, name: str) -> list[Any]:
        return [lower_ip(address) for address in await resolve(accessor, getter(accessor.data), name)]


__all__ = ["add_to_linker"]
