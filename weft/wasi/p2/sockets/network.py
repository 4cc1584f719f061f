"""wasi:sockets/network and instance-network: a handle that has to be shown, and error codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.wasi.p2.io.error import VERSION
from weft.wasi.p2.sockets.errors import network_error_code

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter
    from weft.wasi.p2.io import Error


@final
class NetworkHandle:
    """The resource ``network``: everybody can have it, and it grants nothing (`weft.wasi.Network` does)."""

    __slots__ = ()


def add_to_linker(linker: Linker, _getter: Getter) -> None:
    """Let guests import the interfaces."""
    api = linker.instance(f"wasi:sockets/network@{VERSION}")
    api.object_resource("network")

    @api.func_wrap("network-error-code")
    def get_network_error_code(_store: Store, err: Error) -> str | None:
        return network_error_code(err.error)

    instance = linker.instance(f"wasi:sockets/instance-network@{VERSION}")
    instance.func_wrap("instance-network", lambda _store: NetworkHandle())


__all__ = ["NetworkHandle", "add_to_linker"]
