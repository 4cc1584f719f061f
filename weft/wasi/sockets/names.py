"""Domain names: the one form of each that is compared and resolved."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, Final

import idna  # anyio depends on it, for the same purpose

from weft.wasi.sockets.addresses import without_disguise

if TYPE_CHECKING:
    from weft.wasi.sockets.addresses import IpAddress

MAX_NAME_LENGTH: Final = 253
"""How long a name can be, without the dot at the end (RFC 1035)."""

_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


def ascii_name(name: str) -> str:
    """Return a name in lower case and ASCII; a dot at its end stays.

    Raises:
        ValueError: it is no name.
    """
    if len(name) > MAX_NAME_LENGTH + 1:
        raise ValueError(f"a name of {len(name)} characters is too long")
    if not name.isascii():
        name = idna.encode(name, uts46=True).decode()  # an IDNAError is a UnicodeError, and so a ValueError
    name = name.lower()
    stem = name.removesuffix(".")
    if len(stem) > MAX_NAME_LENGTH or not all(_LABEL.fullmatch(label) for label in stem.split(".")):
        raise ValueError(f"{name!r} is no domain name")
    return name


def numeric_address(name: str) -> IpAddress | None:
    """Return the address that a name is in itself, None if it is a name for something else.

    IPv4 addresses may be abbreviated, and in hexadecimal or octal, as resolvers have them: a name whose last part is a
    number is never asked for. An IPv4 address mapped into IPv6 becomes what it is.

    Raises:
        ValueError: it looks like an address but is none.
    """
    if ":" in name:
        if "%" in name:
            raise ValueError("an address with a zone is no name")
        return without_disguise(ip_address(name))
    stem = ascii_name(name).removesuffix(".")
    if not _NUMBER.fullmatch(stem.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(socket.inet_aton(stem))
    except OSError as error:
        raise ValueError(f"{name!r} is no address") from error


__all__ = ["MAX_NAME_LENGTH", "ascii_name", "numeric_address"]
