"""The options of sockets, as functions of the interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.wasi.p2.sockets.errors import failing

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import LinkerInstance, Store
    from weft.wasi.sockets.tcp import TcpSocket
    from weft.wasi.sockets.udp import UdpSocket


def add_option(
    api: LinkerInstance, resource: str, option: str, socket_of: Callable[[Any], TcpSocket | UdpSocket]
) -> None:
    """Let guests get and set an option.

    Args:
        api: where the resource is defined.
        resource: its name.
        option: the option's name.
        socket_of: returns the socket behind a resource.
    """

    @api.func_wrap(f"[method]{resource}.{option}")
    @failing
    def get(_store: Store, self: Any) -> int:
        return socket_of(self).get_option(option)

    @api.func_wrap(f"[method]{resource}.set-{option}")
    @failing
    def set_(_store: Store, self: Any, value: int) -> None:
        socket_of(self).set_option(option, value)


__all__ = ["add_option"]
