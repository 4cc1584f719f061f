"""Blocking host functions: a little Wasm that calls Python, suspends with only Wasm on the stack, then calls Python.

A suspended stack must hold no Python frame. So ``begin`` (Python) returns at once, with a status; when it wants to
block, ``suspend`` (the one asynchronous host function of a store) gives the stack up; and once the fiber is resumed,
``finish`` (Python) supplies the results, or asks to block again.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any, Final

from weft.engine import _lib
from weft.engine.callback import shielded
from weft.engine.coretypes import CoreSig
from weft.engine.trap import check
from weft.engine.wat import wat2wasm

if TYPE_CHECKING:
    from weft.engine.engine import CoreEngine
    from weft.engine.module import CoreModule
    from weft.engine.store import CoreStore


def trampoline_text(sig: CoreSig) -> str:
    """Return the module that exports ``f``; a status of 0, on top of the results, says that they count."""
    params = f"(param {' '.join(sig.params)})" if sig.params else ""
    results = " ".join(sig.results)
    given = "".join(f"(local.get {i})" for i in range(len(sig.params)))
    drops = "drop " * len(sig.results)
    settled = f"i32.eqz (br_if $done) {drops}"
    return f"""(module
      (import "" "begin" (func $begin {params} (result {results} i32)))
      (import "" "suspend" (func $suspend))
      (import "" "finish" (func $finish (result {results} i32)))
      (func (export "f") {params} (result {results})
        (block $done (result {results})
          {given} (call $begin) {settled}
          (loop $again (call $suspend) (call $finish) {settled} (br $again))
          unreachable)))"""


def trampoline(engine: CoreEngine, sig: CoreSig) -> CoreModule:
    """Return the compiled trampoline for `sig`, made once an engine."""
    found = engine.trampolines.get(sig)
    if found is None:
        found = engine.trampolines[sig] = engine.compile(wat2wasm(trampoline_text(sig)))
    return found


def _poll_callback() -> tuple[int, Any]:
    """Return the address of a C function that says whether the byte at its argument is not zero, and what to keep.

    The continuation of ``suspend`` is polled once when it suspends, and once when its fiber is resumed.
    """
    if sys.platform in {"linux", "darwin"}:
        # strlen of "" is 0 and of "\1" is 1, and a C bool is the low byte of that: no Python on the way.
        strlen = ctypes.CDLL(None).strlen
        return ctypes.cast(strlen, ctypes.c_void_p).value or 0, strlen
    callback = _lib.PollCallback(lambda address: ctypes.c_ubyte.from_address(address).value != 0)
    return ctypes.cast(callback, ctypes.c_void_p).value or 0, callback


_POLL, _POLL_KEPT = _poll_callback()
_NAME: Final = b"suspend"


def define_suspend(store: CoreStore) -> tuple[bytes, int, Any]:
    """Add ``suspend`` to `store`; return its extern, its linker, and the callback to keep alive."""
    running, resumed = store.running, store.resumed
    continuation = _lib.Continuation(_POLL, store.resumed_address, None)
    source, size = ctypes.addressof(continuation), ctypes.sizeof(continuation)
    move = ctypes.memmove

    def suspend(
        _env: int, _caller: int, _args: int, _nargs: int, _results: int, _nresults: int, _trap: int, out: int
    ) -> None:
        try:
            running[-1].parked = 2
            resumed[0] = 0
            # The last step, and the only call: a signal handler can raise after it, and not before.
            move(out, source, size)
        except BaseException as error:  # noqa: BLE001 - `Fiber.resume` raises it
            store.pending = error

    suspend.__code__ = shielded(suspend.__code__)
    callback = _lib.AsyncCallback(suspend)
    linker = _lib.linker_new(store.engine.pointer)
    functype = store.functype(CoreSig())
    check(_lib.linker_define_async(linker, b"", 0, _NAME, len(_NAME), functype, callback, None, None))
    raw = ctypes.create_string_buffer(_lib.EXTERN_SIZE)
    assert _lib.linker_get(linker, store.ctx, b"", 0, _NAME, len(_NAME), ctypes.addressof(raw))
    return raw.raw, linker, (callback, continuation)
