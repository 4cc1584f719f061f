"""Commands in Python, of WASI 0.2 and 0.3, run by ``weft run``; `make guest` builds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BUILD = Path(__file__).parents[2] / "examples" / "commands" / "build"
LOOPBACK = ("--tcp", "--allow", "127.0.0.1")


def command(name: str, *options: str, args: tuple[str, ...]) -> list[str]:
    """Return the command line that runs one of the commands."""
    path = BUILD / f"{name}.wasm"
    if not path.exists():
        pytest.skip("`make guest` builds the commands")
    return [sys.executable, "-m", "weft.cli", "run", *options, str(path), "--", *args]


def run(name: str, *options: str, args: tuple[str, ...], **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run one of the commands to its end."""
    argv = command(name, *options, args=args)
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=100, **settings)


@pytest.mark.parametrize("name", ["old", "new"])
def test_report(name: str, tmp_path: Path) -> None:
    """A command finds its arguments, variables, input, clocks and directories where Python programs look for them."""
    (tmp_path / "first").touch()
    ran = run(name, "--dir", f"{tmp_path}::/notes", "--env", "LANG=C", args=("report",), input="some input")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "slept True, in this century True",
        "2 arguments, variables ['LANG'], input 'some input'",
        "notes: first",
    ]
    assert (tmp_path / "seen").read_text() == "first"


@pytest.mark.parametrize(("name", "args"), [("old", ("exit", "1")), ("new", ("fail",))])
def test_failure(name: str, args: tuple[str, ...]) -> None:
    """A command that fails ends with status 1."""
    assert run(name, args=args).returncode == 1


def test_read_only_directory(tmp_path: Path) -> None:
    """Into a directory that is read-only nothing is written."""
    ran = run("old", "--dir", f"{tmp_path}::/notes:ro", args=("report",))
    assert ran.returncode != 0
    assert "OSError" in ran.stderr or "PermissionError" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_client_and_server() -> None:
    """A command of 0.2 talks to one of 0.3 over TCP, with asyncio on one side and streams on the other."""
    with subprocess.Popen(command("new", *LOOPBACK, args=("serve", "2")), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        host, port = server.stdout.readline().strip().split(":")
        ran = run("old", *LOOPBACK, args=("fetch", host, port, "hello"))
        assert (ran.returncode, ran.stdout) == (0, "hello\nhello\n")
        assert server.wait(timeout=60) == 0


def test_no_network() -> None:
    """Without leave there are no sockets."""
    ran = run("new", args=("serve", "1"))
    assert (ran.returncode, ran.stdout) == (1, "")
