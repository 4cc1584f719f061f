"""A command of WASI 0.3, in asynchronous Python: ``report``, ``serve COUNT`` or ``fail``.

Files and printing go through Python's standard library, as in any program; waiting and sockets through WASI 0.3, where
many things go on at once without an event loop in the guest.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import monotonic_clock
from wit_world.imports.types import (
    IpAddressFamily,
    IpSocketAddress_Ipv4,
    Ipv4SocketAddress,
    TcpSocket,
)


class Run(exports.Run):
    """What the component exports."""

    async def run(self) -> None:
        """Do what the first argument says."""
        command, *args = sys.argv[1:] or ["report"]
        await {"report": report, "serve": serve, "fail": fail}[command](*args)


async def report() -> None:
    """Show what the command was given, and write it down in the directory ``/notes`` where there is one."""
    started = monotonic_clock.now()
    await asyncio.gather(*(monotonic_clock.wait_for(20_000_000) for _ in range(10)))
    slept_ns = monotonic_clock.now() - started
    print(f"slept {slept_ns >= 20_000_000}, in this century {time.time() > 946684800}")
    print(f"{len(sys.argv)} arguments, variables {sorted(os.environ)}, input {sys.stdin.read()!r}")
    keep_notes(Path("/notes"))


def keep_notes(notes: Path) -> None:
    """Write down what is in a directory, and show it."""
    if notes.is_dir():
        (notes / "seen").write_text(" ".join(sorted(os.listdir(notes))))  # noqa: PTH208 - to show it
        print("notes:", (notes / "seen").read_text())


async def serve(count: str) -> None:
    """Echo what `count` connections send, all of them at once, and say before that where."""
    listener = TcpSocket.create(IpAddressFamily.IPV4)
    listener.bind(IpSocketAddress_Ipv4(Ipv4SocketAddress(port=0, address=(127, 0, 0, 1))))
    connections = listener.listen()
    print(f"127.0.0.1:{listener.get_local_address().value.port}", flush=True)
    with connections:
        accepted = []
        while len(accepted) < int(count):
            accepted += await connections.read(int(count) - len(accepted))
    await asyncio.gather(*(echo(connection) for connection in accepted))


async def echo(connection: TcpSocket) -> None:
    """Send back what comes, as one stream is another's source."""
    with connection:
        data, received = connection.receive()
        sent = connection.send(data)
        await asyncio.gather(received.read(), sent.read())


async def fail() -> None:
    """Return an error: the command ends with status 1."""
    raise Err(None)
