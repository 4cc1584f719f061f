"""``weft call``: one export of a component."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from weft.cli.call import CallError, call_export
from weft.cli.component_file import component_bytes
from weft.cli.ending import ended_by_signals
from weft.cli.errors import CommandError
from weft.cli.output import say
from weft.host.trace import TraceWriter

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a component, binary or text")
    parser.add_argument("func", metavar="FUNC", help="an export: NAME, or INTERFACE#NAME")
    parser.add_argument(
        "args", metavar="ARG", nargs="*", default=[], help="an argument in WAVE; after -- it may begin with a dash"
    )
    parser.add_argument("--trace", metavar="PATH", type=Path, help="write a timeline for Perfetto or chrome://tracing")


def execute(options: argparse.Namespace) -> int:
    """Call one export and print its result in WAVE."""
    data = component_bytes(options.file)
    try:
        with (
            nullcontext() if options.trace is None else TraceWriter(options.trace) as trace,
            ended_by_signals(None if trace is None else trace.close),
        ):
            text = call_export(data, options.func, options.args, trace)
    except CallError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{options.trace}: {error.strerror}") from None
    if text is not None:
        say(text)
    return 0


__all__ = ["add_arguments", "execute"]
