"""One request of an ASGI server's, handled by an instance, and the response."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final
from urllib.parse import quote

import anyio

from weft import CallCancelledError, Err, StoreError, Trap
from weft.wasi.http.arrival import TRAPPED
from weft.wasi.http.asgi_body import ReceivedBody
from weft.wasi.http.body import Body
from weft.wasi.http.errors import HttpError, describe
from weft.wasi.http.request import Request
from weft.wasi.http.status import status_of
from weft.wasi.http.workers import OverloadedError, logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft import Call, JoinHandle
    from weft.wasi.http.asgi_body import Message, Receive
    from weft.wasi.http.fields import Fields
    from weft.wasi.http.instance import HttpInstance
    from weft.wasi.http.outgoing import OutgoingBody
    from weft.wasi.http.response import Response
    from weft.wasi.http.worker import Worker
    from weft.wasi.http.workers import Pool

Scope: TypeAlias = "dict[str, Any]"
Send: TypeAlias = "Callable[[Message], Awaitable[None]]"

BODILESS: Final = frozenset({204, 304})
"""The status codes of responses that have no body, whatever their headers say (RFC 9110, section 6.4.1)."""

_PRINTABLE: Final = "".join(map(chr, range(0x80)))
"""What is left as it is; other bytes of a request's target are percent-encoded."""


_ABSOLUTE: Final = re.compile(r"https?://([^/?]+)(.*)", re.IGNORECASE)
"""A target that names the host itself, which then counts and not the header (RFC 9112, section 3.2.2)."""


async def refuse(send: Send, status: int) -> None:
    """Answer with a status and nothing else."""
    headers = [(b"content-length", b"0")]
    if status == 503:
        headers.append((b"retry-after", b"1"))
    with suppress(OSError):  # the client has gone
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


@final
class Exchange:
    """A request and its response.

    Args:
        pool: where the instance came from and goes back to.
        worker: the instance.
        scope: what the server says of the request.
        receive: the server's.
        send: the server's.
        timeout: how many seconds the guest may take until there is a response; its body may take longer.
    """

    __slots__ = (
        "_accepts_trailers",
        "_authority",
        "_body",
        "_cancel_scope",
        "_complete",
        "_error",
        "_gone",
        "_has_body",
        "_pool",
        "_receiver",
        "_scope",
        "_send",
        "_service",
        "_started",
        "_timeout",
        "_worker",
    )

    def __init__(
        self,
        pool: Pool[HttpInstance],
        worker: Worker[HttpInstance],
        scope: Scope,
        receive: Receive,
        send: Send,
        timeout: float | None,
    ) -> None:
        assert worker.service is not None
        self._pool = pool
        self._worker: Worker[HttpInstance] | None = worker
        self._service = worker.service
        self._scope = scope
        self._send = send
        self._gone = self._started = self._complete = False
        self._error: Exception | None = None
        self._accepts_trailers = False
        self._authority: str | None = None
        self._cancel_scope = anyio.CancelScope()
        self._timeout = timeout
        self._receiver: JoinHandle | None = None
        self._body = self._received_body(receive)

    def _received_body(self, receive: Receive) -> ReceivedBody:
        has_body = not self._scope["http_version"].startswith("1")
        for name, value in self._scope["headers"]:
            if name == b"host":  # two of them are none
                self._authority = str(value, "latin-1") if self._authority is None else ", "
            elif name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
                has_body = True
            elif name == b"te" and b"trailers" in value.lower():
                self._accepts_trailers = "http.response.trailers" in self._scope.get("extensions", ())
        self._has_body = has_body
        return ReceivedBody(
            receive, is_empty=not has_body, on_wanted=self._start_receiver, on_disconnect=self._disconnected
        )

    # The client.

    def _start_receiver(self) -> None:
        body = self._body

        async def run(_accessor: object) -> None:
            try:
                await body.run()
            except Exception as error:  # noqa: BLE001 - of the server: no other request of the instance may fail with it
                self._error = error
                self._disconnected()

        with suppress(StoreError):  # closed: the instance is gone, and whoever waits for it learns that
            self._receiver = self._service.store.spawn(run)

    def _disconnected(self) -> None:
        if not self._complete:  # or else servers mean that the exchange is over
            self._gone = True
            self._cancel_scope.cancel()

    def watch(self) -> None:
        """Notice from now on when the client goes, and when the guest takes too long."""
        self._body.watch()
        if self._timeout is not None:
            self._cancel_scope.deadline = anyio.current_time() + self._timeout

    # The course of it.

    async def run(self) -> None:
        """Handle the request and send the response.

        Raises:
            Exception: a host function failed, or the server's `receive`.
        """
        try:
            with self._cancel_scope:
                response = await self._call()
                if response is not None:
                    self._stop_timeout()
                    await self._respond(response)
            if self._cancel_scope.cancelled_caught and not self._gone and not self._started:
                await refuse(self._send, 504)
            if self._error is not None:
                raise self._error
        finally:
            self._body.finish()
            if self._receiver is not None:
                self._receiver.cancel()
            if self._worker is not None:
                self._pool.release(self._worker)

    def _stop_timeout(self) -> None:
        self._timeout = None
        if self._cancel_scope.deadline != math.inf:
            self._cancel_scope.deadline = math.inf

    async def _call(self) -> Response | None:
        """Return the guest's response; None when there is none, and that was said."""
        try:
            request = self._request()
        except (StoreError, Trap) as error:  # closed just now; or there is no memory left for the guest's objects
            await self._failed(error)
            return None
        if isinstance(request, int):
            await refuse(self._send, request)
            return None
        try:
            return await self._service.respond(request, self._let_go)
        except Err as error:
            logger.info("a handler answered with the error %s", describe(error.value))
            await refuse(self._send, status_of(error.value))
        except BaseException as error:  # noqa: BLE001 - `_failed` raises it
            request.on_drop()
            await self._failed(error)
        return None

    def _request(self) -> Request | int:
        """Return what the guest gets; or a status, for what no guest can get."""
        scope, service = self._scope, self._service
        if scope["method"] == "CONNECT":
            return 405  # servers of ASGI make no tunnels
        path = _path_with_query(scope)
        authority = self._authority or _server(scope)
        if absolute := _ABSOLUTE.fullmatch(path):
            authority, path = absolute[1], absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"
        if "@" in authority:
            return 400
        body = Body.received(service.store, self._body if self._has_body else None, self._body.trailers)
        try:
            return Request.received(
                service.ctx,
                scope["method"],
                scope["scheme"],
                authority,
                path,
                scope["headers"],
                body,
            )
        except HttpError as error:
            body.drop()
            return 400 if error.code == "HTTP-protocol-error" else status_of(error.code)
        except Err:
            body.drop()
            return 400
        except BaseException:
            body.drop()
            raise

    async def _failed(self, error: BaseException) -> None:
        """See to it that nobody gets an instance that trapped, and answer if that is still possible.

        Raises:
            BaseException: what is no fault of the guest's.
        """
        worker = self._worker
        if worker is None or not isinstance(error, Exception):
            raise error
        if isinstance(error, StoreError) and worker.error is not None:
            error = worker.error  # what ended the instance ended this as well
        elif isinstance(error, StoreError | OverloadedError):
            await refuse(self._send, 503)
            return
        worker.fail(error)
        if not isinstance(error, Trap):
            raise error
        await refuse(self._send, 500)

    # A call that nobody waits for any more.

    def _let_go(self, call: Call) -> None:
        """Ask the guest to stop; its place among those in progress is free when it has."""
        call.cancel()
        worker, self._worker = self._worker, None
        assert worker is not None

        async def see_to_it(_accessor: object) -> None:
            try:
                with anyio.move_on_after(self._pool.limits.shutdown_grace) as grace:
                    await self._outcome_nobody_wants(call)
                if grace.cancelled_caught:
                    worker.retire()
            finally:
                self._pool.release(worker)

        try:
            self._service.store.spawn(see_to_it)
        except StoreError:  # closed: the instance is gone, and the call with it
            self._pool.release(worker)

    async def _outcome_nobody_wants(self, call: Call) -> None:
        try:
            response = await self._service.handle.finish_call_concurrent(self._service.store, call)
        except (Err, CallCancelledError):
            return
        if response is not None:
            response.on_drop()

    # The response.

    async def _respond(self, response: Response) -> None:
        method = self._scope["method"]
        try:
            out = response.take_body(method)
        except HttpError as error:
            await self._abort(error)
            return
        if response.status < 200:
            out.fail("HTTP-protocol-error")
            await self._abort(HttpError("HTTP-protocol-error"))
            return
        try:
            await self._start(response, out, method)
            if method == "HEAD" or response.status in BODILESS:
                await self._send({"type": "http.response.body", "body": b""})
            else:
                await self._send_body(out)
        except HttpError as error:
            out.fail(error.code)
            if error.code is TRAPPED and self._worker is not None:
                self._worker.fail(error.__cause__ or error)
            await self._abort(error)
        except OSError:  # from `send`: the client has gone
            self._gone = True
            out.fail("connection-terminated")
        except StoreError as error:
            await self._abort(error)
        except BaseException:
            out.fail("connection-terminated")
            raise
        else:
            out.succeed()

    async def _start(self, response: Response, out: OutgoingBody, method: str) -> None:
        headers = _pairs(response.headers)
        if method == "HEAD" or response.status in BODILESS:
            self._accepts_trailers = False
        if response.status in BODILESS:
            headers = [pair for pair in headers if pair[0] != b"content-length"]
        elif self._is_empty(response, out, method):
            headers.append((b"content-length", b"0"))
        message = {"type": "http.response.start", "status": response.status, "headers": headers}
        if self._accepts_trailers:
            message["trailers"] = True
        self._started = True
        await self._send(message)

    def _is_empty(self, response: Response, out: OutgoingBody, method: str) -> bool:
        """Whether it is certain that nothing will follow the headers, and they do not say so."""
        if out.has_contents or out.content_length is not None or self._accepts_trailers:
            return False
        return method != "HEAD" and response.status not in BODILESS

    async def _send_body(self, out: OutgoingBody) -> None:
        """Send the body; one of a known length is complete with its last byte, whatever the guest does then."""
        left = math.inf if out.content_length is None or self._accepts_trailers else out.content_length
        while (chunk := await out.read()) is not None:
            left -= len(chunk)
            self._complete = not left
            await self._send({"type": "http.response.body", "body": chunk, "more_body": not self._complete})
        trailers = await out.trailers()
        if not self._complete:
            await self._send({"type": "http.response.body", "body": b""})
        if self._accepts_trailers:
            await self._send({"type": "http.response.trailers", "headers": _pairs(trailers)})

    async def _abort(self, error: Exception) -> None:
        """Answer with 500; a response that has begun stays incomplete, which has the server close the connection."""
        logger.warning("a response was not completed: %s", error)
        if not self._started:
            self._started = True
            await refuse(self._send, 500)


def _pairs(fields: Fields | None) -> list[tuple[bytes, bytes]]:
    return [] if fields is None else [(name.lower().encode("ascii"), value.strip(b" \t")) for name, value in fields]


def _server(scope: Scope) -> str:
    """Return what stands for the host that the client did not name."""
    host, port = scope.get("server") or ("", None)
    if port is None:  # nobody knows, or it is the path of a socket
        return "localhost"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _path_with_query(scope: Scope) -> str:
    """Return the request's target, relative to where the app is mounted."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    root_path = scope.get("root_path")
    if root_path:
        root = quote(root_path).encode()
        if raw.startswith(root):
            raw = raw[len(root) :] or b"/"
    query: bytes = scope["query_string"]
    path = str(raw + b"?" + query if query else raw, "latin-1")
    return path if path.isascii() else quote(path, _PRINTABLE, "latin-1")


__all__ = ["BODILESS", "Exchange", "Scope", "Send", "refuse"]
