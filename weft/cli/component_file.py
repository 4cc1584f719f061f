"""Components from files, binary or text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.cli.errors import CommandError
from weft.engine import WatError, wat2wasm

if TYPE_CHECKING:
    from pathlib import Path

_MODULE: Final = b"\0asm\x01\0\0\0"


def component_bytes(path: Path) -> bytes:
    """Read a component; text is assembled.

    Raises:
        CommandError: there is no component in it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    if not data.startswith(b"\0asm"):
        data = _assemble(path, data)
    if data.startswith(_MODULE):
        raise CommandError(f"{path}: this is a core module: `wasm-tools component new` makes a component of it")
    return data


def _assemble(path: Path, text: bytes) -> bytes:
    try:
        return wat2wasm(text)
    except WatError as error:
        first_line = str(error).split("\n", 1)[0]
        raise CommandError(f"{path}: neither a binary nor a text component: {first_line}") from None


__all__ = ["component_bytes"]
