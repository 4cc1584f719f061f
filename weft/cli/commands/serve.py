"""``weft serve``: a service of ``wasi:http`` on a port."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from weft import Component, Config, Engine, StoreLimits
from weft.cli.component_file import component_bytes
from weft.cli.errors import CommandError
from weft.cli.grants import add_grants, make_context, seconds
from weft.wasi import MemoryInput
from weft.wasi.http import asgi
from weft.wasi.http.asgi import EPOCH_INTERVAL

if TYPE_CHECKING:
    import argparse

    from weft.wasi import WasiCtx
    from weft.wasi.http import Application


USAGE = "weft serve [OPTION ...] FILE"
EPILOG = (
    "A service gets no directory, variable or network that no option names. SIGINT and SIGTERM end it when the "
    "requests in progress are done; the status is then 0."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.usage, parser.epilog = USAGE, EPILOG
    parser.add_argument("file", metavar="FILE", type=Path, help="a component that exports wasi:http/handler")
    parser.add_argument(
        "--addr",
        metavar="HOST:PORT",
        type=address,
        default=("127.0.0.1", 8080),
        help="where to listen (127.0.0.1:8080); port 0 is any that is free",
    )
    add_grants(parser)
    add = parser.add_argument_group("its instances").add_argument
    add("--max-instances", metavar="N", type=_count, default=16, help="how many there may be at once (16)")
    add("--max-concurrent", metavar="N", type=_count, default=16, help="requests that one handles at once (16)")
    add("--max-requests", metavar="N", type=_count, default=10_000, help="requests after which one is replaced (10000)")
    add("--max-waiting", metavar="N", type=_count, default=1000, help="requests that may wait; more get 503 (1000)")
    add("--max-memory", metavar="MIB", type=_count, help="how large the memories of one may be")
    add("--idle-timeout", metavar="SECONDS", type=seconds, default=60.0, help="after which one that idles goes (60)")
    add("--request-timeout", metavar="SECONDS", type=seconds, default=60.0, help="for a response to begin (60)")
    add("--shutdown-grace", metavar="SECONDS", type=seconds, default=10.0, help="for what is in progress (10)")
    parser.add_argument("--no-cache", action="store_true", help="keep no compiled code on disk")
    parser.add_argument("--trace", metavar="PATH", type=Path, help="write timelines, one an instance")


def address(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT``; an IPv6 address stands in brackets."""
    host, separator, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_bracketed = host == f"[{bare}]"
    if not separator or not bare or is_bracketed is not (":" in bare):
        raise ArgumentTypeError(f"{text!r} is no HOST:PORT, as 127.0.0.1:8080 or [::1]:8080")
    if not port.isdecimal() or int(port) > 0xFFFF:
        raise ArgumentTypeError(f"{text!r} is no HOST:PORT: a port is a number up to 65535")
    return bare, int(port)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def execute(options: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    try:
        from weft.cli.serve import listen, serve  # noqa: PLC0415 - what it imports may not be there
    except ModuleNotFoundError as error:
        raise CommandError(f"serving needs {error.name}: pip install 'weft[http]'") from None
    app = application(options)
    serve(app, listen(*options.addr), options.shutdown_grace)
    return 0


def application(options: argparse.Namespace) -> Application:
    """Return the service that the options describe."""
    engine = Engine(_config(options))

    def ctx() -> WasiCtx:
        given = make_context(options, ())
        return evolve(given, stdin=MemoryInput(), stdout="inherit", stderr="inherit", block_loop=False)

    memory_size = None if options.max_memory is None else options.max_memory << 20
    return asgi(
        Component(engine, component_bytes(options.file)),
        ctx=ctx,
        store_limits=StoreLimits(memory_size=memory_size),
        max_instances=options.max_instances,
        max_concurrent_per_instance=options.max_concurrent,
        max_requests_per_instance=options.max_requests,
        max_waiting=options.max_waiting,
        idle_timeout=options.idle_timeout,
        request_timeout=options.request_timeout,
        shutdown_grace=options.shutdown_grace,
    )


def _config(options: argparse.Namespace) -> Config:
    if options.no_cache:
        return Config(epoch_interval=EPOCH_INTERVAL, trace=options.trace, cache_dir=None)
    return Config(epoch_interval=EPOCH_INTERVAL, trace=options.trace)


__all__ = ["add_arguments", "address", "application", "execute"]
