"""``weft bindgen``: typed Python for a component, or for a world in WIT."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from weft import bindgen
from weft.cli.component_file import component_bytes
from weft.cli.errors import CommandError, UsageError
from weft.cli.output import say
from weft.component.decoder import decode

if TYPE_CHECKING:
    from weft.component.externs import Scope
    from weft.component.plan import ComponentPlan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a component, binary or text; a WIT file or directory")
    parser.add_argument("--world", metavar="NAME", help="the world of the WIT package, if it has several")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, required=True, help="the package to write")
    parser.add_argument(
        "--with",
        metavar="INTERFACE=MODULE",
        dest="elsewhere",
        type=_assignment,
        action="append",
        default=[],
        help="import the types of an interface from a module that was written before",
    )
    parser.add_argument(
        "--async",
        metavar="INTERFACE[#FUNC]",
        dest="awaited",
        action="append",
        default=[],
        help="let the host await in a func that is not async, while the guest waits",
    )


def _assignment(text: str) -> tuple[str, str]:
    """Parse ``INTERFACE=MODULE``."""
    interface, _, module = text.partition("=")
    if not all(part.isidentifier() for part in module.split(".")):
        raise argparse.ArgumentTypeError(f"expected INTERFACE=MODULE, got {text!r}")
    return interface, module


def execute(options: argparse.Namespace) -> int:
    """Write a package and print the files it has."""
    source = _source(options.file, options.world)
    try:
        paths = bindgen.write(source, options.output, dict(options.elsewhere), options.awaited)
    except OSError as error:
        raise CommandError(f"{options.output}: {error.strerror}") from None
    say(*paths)
    return 0


def _source(path: Path, world: str | None) -> ComponentPlan | Scope:
    """Read a world: from WIT, or from a component, which has only one."""
    if path.suffix != ".wit" and not path.is_dir():
        if world is not None:
            raise UsageError("--world is for WIT: a component has one world")
        return decode(component_bytes(path))
    try:
        return bindgen.read_wit(path, world)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from None


__all__ = ["add_arguments", "execute"]
