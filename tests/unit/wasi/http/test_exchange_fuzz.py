"""Whatever a server says is a response or an error of HTTP."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
from http_server import run
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.wasi import WasiCtx, WasiLimits
from weft.wasi.http import Fields, HttpError
from weft.wasi.http.exchange import Exchange
from weft.wasi.http.target import Target

STATUS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 404\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"HTTP/1.1 999 \r\n",
    ]
)
HEADERS = st.sampled_from(
    [
        b"Content-Length: 3\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Connection: close\r\n",
        b"X-One: 1\r\n",
        b" folded\r\n",
        b"X: " + b"x" * 300 + b"\r\n",
    ]
)
PIECES = st.sampled_from(
    [
        b"abc",
        b"3\r\nabc\r\n",
        b"fffffffffffffffffff\r\n",
        b"-1\r\n",
        b"0\r\n",
        b"0;extension\r\n\r\n",
        b"X-Two: 2\r\n",
        b"\r\n",
        b"\n",
        b"\0",
        b"x" * 600,
    ]
)


def _split(whole: bytes, at: int) -> list[bytes]:
    return [whole[:at], whole[at:]]


def _message(status: bytes, headers: list[bytes], pieces: list[bytes]) -> bytes:
    return status + b"".join(headers) + b"\r\n" + b"".join(pieces)


MESSAGES = st.builds(
    _message, STATUS, st.lists(HEADERS, max_size=2), st.lists(PIECES | st.binary(max_size=8), max_size=4)
)
ANSWERS = st.builds(_split, MESSAGES | st.binary(max_size=40), st.integers(0, 200))


class Connection:
    """A connection on which a server says what it is to say, and takes everything."""

    def __init__(self, answer: list[bytes]) -> None:
        self._answer = [piece for piece in answer if piece]
        self.closed = False

    async def send(self, data: bytes) -> None:
        del data

    async def receive(self, max_byte_length: int) -> bytes:
        assert max_byte_length > 600
        return self._answer.pop(0) if self._answer else b""

    async def aclose(self) -> None:
        self.closed = True


async def _exchange(client: Any, answer: list[bytes], method: str) -> None:
    connection: Any = Connection(answer)
    request = client.request("a", method=method)
    exchange = Exchange(client.ctx, connection, request.take_body(), 10**12)
    head = exchange.begin(request, Target("a", 80, tls=False, host_header="a", path="/"))
    client.accessor.spawn(lambda _accessor: exchange.run(head))
    contents = 0
    try:
        response = await exchange.receive_head(10**12)
        assert 200 <= response.status_code <= 999
        if not exchange.ends_with_head():
            while isinstance(part := await exchange.receive_contents(), bytes):
                contents += len(part)
            assert part is None or isinstance(part, Fields)
    except HttpError as error:
        exchange.abort(error.code)
    assert contents <= sum(map(len, answer))
    exchange.end()
    while not connection.closed:
        await anyio.lowlevel.checkpoint()


@settings(max_examples=60)
@given(answer=ANSWERS, method=st.sampled_from(["GET", "HEAD", "POST"]))
def test_any_bytes_are_a_response_or_an_error(answer: list[bytes], method: str) -> None:
    """No answer, in whatever pieces it comes, raises anything but an `HttpError`, or keeps the connection open."""
    ctx = WasiCtx(limits=WasiLimits(header_byte_length=500))
    anyio.run(run, lambda client: _exchange(client, answer, method), ctx)
