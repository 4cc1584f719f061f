"""Requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft import Err, Trap, TrapCode
from weft.wasi.http.fields import Fields
from weft.wasi.http.held import Held
from weft.wasi.http.syntax import is_path_with_query, is_scheme, is_token, split_authority

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weft.wasi.ctx import WasiCtx
    from weft.wasi.http.body import Body
    from weft.wasi.http.options import RequestOptions
    from weft.wasi.http.outgoing import OutgoingBody

HELD_BYTE_LENGTH = 1024


@final
class Request:
    """A resource of ``wasi:http/types``, made by a guest or by the host.

    Attributes:
        ctx: the context of the guest that has it.
        method: the method, a token, in upper case if it is a usual one.
        scheme: ``"http"``, ``"https"``, or another; None for the default.
        authority: the host and the port.
        path_with_query: the path and the query.
        headers: the headers, immutable.
        body: contents and trailers.
        options: how long it may take.
    """

    __slots__ = (
        "_held",
        "authority",
        "body",
        "ctx",
        "headers",
        "method",
        "options",
        "path_with_query",
        "scheme",
    )

    def __init__(self, ctx: WasiCtx, headers: Fields, body: Body, options: RequestOptions | None = None) -> None:
        try:
            self._held = Held(ctx.held, HELD_BYTE_LENGTH)
        except OSError as error:
            raise Trap(TrapCode.OTHER, str(error)) from error
        headers.immutable = True
        if options is not None:
            options.immutable = True
        self.ctx = ctx
        self.headers = headers
        self.body = body
        self.options = options
        self.method = "GET"
        self.scheme: str | None = None
        self.authority: str | None = None
        self.path_with_query: str | None = None

    @classmethod
    def received(
        cls,
        ctx: WasiCtx,
        method: str,
        scheme: str,
        authority: str,
        path_with_query: str,
        headers: Iterable[tuple[str | bytes, bytes]],
        body: Body,
    ) -> Request:
        """Make a request of what came over the network, for a guest to handle.

        Args:
            ctx: the context of the guest.
            method: the method.
            scheme: ``"http"`` or ``"https"``.
            authority: host and port, as in the ``host`` header.
            path_with_query: path and query, still percent-encoded.
            headers: names and values; those that belong to the connection are left out.
            body: see `Body.received`.

        Raises:
            HttpError: the headers are too long or malformed.
            Err: another part is malformed.
        """
        fields = Fields.received(ctx, headers, "HTTP-request-header-section-size")
        request = cls(ctx, fields, body)
        request.set_method(method)
        request.set_scheme(scheme)
        request.set_authority(authority)
        request.set_path_with_query(path_with_query)
        return request

    def set_method(self, method: str) -> None:
        """Set the method.

        Raises:
            Err: it is none.
        """
        if not is_token(method):
            raise Err
        self._hold(method, self.scheme, self.authority, self.path_with_query)
        self.method = method

    def set_scheme(self, scheme: str | None) -> None:
        """Set the scheme.

        Raises:
            Err: it is none.
        """
        if scheme is not None and not is_scheme(scheme):
            raise Err
        self._hold(self.method, scheme, self.authority, self.path_with_query)
        self.scheme = scheme

    def set_authority(self, authority: str | None) -> None:
        """Set the authority.

        Raises:
            Err: it is none.
        """
        if authority is not None and split_authority(authority) is None:
            raise Err
        self._hold(self.method, self.scheme, authority, self.path_with_query)
        self.authority = authority

    def set_path_with_query(self, path: str | None) -> None:
        """Set path and query; an empty path is that of the root.

        Raises:
            Err: they are none.
        """
        if path is not None and not is_path_with_query(path):
            raise Err
        path = "/" if path == "" else path
        self._hold(self.method, self.scheme, self.authority, path)
        self.path_with_query = path

    def _hold(self, *parts: str | None) -> None:
        try:
            self._held.resize(HELD_BYTE_LENGTH + sum(4 * len(part) for part in parts if part is not None))
        except OSError:
            raise Err from None

    def take_body(self) -> OutgoingBody:
        """Take the body, to send it.

        Raises:
            HttpError: the headers say no single length; the body is dropped.
        """
        try:
            content_length = self.headers.content_length()
        except BaseException:
            self.body.drop()
            raise
        return self.body.send(content_length, "HTTP-request-body-size")

    def on_drop(self) -> None:
        """Drop the body with it."""
        self.body.drop()


__all__ = ["Request"]
