"""A service under real servers, over sockets: uvicorn, hypercorn on both event loops, and `weft serve`."""

from __future__ import annotations

import importlib
import re
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import h2.config
import h2.connection
import h2.events
import h11
import pytest
from asgi_client import SERVICE, service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from anyio.abc import SocketStream


def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@asynccontextmanager
async def uvicorn_server(app: Any) -> AsyncIterator[int]:
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None))
    with listener() as port:
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [port])
            yield port.getsockname()[1]
            server.should_exit = True


@asynccontextmanager
async def hypercorn_server(app: Any) -> AsyncIterator[int]:
    import trio
    from hypercorn.config import Config

    serve: Any = importlib.import_module(f"hypercorn.{'trio' if trio.lowlevel.in_trio_task() else 'asyncio'}").serve
    end = anyio.Event()
    port = listener()
    number = port.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{port.detach()}"]  # hypercorn closes it
    config.errorlog = config.accesslog = None
    async with anyio.create_task_group() as group:

        async def run() -> None:
            await serve(app, config, shutdown_trigger=end.wait)

        group.start_soon(run)
        yield number
        end.set()


SERVERS = [
    pytest.param(uvicorn_server, "asyncio", id="uvicorn"),
    pytest.param(hypercorn_server, "asyncio", id="hypercorn-asyncio"),
    pytest.param(hypercorn_server, "trio", id="hypercorn-trio"),
]


class Client:
    """One connection of HTTP/1.1."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream
        self.state = h11.Connection(h11.CLIENT)

    async def send(self, *events: Any) -> None:
        for event in events:
            await self.stream.send(self.state.send(event) or b"")

    async def request(self, method: str, target: str, *headers: tuple[str, str]) -> None:
        await self.send(h11.Request(method=method, target=target, headers=[("host", "localhost"), *headers]))

    async def event(self) -> Any:
        while (event := self.state.next_event()) is h11.NEED_DATA:
            try:
                self.state.receive_data(await self.stream.receive())
            except anyio.EndOfStream:
                self.state.receive_data(b"")
        return event

    async def response(self) -> tuple[int, bytes]:
        status, body = 0, b""
        while not isinstance(event := await self.event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
        return status, body


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        yield Client(stream)


@pytest.mark.anyio
@pytest.mark.parametrize(("server", "anyio_backend"), SERVERS)
async def test_requests_and_streams_under_a_server(server: Any) -> None:
    """Keep-alive, bodies in parts both ways, errors and cut-off responses are those of HTTP under every server."""
    async with service() as app, server(app) as port:
        async with connected(port) as client:
            for target, expected in (
                ("/hello", (200, b"Hello, world!\n")),
                ("/xcuse", (403, b"")),
                ("/peak", (200, b"0")),
            ):
                await client.request("GET", target)
                await client.send(h11.EndOfMessage())
                assert await client.response() == expected
                client.state.start_next_cycle()
            await client.request("POST", "/echo", ("transfer-encoding", "chunked"))
            for part in (b"one", b"two"):
                await client.send(h11.Data(data=part))
                while not isinstance(event := await client.event(), h11.Data):
                    assert isinstance(event, h11.Response)
                assert event.data == part
            await client.send(h11.EndOfMessage())
            assert isinstance(await client.event(), h11.EndOfMessage)
        async with connected(port) as client:
            await client.request("GET", "/late")
            await client.send(h11.EndOfMessage())
            with pytest.raises(h11.RemoteProtocolError):
                await client.response()


@pytest.mark.anyio
@pytest.mark.parametrize(("server", "anyio_backend"), SERVERS)
async def test_a_connection_that_breaks_ends_the_response(server: Any) -> None:
    """A client that goes in the middle of an endless response frees the instance, whatever the server."""
    async with service(max_instances=1) as app, server(app) as port:
        async with connected(port) as client:
            await client.request("GET", "/flood")
            await client.send(h11.EndOfMessage())
            while not isinstance(await client.event(), h11.Data):
                pass
        async with connected(port) as client:
            await client.request("GET", "/note")
            await client.send(h11.EndOfMessage())
            assert await client.response() == (200, b"107")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_trailers_over_http_2() -> None:
    """A client that accepts trailers gets those of the guest, after the body."""
    async with service() as app, hypercorn_server(app) as port:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
            client.initiate_connection()
            head = [(":method", "GET"), (":path", "/rear"), (":scheme", "http"), (":authority", "localhost")]
            client.send_headers(1, [*head, ("te", "trailers")], end_stream=True)
            seen: list[Any] = []
            while not any(isinstance(event, h2.events.StreamEnded) for event in seen):
                await stream.send(client.data_to_send())
                seen += client.receive_data(await stream.receive())
        [trailers] = [event.headers for event in seen if isinstance(event, h2.events.TrailersReceived)]
        assert ("x-sum", "content-length") in [tuple(pair) for pair in trailers or ()]


# The command line.


@contextmanager
def served(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run `weft serve` and find its port as the runner of wasi-testsuite does."""
    argv = [sys.executable, "-m", "weft.cli", "serve", str(SERVICE), "--addr", "127.0.0.1:0", *options]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stderr.readline())
        assert found is not None
        try:
            yield process, int(found[1])
        finally:
            process.kill()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_weft_serve_gracefully(number: signal.Signals) -> None:
    """What is in progress when the signal comes is completed, and the exit status is 0."""
    with served() as (process, port):
        async with connected(port) as client:
            await client.request("POST", "/copy", ("transfer-encoding", "chunked"))
            await client.send(h11.Data(data=b"before, "))
            while not isinstance(await client.event(), h11.Data):
                pass
            process.send_signal(number)
            await client.send(h11.Data(data=b"after"), h11.EndOfMessage())
            assert await client.response() == (0, b"after")
        assert process.wait(10) == 0
