"""Traps and errors of Wasmtime, as Python exceptions."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final, TypeAlias

from weft.engine import _lib
from weft.engine.coretypes import EngineError
from weft.engine.stacks import take_failure
from weft.errors import Trap, TrapCode

if TYPE_CHECKING:
    from weft.engine.store import CoreStore

Frames: TypeAlias = tuple[tuple[str | None, int, int], ...]

_PREFIX: Final = "wasm trap: "
_CODES: Final = {int(code): code for code in TrapCode}


def take_error_message(error: int) -> str:
    """Return the text of a ``wasmtime_error_t`` and delete it."""
    out = _lib.ByteVec()
    _lib.error_message(error, out)
    _lib.error_delete(error)
    return out.take().decode("utf-8", "replace")


def check(error: int | None) -> None:
    """Do nothing for None.

    Raises:
        EngineError: there is an error; it is deleted.
    """
    if error is not None:
        raise EngineError(take_error_message(error))


def surface(store: CoreStore, error: int | None, trap: int | None) -> BaseException:
    """Return what an entry point raises for the trap or error a call ended with, and free both.

    A host callback's own exception waits in ``store.pending``: Wasmtime carried only a placeholder through the guest.
    """
    if trap:
        return _take_trap(store, trap)
    assert error is not None
    frames = _frames(_lib.error_trace, error)
    pending, store.pending = store.pending, None
    if pending is not None:
        _lib.error_delete(error)
        if isinstance(pending, Trap) and not pending.frames:
            pending.frames = frames
        return pending
    if _drop_exception(store):
        _lib.error_delete(error)
        return Trap(TrapCode.UNCAUGHT_EXCEPTION, frames=frames)
    message = take_error_message(error)
    failure = take_failure()
    if failure is not None:
        return failure
    if frames:
        return Trap(TrapCode.OTHER, _innermost(message), frames)
    return EngineError(message)


def _take_trap(store: CoreStore, trap: int) -> Trap:
    frames = _frames(_lib.trap_trace, trap)
    number = ctypes.c_uint8()
    known = _lib.trap_code(trap, number)
    out = _lib.ByteVec()
    _lib.trap_message(trap, out)
    _lib.trap_delete(trap)
    message = _innermost(out.take().rstrip(b"\0").decode("utf-8", "replace"))
    store.pending = None
    if not known and _drop_exception(store):
        return Trap(TrapCode.UNCAUGHT_EXCEPTION, frames=frames)
    return Trap(_CODES.get(number.value, TrapCode.OTHER) if known else TrapCode.OTHER, message, frames)


def _innermost(text: str) -> str:
    # Wasmtime's text is a chain: a backtrace, then "Caused by:" with the trap itself last.
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        start = line.find(_PREFIX)
        if start >= 0:
            return line[start + len(_PREFIX) :]
    last = lines[-1] if lines else ""
    return last[3:] if last[:3] in {"0: ", "1: ", "2: "} else last


def _drop_exception(store: CoreStore) -> bool:
    # An exception that no guest frame caught stays rooted in the store until it is taken.
    exception = ctypes.create_string_buffer(24)
    if not _lib.take_exception(store.ctx, ctypes.addressof(exception)):
        return False
    _lib.exnref_unroot(ctypes.addressof(exception))
    return True


def _frames(trace: object, source: int) -> Frames:
    vec = _lib.PointerVec()
    trace(source, vec)  # type: ignore[operator]
    frames = tuple(_frame(vec.data[i]) for i in range(vec.size))
    _lib.frame_vec_delete(ctypes.addressof(vec))
    return frames


def _frame(frame: int) -> tuple[str | None, int, int]:
    name = _lib.frame_func_name(frame)
    text = ctypes.string_at(name[0].data, name[0].size).decode("utf-8", "replace") if name else None
    return text, _lib.frame_func_index(frame), _lib.frame_module_offset(frame)
