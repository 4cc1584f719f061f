"""Where a request goes, and as what it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote

from attrs import frozen

from weft.wasi.http.errors import HttpError
from weft.wasi.http.syntax import split_authority

if TYPE_CHECKING:
    from weft.wasi.http.policy import Http
    from weft.wasi.http.request import Request

_PORTS: Final = {"http": 80, "https": 443}

_KEPT: Final = "".join(map(chr, range(0x21, 0x7F)))
"""What is written as it is; the rest of a path is percent-encoded."""


@final
@frozen
class Target:
    """The other end.

    Attributes:
        host: a name, or an address without brackets.
        port: the port.
        tls: whether to speak TLS.
        host_header: what the ``host`` header says: nothing of what is before an ``@``.
        path: the request target.
    """

    host: str
    port: int
    tls: bool
    host_header: str
    path: str


def target_of(policy: Http, request: Request) -> Target:
    """Return where a request goes.

    Raises:
        HttpError: guests may not send it there, or it says not where.
    """
    scheme = policy.default_scheme if request.scheme is None else request.scheme
    if scheme not in _PORTS or scheme not in policy.schemes:
        raise HttpError("HTTP-protocol-error")
    if request.method == "CONNECT":
        raise HttpError("HTTP-request-method-invalid")
    found = None if request.authority is None else split_authority(request.authority)
    if found is None:
        raise HttpError("HTTP-request-URI-invalid")
    host, port = found
    if not policy.may_reach(host.strip("[]")):
        raise HttpError("HTTP-request-denied")
    host_header = host if port is None else f"{host}:{port}"
    port = _PORTS[scheme] if port is None else port
    return Target(host.strip("[]"), port, scheme == "https", host_header, _path(request))


def _path(request: Request) -> str:
    path = request.path_with_query or "/"
    if path.startswith("?"):
        path = f"/{path}"
    if not path.startswith("/") and not (path == "*" and request.method == "OPTIONS"):
        raise HttpError("HTTP-request-URI-invalid")
    return quote(path, safe=_KEPT)


__all__ = ["Target", "target_of"]
