"""Responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft import Err, Trap, TrapCode
from weft.wasi.http.fields import Fields
from weft.wasi.http.held import Held

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weft.wasi.ctx import WasiCtx
    from weft.wasi.http.body import Body
    from weft.wasi.http.outgoing import OutgoingBody

HELD_BYTE_LENGTH = 1024


@final
class Response:
    """A resource of ``wasi:http/types``, made by a guest or by the host.

    Attributes:
        status: the status code.
        headers: the headers, immutable.
        body: contents and trailers.
    """

    __slots__ = ("_held", "body", "headers", "status")

    def __init__(self, ctx: WasiCtx, headers: Fields, body: Body) -> None:
        try:
            self._held = Held(ctx.held, HELD_BYTE_LENGTH)
        except OSError as error:
            raise Trap(TrapCode.OTHER, str(error)) from error
        headers.immutable = True
        self.status = 200
        self.headers = headers
        self.body = body

    @classmethod
    def received(cls, ctx: WasiCtx, status: int, headers: Iterable[tuple[str | bytes, bytes]], body: Body) -> Response:
        """Make a response of what came over the network.

        Raises:
            HttpError: the headers are too long or malformed.
        """
        response = cls(ctx, Fields.received(ctx, headers, "HTTP-response-header-section-size"), body)
        response.status = status
        return response

    def set_status(self, status: int) -> None:
        """Set the status code.

        Raises:
            Err: it is none.
        """
        if not 100 <= status <= 599:
            raise Err
        self.status = status

    def take_body(self, request_method: str = "GET") -> OutgoingBody:
        """Take the body, to send it.

        Args:
            request_method: what was asked: the response to ``HEAD`` says how long the contents would be, and has none.

        Raises:
            HttpError: the headers say no single length; the body is dropped.
        """
        try:
            content_length = self.headers.content_length()
        except BaseException:
            self.body.drop()
            raise
        if request_method == "HEAD" or self.status == 304:
            content_length = None
        return self.body.send(content_length, "HTTP-response-body-size")

    def on_drop(self) -> None:
        """Drop the body with it."""
        self.body.drop()


__all__ = ["Response"]
