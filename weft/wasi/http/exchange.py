"""One request and its response over HTTP/1.1."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

import anyio
import h11

from weft.wasi.http.connect import time_limit
from weft.wasi.http.errors import HttpError, internal_error
from weft.wasi.http.fields import Fields
from weft.wasi.http.head import head_of, trailers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.wasi.ctx import WasiCtx
    from weft.wasi.http.connect import Connection
    from weft.wasi.http.errors import ErrorCode
    from weft.wasi.http.outgoing import OutgoingBody
    from weft.wasi.http.request import Request
    from weft.wasi.http.target import Target

RECEIVE_BYTE_LENGTH: Final = 1 << 16
"""How much is received at once."""

SEND_BYTE_LENGTH: Final = 1 << 18
"""How much is taken of a guest and sent at once, if the limits allow it."""

WRITE_TIMEOUT: Final = "connection-write-timeout"


_EVENTS: Final = (h11.InformationalResponse, h11.Response, h11.Data, h11.EndOfMessage)


@final
class _PeerError(Exception):
    """The other end takes no more.

    Attributes:
        code: the ``error-code``.
    """

    def __init__(self, code: ErrorCode) -> None:
        self.code = code


@final
class Exchange:
    """One request and its response, on a connection that serves nothing else.

    What sends and what receives are different tasks. The one that sends stays until all was received, too, or one of
    them says that all is over; then it closes the connection, as it does when the store is closed.

    Args:
        ctx: the context of the guest.
        connection: where to.
        body: what is sent.
        between_bytes_ns: how long the other end may take to go on, in either direction.
    """

    __slots__ = (
        "_ahead",
        "_between_bytes_ns",
        "_body",
        "_chunked",
        "_connection",
        "_ctx",
        "_failure",
        "_h11",
        "_received",
        "_receiving_head",
        "_sending",
    )

    def __init__(self, ctx: WasiCtx, connection: Connection, body: OutgoingBody, between_bytes_ns: int) -> None:
        self._ctx = ctx
        self._connection = connection
        self._body = body
        self._between_bytes_ns = between_bytes_ns
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=ctx.limits.header_byte_length)
        self._chunked = False
        self._received = anyio.Event()
        self._failure: ErrorCode = None
        self._sending = anyio.CancelScope()
        self._receiving_head = anyio.CancelScope()
        self._ahead: h11.Event | HttpError | None = None

    def end(self) -> None:
        """Note that all was received, or that nobody wants more."""
        self._received.set()

    def abort(self, code: ErrorCode) -> None:
        """Break off the message, which the other end sees; both tasks see why."""
        if self._failure is None:
            self._failure = code
        self._sending.cancel()
        self._receiving_head.cancel()
        self._received.set()

    # Sending.

    def begin(self, request: Request, target: Target) -> bytes:
        """Return the head of the request, to be given to `run`.

        Raises:
            HttpError: it cannot be sent like that.
        """
        headers, self._chunked = head_of(request, target, self._body)
        return self._encode(h11.Request(method=request.method, target=target.path, headers=headers))

    async def run(self, head: bytes) -> None:
        """Send everything, and close the connection in the end, in a task of its own."""
        try:
            await self._send(head)
            await self._received.wait()
        finally:
            await self._connection.aclose()

    async def _send(self, head: bytes) -> None:
        """Send everything, and tell the guest how that went.

        When it is the guest that does not do what it said, all is over. When the other end takes no more, it may still
        have an answer.
        """
        code: ErrorCode = "connection-terminated"
        try:
            with self._sending:
                await self._write(head)
                await self._send_contents()
                code = None
        except _PeerError as error:
            code = error.code
            if code == WRITE_TIMEOUT:  # nobody answers half a message before its end
                self.abort(code)
        except HttpError as error:
            code = error.code
            self.abort(code)
        finally:
            if code is None:
                self._body.succeed()
            else:
                self._body.fail(self._failure or code)

    async def _send_contents(self) -> None:
        limit = max(1, min(SEND_BYTE_LENGTH, self._ctx.limits.buffer_byte_length))
        while (chunk := await self._body.read(limit)) is not None:
            await self._write(self._encode(h11.Data(data=chunk)))
        if not self._chunked:
            await self._write(self._encode(h11.EndOfMessage()))
        trailers = await self._body.trailers()
        if self._chunked:  # else there is no place for them; but that they are an error counts
            await self._write(self._encode(h11.EndOfMessage(headers=trailers_of(trailers))))

    def _encode(self, event: h11.Event) -> bytes:
        try:
            return self._h11.send(event) or b""
        except h11.LocalProtocolError as error:
            raise HttpError(internal_error(str(error))) from error

    async def _write(self, data: bytes) -> None:
        if not data:
            return
        try:
            with time_limit(self._between_bytes_ns, WRITE_TIMEOUT):
                await self._connection.send(data)
        except HttpError as error:
            raise _PeerError(error.code) from error

    # Receiving.

    async def receive_head(self, first_byte_ns: int) -> h11.Response:
        """Wait for the head of the response.

        Raises:
            HttpError: it does not come, or the guest broke off its request.
        """
        event = None
        with self._receiving_head, self._failing_as_sent(), time_limit(first_byte_ns, "connection-read-timeout"):
            while not isinstance(event, h11.Response):
                event = await self._next_event("HTTP-response-header-section-size")
        if not isinstance(event, h11.Response):
            raise HttpError(self._failure)
        return event

    @contextmanager
    def _failing_as_sent(self) -> Iterator[None]:
        """Raise why sending was broken off, rather than that the connection is closed then."""
        try:
            yield
        except HttpError as error:
            raise HttpError(self._failure or error.code) from error

    def ends_with_head(self) -> bool:
        """Whether the response has no contents; asked once, when its head is there."""
        try:
            self._ahead = self._parse("HTTP-response-trailer-section-size", ended=False)
        except HttpError as error:
            self._ahead = error
        return isinstance(self._ahead, h11.EndOfMessage) and not self._ahead.headers

    async def receive_contents(self) -> bytes | Fields | None:
        """Wait for a part of the contents; at their end, return the trailers, or None.

        Raises:
            HttpError: the response is incomplete.
        """
        with self._failing_as_sent(), time_limit(self._between_bytes_ns, "connection-read-timeout"):
            event = await self._next_event("HTTP-response-trailer-section-size")
        if isinstance(event, h11.Data):
            return bytes(event.data)
        assert isinstance(event, h11.EndOfMessage)
        trailers = event.headers.raw_items()
        return Fields.received(self._ctx, trailers, "HTTP-response-trailer-section-size") if trailers else None

    async def _next_event(self, too_long: str) -> h11.Event:
        event, self._ahead = self._ahead, None
        if isinstance(event, HttpError):
            raise event
        ended = False
        while event is None:
            event = self._parse(too_long, ended=ended)
            if event is None:
                data = await self._connection.receive(RECEIVE_BYTE_LENGTH)
                ended = not data
                self._h11.receive_data(data)
        return event

    def _parse(self, too_long: str, *, ended: bool) -> h11.Event | None:
        try:
            event = self._h11.next_event()
        except h11.RemoteProtocolError as error:
            raise HttpError(_code_of(error, too_long, ended=ended)) from error
        if isinstance(event, h11.ConnectionClosed):
            raise HttpError("connection-terminated")
        return event if isinstance(event, _EVENTS) else None


def _code_of(error: h11.RemoteProtocolError, too_long: str, *, ended: bool) -> ErrorCode:
    if ended:
        return "HTTP-response-incomplete"
    if error.error_status_hint == 431:
        return too_long, None
    return ("HTTP-response-transfer-coding", None) if error.error_status_hint == 501 else "HTTP-protocol-error"


__all__ = ["RECEIVE_BYTE_LENGTH", "SEND_BYTE_LENGTH", "Exchange"]
