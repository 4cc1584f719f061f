"""``weft run``: status, output, signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wasi_guests import COPY, FLOOD, SPIN, command, hello

from weft.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int, str, str]]
    Write = Callable[..., str]


def start(*args: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start the command line as a process."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
    return subprocess.Popen([sys.executable, "-m", "weft.cli", "run", *args], **options)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("(i32.const 0)", 0),
        ("(i32.const 1)", 1),
        ("(call $exit (i32.const 0)) unreachable", 0),
        ("(call $exit (i32.const 255)) unreachable", 255),
        ("(call $wait_until (i64.const 0)) (i32.const 0)", 0),
    ],
)
def test_status(weft_command: Run, write: Write, body: str, status: int) -> None:
    """The status is what the command returns, or exits with."""
    assert weft_command("run", write(command(body))) == (status, "", "")


def test_trap(weft_command: Run, write: Write) -> None:
    """A trap is told of, with a backtrace, and gives the status of a program that aborts."""
    status, printed, errors = weft_command("run", write(command("unreachable")))
    first, *frames = errors.splitlines()
    assert (status, printed, first) == (134, "", "weft: wasm trap: wasm `unreachable` instruction executed")
    assert len(frames) == 1
    assert frames[0].startswith("  0: 0x")


def test_deadlock(weft_command: Run, write: Write) -> None:
    """A command that waits for nobody traps, and the message says what waits."""
    body = "(drop (call $read (i32.wrap_i64 (call $new)) (i32.const 0) (i32.const 1))) (i32.const 0)"
    status, _, errors = weft_command("run", write(command(body)))
    assert status == 134
    assert "deadlock" in errors
    assert "waits for its read of a stream" in errors


def test_no_command(weft_command: Run, write: Write) -> None:
    """A component that exports no ``run`` is told apart in one line."""
    status, _, errors = weft_command("run", write("(component)"))
    assert (status, errors.count("\n")) == (1, 1)
    assert "the component is no command" in errors


@pytest.mark.parametrize(("flags", "status"), [((), 1), (("--unknown-imports-trap",), 0)])
def test_unknown_imports(weft_command: Run, write: Write, flags: tuple[str, ...], status: int) -> None:
    """An import that nobody defines is an error, unless it is asked to be a trap."""
    text = command("(i32.const 0)").replace("(component", '(component (import "lab:no/such" (func))', 1)
    assert weft_command("run", *flags, write(text))[0] == status


def test_core_module(weft_command: Run, write: Write) -> None:
    """A core module is told apart from a component."""
    status, _, errors = weft_command("run", write("(module)"))
    assert (status, errors.count("\n")) == (1, 1)
    assert "core module" in errors


def test_stdio_is_inherited(write: Write) -> None:
    """A command reads the standard input of the process and writes to its output, however much that is."""
    data = os.urandom(3 << 20)
    process = start(write(COPY), stdin=subprocess.PIPE)
    assert process.communicate(data, timeout=60) == (data, b"")
    assert process.returncode == 0


def test_closed_stdio(write: Write) -> None:
    """With standard descriptors closed a command finds an empty input and outputs that take everything."""
    program = "import os, sys; os.closerange(0, 3); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    argv = [sys.executable, "-c", program, "-m", "weft.cli", "run", write(COPY)]
    assert subprocess.run(argv, check=False, timeout=60).returncode == 0


def test_broken_pipe(write: Write) -> None:
    """When nobody reads the output any more, the process ends by SIGPIPE, in silence, as other programs do."""
    process = start(write(FLOOD))
    assert process.stdout is not None
    assert process.stderr is not None
    assert len(process.stdout.read(1)) == 1
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == -signal.SIGPIPE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("traced", [False, True])
def test_signals(write: Write, tmp_path: Path, number: signal.Signals, traced: bool) -> None:
    """A signal ends a guest that computes for ever; the trace is complete."""
    trace = tmp_path / "trace.json"
    flags = ("--trace", str(trace)) if traced else ()
    with start(*flags, write(hello(then=SPIN))) as process:
        assert process.stdout is not None
        assert process.stdout.read(6) == b"hello\n"
        process.send_signal(number)
        assert process.wait(timeout=60) == -number
    if traced:
        assert any(event.get("cat") == "task" for event in json.loads(trace.read_text()))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_trace_that_breaks_off(write: Write) -> None:
    """That a trace cannot be completed does not keep a process from ending."""
    with start("--timeout", "0.01", "--trace", "/dev/full", write(hello(then=SPIN))) as process:
        assert process.wait(timeout=60) == 124
        assert process.stderr is not None
        assert b"No space left" in process.stderr.read()


def test_timeout(write: Write) -> None:
    """A guest that takes longer than it may is ended with a message."""
    with start("--timeout", "0.01", write(command(SPIN))) as process:
        assert process.wait(timeout=60) == 124
        assert process.stderr is not None
        assert process.stderr.read() == b"weft: timed out after 0.01 s\n"


def test_signal_handlers_are_restored(write: Write, tmp_path: Path) -> None:
    """After a run within a program, its signal handlers, its mask and its threads are what they were."""
    before = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert main(["run", "--timeout", "1000", "--trace", str(tmp_path / "t"), write(command("(i32.const 0)"))]) == 0
    assert (signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())) == before


def test_trace_that_cannot_be_written(weft_command: Run, write: Write) -> None:
    """A trace that cannot be written is an error in one line."""
    status, _, errors = weft_command("run", "--trace", "/nowhere/t.json", write(command("(i32.const 0)")))
    assert (status, errors) == (1, "weft: /nowhere/t.json: No such file or directory\n")


# Exits with the number of its arguments, plus 16 times the number of its variables.
COUNTER = """
(component
  (import "wasi:cli/environment@0.3.0" (instance $env
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:cli/exit@0.3.0" (instance $exit (export "exit-with-code" (func (param "status-code" u8)))))
  (core module $Memory
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $free)
      (global.set $free (i32.and
        (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8)))))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $m))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $environment (canon lower (func $env "get-environment") (memory $m) (realloc $realloc)))
  (core func $arguments (canon lower (func $env "get-arguments") (memory $m) (realloc $realloc)))
  (core func $exit (canon lower (func $exit "exit-with-code")))
  (core module $Guest
    (import "" "memory" (memory 1))
    (import "" "environment" (func $environment (param i32)))
    (import "" "arguments" (func $arguments (param i32)))
    (import "" "exit" (func $exit (param i32)))
    (func (export "run") (result i32)
      (call $environment (i32.const 0))
      (call $arguments (i32.const 8))
      (call $exit (i32.add (i32.load (i32.const 12)) (i32.shl (i32.load (i32.const 4)) (i32.const 4))))
      unreachable))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "memory" (memory $m)) (export "environment" (func $environment))
    (export "arguments" (func $arguments)) (export "exit" (func $exit))))))
  (func $run async (result (result)) (canon lift (core func $guest "run")))
  (instance $api (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $api)))
"""


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        ((), (), 1),
        ((), ("a", "b"), 3),
        (("--env", "A=1"), ("a", "--", "-b", "--", "c"), 5 + 16),
        ((), ("--env", "A=1", "--", "-a", "--env", "B=1"), 4 + 16),
        ((), ("a", "--env", "A=1", "--argv0", "other", "--", "b"), 3 + 16),
    ],
)
def test_arguments(
    weft_command: Run, write: Write, before: tuple[str, ...], after: tuple[str, ...], status: int
) -> None:
    """Options are taken up to two dashes, and arguments around them; the name of the program comes first."""
    assert weft_command("run", *before, write(COUNTER), *after) == (status, "", "")


@pytest.mark.parametrize("options", [("--no-such-option",), ("--timeout", "0"), ("--dir", "/nowhere")])
def test_wrong_options(write: Write, options: tuple[str, ...]) -> None:
    """What the command line gets wrong is told before anything runs, with status 2."""
    with pytest.raises(SystemExit) as caught:
        main(["run", *options, write(COUNTER)])
    assert caught.value.code == 2
