"""Requests that are answered: what goes over the wire, both ways."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from http_server import CERTIFICATE, Received, answering, receive_request, result_of, run, serving

from weft import Ok, StreamResult
from weft.wasi import WasiCtx
from weft.wasi.http import Fields, Http, send
from weft.wasi.outcome import Outcome

if TYPE_CHECKING:
    from anyio.abc import ByteStream
    from http_server import Client

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\nConnection: close\r\n\r\nhello"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


async def test_a_request_says_what_the_guest_said_and_the_response_what_the_server_did() -> None:
    """Method, target, headers in their case and the host arrive; status, headers and contents come back."""
    received = Received()

    async def main(client: Client) -> None:
        async with serving(answering(OK, received)) as authority:
            request = client.request(f"me:secret@{authority}", path="/a?b=ü", headers=(("X-Two", b" 2 \xff"),))
            result = request.body.result
            response = await send(client.accessor, request)
            assert (response.status, list(response.headers)) == (200, [("Content-Length", b"5"), ("X-One", b"1")])
            assert await client.read(response) == (b"hello", None)
            assert await result_of(client, result) == Ok()
            assert (received.head.method, received.head.target) == (b"GET", b"/a?b=%C3%BC")
            assert received.head.headers.raw_items() == [
                (b"host", authority.encode()),
                (b"X-Two", b"2 \xff"),
                (b"connection", b"close"),
            ]
            assert received.complete

    await run(main)


async def test_trailers_go_both_ways() -> None:
    """Contents without a length go in chunks, with the trailers after them; so do those of the response."""
    received = Received()
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"

    async def main(client: Client) -> None:
        async with serving(answering(answer, received)) as authority:
            trailers = Outcome()
            trailers.succeed(Fields.from_list(client.ctx, [("X-Check", b"abc")]))
            request = client.request(authority, method="POST", contents=b"x" * 300_000, trailers=trailers)
            contents, found = await client.read(await send(client.accessor, request))
            assert contents == b"abcde"
            assert found is not None
            assert found.immutable
            assert list(found) == [("X-Sum", b"5")]
            assert received.headers[b"transfer-encoding"] == b"chunked"
            assert b"content-length" not in received.headers
            assert (received.body, received.trailers) == (b"x" * 300_000, [(b"X-Check", b"abc")])

    await run(main)


@pytest.mark.parametrize(
    ("method", "headers", "contents", "framing"),
    [
        ("GET", (), None, {}),
        ("POST", (), None, {b"content-length": b"0"}),
        ("POST", (), b"", {b"transfer-encoding": b"chunked"}),
        ("POST", (("Content-Length", b"3"), ("content-length", b"03")), b"abc", {b"content-length": b"3"}),
        ("GET", (("content-length", b"0"),), None, {b"content-length": b"0"}),
        ("GET", (("trailer", b"x"),), None, {b"transfer-encoding": b"chunked"}),
    ],
)
async def test_the_length_is_said_once(method: str, headers: Any, contents: Any, framing: dict[bytes, bytes]) -> None:
    """A message has a length, or chunks, or neither if it needs none; never two of them."""
    received = Received()

    async def main(client: Client) -> None:
        async with serving(answering(EMPTY, received)) as authority:
            request = client.request(authority, method=method, headers=headers, contents=contents)
            assert await client.read(await send(client.accessor, request)) == (b"", None)
            names = [name for name, _ in received.head.headers if name in {b"content-length", b"transfer-encoding"}]
            assert {name: received.headers[name] for name in names} == framing
            assert len(names) == len(framing)
            assert received.body == (contents or b"")

    await run(main)


async def test_trailers_without_contents_are_sent_when_announced() -> None:
    """A request without contents has trailers only if it announced them, for else its head ended it."""
    received = Received()

    async def main(client: Client) -> None:
        async with serving(answering(EMPTY, received)) as authority:
            for headers in ((), (("trailer", b"x"),)):
                trailers = Outcome()
                trailers.succeed(Fields.from_list(client.ctx, [("x", b"1")]))
                request = client.request(authority, headers=headers, trailers=trailers)
                await client.read(await send(client.accessor, request))
                assert received.trailers == ([(b"x", b"1")] if headers else [])
                received.complete = False

    await run(main)


@pytest.mark.parametrize(
    ("method", "answer", "status"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304),
        ("GET", b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302),
        ("GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + EMPTY, 200),
    ],
)
async def test_some_responses_have_no_contents(method: str, answer: bytes, status: int) -> None:
    """What has no contents ends with its head, redirects are the guest's business, and interim responses nobody's."""

    async def main(client: Client) -> None:
        async with serving(answering(answer)) as authority:
            response = await send(client.accessor, client.request(authority, method=method))
            assert response.status == status
            assert await client.read(response) == (b"", None)

    await run(main)


async def test_contents_without_length_end_with_the_connection() -> None:
    """A response that says no length lasts until the server closes."""

    async def main(client: Client) -> None:
        async with serving(answering(b"HTTP/1.0 200 OK\r\n\r\nabc")) as authority:
            assert await client.read(await send(client.accessor, client.request(authority))) == (b"abc", None)

    await run(main)


async def test_both_directions_go_at_once() -> None:
    """A server that answers while it reads is answered to: what it sends back can be sent again."""

    async def echo(stream: ByteStream) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await stream.receive(1)
        await stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        async for data in stream:
            await stream.send(data)

    async def main(client: Client) -> None:
        parts, more = anyio.create_memory_object_stream[bytes](1)
        async with serving(echo) as authority, parts, more:
            request = client.request(authority, method="POST", contents=more)
            response = await send(client.accessor, request)
            body = response.body.send(None, "")
            chunks = body.chunks()
            for part in (b"one", b"two"):
                await parts.send(part)
                assert await anext(chunks) == part
            await parts.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(chunks)
            assert await body.trailers() is None
            body.succeed()

    await run(main)


class Endless:
    """A stream that never ends, and counts what was taken of it."""

    def __init__(self) -> None:
        self.byte_length = 0

    def poll_produce(self, waker: object, destination: Any, finish: bool) -> StreamResult:
        del waker, finish
        destination.write(bytes(65536))
        self.byte_length += 65536
        return StreamResult.COMPLETED


async def test_a_server_that_does_not_read_holds_the_guest_up() -> None:
    """Nothing more is taken of a guest than the system buffers; the answer is there all the same."""

    async def answer_only(stream: ByteStream) -> None:
        await stream.receive(1)
        await stream.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await anyio.sleep_forever()

    async def main(client: Client) -> None:
        contents = Endless()
        async with serving(answer_only) as authority:
            request = client.request(authority, method="POST", contents=contents)
            response = await send(client.accessor, request)
            assert response.status == 413
            before = -1
            while contents.byte_length != before:
                before = contents.byte_length
                for _ in range(20):
                    await anyio.lowlevel.checkpoint()
            assert contents.byte_length < 64 << 20
            response.on_drop()
            assert not request.body.result.settled

    await run(main)


async def test_a_guest_that_wants_no_more_closes_the_connection() -> None:
    """Dropping a response unread ends the connection, and a request that is sent is sent."""
    closed = anyio.Event()

    async def handler(stream: ByteStream) -> None:
        await receive_request(stream)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
        try:
            await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            closed.set()

    async def main(client: Client) -> None:
        async with serving(handler) as authority:
            request = client.request(authority)
            (await send(client.accessor, request)).on_drop()
            await closed.wait()
            assert await result_of(client, request.body.result) == Ok()

    await run(main)


async def test_tls_is_spoken_with_who_has_the_certificate() -> None:
    """``https`` goes over TLS, to a server whose certificate fits the name."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(CERTIFICATE)
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    received = Received()

    async def main(client: Client) -> None:
        async with serving(answering(OK, received), server) as authority:
            name = authority.replace("127.0.0.1", "localhost")
            response = await send(client.accessor, client.request(name, scheme="https"))
            assert await client.read(response) == (b"hello", None)
            assert received.headers[b"host"] == name.encode()

    await run(main, WasiCtx(http=Http(outgoing=True, ssl_context=trusting)))


async def test_connections_are_closed_with_the_store() -> None:
    """A response that nobody read or dropped ends with the store of its guest."""
    closed = anyio.Event()

    async def handler(stream: ByteStream) -> None:
        await receive_request(stream)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
        try:
            await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            closed.set()

    async with serving(handler) as authority:
        kept = []

        async def main(client: Client) -> None:
            kept.append(await send(client.accessor, client.request(authority)))

        await run(main)
        await closed.wait()
