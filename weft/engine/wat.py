"""WebAssembly text to binary, by Wasmtime's own parser."""

from __future__ import annotations

from typing import final

from weft.engine import _lib
from weft.engine.trap import take_error_message
from weft.errors import WeftError


@final
class WatError(WeftError):
    """The text is not WebAssembly text; the message shows where."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def wat2wasm(text: str | bytes) -> bytes:
    """Translate the text of a core module or of a component to its binary form.

    Raises:
        WatError: the text does not parse.
    """
    data = text.encode() if isinstance(text, str) else bytes(text)
    out = _lib.ByteVec()
    error = _lib.wat2wasm(data, len(data), out)
    if error is not None:
        raise WatError(take_error_message(error))
    return out.take()
