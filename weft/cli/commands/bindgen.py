"""``weft bindgen``: typed Python for a component."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weft import bindgen
from weft.cli.component_file import component_bytes
from weft.cli.errors import CommandError
from weft.component.decoder import decode

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a component, binary or text")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, required=True, help="the package to write")


def execute(options: argparse.Namespace) -> int:
    """Write a package and print the files it has."""
    plan = decode(component_bytes(options.file))
    try:
        paths = bindgen.write(plan, options.output)
    except OSError as error:
        raise CommandError(f"{options.output}: {error.strerror}") from None
    print(*paths, sep="\n")
    return 0


__all__ = ["add_arguments", "execute"]
