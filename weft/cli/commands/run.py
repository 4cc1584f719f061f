"""``weft run``: a command, with what it is given of the world."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from weft.cli.component_file import component_bytes
from weft.cli.ending import SignallingOutput
from weft.cli.errors import CommandError
from weft.cli.grants import add_grants, make_context, seconds
from weft.cli.run import Settings, run
from weft.host.trace import TraceWriter
from weft.wasi import DescriptorOutput

if TYPE_CHECKING:
    import argparse

USAGE = "weft run [OPTION ...] FILE [ARG ...] [OPTION ...] [-- ARG ...]"
EPILOG = (
    "A command gets no directory, variable or network that no option names. The status is the command's own; a trap "
    "gives 134, a timeout 124, and a signal 128 and its number, as shells count."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.usage, parser.epilog = USAGE, EPILOG
    parser.add_argument("file", metavar="FILE", type=Path, help="a component, binary or text")
    parser.add_argument(
        "args", metavar="ARG", nargs="*", default=[], help="an argument; after -- it may begin with a dash"
    )
    parser.add_argument("--argv0", metavar="NAME", help="the name of the program, instead of the file's")
    add_grants(parser)
    parser.add_argument("--no-cache", action="store_true", help="compile anew, and keep no compiled code on disk")
    parser.add_argument("--timeout", metavar="SECONDS", type=seconds, help="how long it may take")
    parser.add_argument("--trace", metavar="PATH", type=Path, help="write a timeline for Perfetto or chrome://tracing")
    parser.add_argument(
        "--unknown-imports-trap", action="store_true", help="run it with imports missing; a call of one is a trap"
    )


def execute(options: argparse.Namespace) -> int:
    """Run a command and return its status."""
    gc.freeze()  # what was imported stays, and takes the collector longer to look through than most commands run
    try:
        return _execute(options)
    finally:
        gc.unfreeze()


def _execute(options: argparse.Namespace) -> int:
    data = component_bytes(options.file)
    ctx = make_context(options, [options.argv0 or options.file.name, *options.args, *options.after_dashes])
    ctx.stdout = SignallingOutput(DescriptorOutput(1))
    ctx.stderr = SignallingOutput(DescriptorOutput(2))
    settings = Settings(
        name=options.file.name,
        ctx=ctx,
        cache=not options.no_cache,
        timeout_seconds=options.timeout,
        unknown_imports_trap=options.unknown_imports_trap,
    )
    try:
        with nullcontext() if options.trace is None else TraceWriter(options.trace) as trace:
            return run(data, settings, trace)
    except OSError as error:
        if options.trace is None or error.filename not in (None, str(options.trace)):
            raise
        raise CommandError(f"{options.trace}: {error.strerror}") from None


__all__ = ["add_arguments", "execute"]
