"""The subcommands, one module each: ``add_arguments(parser)`` and ``execute(options)``, which returns the exit code.

A module is imported only when its command is chosen: most of what the others need takes longer to import than a small
component takes to run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    import argparse

COMMANDS: Final = {
    "run": "run a command: a component that exports wasi:cli/run",
    "serve": "serve HTTP with a component that exports wasi:http/handler",
    "call": "call one export of a component that imports nothing",
    "inspect": "show the imports and exports of a component as WIT",
    "bindgen": "write typed Python for a component or a world",
    "wast": "run .wast scripts and count what held",
}
"""The commands, and what they do; each is the module of that name beside this one."""


class Command(Protocol):
    """A subcommand's module."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say what the command takes."""

    def execute(self, options: argparse.Namespace) -> int:
        """Do it, and return the exit code."""
        raise NotImplementedError


def load(name: str) -> Command:
    """Import a subcommand."""
    return cast("Command", import_module(f"weft.cli.commands.{name}"))


__all__ = ["COMMANDS", "Command", "load"]
