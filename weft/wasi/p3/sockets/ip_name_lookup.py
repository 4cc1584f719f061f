"""wasi:sockets/ip-name-lookup: names to addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from weft import Err
from weft.wasi.sockets.addresses import lower_ip
from weft.wasi.sockets.errors import SocketError, describe, error_code
from weft.wasi.sockets.lookup import resolve

if TYPE_CHECKING:
    from weft import Accessor, Linker
    from weft.wasi.ctx import Getter
    from weft.wasi.p3.sockets.errors import WireCode


_CODES: Final = frozenset(
    {
        "access-denied",
        "invalid-argument",
        "name-unresolvable",
        "temporary-resolver-failure",
        "permanent-resolver-failure",
    }
)
"""The interface has an ``error-code`` of its own, with fewer cases than that of sockets."""


def wire_code(error: SocketError | OSError) -> WireCode:
    """Return what an error is called in the interface: a resolver can fail with any of the system's."""
    code = error_code(error)
    return code if code in _CODES else ("other", describe(error))


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance("wasi:sockets/ip-name-lookup@0.3.0")

    @api.func_wrap_concurrent("resolve-addresses")
    async def resolve_addresses(accessor: Accessor, name: str) -> list[Any]:
        try:
            addresses = await resolve(accessor, getter(accessor.data), name)
        except (SocketError, OSError) as error:
            raise Err(wire_code(error)) from error
        return [lower_ip(address) for address in addresses]


__all__ = ["add_to_linker", "wire_code"]
