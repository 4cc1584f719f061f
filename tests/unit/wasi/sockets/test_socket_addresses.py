"""Addresses of guests and of the system."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from weft.wasi.sockets.addresses import SocketAddress, lift_address, lower_address, wildcard


def address(ip: str, port: int = 1, **more: int) -> SocketAddress:
    return SocketAddress(ip_address(ip), port, **more)


def lifted(case: str, **fields: Any) -> SimpleNamespace:
    return SimpleNamespace(case=case, value=SimpleNamespace(**fields))


def test_ipv4_round_trip() -> None:
    """A guest's IPv4 address means what its bytes say, there and back."""
    value = address("192.0.2.7", 443)
    assert lift_address(lifted("ipv4", address=(192, 0, 2, 7), port=443)) == value
    assert lower_address(value) == ("ipv4", {"address": (192, 0, 2, 7), "port": 443})
    assert value.for_system == ("192.0.2.7", 443)
    assert SocketAddress.from_system(("192.0.2.7", 443)) == value


def test_ipv6_round_trip() -> None:
    """A guest's IPv6 address keeps its scope and its flow information, of which the flow label reaches the system."""
    fields = {"address": (0xFE80, 0, 0, 0, 0, 0, 0, 0x1234), "port": 9, "flow_info": 0xFFF12345, "scope_id": 3}
    value = lift_address(lifted("ipv6", **fields))
    assert value == address("fe80::1234", 9, scope_id=3, flow_info=0xFFF12345)
    assert value.for_system == ("fe80::1234", 9, 0x12345, 3)
    assert lower_address(value)[1] == {
        "address": fields["address"],
        "port": 9,
        "flow-info": 0xFFF12345,
        "scope-id": 3,
    }
    assert SocketAddress.from_system(("fe80::1234%eth0", 9, 7, 3)) == value


def test_every_address_is_taken_by_python() -> None:
    """No address of a guest, however strange, makes Python's sockets raise anything but an OSError."""
    value = lift_address(lifted("ipv6", address=(0xFFFF,) * 8, port=0xFFFF, flow_info=0xFFFFFFFF, scope_id=0xFFFFFFFF))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as raw, suppress(OSError):
        raw.bind(value.for_system)


@pytest.mark.parametrize(
    ("ip", "family"),
    [
        ("127.0.0.1", "ipv4"),
        ("0.0.0.0", "ipv4"),
        ("::", "ipv6"),
        ("::1", "ipv6"),
        ("fe80::1", "ipv6"),
        ("::ffff:127.0.0.1", None),
        ("::ffff:0.0.0.0", None),
        ("::127.0.0.1", None),
        ("::2", None),
    ],
)
def test_family(ip: str, family: str | None) -> None:
    """An IPv6 socket knows no IPv4 addresses, and none that have one inside."""
    assert [name for name in ("ipv4", "ipv6") if address(ip).suits(name)] == ([family] if family else [])


@pytest.mark.parametrize("ip", ["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "ffff::1"])
def test_not_unicast(ip: str) -> None:
    """Addresses of groups and of everybody are no addresses of one machine."""
    assert not address(ip).is_unicast


def test_remote() -> None:
    """Nobody is at the wildcard address, or at port 0."""
    assert address("127.0.0.1").is_remote
    assert not address("127.0.0.1", 0).is_remote
    assert not address("::").is_remote
    assert wildcard("ipv6") == address("::", 0)
