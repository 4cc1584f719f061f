"""The grammar of what guests put into messages: nothing that fails here reaches the wire.

Source: RFC 9110 (tokens, field values), RFC 3986 (schemes, authorities, paths), except that paths may hold more, as
those of URLs do in practice.
"""

from __future__ import annotations

import re
from typing import Final

MAX_URI_BYTE_LENGTH: Final = 65_534
"""How long each part of a URI, or a method, may be: as much as Wasmtime takes."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_PATH = re.compile(r"[^\x00-\x20\x7f#<>`]*")
_USER_INFO = r"(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@"
_NAME = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
_AUTHORITY = re.compile(rf"(?:{_USER_INFO})?(?P<host>\[[0-9A-Fa-f:.]+\]|{_NAME})(?::(?P<port>[0-9]{{1,5}}))?")
_LENGTH = re.compile(rb"[0-9]{1,20}")


def is_token(text: str) -> bool:
    """Whether `text` can be a method or the name of a field."""
    return _TOKEN.fullmatch(text) is not None and len(text) <= MAX_URI_BYTE_LENGTH


def is_field_value(value: bytes) -> bool:
    """Whether `value` can be the value of a field: no control characters other than tabs."""
    return _FIELD_VALUE.fullmatch(value) is not None


def is_scheme(text: str) -> bool:
    """Whether `text` can be the scheme of a URI."""
    return _SCHEME.fullmatch(text) is not None and len(text) <= MAX_URI_BYTE_LENGTH


def is_path_with_query(text: str) -> bool:
    """Whether `text` can be the path of a URI with its query; a relative path can."""
    return _PATH.fullmatch(text) is not None and len(text.encode()) <= MAX_URI_BYTE_LENGTH


def split_authority(text: str) -> tuple[str, int | None] | None:
    """Return the host and the port of an authority, if it has one; None when `text` is no authority.

    The host has brackets around it if it is an IPv6 address; what is before an ``@`` is checked, and left out.
    """
    found = _AUTHORITY.fullmatch(text) if len(text) <= MAX_URI_BYTE_LENGTH else None
    if found is None:
        return None
    port = found["port"]
    if port is None:
        return found["host"], None
    return (found["host"], int(port)) if int(port) <= 65_535 else None


def content_length_of(value: bytes) -> int | None:
    """Return what the value of a ``content-length`` field says; None when it is none."""
    if _LENGTH.fullmatch(value) is None:
        return None
    length = int(value)
    return length if length < 1 << 64 else None


__all__ = [
    "MAX_URI_BYTE_LENGTH",
    "content_length_of",
    "is_field_value",
    "is_path_with_query",
    "is_scheme",
    "is_token",
    "split_authority",
]
