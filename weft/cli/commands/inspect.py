"""``weft inspect``: the WIT of a component."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weft.cli.component_file import component_bytes
from weft.cli.output import say
from weft.component.decoder import decode
from weft.component.wit import component_wit

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a component, binary or text")


def execute(options: argparse.Namespace) -> int:
    """Print a component's WIT."""
    say(component_wit(decode(component_bytes(options.file))), end="")
    return 0


__all__ = ["add_arguments", "execute"]
