"""``weft wast``: scripts of the specification's kind."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from weft.cli.errors import UsageError
from weft.cli.output import say
from weft.cli.results import Result, Status, Tally
from weft.cli.runner import run_script
from weft.cli.spectest import script_runtime

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="a script, or a directory to search")
    parser.add_argument("--json", action="store_true", help="print a JSON object a directive; the counts go to stderr")
    parser.add_argument("--strict", action="store_true", help="also print rejections worded differently than expected")
    parser.add_argument("--verbose", action="store_true", help="also print skipped directives and tracebacks")


def execute(options: argparse.Namespace) -> int:
    """Run scripts and return 1 when a directive failed."""
    tally = Tally()
    for path in _scripts(options.paths):
        tally.files += 1
        for result in run_script(path, script_runtime):
            tally.add(result)
            _report(result, options)
    if options.json:
        print(tally, file=sys.stderr)
    else:
        say(tally)
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
        say(json.dumps({name: getattr(result, name) for name in fields} | {"status": result.status.value}))
        return
    place = f"{result.file}:{result.line}: {result.kind}"
    match result.status:
        case Status.FAILED:
            say(f"{place}: {result.message}")
            if options.verbose and result.detail:
                say(result.detail.rstrip())
        case Status.SKIPPED if options.verbose:
            say(f"{place}: skipped: {result.message}")
        case Status.PASSED if options.strict and result.message:
            say(f"{place}: passed, but {result.message}")


__all__ = ["add_arguments", "execute"]
