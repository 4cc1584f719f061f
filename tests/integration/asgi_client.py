"""An ASGI server of the tests' own: it gives and takes messages exactly when the test says so."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

import weft
from weft.wasi.http import asgi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import TaskGroup

SERVICE = Path(__file__).with_name("http_service.wat")

Message = dict[str, Any]


class Component:
    """The service of the tests, compiled when it is first asked for."""

    compiled: weft.Component | None = None

    @classmethod
    def get(cls) -> weft.Component:
        if cls.compiled is None:
            cls.compiled = weft.Component.from_file(weft.Engine(weft.Config(epoch_interval=0.01)), SERVICE)
        return cls.compiled


@asynccontextmanager
async def service(component: object = None, **settings: Any) -> AsyncIterator[Any]:
    """An application that runs, and notices at once when a client goes."""
    app = asgi(component or Component.get(), **settings)
    app.watch_after = 0
    async with app:
        yield app


class Exchange:
    """A request and what comes back.

    Attributes:
        messages: what the application sent.
        over: whether it returned.
        error: what it raised.
        receive_error: what the server raises when it is asked for a message.
        send_error: what it raises when it is given one.
        asked: how often it asked for a message.
    """

    def __init__(self, app: Any, path: str, *, method: str = "GET", **extra: Any) -> None:
        headers = [(b"host", b"example.org"), *extra.pop("headers", [])]
        self.scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        } | extra
        self.app = app
        self.messages: list[Message] = []
        self.error: Exception | None = None
        self.receive_error: Exception | None = None
        self.send_error: Exception | None = None
        self.asked = 0
        self.ended = anyio.Event()
        self.may_send = anyio.Event()
        self.may_send.set()
        self._to_app, self._from_test = anyio.create_memory_object_stream[Message](100)

    @property
    def over(self) -> bool:
        return self.ended.is_set()

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages if m["type"] == "http.response.body")

    @property
    def complete(self) -> bool:
        return any(m["type"] == "http.response.body" and not m.get("more_body") for m in self.messages)

    # The test's side.

    def start(self, group: TaskGroup) -> Exchange:
        group.start_soon(self.run)
        return self

    def give(self, body: bytes, *, more: bool = True) -> None:
        self._to_app.send_nowait({"type": "http.request", "body": body, "more_body": more})

    def disconnect(self) -> None:
        self._to_app.send_nowait({"type": "http.disconnect"})

    def hold(self) -> None:
        """Take nothing more until `let_go`."""
        self.may_send = anyio.Event()

    def let_go(self) -> None:
        self.may_send.set()

    # The server's side.

    async def run(self) -> Exchange:
        try:
            await self.app(self.scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - a server logs it
            self.error = error
        finally:
            self._to_app.close()
            self._from_test.close()
            self.ended.set()
        return self

    async def _receive(self) -> Message:
        self.asked += 1
        if self.receive_error is not None:
            raise self.receive_error
        return await self._from_test.receive()

    async def _send(self, message: Message) -> None:
        await self.may_send.wait()
        if self.send_error is not None:
            raise self.send_error
        self.messages.append(message)


async def get(app: Any, path: str, **extra: Any) -> Exchange:
    """Make a request without a body, and wait for the end of its response."""
    return await Exchange(app, path, **extra).run()


BODY = [(b"transfer-encoding", b"chunked")]
