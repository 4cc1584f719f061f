"""Who sends the requests of guests: the embedder, or weft's own client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.http.body import NOT_SENT
from weft.wasi.http.errors import HttpError
from weft.wasi.http.target import target_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft import Accessor
    from weft.wasi.http.outgoing import OutgoingBody
    from weft.wasi.http.request import Request
    from weft.wasi.http.response import Response
    from weft.wasi.http.target import Target


async def send_request(accessor: Accessor, request: Request) -> Response:
    """Send a request as `Http.send` of its context does, or over the network.

    Raises:
        HttpError: there is no response.
        ModuleNotFoundError: the client needs h11, which is not installed.
    """
    override = request.ctx.http.send
    return await (send(accessor, request) if override is None else override(accessor, request))


async def send(accessor: Accessor, request: Request) -> Response:
    """Send a request over the network, if its guest may.

    Raises:
        HttpError: there is no response; the guest learns from the request, too, that it was not sent.
        ModuleNotFoundError: the client needs h11, which is not installed.
    """
    body = request.take_body()
    try:
        target = target_of(request.ctx.http, request)
        connect_and_send = _client()
    except BaseException as error:
        body.fail(error.code if isinstance(error, HttpError) else NOT_SENT)
        raise
    return await connect_and_send(accessor, request, target, body)


def _client() -> Callable[[Accessor, Request, Target, OutgoingBody], Awaitable[Response]]:
    try:
        from weft.wasi.http import client  # noqa: PLC0415 - the only module that needs h11, which is optional
    except ModuleNotFoundError as error:
        if error.name != "h11":
            raise
        text = "guests that send HTTP requests need h11: pip install weft[http]"
        raise ModuleNotFoundError(text, name="h11") from error
    return client.connect_and_send


__all__ = ["send", "send_request"]
