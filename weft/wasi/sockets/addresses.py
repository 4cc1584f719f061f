"""Addresses: as guests have them, as the system has them, and which of them are fit for what."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

AddressFamily: TypeAlias = Literal["ipv4", "ipv6"]
IpAddress: TypeAlias = IPv4Address | IPv6Address

FAMILIES: Final[Mapping[AddressFamily, socket.AddressFamily]] = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
UNSPECIFIED: Final[Mapping[AddressFamily, IpAddress]] = {"ipv4": IPv4Address(0), "ipv6": IPv6Address(0)}
_BROADCAST: Final = IPv4Address("255.255.255.255")
_GROUPS: Final = struct.Struct(">8H")
_FLOW_LABEL_MASK: Final = 0xFFFFF
_HIGH_BITS: Final = 32


@final
@frozen
class SocketAddress:
    """Where a socket is or whom it talks to.

    Attributes:
        ip: the address, without a scope.
        port: 0 to 65535.
        scope_id: which network interface a link-local address is about.
        flow_info: the flow label of IPv6 packets; it does not make two addresses different.
    """

    ip: IpAddress
    port: int
    scope_id: int = 0
    flow_info: int = field(default=0, eq=False)

    @classmethod
    def from_system(cls, address: tuple[Any, ...]) -> SocketAddress:
        """Return what Python's sockets call `address`."""
        if len(address) == 2:
            return cls(IPv4Address(address[0]), address[1])
        host, port, flow_info, scope_id = address
        return cls(IPv6Address(host.partition("%")[0]), port, scope_id, flow_info)

    @property
    def for_system(self) -> tuple[Any, ...]:
        """The same for Python's sockets, which take only as much of the flow information as is sent."""
        if isinstance(self.ip, IPv4Address):
            return str(self.ip), self.port
        return str(self.ip), self.port, self.flow_info & _FLOW_LABEL_MASK, self.scope_id

    def suits(self, family: AddressFamily) -> bool:
        """Whether a socket can use it: IPv6 sockets know no IPv4, in no disguise, mapped or (deprecated) compatible."""
        if isinstance(self.ip, IPv4Address):
            return family == "ipv4"
        compatible = int(self.ip) >> _HIGH_BITS == 0 and int(self.ip) > 1
        return family == "ipv6" and self.ip.ipv4_mapped is None and not compatible

    @property
    def is_unicast(self) -> bool:
        """Whether it stands for one machine."""
        return not self.ip.is_multicast and self.ip != _BROADCAST

    @property
    def is_remote(self) -> bool:
        """Whether somebody can be there: an address and a port are given."""
        return int(self.ip) != 0 and self.port != 0


def wildcard(family: AddressFamily) -> SocketAddress:
    """Return the address that stands for all of this machine's, and any port: where sockets bind of themselves."""
    return SocketAddress(UNSPECIFIED[family], 0)


def lift_address(value: Any) -> SocketAddress:
    """Return an ``ip-socket-address`` of a guest's."""
    address = value.value
    if value.case == "ipv4":
        return SocketAddress(IPv4Address(bytes(address.address)), address.port)
    ip = IPv6Address(_GROUPS.pack(*address.address))
    return SocketAddress(ip, address.port, address.scope_id, address.flow_info)


def lower_ip(ip: IpAddress) -> tuple[AddressFamily, tuple[int, ...]]:
    """Return an address as an ``ip-address``."""
    if isinstance(ip, IPv4Address):
        return "ipv4", tuple(ip.packed)
    return "ipv6", _GROUPS.unpack(ip.packed)


def lower_address(address: SocketAddress) -> tuple[AddressFamily, dict[str, Any]]:
    """Return an address as an ``ip-socket-address``."""
    family, numbers = lower_ip(address.ip)
    fields: dict[str, Any] = {"port": address.port, "address": numbers}
    if family == "ipv6":
        fields |= {"flow-info": address.flow_info, "scope-id": address.scope_id}
    return family, fields


def without_disguise(ip: IpAddress) -> IpAddress:
    """Return an IPv4 address that is mapped into IPv6 as what it is, and any other as it is."""
    mapped = getattr(ip, "ipv4_mapped", None)
    return ip if mapped is None else mapped


__all__ = [
    "FAMILIES",
    "UNSPECIFIED",
    "AddressFamily",
    "IpAddress",
    "SocketAddress",
    "lift_address",
    "lower_address",
    "lower_ip",
    "wildcard",
    "without_disguise",
]
