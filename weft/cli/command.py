"""The ``weft`` command: its arguments, its exit codes, and one function a subcommand.

Exit codes: 0 all went well, 1 something failed, 2 the command line is wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from weft import bindgen
from weft.cli._runtime import TextError, assemble
from weft.cli.call import CallError, call_export
from weft.cli.results import Result, Status, Tally
from weft.cli.runner import run_script
from weft.cli.spectest import script_runtime
from weft.component.decoder import decode
from weft.component.wit import component_wit
from weft.errors import WeftError
from weft.host.trace import TraceWriter

if TYPE_CHECKING:
    from collections.abc import Sequence


class CommandError(Exception):
    """What the user asked for cannot be done; the message is one line for them."""

    exit_code = 1


class UsageError(CommandError):
    """The command line is wrong."""

    exit_code = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Args:
        argv: the arguments after the program's name; those of the process when None.
    """
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except CommandError as error:
        print(f"weft: {error}", file=sys.stderr)
        return error.exit_code
    except WeftError as error:
        print(f"weft: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has left. What is still buffered must go somewhere when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="weft", description="Run WebAssembly components.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"weft {version('weft')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    wast = commands.add_parser("wast", help="run .wast scripts", allow_abbrev=False)
    wast.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="a script, or a directory to search")
    wast.add_argument("--json", action="store_true", help="print one JSON object a directive; the counts go to stderr")
    wast.add_argument("--strict", action="store_true", help="also print rejections worded differently than expected")
    wast.add_argument("--verbose", action="store_true", help="also print skipped directives and tracebacks")
    wast.set_defaults(run=run_wast)

    inspect = commands.add_parser("inspect", help="show imports and exports as WIT", allow_abbrev=False)
    inspect.add_argument("file", metavar="FILE", type=Path, help="a component, binary or text")
    inspect.set_defaults(run=run_inspect)

    write = commands.add_parser("bindgen", help="write typed Python for a component", allow_abbrev=False)
    write.add_argument("file", metavar="FILE", type=Path, help="a component, binary or text")
    write.add_argument("-o", "--output", metavar="DIR", type=Path, required=True, help="the package to write")
    write.set_defaults(run=run_bindgen)

    call = commands.add_parser("call", help="call one export", allow_abbrev=False)
    call.add_argument("file", metavar="FILE", type=Path, help="a component, binary or text")
    call.add_argument("func", metavar="FUNC", help="an export: NAME, or INTERFACE#NAME")
    call.add_argument("args", metavar="ARG", nargs="*", help="an argument in WAVE; after -- it may begin with a dash")
    call.add_argument("--trace", metavar="PATH", type=Path, help="write a timeline for Perfetto or chrome://tracing")
    call.set_defaults(run=run_call)
    return parser


def run_wast(options: argparse.Namespace) -> int:
    """Run scripts and return 1 when a directive failed."""
    tally = Tally()
    for path in _scripts(options.paths):
        tally.files += 1
        for result in run_script(path, script_runtime):
            tally.add(result)
            _report(result, options)
    print(tally, file=sys.stderr if options.json else sys.stdout)
    return 1 if tally.failed else 0


def _scripts(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.rglob("*.wast"))
            if not inside:
                raise UsageError(f"{path}: no .wast files in this directory")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"{path}: no such file or directory")
    return found


def _report(result: Result, options: argparse.Namespace) -> None:
    if options.json:
        fields = ("file", "line", "kind", "message")
        print(json.dumps({name: getattr(result, name) for name in fields} | {"status": result.status.value}))
        return
    place = f"{result.file}:{result.line}: {result.kind}"
    match result.status:
        case Status.FAILED:
            print(f"{place}: {result.message}")
            if options.verbose and result.detail:
                print(result.detail.rstrip())
        case Status.SKIPPED if options.verbose:
            print(f"{place}: skipped: {result.message}")
        case Status.PASSED if options.strict and result.message:
            print(f"{place}: passed, but {result.message}")


def run_inspect(options: argparse.Namespace) -> int:
    """Print a component's WIT."""
    print(component_wit(decode(_component_bytes(options.file))), end="")
    return 0


def run_bindgen(options: argparse.Namespace) -> int:
    """Write a package and print the files it has."""
    plan = decode(_component_bytes(options.file))
    try:
        paths = bindgen.write(plan, options.output)
    except OSError as error:
        raise CommandError(f"{options.output}: {error.strerror}") from None
    print(*paths, sep="\n")
    return 0


def run_call(options: argparse.Namespace) -> int:
    """Call one export and print its result in WAVE."""
    data = _component_bytes(options.file)
    try:
        with nullcontext() if options.trace is None else TraceWriter(options.trace) as trace:
            text = call_export(data, options.func, options.args, trace)
    except CallError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{options.trace}: {error.strerror}") from None
    if text is not None:
        print(text)
    return 0


def _component_bytes(path: Path) -> bytes:
    """Read a component; text is assembled."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    if data.startswith(b"\0asm"):
        return data
    try:
        return assemble(data)
    except TextError as error:
        first_line = str(error).split("\n", 1)[0]
        raise CommandError(f"{path}: neither a binary nor a text component: {first_line}") from None


__all__ = ["CommandError", "UsageError", "main"]
