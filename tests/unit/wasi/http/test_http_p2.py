"""HTTP of WASI 0.2: messages in parts, over the same objects as 0.3."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, final

import anyio
import anyio.lowlevel
import pytest
from anyio import wait_all_tasks_blocked
from http_server import Client, Received, answering, receive_request, run, serving

from weft import Err, Ok, Trap
from weft.wasi import WasiCtx, WasiLimits
from weft.wasi.http import Body, Fields, Http, HttpError, Request, Response, send
from weft.wasi.outcome import Outcome
from weft.wasi.p2.http import IncomingRequest, ResponseOutparam
from weft.wasi.p2.http.errors import HttpIOError, http_error_code
from weft.wasi.p2.http.fields import define as define_fields
from weft.wasi.p2.http.handler import FutureIncomingResponse
from weft.wasi.p2.http.outgoing import OutgoingRequest, OutgoingResponse
from weft.wasi.p2.io import Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import ByteStream

    from weft import Store
    from weft.wasi.http import RequestOptions
    from weft.wasi.p2.http.incoming import IncomingResponse
    from weft.wasi.p2.http.incoming_body import IncomingBody

pytestmark = pytest.mark.anyio

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
NOT_FINISHED = ("internal-error", "the body was dropped and not finished")


def outgoing(client: Client, authority: str, *headers: tuple[str, bytes]) -> OutgoingRequest:
    """Make a request that is not sent yet."""
    request = OutgoingRequest(client.store, client.ctx, Fields.from_list(client.ctx, headers))
    request.message.set_method("POST")
    request.message.set_scheme("http")
    request.message.set_authority(authority)
    return request


def handle(store: Store, request: OutgoingRequest, options: RequestOptions | None) -> FutureIncomingResponse:
    """Send a request, as wasi:http/outgoing-handler does."""
    message = request.send()
    message.options = options
    return FutureIncomingResponse(store, message)


async def response_of(future: FutureIncomingResponse) -> Any:
    """Wait for the response, or the error code, as ``ok`` or ``err``."""
    assert future.result.get() is None or future.result.is_ready()
    await future.result.wait_ready()
    got = future.result.get()
    assert isinstance(got, Ok)
    assert future.result.get() == Err()
    return got.value


async def contents_of(body: IncomingBody) -> bytes:
    """Read a body's stream to its end, and drop it."""
    stream = body.stream()
    contents = b""
    while True:
        try:
            contents += await stream.read(1 << 20, wait=True)
        except Err as error:
            stream.on_drop()
            return contents + (b"" if error.value == "closed" else b" and an error")


async def trailers_of(client: Client, body: IncomingBody) -> Any:
    """Finish a body, and return its trailers, or the error code, as ``ok`` or ``err``."""
    future = body.finish(client.store)
    await future.result.wait_ready()
    got = future.result.get()
    future.on_drop()
    assert isinstance(got, Ok)
    return got.value


def code_of(error: Any) -> Any:
    """Return the error code of wasi:http that is in an error of a stream."""
    assert error.value[0] == "last-operation-failed"
    return http_error_code(None, error.value[1])


async def test_a_request_is_written_in_parts_and_its_response_read_in_parts() -> None:
    """What goes into the output stream arrives, with trailers; what comes back is in the input stream, likewise."""
    received = Received()

    async def main(client: Client) -> None:
        async with serving(answering(OK, received)) as authority:
            request = outgoing(client, authority, ("X-One", b"1"))
            body = request.take_body()
            stream = body.write()
            future = handle(client.store, request, None)
            request.on_drop()
            for _ in range(5):
                await stream.write_and_flush(client.store, b"x" * 100_000)
            stream.on_drop()
            body.finish(Fields.from_list(client.ctx, [("X-Check", b"ok")]))
            response: IncomingResponse = (await response_of(future)).value
            assert response.message.status == 200
            incoming = response.consume(client.store)
            response.on_drop()
            assert await contents_of(incoming) == b"abcde"
            trailers = await trailers_of(client, incoming)
            assert list(trailers.value) == [("X-Sum", b"5")]
            assert (received.body, received.trailers) == (b"x" * 500_000, [(b"X-Check", b"ok")])

    await run(main)


async def test_a_request_without_body_is_sent_at_once() -> None:
    """A guest that asks for no body sends none; parts can be had once."""
    received = Received()

    async def main(client: Client) -> None:
        async with serving(answering(OK, received)) as authority:
            request = outgoing(client, authority)
            response: IncomingResponse = (await response_of(handle(client.store, request, None))).value
            assert received.headers[b"content-length"] == b"0"
            incoming = response.consume(client.store)
            with pytest.raises(Err):
                response.consume(client.store)
            incoming.stream().on_drop()
            with pytest.raises(Err):
                incoming.stream()
            incoming.on_drop()

    await run(main)


@pytest.mark.parametrize("write", [True, False])
async def test_a_message_is_complete_when_it_was_finished(write: bool) -> None:
    """A body that is dropped, or never asked to be finished, breaks the request off."""
    received = Received()
    seen = anyio.Event()

    async def handler(stream: ByteStream) -> None:
        await receive_request(stream, received)
        seen.set()

    async def main(client: Client) -> None:
        async with serving(handler) as authority:
            request = outgoing(client, authority)
            body = request.take_body()
            with pytest.raises(Err):
                request.take_body()
            future = handle(client.store, request, None)
            if write:
                stream = body.write()
                with pytest.raises(Err):
                    body.write()
                await stream.write_and_flush(client.store, b"abc")
                stream.on_drop()
            body.on_drop()
            assert await response_of(future) == Err(NOT_FINISHED)
            await seen.wait()
            assert not received.complete

    await run(main)


async def test_a_body_is_finished_only_without_its_streams() -> None:
    """Finishing a body of which the guest has the stream is a trap, either way."""

    async def main(client: Client) -> None:
        async with serving(answering(OK)) as authority:
            request = outgoing(client, authority)
            body = request.take_body()
            stream = body.write()
            with pytest.raises(Trap):
                body.finish(None)
            stream.on_drop()
            body.finish(None)
            response: IncomingResponse = (await response_of(handle(client.store, request, None))).value
            incoming = response.consume(client.store)
            stream = incoming.stream()
            with pytest.raises(Trap):
                incoming.finish(client.store)
            stream.on_drop()
            trailers = await trailers_of(client, incoming)
            assert list(trailers.value) == [("X-Sum", b"5")]  # the contents were skipped

    await run(main)


@pytest.mark.parametrize(("length", "contents"), [(b"3", b"toolong"), (b"5", b"abc"), (b"5", None)])
async def test_a_guest_that_lies_about_the_length_breaks_off(length: bytes, contents: bytes | None) -> None:
    """More or less than the length that was said is an error of the stream or of `finish`, and of the response."""

    async def main(client: Client) -> None:
        async with serving(answering(OK)) as authority:
            request = outgoing(client, authority, ("Content-Length", length))
            body = request.take_body()
            future = handle(client.store, request, None)
            if contents is not None:
                stream = body.write()
                if len(contents) > int(length):
                    with pytest.raises(Err) as caught:
                        await stream.write_and_flush(client.store, contents)
                    assert code_of(caught.value) == ("HTTP-request-body-size", len(contents))
                else:
                    await stream.write_and_flush(client.store, contents)
                stream.on_drop()
            with pytest.raises(Err) as caught:
                body.finish(None)
            assert caught.value.value[0] == "HTTP-request-body-size"
            assert await response_of(future) == Err(caught.value.value)

    await run(main)


async def test_what_was_accepted_counts_though_it_has_not_gone() -> None:
    """A guest may write, drop the stream and finish before it sends."""
    received = Received()

    async def main(client: Client) -> None:
        async with serving(answering(OK, received)) as authority:
            request = outgoing(client, authority, ("Content-Length", b"100000"))
            body = request.take_body()
            stream = body.write()
            await stream.write(client.store, b"x" * 60_000)
            await stream.write(client.store, b"y" * 40_000)
            stream.on_drop()
            body.finish(None)
            response: IncomingResponse = (await response_of(handle(client.store, request, None))).value
            response.on_drop()
            assert received.body == b"x" * 60_000 + b"y" * 40_000

    await run(main)


async def test_a_server_that_does_not_read_holds_the_guest_up() -> None:
    """A guest may write no more than what is held for it until somebody takes it."""

    async def main(client: Client) -> None:
        request = outgoing(client, "127.0.0.1")
        stream = request.take_body().write()
        written = 0
        while length := stream.check_write():
            await stream.write(client.store, bytes(length))
            written += length
        assert written <= 1 << 18
        assert not stream.is_ready()
        request.on_drop()  # it will not be sent: nobody will ever take it
        await stream.wait_ready()
        with pytest.raises(Err):
            stream.check_write()
        stream.on_drop()

    await run(main)


@pytest.mark.parametrize("answer", [CHUNKED + b"3\r\nabc\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
async def test_contents_that_break_off_are_an_error_of_the_stream(answer: bytes) -> None:
    """What came can be read; then the stream fails, with an error that has a code, and so do the trailers."""

    async def main(client: Client) -> None:
        async with serving(answering(answer)) as authority:
            response: IncomingResponse = (
                await response_of(handle(client.store, outgoing(client, authority), None))
            ).value
            incoming = response.consume(client.store)
            stream = incoming.stream()
            assert await stream.read(2, wait=True) == b"ab"
            assert stream.is_ready()
            assert await stream.read(2, wait=True) == b"c"
            with pytest.raises(Err) as caught:
                await stream.read(2, wait=True)
            assert code_of(caught.value) == "HTTP-response-incomplete"
            stream.on_drop()
            assert await trailers_of(client, incoming) == Err("HTTP-response-incomplete")

    await run(main)


def test_errors_of_other_streams_have_no_code() -> None:
    """Only errors of bodies are errors of HTTP."""
    assert http_error_code(None, Error(OSError(5, "no"))) is None
    assert http_error_code(None, Error(HttpIOError("loop-detected"))) == "loop-detected"


async def test_reading_without_waiting_gets_there() -> None:
    """A guest that only ever asks what is there gets everything in the end."""

    async def main(client: Client) -> None:
        async with serving(answering(OK)) as authority:
            response: IncomingResponse = (
                await response_of(handle(client.store, outgoing(client, authority), None))
            ).value
            incoming = response.consume(client.store)
            stream = incoming.stream()
            contents = b""
            while len(contents) < 5:
                contents += await stream.read(100)
                await anyio.lowlevel.checkpoint()
            assert contents == b"abcde"
            stream.on_drop()
            incoming.on_drop()

    await run(main)


async def _future(_client: Client, future: FutureIncomingResponse) -> None:
    future.on_drop()


async def _late_future(_client: Client, future: FutureIncomingResponse) -> None:
    await future.result.wait_ready()
    future.on_drop()


async def _response(_client: Client, future: FutureIncomingResponse) -> None:
    response: IncomingResponse = (await response_of(future)).value
    response.on_drop()
    future.on_drop()


async def _body(client: Client, future: FutureIncomingResponse) -> None:
    response: IncomingResponse = (await response_of(future)).value
    body = response.consume(client.store)
    response.on_drop()
    stream = body.stream()
    assert await stream.read(1, wait=True)
    stream.is_ready()
    body.on_drop()
    stream.on_drop()


async def _reading_body(client: Client, future: FutureIncomingResponse) -> None:
    body = (await response_of(future)).value.consume(client.store)
    stream = body.stream()
    assert await stream.read(100, wait=True) == b"abc"
    assert not stream.is_ready()
    await wait_all_tasks_blocked()  # it is being fetched
    stream.on_drop()
    body.on_drop()


async def _trailers(client: Client, future: FutureIncomingResponse) -> None:
    body = (await response_of(future)).value.consume(client.store)
    trailers = body.finish(client.store)
    await wait_all_tasks_blocked()  # it is being skipped
    assert trailers.result.get() is None
    trailers.on_drop()


@pytest.mark.parametrize("drop", [_future, _late_future, _response, _body, _reading_body, _trailers])
async def test_whatever_is_dropped_ends_the_connection(drop: Any) -> None:
    """A guest may drop its handles at any time and in any order; the connection goes with the last that needs it."""
    closed = anyio.Event()

    async def handler(stream: ByteStream) -> None:
        try:
            await receive_request(stream)
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            await stream.receive()
        finally:
            closed.set()

    async def main(client: Client) -> None:
        async with serving(handler) as authority:
            future = handle(client.store, outgoing(client, authority), None)
            if drop is _future:
                await wait_all_tasks_blocked()
            await drop(client, future)
            await closed.wait()

    await run(main)


async def test_options_limit_the_time() -> None:
    """The options of a request count as in 0.3."""

    async def silent(stream: ByteStream) -> None:
        await receive_request(stream)
        await anyio.sleep_forever()

    async def main(client: Client) -> None:
        async with serving(silent) as authority:
            options = client.options(first_byte_ns=1000)
            future = handle(client.store, outgoing(client, authority), options)
            assert await response_of(future) == Err("connection-read-timeout")

    await run(main)


async def test_nothing_is_sent_that_is_not_granted() -> None:
    """The policy is that of 0.3."""

    async def main(client: Client) -> None:
        future = handle(client.store, outgoing(client, "127.0.0.1"), None)
        assert await response_of(future) == Err("HTTP-request-denied")

    await run(main, WasiCtx())


def incoming_request(client: Client, contents: bytes | None = None) -> IncomingRequest:
    """Make a request for a guest to handle."""
    trailers = Outcome()
    trailers.succeed()
    body = Body.received(client.store, None if contents is None else [contents], trailers)  # type: ignore[arg-type]
    headers = [(b"Host", b"a"), (b"X-One", b"1")]
    return IncomingRequest(Request.received(client.ctx, "PUT", "https", "a:1", "/b?c", headers, body))


async def test_a_guest_answers_through_the_outparam() -> None:
    """The host gets the response as the object of 0.3, while the guest may still be writing its body."""

    async def main(client: Client) -> None:
        request = incoming_request(client, b"hello")
        outparam = ResponseOutparam()
        response = OutgoingResponse(client.store, client.ctx, Fields(client.ctx))
        response.message.set_status(201)
        body = response.take_body()
        outparam.set(Ok(response))
        found: Response = await outparam.wait()
        assert found.status == 201
        out = found.take_body()
        stream = body.write()
        incoming = request.consume(client.store)
        assert await contents_of(incoming) == b"hello"
        assert await trailers_of(client, incoming) == Ok()
        async with anyio.create_task_group() as group:
            group.start_soon(stream.write_and_flush, client.store, b"answer")
            assert await out.read() == b"answer"
        stream.on_drop()
        body.finish(None)
        assert await out.read() is None
        assert await out.trailers() is None
        out.succeed()

    await run(main)


async def test_a_guest_that_gives_no_response_is_an_error() -> None:
    """An error that the guest gives is given to the host; dropping the outparam is one."""

    async def main(client: Client) -> None:
        outparam = ResponseOutparam()
        outparam.set(Err("loop-detected"))
        with pytest.raises(HttpError) as caught:
            await outparam.wait()
        assert caught.value.code == "loop-detected"
        outparam = ResponseOutparam()
        outparam.on_drop()
        with pytest.raises(HttpError) as caught:
            await outparam.wait()
        assert caught.value.code == ("internal-error", "the guest gave no response")
        incoming_request(client).on_drop()

    await run(main)


async def test_a_request_can_be_sent_on_as_it_came() -> None:
    """What one version of WASI received the other can send: the objects are the same."""
    received = Received()

    async def main(client: Client) -> None:
        async with serving(answering(OK, received)) as authority:
            request = incoming_request(client, b"hello").message
            request.set_scheme("http")
            request.set_authority(authority)
            contents, trailers = await client.read(await send(client.accessor, request))
            assert (contents, received.body, received.head.method) == (b"abcde", b"hello", b"PUT")
            assert trailers is not None

    await run(main)


@final
class Functions(dict[str, "Callable[..., Any]"]):
    """What an interface defines, by name: as much of a `LinkerInstance` as that takes."""

    def object_resource(self, name: str) -> None:
        """Define a resource."""

    def func_wrap(self, name: str, func: Callable[..., Any] | None = None) -> Any:
        """Define a function."""
        return partial(self.__setitem__, name) if func is None else self.__setitem__(name, func)


def fields_functions() -> Functions:
    """Return what 0.2 has of fields."""
    functions = Functions()
    define_fields(functions, lambda data: data)  # type: ignore[arg-type]
    return functions


@pytest.mark.parametrize(("name", "given"), [("append", lambda value: value), ("set", lambda value: [value])])
def test_fields_that_become_too_long_are_traps(name: str, given: Callable[[bytes], Any]) -> None:
    """Fields that become too long end the guest: 0.2 has no error for that. Other errors it has."""
    ctx = WasiCtx(http=Http(), limits=WasiLimits(header_byte_length=100))
    fields, change = Fields(ctx), fields_functions()[f"[method]fields.{name}"]
    change(None, fields, "a", given(b"1"))
    with pytest.raises(Trap):
        change(None, fields, "a", given(b"x" * 100))
    with pytest.raises(Err) as caught:
        change(None, fields, "host", given(b""))
    assert caught.value.value == "forbidden"
    assert list(fields) == [("a", b"1")]


def test_fields_that_are_made_too_long_are_traps() -> None:
    """So are fields that are too long from the start, and copies for which there is no room."""
    ctx = WasiCtx(http=Http(), limits=WasiLimits(header_byte_length=100, held_byte_length=1700))
    functions = fields_functions()
    store = SimpleNamespace(data=ctx)
    with pytest.raises(Trap):
        functions["[static]fields.from-list"](store, [("a", b"x" * 100)])
    fields = functions["[static]fields.from-list"](store, [("a", b"1")])
    copies = [functions["[method]fields.clone"](store, fields)]
    with pytest.raises(Trap):
        copies.append(functions["[method]fields.clone"](store, fields))
