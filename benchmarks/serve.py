"""A service under load, beside a plain ASGI application on the same server: ``python -m benchmarks.serve``.

Both answer "Hello, world!" with uvicorn in a process of their own, in turns; this process makes the requests
over a number of connections and looks at every response. Then a body of 1 GiB goes through a guest and back.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = Path(__file__).parents[1] / "tests" / "integration" / "http_service.wat"
HELLO = b"Hello, world!\n"
MIB = 1 << 20


class Plain:
    """The least an ASGI application can do; started and ended as one of weft's is."""

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        """Answer."""
        headers = [(b"content-length", str(len(HELLO)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": HELLO})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        pass


def serve_plain() -> None:
    """Serve `Plain` as ``weft serve`` serves a component."""
    from weft.cli.serve import listen, serve  # noqa: PLC0415 - only the server's process needs it

    app: Any = Plain()
    serve(app, listen("127.0.0.1", 0), 1)


@define
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def memory(self, what: str = "VmRSS") -> float:
        """Return how much memory it has, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.findall(rf"{what}:\s+(\d+)", status)[0]) / 1024

    def seconds(self) -> float:
        """Return how long it computed so far, which depends less on what else runs here than the time does."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(*command: str) -> Iterator[Server]:
    """Run a server and wait until it says where it listens."""
    with subprocess.Popen([sys.executable, "-m", *command], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if found is None:
            raise RuntimeError(line + process.stderr.read())
        try:
            yield Server(process, int(found[1]))
        finally:
            process.terminate()


# Many requests.


@define(eq=False)
class Load:
    """Requests that are made one after another on each connection.

    Attributes:
        left: how many are still to be made.
        seconds: how long each took.
        failed: how many had another response than they should.
    """

    request: bytes
    left: int
    seconds: list[float] = field(factory=list)
    failed: int = 0


class Connection(asyncio.Protocol):
    """One connection of a `Load`."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.over = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """Make the next request, if there is one."""
        if not self.load.left:
            self.transport.close()
            return
        self.load.left -= 1
        self.sent_at = perf_counter()
        self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        """Look at what there is of the response."""
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if separator and len(body) >= len(HELLO):
            self.load.seconds.append(perf_counter() - self.sent_at)
            self.load.failed += body != HELLO or not head.startswith(b"HTTP/1.1 200 ")
            self.received = b""
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """End; in the middle of a response that is a failure."""
        self.load.failed += bool(self.received) or error is not None
        self.over.set_result(None)


async def load(port: int, requests: int, connections: int) -> tuple[Load, float]:
    """Make requests, and return what became of them and how many seconds all took."""
    measured = Load(b"GET /hello HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n", requests)
    loop = asyncio.get_running_loop()
    started = perf_counter()
    made = [await loop.create_connection(lambda: Connection(measured), "127.0.0.1", port) for _ in range(connections)]
    await asyncio.gather(*(connection.over for _, connection in made))
    return measured, perf_counter() - started


ROUNDS = 10
"""How often the servers take turns, so that what else the machine does meanwhile slows both."""


@define
class Total:
    """What came of the requests to one server."""

    name: str
    server: Server
    rates: list[float] = field(factory=list)
    seconds: list[float] = field(factory=list)
    failed: int = 0
    computed: float = 0.0
    before: float = 0.0

    def measure(self, requests: int, connections: int) -> None:
        """Make requests."""
        computed = self.server.seconds()
        made, seconds = asyncio.run(load(self.server.port, requests, connections))
        self.computed += self.server.seconds() - computed
        self.rates.append(len(made.seconds) / seconds)
        self.seconds += made.seconds
        self.failed += made.failed

    def show(self) -> None:
        """Print one line."""
        times = sorted(self.seconds)
        p50, p99 = (times[len(times) * percent // 100] * 1000 for percent in (50, 99))
        print(
            f"{self.name:11} {max(self.rates):6.0f} requests/s at best, {min(self.rates):6.0f} at worst   "
            f"p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   CPU {self.computed / len(times) * 1e6:4.0f} us   "
            f"{self.failed} of {len(times)} failed   RSS {self.before:.0f} -> {self.server.memory():.0f} MiB"
        )


def measure_load(plain: Server, weft: Server, requests: int, connections: int) -> None:
    """Have both servers answer so many requests, in turns, and print a line about each."""
    totals = [Total("plain ASGI", plain), Total("weft", weft)]
    for total in totals:
        asyncio.run(load(total.server.port, min(requests, 2000), connections))
        total.before = total.server.memory()
    for _ in range(ROUNDS):
        for total in totals:
            total.measure(requests // ROUNDS, connections)
    for total in totals:
        total.show()


# A large body.


async def echo(port: int, path: str, byte_length: int) -> float:
    """Send a body, receive as much at the same time, and return how many seconds that took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4 * MIB)
    block = bytes(MIB)

    async def send() -> None:
        writer.write(f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {byte_length}\r\n\r\n".encode())
        for _ in range(byte_length // len(block)):
            writer.write(block)
            await writer.drain()

    started = perf_counter()
    sending = asyncio.create_task(send())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(head.decode())
    received = 0
    while length := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(length + 2)
        received += length
    await sending
    writer.close()
    if received != byte_length:
        raise RuntimeError(f"{received} bytes came back of {byte_length}")
    return perf_counter() - started


def measure_echo(name: str, path: str, server: Server, mib: int) -> None:
    """Print one line about a body."""
    before = server.memory()
    seconds = asyncio.run(echo(server.port, path, mib * MIB))
    peak = server.memory("VmHWM")
    print(f"{name:40} {mib / seconds:7.0f} MiB/s each way   RSS {before:.0f} -> {peak:.0f} MiB at the most")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--component", default=str(SERVICE), help="one that does what tests/integration has")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        serve_plain()
        return
    weft = running("weft.cli", "serve", options.component, "--addr", "127.0.0.1:0")
    with running("benchmarks.serve", "--plain") as plain, weft as server:
        measure_load(plain, server, options.requests, options.connections)
        measure_echo(f"{options.mib} MiB handed back by the guest", "/echo", server, options.mib)
        measure_echo(f"{options.mib} MiB copied by the guest", "/copy", server, options.mib)


if __name__ == "__main__":
    main()
