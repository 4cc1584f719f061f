"""A command of WASI 0.2, in plain Python: ``report``, ``fetch HOST PORT TEXT`` or ``exit STATUS``."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from wit_world import exports


class Run(exports.Run):
    """What the component exports."""

    def run(self) -> None:
        """Do what the first argument says."""
        command, *args = sys.argv[1:] or ["report"]
        {"report": report, "fetch": fetch, "exit": leave}[command](*args)


def report() -> None:
    """Show what the command was given, and write it down in the directory ``/notes`` where there is one."""
    started = time.monotonic()
    time.sleep(0.02)
    print(f"slept {time.monotonic() - started >= 0.02}, in this century {time.time() > 946684800}")
    print(f"{len(sys.argv)} arguments, variables {sorted(os.environ)}, input {sys.stdin.read()!r}")
    keep_notes(Path("/notes"))


def keep_notes(notes: Path) -> None:
    """Write down what is in a directory, and show it."""
    if notes.is_dir():
        (notes / "seen").write_text(" ".join(sorted(os.listdir(notes))))  # noqa: PTH208 - to show it
        print("notes:", (notes / "seen").read_text())


def fetch(host: str, port: str, text: str) -> None:
    """Send a line over TCP, twice at once, and print the lines that come back.

    Python's event loop makes a pair of sockets for itself, so it needs TCP on 127.0.0.1 whatever it is for.
    """

    async def exchange() -> str:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(text.encode() + b"\n")
        line = await reader.readline()
        writer.close()
        return line.decode()

    async def exchanges() -> list[str]:
        return await asyncio.gather(exchange(), exchange())

    print(*asyncio.run(exchanges()), sep="", end="")


def leave(status: str) -> None:
    """Exit from the middle of things."""
    print("leaving", file=sys.stderr)
    sys.exit(int(status))
