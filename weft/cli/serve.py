"""A service on a port of this machine, by uvicorn."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

import uvicorn

from weft.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from weft.wasi.http import Application

BACKLOG: Final = 2048
"""How many connections may wait to be accepted."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any that is free.

    Raises:
        CommandError: that is not possible.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, bound = found[0]
        # asyncio switches Nagle's algorithm off only where the protocol is said to be TCP, and not the default.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise CommandError(f"{host}:{port}: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(bound)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CommandError(f"{host}:{port}: {error.strerror}") from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Return what to type into a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve(app: Application, listener: socket.socket, shutdown_grace: float) -> None:
    """Serve until a signal ends it, and then complete what was begun; a second SIGINT does not wait for that.

    Args:
        app: the service.
        listener: where connections come; it is closed in the end.
        shutdown_grace: how many seconds requests in progress have at the end.

    Raises:
        WeftError: the component is no service, or misses an import.
    """
    config = uvicorn.Config(
        app,
        lifespan="off",  # `app` is started here: what prevents that is an error of this command
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(shutdown_grace)),
    )
    with listener:
        asyncio.run(_serve(app, _Server(config), listener))


async def _serve(app: Application, server: _Server, listener: socket.socket) -> None:
    async with app:
        gc.collect()
        gc.freeze()  # what there is now stays, and takes the collector longer to look through than many requests
        try:
            await server.serve(sockets=[listener])
        finally:
            gc.unfreeze()


@final
class _Server(uvicorn.Server):
    """Says where it listens once it does, and takes a signal as the request to end, not as how the process ended."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets=sockets)
        for listener in sockets or ():
            print(f"Serving HTTP on {url_of(listener)}", file=sys.stderr, flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have signals end the server while it runs."""
        if threading.current_thread() is not threading.main_thread():
            yield  # a program that calls `main` in a thread keeps its signals to itself
            return
        before = {number: signal.signal(number, self._end) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


__all__ = ["BACKLOG", "listen", "serve", "url_of"]
