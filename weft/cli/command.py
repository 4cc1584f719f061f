"""The ``weft`` command: its subcommands and its exit codes.

Exit codes: 0 all went well, 1 something failed, 2 the command line is wrong; those of ``weft run`` are the guest's.
SIGINT and SIGTERM end the process as they end any, also while a guest computes; ``weft serve`` completes its requests.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from weft.cli.commands import COMMANDS, load
from weft.cli.ending import ended_by_signals, open_missing_descriptors
from weft.cli.errors import CommandError, UsageError
from weft.cli.output import discard, say
from weft.errors import DecodeError, ValidationError, WeftError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Args:
        argv: the arguments after the program's name; those of the process when None.
    """
    open_missing_descriptors()
    try:
        with ended_by_signals(None):
            return _execute(_options(list(sys.argv[1:] if argv is None else argv)))
    except CommandError as error:
        print(f"weft: {error}", file=sys.stderr)
        return error.exit_code
    except WeftError as error:
        print(f"weft: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        discard()  # whoever read our output has left
        return 1


def _options(given: list[str]) -> argparse.Namespace:
    chosen = next((arg for arg in given if not arg.startswith("-")), None)
    given, after_dashes = _split(given) if chosen == "run" else (given, [])
    options, unknown = _parser(chosen).parse_known_args(given, argparse.Namespace(after_dashes=after_dashes))
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def _execute(options: argparse.Namespace) -> int:
    try:
        code: int = options.execute(options)
    except (DecodeError, ValidationError) as error:
        raise CommandError(f"{options.file}: {type(error).__name__}: {error}") from None
    return code


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Part the command line at the first ``--``: argparse takes no options between a file and what is behind that."""
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], argv[at + 1 :]


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows all the subcommands, and the arguments of the one that is asked for."""
    parser = _Parser(
        prog="weft",
        description="Run WebAssembly components.",
        epilog="weft COMMAND --help says what a command takes.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
        )
        if name == chosen:
            command = load(name)
            command.add_arguments(subparser)
            subparser.set_defaults(execute=command.execute, parser=subparser)
    return parser


class _Parser(argparse.ArgumentParser):
    """Prints its help as everything is printed here."""

    def print_help(self, file: Any = None) -> None:
        """Print all that there is to say."""
        if file is None:
            say(self.format_help(), end="")
        else:
            super().print_help(file)


class _Version(argparse.Action):
    """Looks the version up only when somebody asks for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_args: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - slow to import, and seldom asked for

        say(f"weft {version('weft')}")
        parser.exit()


__all__ = ["CommandError", "UsageError", "main"]
