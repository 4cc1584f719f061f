"""Requests that are not answered, or not fully: what guests are told, and that nothing is left."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from http_server import CERTIFICATE, Received, answering, receive_request, result_of, run, serving

from weft import Err, producers
from weft.wasi import WasiCtx, WasiLimits
from weft.wasi.http import Fields, Http, HttpError, send
from weft.wasi.http.exchange import Exchange
from weft.wasi.http.failures import code_of
from weft.wasi.outcome import Outcome

if TYPE_CHECKING:
    from anyio.abc import ByteStream
    from http_server import Client

    from weft.wasi.http import Request

pytestmark = pytest.mark.anyio

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def failure(client: Client, request: Request) -> Any:
    """Send a request that fails, and return the code."""
    with pytest.raises(HttpError) as caught:
        await send(client.accessor, request)
    return caught.value.code


async def silent(stream: ByteStream) -> None:
    """Read, and say nothing."""
    await receive_request(stream)
    await anyio.sleep_forever()


@pytest.mark.parametrize(
    ("length", "contents", "sent"), [(b"5", b"toolong", 7), (b"5", b"abc", 3), (b"5", None, 0), (b"0", b"a", 1)]
)
async def test_a_guest_that_lies_about_the_length_breaks_off(length: bytes, contents: Any, sent: int) -> None:
    """More or less than was said is an error to who sends and to who made the request, and no whole message."""
    received = Received()
    seen = anyio.Event()

    async def handler(stream: ByteStream) -> None:
        await receive_request(stream, received)
        seen.set()
        await anyio.sleep_forever()

    async def main(client: Client) -> None:
        async with serving(handler) as authority:
            headers = (("content-length", length),)
            request = client.request(authority, method="POST", headers=headers, contents=contents)
            expected = ("HTTP-request-body-size", sent)
            assert await failure(client, request) == expected
            await seen.wait()
            assert received.complete == (length == b"0")  # no more was sent than the server was told of
            assert await result_of(client, request.body.result) == Err(expected)

    await run(main)


async def test_a_guest_whose_trailers_are_an_error_breaks_its_request_off() -> None:
    """Trailers that are an error close the connection before the message is complete, with that error."""
    received = Received()
    seen = anyio.Event()

    async def handler(stream: ByteStream) -> None:
        await receive_request(stream, received)
        seen.set()

    async def main(client: Client) -> None:
        async with serving(handler) as authority:
            trailers = Outcome()
            trailers.fail(("internal-error", "changed my mind"))
            request = client.request(authority, method="POST", contents=b"partial", trailers=trailers)
            assert await failure(client, request) == ("internal-error", "changed my mind")
            await seen.wait()
            assert not received.complete
            assert await result_of(client, request.body.result) == Err(("internal-error", "changed my mind"))

    await run(main)


@pytest.mark.parametrize("name", ["content-length", "Trailer", "content-type"])
async def test_trailers_that_say_how_to_read_the_message_are_refused(name: str) -> None:
    """What must be known before the contents cannot come after them."""

    async def main(client: Client) -> None:
        async with serving(silent) as authority:
            trailers = Outcome()
            trailers.succeed(Fields.from_list(client.ctx, [(name, b"1")]))
            request = client.request(authority, method="POST", contents=b"", trailers=trailers)
            assert await failure(client, request) == "HTTP-protocol-error"

    await run(main)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "HTTP-response-incomplete"),
        (b"HTTP/1.1 200 OK\r\nConte", "HTTP-response-incomplete"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP-protocol-error"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP-protocol-error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP-protocol-error"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", ("HTTP-response-transfer-coding", None)),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, ("HTTP-response-header-section-size", None)),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n", ("HTTP-response-header-section-size", None)),
    ],
)
async def test_a_head_that_is_none_is_an_error(answer: bytes, code: Any) -> None:
    """What is no response, or has more headers than the limit, is an error, and the connection is closed."""

    async def main(client: Client) -> None:
        async with serving(answering(answer)) as authority:
            assert await failure(client, client.request(authority)) == code

    await run(main, WasiCtx(http=Http(outgoing=True), limits=WasiLimits(header_byte_length=10_000)))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "HTTP-response-incomplete"),
        (CHUNKED + b"3\r\nabc\r\n", "HTTP-response-incomplete"),
        (CHUNKED + b"3\r\nabc\r\n0\r\nX-Su", "HTTP-response-incomplete"),
        (CHUNKED + b"3\r\nabc\r\nzz\r\n", "HTTP-protocol-error"),
        (CHUNKED + b"zz\r\n", "HTTP-protocol-error"),
        (CHUNKED + b"0\r\nX: " + b"x" * 20_000, ("HTTP-response-trailer-section-size", None)),
        (CHUNKED + b"3\r\nabc\r\n0\r\nX: " + b"x" * 20_000, ("HTTP-response-trailer-section-size", None)),
        (CHUNKED + b"3\r\nabc\r\n0\r\n" + b"x: y\r\n" * 1000 + b"\r\n", ("HTTP-response-trailer-section-size", None)),
    ],
)
async def test_contents_that_break_off_are_said_by_the_trailers(answer: bytes, code: Any) -> None:
    """What came is given to the guest; that it is not all, or the trailers are too long, the trailers say."""

    async def main(client: Client) -> None:
        async with serving(answering(answer)) as authority:
            body = (await send(client.accessor, client.request(authority))).body.send(None, "")
            contents = b""
            while (chunk := await body.read()) is not None:
                contents += chunk
            assert contents == (b"abc" if b"abc" in answer else b"")
            with pytest.raises(HttpError) as caught:
                await body.trailers()
            assert caught.value.code == code
            body.succeed()

    await run(main, WasiCtx(http=Http(outgoing=True), limits=WasiLimits(header_byte_length=10_000)))


async def test_a_server_that_is_not_there_refuses() -> None:
    """A port where nobody listens is a refused connection, and the maker of the request hears it, too."""

    async def main(client: Client) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            authority = f"127.0.0.1:{taken.getsockname()[1]}"
        request = client.request(authority)
        assert await failure(client, request) == "connection-refused"
        assert await result_of(client, request.body.result) == Err("connection-refused")

    await run(main)


async def test_a_name_that_is_none_is_an_error_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a name server answers is told."""

    async def unknown(*_args: object, **_options: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(anyio, "getaddrinfo", unknown)

    async def main(client: Client) -> None:
        code = await failure(client, client.request("nonexistent.invalid"))
        assert code == ("DNS-error", {"rcode": "NXDOMAIN", "info-code": None})

    await run(main)


async def test_connecting_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not take the connection in time is an error."""

    async def connect(*_args: object) -> Any:
        await anyio.sleep_forever()

    monkeypatch.setattr(anyio, "connect_tcp", connect)

    async def main(client: Client) -> None:
        request = client.request("127.0.0.1:1", options=client.options(connect_ns=1000))
        assert await failure(client, request) == "connection-timeout"

    await run(main)


async def test_the_response_has_a_time_limit() -> None:
    """A server that reads and says nothing is given up."""

    async def main(client: Client) -> None:
        async with serving(silent) as authority:
            request = client.request(authority, options=client.options(first_byte_ns=1000))
            assert await failure(client, request) == "connection-read-timeout"

    await run(main)


async def test_each_part_of_the_contents_has_a_time_limit() -> None:
    """A server that stops in the middle is given up; what it said is there."""

    async def handler(stream: ByteStream) -> None:
        await receive_request(stream)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await anyio.sleep_forever()

    async def main(client: Client) -> None:
        async with serving(handler) as authority:
            request = client.request(authority, options=client.options(between_bytes_ns=50_000_000))
            body = (await send(client.accessor, request)).body.send(None, "")
            assert await body.read() == b"abc"
            assert await body.read() is None
            with pytest.raises(HttpError) as caught:
                await body.trailers()
            assert caught.value.code == "connection-read-timeout"
            body.succeed()

    await run(main)


async def test_each_part_of_a_request_has_a_time_limit() -> None:
    """A server that reads no more and says nothing is given up, whatever time it has for its response."""

    async def main(client: Client) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:  # nobody takes the connection from the system
            options = client.options(between_bytes_ns=50_000_000, first_byte_ns=(1 << 64) - 1)
            contents = producers.from_iterable(b"x" * (1 << 20) for _ in range(64))
            authority = f"127.0.0.1:{deaf.getsockname()[1]}"
            request = client.request(authority, method="POST", contents=contents, options=options)
            with anyio.fail_after(10):
                assert await failure(client, request) == "connection-write-timeout"
                assert await result_of(client, request.body.result) == Err("connection-write-timeout")

    await run(main)


async def test_limits_beyond_all_time_are_none() -> None:
    """The longest time that a guest can write down does no harm."""

    async def main(client: Client) -> None:
        async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as authority:
            most = (1 << 64) - 1
            options = client.options(connect_ns=most, first_byte_ns=most, between_bytes_ns=most)
            assert (await send(client.accessor, client.request(authority, options=options))).status == 200

    await run(main)


async def test_a_request_that_is_cancelled_leaves_nothing() -> None:
    """Who does not wait for the response any more breaks the request off."""
    closed = anyio.Event()

    async def handler(stream: ByteStream) -> None:
        try:
            await receive_request(stream)
        finally:
            closed.set()

    async def main(client: Client) -> None:
        more, never = anyio.create_memory_object_stream[bytes]()
        async with serving(handler) as authority, more, never:
            request = client.request(authority, method="POST", contents=never)
            async with anyio.create_task_group() as group:
                group.start_soon(send, client.accessor, request)
                await wait_all_tasks_blocked()
                group.cancel_scope.cancel()
            await closed.wait()
            assert await result_of(client, request.body.result) == Err("connection-terminated")

    await run(main)


async def test_a_connection_that_breaks_is_an_error_to_both() -> None:
    """A reset in the middle of the contents is an error of the request and of the response."""

    async def handler(stream: ByteStream) -> None:
        await stream.receive(1)
        raw: socket.socket = stream.extra(anyio.abc.SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async def main(client: Client) -> None:
        more, never = anyio.create_memory_object_stream[bytes]()
        async with serving(handler) as authority, more, never:
            request = client.request(authority, method="POST", contents=never)
            assert await failure(client, request) == "connection-terminated"
            assert await result_of(client, request.body.result) == Err("connection-terminated")

    await run(main)


async def test_a_head_that_cannot_be_sent_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection for which no request can be made is closed at once, and not when the error is forgotten."""

    def begin(*_args: object) -> bytes:
        raise HttpError("HTTP-protocol-error")

    monkeypatch.setattr(Exchange, "begin", begin)

    async def main(client: Client) -> None:
        async with serving(silent) as authority:
            with pytest.raises(HttpError, match="HTTP-protocol-error"):
                await send(client.accessor, client.request(authority))
            assert client.ctx.handles.open == 0

    await run(main)


async def test_connections_are_handles() -> None:
    """A guest has no more connections at once than handles."""

    async def main(client: Client) -> None:
        async with serving(silent) as authority:
            assert await failure(client, client.request(authority)) == "connection-limit-reached"

    await run(main, WasiCtx(http=Http(outgoing=True), limits=WasiLimits(handles=0)))


async def test_connections_are_handles_from_their_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest cannot have more connections begin than it has handles, and gives them back when none comes of it."""
    begun = 0

    async def connect(*_args: object) -> Any:
        nonlocal begun
        begun += 1
        await anyio.sleep_forever()

    monkeypatch.setattr(anyio, "connect_tcp", connect)

    async def main(client: Client) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(send, client.accessor, client.request("127.0.0.1:1"))
            await anyio.wait_all_tasks_blocked()
            assert begun == client.ctx.handles.open == 3
            assert await failure(client, client.request("127.0.0.1:1")) == "connection-limit-reached"
            group.cancel_scope.cancel()

    await run(main, WasiCtx(http=Http(outgoing=True), limits=WasiLimits(handles=3)))


async def test_a_server_without_the_certificate_is_not_talked_to() -> None:
    """A certificate that nobody vouches for, or that is for another name, is an error."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(CERTIFICATE)
    trusting = ssl.create_default_context(cafile=CERTIFICATE)

    for context, host in ((None, "localhost"), (trusting, "127.0.0.1")):

        async def main(client: Client, host: str = host) -> None:
            async with serving(answering(b""), server) as authority:
                request = client.request(authority.replace("127.0.0.1", host), scheme="https")
                assert await failure(client, request) == "TLS-certificate-error"

        await run(main, WasiCtx(http=Http(outgoing=True, ssl_context=context)))


async def test_what_speaks_no_tls_is_an_error_of_tls() -> None:
    """A server that answers in plain text, or hangs up, is an error."""

    async def plain(stream: ByteStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def hang_up(stream: ByteStream) -> None:
        await stream.receive()

    for handler in (plain, hang_up):

        async def main(client: Client, handler: Any = handler) -> None:
            async with serving(handler) as authority:
                assert await failure(client, client.request(authority, scheme="https")) == "TLS-protocol-error"

        await run(main)


def test_alerts_are_told() -> None:
    """An alert of TLS is told by its name."""
    error = ssl.SSLError(1, "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version")
    error.reason = "TLSV1_ALERT_PROTOCOL_VERSION"
    assert code_of(error) == ("TLS-alert-received", {"alert-id": None, "alert-message": "protocol version"})


def test_other_errors_have_no_code_of_their_own() -> None:
    """An error of the system that the interface does not know is an internal error."""
    assert code_of(OSError(28, "No space left on device")) == ("internal-error", "No space left on device")
