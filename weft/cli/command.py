"""The ``weft`` command: its subcommands and its exit codes.

Exit codes: 0 all went well, 1 something failed, 2 the command line is wrong, 130 interrupted; those of ``weft run`` are
the guest's.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from weft.cli.commands import COMMANDS, load
from weft.cli.errors import CommandError, UsageError
from weft.errors import WeftError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Args:
        argv: the arguments after the program's name; those of the process when None.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    chosen = next((arg for arg in given if not arg.startswith("-")), None)
    given, after_dashes = _split(given) if chosen == "run" else (given, [])
    options = _parser(chosen).parse_args(given, argparse.Namespace(after_dashes=after_dashes))
    try:
        code: int = options.execute(options)
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


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Part the command line at the first ``--``: argparse takes no options between a file and what is behind that."""
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], argv[at + 1 :]


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows all the subcommands, and the arguments of the one that is asked for."""
    parser = argparse.ArgumentParser(prog="weft", description="Run WebAssembly components.", allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, allow_abbrev=False)
        if name == chosen:
            command = load(name)
            command.add_arguments(subparser)
            subparser.set_defaults(execute=command.execute)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when somebody asks for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_args: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - slow to import, and seldom asked for

        print(f"weft {version('weft')}")
        parser.exit()


__all__ = ["CommandError", "UsageError", "main"]
