"""What holds for every subcommand: help, messages, signals, outputs that take nothing more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from weft.cli import main
from weft.cli.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int, str, str]]
    Write = Callable[..., str]

SPIN = """
(component
  (core module $m (func (export "spin") (loop $ever (br $ever))))
  (core instance $i (instantiate $m))
  (func (export "spin") (canon lift (core func $i "spin"))))
"""

OUTPUTS = [("--version",), ("--help",), ("run", "--help"), ("inspect", "FILE"), ("wast", "FILE")]
"""Command lines that print something."""


def start(*args: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start the command line as a process, with buffered output as most people have it."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen([sys.executable, "-m", "weft.cli", *args], stderr=subprocess.PIPE, env=env, **options)


def prints_to(output: int, args: tuple[str, ...], file: str) -> tuple[int, str]:
    """Return the status and the errors of a command line whose standard output is a descriptor."""
    with start(*(file if arg == "FILE" else arg for arg in args), stdout=output) as process:
        _, errors = process.communicate(timeout=60)
    return process.returncode, errors.decode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("args", OUTPUTS, ids=" ".join)
def test_output_that_cannot_be_written(write: Write, args: tuple[str, ...]) -> None:
    """Where the output cannot be written, one line says so, and the status is 1."""
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        ended = prints_to(full, args, write("(component)"))
    finally:
        os.close(full)
    assert ended == (1, "weft: standard output: No space left on device\n")


@pytest.mark.parametrize("args", OUTPUTS, ids=" ".join)
def test_output_that_nobody_reads(write: Write, args: tuple[str, ...]) -> None:
    """Where nobody reads the output, the process ends in silence."""
    unread, output = os.pipe()
    os.close(unread)
    try:
        ended = prints_to(output, args, write("(component)"))
    finally:
        os.close(output)
    assert ended == (1, "")


def test_closed_outputs(write: Write) -> None:
    """Without standard descriptors a command does its work, and what it prints goes nowhere."""
    program = "import os, sys; os.closerange(0, 3); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    argv = [sys.executable, "-c", program, "-m", "weft.cli", "inspect", write("(component)")]
    assert subprocess.run(argv, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_call_that_computes(tmp_path: Path, number: signal.Signals) -> None:
    """A signal ends a call of a guest that never returns, without a word."""
    fifo = tmp_path / "component.wat"
    os.mkfifo(fifo)
    with start("call", str(fifo), "spin") as process:
        fifo.write_text(SPIN)  # waits until the command reads it
        process.send_signal(number)
        assert process.communicate(timeout=60) == (None, b"")
    assert process.returncode == -number


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_told_by_its_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that is unknown is an error of the subcommand, whose usage is shown."""
    needed = {"call": ("f.wasm", "f"), "bindgen": ("f.wasm", "-o", "d")}.get(name, ("f.wasm",))
    with pytest.raises(SystemExit) as ended:
        main([name, *needed, "--no-such-option"])
    errors = capsys.readouterr().err
    assert ended.value.code == 2
    assert errors.startswith(f"usage: weft {name} ")
    assert errors.endswith(f"weft {name}: error: unrecognized arguments: --no-such-option\n")


@pytest.mark.parametrize(("name", "missing"), [("run", "FILE"), ("call", "FILE, FUNC"), ("serve", "FILE")])
def test_only_what_is_required_is_missing(name: str, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A message names what has to be there, and nothing that may be left out."""
    with pytest.raises(SystemExit) as ended:
        main([name])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"the following arguments are required: {missing}\n")


@pytest.mark.parametrize("args", [("run", "FILE"), ("inspect", "FILE"), ("call", "FILE", "f")], ids=" ".join)
def test_a_broken_file_is_named(weft_command: Run, tmp_path: Path, args: tuple[str, ...]) -> None:
    """What is wrong with a component is said with the name of its file, in one line."""
    path = tmp_path / "broken.wasm"
    path.write_bytes(b"\0asm\x0d\0\x01\0\xff")
    status, printed, errors = weft_command(*(str(path) if arg == "FILE" else arg for arg in args))
    assert (status, printed, errors.count("\n")) == (1, "", 1)
    assert errors.startswith(f"weft: {path}: DecodeError: ")


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help of a command says what it does, as the list of commands does."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert COMMANDS[name][1:].split()[-1] in capsys.readouterr().out
