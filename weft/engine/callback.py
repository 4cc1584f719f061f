"""Making Python functions safe to be called from C.

When a ctypes callback fails before its own ``try`` begins, ctypes prints the exception and returns whatever was on the
stack: Wasmtime would take that for a pointer to a trap. Two things can raise there, and this module rules both out:

* A signal handler (Ctrl-C): the interpreter looks for signals when a function starts, and again after each call it
  makes. `shielded` takes the first look away, and the error paths of callbacks make no calls (see `TRAPS`).
* The recursion limit, which a hostile guest reaches at will. Entry points make sure of `HEADROOM` before they go.
"""

from __future__ import annotations

import dis
import sys
from ctypes import c_char_p, c_size_t
from itertools import repeat
from types import CodeType
from typing import Any, Final

from weft.engine import _lib

TRAPS: Final = map(_lib.trap_new, repeat(c_char_p(b"host")), repeat(c_size_t(4)))
"""An endless supply of new traps: ``for trap in TRAPS: return trap`` compiles to no call instruction."""

_RESUME: Final = dis.opmap.get("RESUME")
_AFTER_AWAIT: Final = 3


def shielded(code: CodeType) -> CodeType:
    """Return `code` whose functions, down to the innermost, start without a look for signals.

    A function starts with the instruction RESUME, and its operand says which kind of start it is; after an ``await``
    the interpreter does not look. Source: the documentation of Python's `dis` module, RESUME.
    """
    constants = tuple(shielded(value) if isinstance(value, CodeType) else value for value in code.co_consts)
    data = bytearray(code.co_code)
    for at in range(0, len(data), 2):
        if data[at] == _RESUME:
            data[at + 1] = _AFTER_AWAIT
            break
    return code.replace(co_consts=constants, co_code=bytes(data))


_ROOM: Any = int
for _ in range(8):
    # Each level takes one unit of the recursion limit while `isinstance` looks into it. A callback and the trap that
    # its error path makes need four, and `surface` needs seven.
    _ROOM = (_ROOM,)


def ensure_headroom() -> None:
    """Do nothing while a callback that the next call into Wasmtime leads to can start and fail properly.

    Raises:
        RecursionError: the recursion limit is too near.
    """
    isinstance(0, _ROOM)


HEADROOM: Final = "ensure_headroom()" if sys.version_info >= (3, 12) else "isinstance(0, ROOM)"
"""The statement that generated code runs before it calls Wasmtime.

From Python 3.12 on, C calls and Python calls are counted apart, so it takes a Python call too.
"""
NAMES: Final[dict[str, Any]] = {
    "TRAPS": TRAPS,
    "ensure_headroom": ensure_headroom,
    "ROOM": _ROOM,
}
"""What `HEADROOM` and the error paths of generated code refer to."""
