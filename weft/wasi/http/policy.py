"""What guests may do over HTTP: answer requests, but make none, unless it is granted."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, final

from attrs import field, frozen

from weft.wasi.network import names_above

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable

    from weft import Accessor
    from weft.wasi.http.request import Request
    from weft.wasi.http.response import Response

FORBIDDEN_HEADERS: Final = frozenset(
    {
        "connection",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    }
)
"""The fields that belong to a connection and not to a message: guests neither set nor see them."""


def _canonical(host: str) -> str:
    """Return the one spelling of an address, or a name in lower case."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host.lower()


def _hosts(given: bool | str | Iterable[str]) -> bool | frozenset[str]:
    if isinstance(given, bool):
        return given
    return frozenset({_canonical(given)} if isinstance(given, str) else map(_canonical, given))


def _forbidden(given: Iterable[str]) -> frozenset[str]:
    return FORBIDDEN_HEADERS | {name.lower() for name in given}


@final
@frozen(kw_only=True)
class Http:
    """What guests may do over HTTP.

    Which addresses they may reach is said by `weft.wasi.Network.addresses` and `check` for all that they do: a name is
    resolved once, and the connection goes to an address that was checked.

    Attributes:
        outgoing: to which hosts they may send requests: True for all, or names and addresses without port;
            ``"*.example.org"`` stands for all names below one.
        schemes: the schemes they may use.
        default_scheme: what a request without one uses; None refuses such requests.
        forbidden_headers: names of fields that they neither set nor see, beyond `FORBIDDEN_HEADERS`.
        ssl_context: how to make sure of who is at the other end; by default, as Python does.
        send: sends a request in place of weft's own client, as ``await send(accessor, request)``, whether or not
            `outgoing` and `schemes` grant it. It can ask for `weft.wasi.http.send` itself, which they bind.
    """

    outgoing: bool | frozenset[str] = field(default=False, converter=_hosts)
    schemes: frozenset[str] = field(default=frozenset({"http", "https"}), converter=frozenset)
    default_scheme: str | None = "https"
    forbidden_headers: frozenset[str] = field(default=frozenset(), converter=_forbidden)
    ssl_context: ssl.SSLContext | None = None
    send: Callable[[Accessor, Request], Awaitable[Response]] | None = None

    def may_reach(self, host: str) -> bool:
        """Whether guests may send requests to `host`, a name or an address."""
        if isinstance(self.outgoing, bool):
            return self.outgoing
        return bool(self.outgoing & names_above(_canonical(host)))


__all__ = ["FORBIDDEN_HEADERS", "Http"]
