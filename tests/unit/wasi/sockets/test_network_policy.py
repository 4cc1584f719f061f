"""What guests may do on the network, and how they might try to do more."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from weft.wasi import Network
from weft.wasi.sockets.names import ascii_name


def granted(network: Network, name: str) -> bool:
    try:
        network.check_name(ascii_name(name))
    except PermissionError:
        return False
    return True


def permits(network: Network, use: str, ip: str, port: int = 80) -> bool:
    return network.permits(use, ip_address(ip), port)  # type: ignore[arg-type]


def test_nothing_is_granted_by_default() -> None:
    """A network is nothing, unless it is granted."""
    network = Network()
    for check in (network.check_tcp, network.check_udp, network.check_numeric_names):
        with pytest.raises(PermissionError):
            check()
    assert not granted(network, "localhost")


def test_inherit() -> None:
    """All that the process may do can be granted."""
    network = Network.inherit()
    network.check_tcp()
    network.check_udp()
    network.check_numeric_names()
    assert granted(network, "example.org")
    assert permits(network, "tcp-bind", "0.0.0.0")


@pytest.mark.parametrize(
    ("ip", "permitted"),
    [
        ("127.0.0.1", True),
        ("127.255.255.255", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:7f00:1", True),
        ("128.0.0.1", False),
        ("0.0.0.0", False),
        ("::ffff:128.0.0.1", False),
        ("::127.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("64:ff9b::7f00:1", False),
    ],
)
def test_allow_list(ip: str, permitted: bool) -> None:
    """Only addresses in a network of the list are granted; an IPv4 address mapped into IPv6 counts as what it is."""
    network = Network(tcp=True, addresses=["127.0.0.0/8"])
    for use in ("tcp-bind", "tcp-listen", "tcp-accept", "tcp-connect", "udp-bind", "udp-send", "udp-receive"):
        assert permits(network, use, ip) is permitted


def test_check() -> None:
    """`check` has the last word about addresses that the list has, and sees no disguise."""
    asked: list[object] = []

    def check(*args: object) -> bool:
        asked.append(args)
        return args[0] == "tcp-connect"

    network = Network(tcp=True, addresses=["10.0.0.0/8"], check=check)
    assert permits(network, "tcp-connect", "::ffff:10.0.0.1")
    assert not permits(network, "tcp-bind", "10.0.0.1")
    assert not permits(network, "tcp-connect", "11.0.0.1")
    assert asked == [("tcp-connect", ip_address("10.0.0.1"), 80), ("tcp-bind", ip_address("10.0.0.1"), 80)]


def test_implicit_binds_are_checked() -> None:
    """A socket that binds of itself needs no network of the list, but `check` may refuse it."""
    Network(tcp=True, addresses=["10.0.0.0/8"]).check_implicit_bind("tcp-bind", ip_address("0.0.0.0"))
    strict = Network(tcp=True, check=lambda use, *_: not use.endswith("bind"))
    with pytest.raises(PermissionError):
        strict.check_implicit_bind("tcp-bind", ip_address("::"))


@pytest.mark.parametrize(
    ("name", "permitted"),
    [
        ("example.org", True),
        ("EXAMPLE.ORG", True),
        ("example.org.", True),
        ("example\u3002org", True),
        ("\uff45xample.org", True),
        ("www.example.org", False),
        ("example.org.evil.net", False),
        ("evilexample.org", False),
        ("a.test", True),
        ("b.a.test.", True),
        ("test", False),
        ("atest", False),
        ("b\u00fccher.example", True),
        ("xn--bcher-kva.example", True),
        ("XN--BCHER-KVA.example.", True),
        ("bucher.example", False),
    ],
)
def test_names(name: str, permitted: bool) -> None:
    """Case, a dot at the end, Unicode forms and punycode make no difference; anything else does."""
    network = Network(name_lookup=["Example.org.", "*.test", "B\u00dcCHER.example"])
    assert granted(network, name) is permitted


def test_a_string_is_not_a_list_of_names() -> None:
    """One name where several are wanted is a mistake that is found at once, and so is a pattern that is none."""
    with pytest.raises(TypeError):
        Network(name_lookup="example.org")  # type: ignore[arg-type]
    for pattern in ("*", "a.*.org", "*.*.org", ""):
        with pytest.raises(ValueError, match="no domain name"):
            Network(name_lookup=[pattern])
