"""Which of the network guests may use: nothing, unless it is granted."""

from __future__ import annotations

import errno
from ipaddress import ip_network
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from attrs import field, frozen

from weft.wasi.sockets.addresses import without_disguise
from weft.wasi.sockets.names import ascii_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

AddressUse: TypeAlias = Literal[
    "tcp-bind", "tcp-listen", "tcp-accept", "tcp-connect", "udp-bind", "udp-send", "udp-receive"
]
"""What a guest wants to do with an address: with one of this machine to bind and to listen, else with a peer's."""


def _networks(given: Iterable[str | IPv4Network | IPv6Network] | None) -> tuple[IPv4Network | IPv6Network, ...] | None:
    return None if given is None else tuple(ip_network(network) for network in given)


def name_pattern(given: str) -> str:
    """Return a name, or ``*.`` and a name, in the form in which names are compared.

    Raises:
        ValueError: it is neither.
    """
    below = given.startswith("*.")
    name = ascii_name(given.removeprefix("*.")).removesuffix(".")
    return f"*.{name}" if below else name


def _names(given: bool | Iterable[str]) -> bool | frozenset[str]:
    if isinstance(given, str):
        raise TypeError("name_lookup is a bool or several names, not one string")
    return given if isinstance(given, bool) else frozenset(name_pattern(name) for name in given)


def _denied(what: str) -> PermissionError:
    return PermissionError(errno.EACCES, f"the guest may not {what}")


def names_above(name: str) -> set[str]:
    """Return a name, in lower case, and the patterns for all below what it is itself below: ``*.org``, ..."""
    labels = name.lower().rstrip(".").split(".")
    return {".".join(labels), *("*." + ".".join(labels[index:]) for index in range(1, len(labels)))}


@final
@frozen
class Network:
    """What guests may do on the network.

    Addresses are judged when they are used, whatever name they were found by: the results of a name lookup are not
    filtered. Who is not granted does not get through to the guest either: connections from there are reset, datagrams
    ignored.

    Attributes:
        tcp: whether they may make TCP sockets.
        udp: whether they may make UDP sockets.
        name_lookup: whether they may resolve names: True, or which names; ``"*.example.org"`` stands for all names
            below one. Upper and lower case, Unicode and its ASCII form, and a dot at the end make no difference.
        addresses: with whom they may talk, and where they may bind and listen, as networks (``"127.0.0.0/8"``); None
            for all. To listen at all addresses of the machine, ``"0.0.0.0"`` or ``"::"`` must be granted. A socket that
            connects or sends without having been bound may do so all the same.
        check: asked about each use of an address that is otherwise fine: ``check(use, host, port)`` with an
            `ipaddress` object. It is asked about the address 0.0.0.0 or :: and port 0 for sockets that bind of
            themselves, and about UDP sockets that connect as if they sent and, if that is refused, as if they received.
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

    def check_tcp(self) -> None:
        """Refuse TCP sockets that are not granted.

        Raises:
            PermissionError: they are not.
        """
        if not self.tcp:
            raise _denied("use TCP")

    def check_udp(self) -> None:
        """Refuse UDP sockets that are not granted.

        Raises:
            PermissionError: they are not.
        """
        if not self.udp:
            raise _denied("use UDP")

    def permits(self, use: AddressUse, address: IPv4Address | IPv6Address, port: int) -> bool:
        """Return whether an address is granted. An IPv4 address mapped into IPv6 counts as what it is."""
        address = without_disguise(address)
        listed = self.addresses is None or any(address in network for network in self.addresses)
        return listed and self._check(use, address, port)

    def _check(self, use: AddressUse, address: IPv4Address | IPv6Address, port: int) -> bool:
        return self.check is None or bool(self.check(use, address, port))

    def check_address(self, use: AddressUse, address: IPv4Address | IPv6Address, port: int) -> None:
        """Refuse an address that is not granted.

        Raises:
            PermissionError: it is not.
        """
        if not self.permits(use, address, port):
            raise _denied(f"use {address} port {port} for {use}")

    def check_implicit_bind(self, use: AddressUse, address: IPv4Address | IPv6Address) -> None:
        """Refuse that a socket binds of itself, in order to talk to somebody who is granted.

        Raises:
            PermissionError: `check` does not want it.
        """
        if not self._check(use, address, 0):
            raise _denied(f"bind to {address} for {use}")

    def check_numeric_names(self) -> None:
        """Refuse names that are addresses; they are fine where any names are, since nobody is asked for them.

        Raises:
            PermissionError: guests may resolve no names at all.
        """
        if not self.name_lookup:
            raise _denied("resolve names")

    def check_name(self, name: str) -> None:
        """Refuse a name that guests may not resolve.

        Args:
            name: as `weft.wasi.sockets.names.ascii_name` gives it.

        Raises:
            PermissionError: they may not.
        """
        granted = self.name_lookup
        if not isinstance(granted, bool):
            granted = bool(granted & names_above(name))
        if not granted:
            raise _denied(f"resolve {name!r}")


__all__ = ["AddressUse", "Network", "name_pattern", "names_above"]
