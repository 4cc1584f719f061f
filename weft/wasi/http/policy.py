"""What guests may do over HTTP: answer requests, but make none, unless it is granted."""

from __future__ import annotations

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


def _hosts(given: bool | Iterable[str]) -> bool | frozenset[str]:
    return given if isinstance(given, bool) else frozenset(host.lower() for host in given)


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
        send: sends a request in place of weft's own client, as ``await send(accessor, request)``; nothing above applies
            to it. It can ask for `weft.wasi.http.send` itself.
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
        return bool(self.outgoing & names_above(host))


__all__ = ["FORBIDDEN_HEADERS", "Http"]
