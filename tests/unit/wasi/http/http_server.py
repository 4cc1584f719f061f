"""A server that says just what a test wants, and what the tests of the client say to it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import h11
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSListener

from weft import Engine, FutureReader, Store, StreamReader
from weft.wasi import WasiCtx
from weft.wasi.http import Body, Fields, Http, Request, RequestOptions
from weft.wasi.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import ByteStream

    from weft import Accessor
    from weft.wasi.http import Response

ENGINE = Engine()

CERTIFICATE = Path(__file__).parent / "localhost.pem"
"""A certificate for localhost that signed itself, with its key, for these tests only."""


@asynccontextmanager
async def serving(handler: Callable[[ByteStream], Awaitable[object]], tls: Any = None) -> AsyncIterator[str]:
    """Serve connections with `handler`, which may break off, and give the authority."""

    async def serve(stream: ByteStream) -> None:
        try:
            async with stream:
                await handler(stream)
        except (anyio.BrokenResourceError, anyio.EndOfStream, OSError):
            pass  # what became of the connection is seen at the other end

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        port = listener.extra(SocketAttribute.local_port)
        group.start_soon(
            (listener if tls is None else TLSListener(listener, tls, standard_compatible=False)).serve, serve
        )
        yield f"127.0.0.1:{port}"
        group.cancel_scope.cancel()


class Received:
    """A request as a server sees it."""

    def __init__(self) -> None:
        self.head: Any = None
        self.body = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self.complete = False

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.head.headers.raw_items())


async def receive_request(stream: ByteStream, received: Received | None = None) -> Received:
    """Read a request to its end, however it ends."""
    received = received or Received()
    connection = h11.Connection(h11.SERVER)
    while not received.complete:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return received
        if event is h11.NEED_DATA:
            try:
                connection.receive_data(await stream.receive())
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                connection.receive_data(b"")
        elif isinstance(event, h11.Request):
            received.head = event
        elif isinstance(event, h11.Data):
            received.body += event.data
        elif isinstance(event, h11.EndOfMessage):
            received.trailers = event.headers.raw_items()
            received.complete = True
        else:
            return received
    return received


def answering(answer: bytes, received: Received | None = None) -> Callable[[ByteStream], Awaitable[None]]:
    """Return a handler that reads a request and says `answer`."""

    async def handler(stream: ByteStream) -> None:
        await receive_request(stream, received)
        await stream.send(answer)

    return handler


class Client:
    """What a guest with a context could do."""

    def __init__(self, accessor: Accessor, ctx: WasiCtx) -> None:
        self.accessor = accessor
        self.store = accessor.store
        self.ctx = ctx

    def request(
        self,
        authority: str,
        *,
        method: str = "GET",
        scheme: str = "http",
        path: str | None = "/",
        headers: tuple[tuple[str, bytes], ...] = (),
        contents: Any = None,
        trailers: Outcome | None = None,
        options: RequestOptions | None = None,
    ) -> Request:
        if trailers is None:
            trailers = Outcome()
            trailers.succeed()
        reader = None if contents is None else StreamReader.new(self.store, contents)
        body = Body(self.store, reader, FutureReader.new(self.store, trailers))
        request = Request(self.ctx, Fields.from_list(self.ctx, headers), body, options)
        request.set_method(method)
        request.set_scheme(scheme)
        request.set_authority(authority)
        request.set_path_with_query(path)
        return request

    def options(self, **timeouts: int) -> RequestOptions:
        options = RequestOptions(self.ctx)
        for name, value in timeouts.items():
            setattr(options, name, value)
        return options

    async def read(self, response: Response) -> tuple[bytes, Fields | None]:
        """Read contents and trailers, as a guest does who wants all."""
        body = response.body.send(None, "")
        contents = b"".join([chunk async for chunk in body.chunks()])
        trailers = await body.trailers()
        body.succeed()
        return contents, trailers


async def result_of(client: Client, outcome: Outcome) -> Any:
    """Wait for what a guest is told in the end: Ok or Err."""
    return await FutureReader.new(client.store, outcome).read(client.store)


async def run(main: Callable[[Client], Awaitable[None]], ctx: WasiCtx | None = None) -> None:
    """Run a test's `main`; afterwards no connection is left."""
    ctx = ctx or WasiCtx(http=Http(outgoing=True))
    async with Store(ENGINE, data=ctx) as store:
        await store.run_concurrent(lambda accessor: main(Client(accessor, ctx)))
    assert ctx.handles.open == 0


__all__ = ["CERTIFICATE", "Client", "Received", "answering", "receive_request", "result_of", "run", "serving"]
