"""Which of the network guests may use: nothing, unless it is granted."""

from __future__ import annotations

import errno
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

AddressUse: TypeAlias = Literal["tcp-bind", "tcp-connect", "udp-bind", "udp-connect", "udp-send"]
"""What a guest wants to do with an address."""


def _networks(given: Iterable[str | IPv4Network | IPv6Network] | None) -> tuple[IPv4Network | IPv6Network, ...] | None:
    return None if given is None else tuple(ip_network(network) for network in given)


def _names(given: bool | Iterable[str]) -> bool | frozenset[str]:
    return given if isinstance(given, bool) else frozenset(given)


def names_above(name: str) -> set[str]:
    """Return a name, in lower case, and the patterns for all below what it is itself below: ``*.org``, ..."""
    labels = name.lower().rstrip(".").split(".")
    return {".".join(labels), *("*." + ".".join(labels[index:]) for index in range(1, len(labels)))}


@final
@frozen
class Network:
    """What guests may do on the network.

    Attributes:
        tcp: whether they may make TCP sockets.
        udp: whether they may make UDP sockets.
        name_lookup: whether they may resolve names: True, or which names, in lower case; ``"*.example.org"`` stands for
            all names below one.
        addresses: with whom they may talk, and where they may listen, as networks (``"127.0.0.0/8"``); None for all.
        check: asked about each use of an address that is otherwise fine: ``check(use, host, port)`` with an
            `ipaddress` object.
    """

    tcp: bool = False
    udp: bool = False
    name_lookup: bool | frozenset[str] = field(default=False, converter=_names)
    addresses: tuple[IPv4Network | IPv6Network, ...] | None = field(default=None, converter=_networks)
    check: Callable[[AddressUse, IPv4Address | IPv6Address, int], bool] | None = None

    @classmethod
    def inherit(cls) -> Network:
        """Return leave to do all that the process may do."""
        return cls(tcp=True, udp=True, name_lookup=True)

    def check_address(self, use: AddressUse, host: str, port: int) -> None:
        """Refuse an address that is not granted. An IPv4 address mapped into IPv6 counts as what it is.

        Raises:
            PermissionError: it is not.
        """
        address = ip_address(host.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        if mapped is not None:
            address = mapped
        listed = self.addresses is None or any(address in network for network in self.addresses)
        if not (listed and (self.check is None or self.check(use, address, port))):
            raise PermissionError(errno.EACCES, f"the guest may not use {host} port {port} for {use}")

    def check_name(self, name: str) -> None:
        """Refuse a name that guests may not resolve.

        Raises:
            PermissionError: they may not.
        """
        granted = self.name_lookup
        if not isinstance(granted, bool):
            granted = bool(granted & names_above(name))
        if not granted:
            raise PermissionError(errno.EACCES, f"the guest may not resolve {name!r}")


__all__ = ["AddressUse", "Network", "names_above"]
