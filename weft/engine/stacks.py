"""Stacks for fibers from memory that the embedder provides.

Wasmtime takes three functions for that, and calls two of them where no Python may run: when it asks for the top of a
stack, and when it frees one, deep in a drop that may happen while the interpreter is finalized. So those two are
functions of the C library that do just enough, on a word above each stack:

* ``strcpy(word, &length)``, called with a length of 0, copies an empty string and returns `word`: the top of the
  stack. That the length stays 0 is fine: Wasmtime uses it to assert something of its own, and nothing else.
* ``sem_post(word)`` marks the word: the stack is free. The next call from Python sees the mark.

The third, which makes a stack, runs in the middle of a call that weft makes, like any host function.

Source: ``wasmtime_config_host_stack_creator_set`` (wasmtime/async.h); crates/c-api/src/async.rs; crates/fiber.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import threading
from ctypes import POINTER, Structure, c_bool, c_char_p, c_int, c_size_t, c_void_p
from itertools import repeat
from typing import Any, Final, Protocol, final

from weft.engine import _lib
from weft.engine.callback import shielded
from weft.engine.coretypes import EngineError

PAGE: Final = mmap.PAGESIZE

_NOTHING: Final = 0
_READ_WRITE: Final = 3

FAILED: Final = b"a stack could not be made"
_ERRORS: Final = map(_lib.error_new, repeat(c_char_p(FAILED)))
"""Endless new errors, as `weft.engine.callback.TRAPS` are traps: getting one compiles to no call."""


class StackCreator(Protocol):
    """Provides the memory of stacks, and gets it back."""

    def new_stack(self, byte_length: int) -> Any:
        """Return memory for one stack.

        Any writable buffer will do that begins at the start of a page and has so many bytes, such as
        ``mmap.mmap(-1, byte_length)``. Until it is given back it must not be touched. Two pages of it are not the
        stack's: one below, which is made inaccessible, and one above.

        Raises:
            BaseException: the call that needs the stack raises it.
        """
        ...

    def free_stack(self, stack: Any) -> None:
        """Take back what `new_stack` returned: some time after the call on it has ended, at the latest with the store.

        Raises:
            BaseException: a later call that needs a stack raises it, or closing a store does.
        """


class _StackMemory(Structure):
    _fields_ = (("env", c_void_p), ("get_stack_memory", c_void_p), ("finalizer", c_void_p))


_NewStack: Final = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_size_t, c_bool, POINTER(_StackMemory))


class _StackCreator(Structure):
    _fields_ = (("env", c_void_p), ("new_stack", _NewStack), ("finalizer", c_void_p))


class _Failure(threading.local):
    """What the creator raised in the call that this thread makes."""

    error: BaseException | None = None


_failure: Final = _Failure()


def take_failure() -> BaseException | None:
    """Return what a creator of stacks raised in the last call of this thread, once."""
    error, _failure.error = _failure.error, None
    return error


@final
class Stacks:
    """The stacks of an engine's stores, made by an embedder's creator; on Linux only.

    Invariant: `_used` has each stack that was made and not given back, by its top, with the view that keeps its memory
    where it is. The views are kept for ever if need be: the interpreter may end before Wasmtime lets go of a stack.
    """

    def __init__(self, creator: StackCreator) -> None:
        """Make them.

        Raises:
            EngineError: the system is not Linux.
        """
        if sys.platform != "linux":
            raise EngineError("a creator of stacks relies on the C library of Linux")
        libc = ctypes.CDLL(None)
        self._top = ctypes.cast(libc.strcpy, c_void_p).value
        self._free = ctypes.cast(libc.sem_post, c_void_p).value
        self._mprotect = libc.mprotect
        self._mprotect.argtypes = [c_void_p, c_size_t, c_int]
        self._creator = creator
        self._used: dict[int, tuple[Any, Any]] = {}
        self._sweep_at = 16
        self._callback = _NewStack(_new_stack_callback(self))
        _keep_for_ever(self._callback)

    def install(self, config: int) -> None:
        """Tell a configuration to get its stacks here."""
        _set_creator(config, ctypes.byref(_StackCreator(None, self._callback, None)))

    def make(self, byte_length: int, out: Any) -> None:
        """Make a stack and describe it in a ``wasmtime_stack_memory_t``."""
        if len(self._used) >= self._sweep_at:
            self.sweep()
            self._sweep_at = 2 * len(self._used) + 16
        stack_length = -(-byte_length // PAGE) * PAGE
        stack = self._creator.new_stack(stack_length + 2 * PAGE)
        view = (ctypes.c_char * (stack_length + 2 * PAGE)).from_buffer(stack)
        base = ctypes.addressof(view)
        if base % PAGE:
            raise ValueError("the memory of a stack begins at the start of a page: use `mmap.mmap`")
        self._protect(base, _NOTHING)
        top = base + PAGE + stack_length
        c_int.from_address(top).value = 0
        _keep_for_ever(view)
        self._used[top] = stack, view
        out[0] = _StackMemory(top, self._top, self._free)

    def sweep(self) -> None:
        """Give back the stacks that Wasmtime has let go of."""
        for top in list(self._used):
            if not c_int.from_address(top).value:
                continue
            stack, view = self._used.pop(top)
            self._protect(ctypes.addressof(view), _READ_WRITE)
            _release(view)
            del view  # a buffer that is looked at could not be closed
            self._creator.free_stack(stack)

    def _protect(self, base: int, access: int) -> None:
        if self._mprotect(base, PAGE, access):
            raise OSError("the page below a stack cannot be protected: take its memory from `mmap.mmap`")


def _new_stack_callback(stacks: Stacks) -> Any:
    def new_stack(_env: Any, byte_length: int, _zeroed: bool, out: Any) -> int | None:
        try:
            stacks.make(byte_length, out)
        except BaseException as error:  # noqa: BLE001 - the call raises it
            _failure.error = error
            for failed in _ERRORS:
                return failed  # type: ignore[no-any-return]
        return None

    new_stack.__code__ = shielded(new_stack.__code__)
    return new_stack


_keep_for_ever: Final = ctypes.pythonapi.Py_IncRef
_keep_for_ever.argtypes = [ctypes.py_object]
_keep_for_ever.restype = None
_release: Final = ctypes.pythonapi.Py_DecRef
_release.argtypes = [ctypes.py_object]
_release.restype = None
_set_creator: Final = _lib.dll["wasmtime_config_host_stack_creator_set"]
_set_creator.argtypes = [c_void_p, c_void_p]
_set_creator.restype = None

__all__ = ["FAILED", "PAGE", "StackCreator", "Stacks", "take_failure"]
