"""Sending requests of guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from weft import StreamResult, producers
from weft.wasi.http.body import Body
from weft.wasi.http.connect import connect, time_limit
from weft.wasi.http.errors import HttpError
from weft.wasi.http.exchange import Exchange
from weft.wasi.http.response import Response
from weft.wasi.outcome import Outcome

if TYPE_CHECKING:
    import h11

    from weft import Accessor, Destination
    from weft.wasi.http.outgoing import OutgoingBody
    from weft.wasi.http.request import Request
    from weft.wasi.http.target import Target

DEFAULT_TIMEOUT_NS: Final = 600 * 10**9
"""How long everything may take of which a request does not say how long."""

GONE: Final = "connection-terminated"


async def connect_and_send(accessor: Accessor, request: Request, target: Target, body: OutgoingBody) -> Response:
    """Send a request over the network, and wait for the head of the response.

    Args:
        accessor: of the store of the guest.
        request: what is sent.
        target: where to.
        body: the body of the request; what becomes of it is told to the guest.

    Raises:
        HttpError: there is no response.
    """
    try:
        exchange, head = await _begin(request, target, body)
    except HttpError as error:
        body.fail(error.code)
        raise
    except BaseException:
        body.fail(GONE)
        raise
    accessor.spawn(lambda _accessor: exchange.run(head))
    try:
        first_byte_ns = request.options and request.options.first_byte_ns
        response = await exchange.receive_head(_or_default(first_byte_ns))
        return _response(accessor, request, exchange, response)
    except HttpError as error:
        exchange.abort(error.code)
        raise
    except BaseException:
        exchange.abort(GONE)
        raise


def _or_default(nanoseconds: int | None) -> int:
    return DEFAULT_TIMEOUT_NS if nanoseconds is None else nanoseconds


async def _begin(request: Request, target: Target, body: OutgoingBody) -> tuple[Exchange, bytes]:
    options = request.options
    with time_limit(_or_default(options and options.connect_ns), "connection-timeout"):
        connection = await connect(request.ctx, target)
    exchange = Exchange(request.ctx, connection, body, _or_default(options and options.between_bytes_ns))
    try:
        return exchange, exchange.begin(request, target)
    except BaseException:
        await connection.aclose()
        raise


def _response(accessor: Accessor, request: Request, exchange: Exchange, head: h11.Response) -> Response:
    trailers = Outcome()
    contents = None
    if exchange.ends_with_head():
        trailers.succeed()
        exchange.end()
    else:
        contents = _Contents(exchange, trailers)
    body = Body.received(accessor.store, contents, trailers)
    try:
        return Response.received(request.ctx, head.status_code, head.headers.raw_items(), body)
    except BaseException:
        body.drop()
        raise


@final
class _Contents(producers.AwaitingProducer):
    """The contents of a response; the connection is read when the guest reads."""

    __slots__ = ("_exchange", "_trailers")

    def __init__(self, exchange: Exchange, trailers: Outcome) -> None:
        self._exchange = exchange
        self._trailers = trailers

    async def produce(self, destination: Destination) -> StreamResult:
        """Receive what comes next; how it ended is said by the trailers."""
        try:
            part = await self._exchange.receive_contents()
        except HttpError as error:
            self._trailers.fail(error.code)
            return StreamResult.DROPPED
        if isinstance(part, bytes):
            destination.write(part)
            return StreamResult.COMPLETED
        self._trailers.succeed(part)
        return StreamResult.DROPPED

    def close(self) -> None:
        """Let go of the connection; a guest that does not read to the end hears of no trailers."""
        self._trailers.succeed()
        self._exchange.end()
        super().close()


__all__ = ["DEFAULT_TIMEOUT_NS", "connect_and_send"]
