"""Core functions: direct calls, and the frames on which fibers call them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, final

from weft.engine import _lib
from weft.engine.codegen import call_maker, detour_maker, fiber_maker, kind_of, refuse, views_of
from weft.engine.coretypes import CoreSig, require_callable
from weft.engine.extern import CoreExtern
from weft.engine.fiber import Fiber

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.engine.store import CoreStore


@final
class CoreFunc(CoreExtern):
    """A function of a store: a guest's, or one made from Python.

    Attributes:
        sig: its type.
        call: ``call(*flat)`` runs it at once, on the present stack, and returns None, the value, or a tuple. i32 and
            i64 are unsigned ints. It raises what the guest trapped with, or the very exception of a host callback. What
            it runs must not block.
        buffer: the 16-byte value slots of `invoke`, arguments first, results over them.
        invoke: like `call`, for generated code that fills and reads `buffer` itself.
        launch: start a fiber on a frame; for `Fiber` only.
        collect: take the results from a frame; for `Fiber` only.
        pool: frames that no fiber uses.
    """

    __slots__ = ("_kept", "buffer", "call", "collect", "invoke", "launch", "pool", "sig")

    call: Callable[..., Any]
    invoke: Callable[[], None]
    buffer: memoryview
    launch: Callable[..., int]
    collect: Callable[..., tuple[Any, ...]]

    def __init__(self, store: CoreStore, raw: bytes, sig: CoreSig) -> None:
        super().__init__(store, raw)
        self.sig = sig
        self.pool: list[tuple[Any, ...]] = []
        self._kept: tuple[Any, ...] = ()

    if not TYPE_CHECKING:  # type checkers need not think that just any name is found

        def __getattr__(self, name: str) -> Any:
            """Prepare direct calls when one is first asked for: most functions only go from one module to another."""
            if name not in {"call", "invoke", "buffer"}:
                raise AttributeError(name)
            self._prepare_call()
            return getattr(self, name)

    def _refuse(self, *_: object) -> None:
        require_callable(self.sig)

    def _prepare_call(self) -> None:
        sig = self.sig
        if not sig.callable:
            self.call = self.invoke = self._refuse
            self.buffer = memoryview(b"")
            return
        count = max(len(sig.params), len(sig.results))
        raw = (ctypes.c_ubyte * (16 * count + 8))()
        address = ctypes.addressof(raw)
        whole = memoryview(raw).cast("B")
        views = views_of(whole, sig.params + sig.results)
        self.buffer = whole[: 16 * count]
        args = (
            self.store.context_argument,
            ctypes.c_void_p(self.item),
            ctypes.c_void_p(address),
            ctypes.c_size_t(count),
            ctypes.c_void_p(address + 16 * count),
        )
        if self.store.yields:
            self.call = self._call_on_fiber
            self.invoke = detour_maker(sig)(self.call, views)
        else:
            self.call, self.invoke = call_maker(sig)(self.store, args, whole.cast("Q"), views)

    def _call_on_fiber(self, *flat: Any) -> Any:
        # A guest that yields needs a stack of its own; nothing else runs until the call is over.
        fiber = Fiber(self, flat, direct=True)
        while not fiber.resume():
            pass
        results = fiber.results
        return results[0] if len(results) == 1 else results or None

    def _prepare_fibers(self) -> None:
        sig = require_callable(self.sig)
        raw = (ctypes.c_ubyte * (_lib.VALUE_SIZE * len(sig.params)))()
        for i, name in enumerate(sig.params):
            raw[_lib.VALUE_SIZE * i] = kind_of(name)
        whole = memoryview(raw).cast("B")
        kept = (
            self.store.context_argument,
            ctypes.c_void_p(self.item),
            ctypes.c_void_p(ctypes.addressof(raw)),
            ctypes.c_size_t(len(sig.params)),
        )
        self.launch, self.collect = fiber_maker(sig)(self.store, views_of(whole, sig.params), self.pool)
        # Last, since it says that all is prepared: Ctrl-C may strike in the middle.
        self._kept = kept

    def frame(self) -> tuple[Any, ...]:
        """Return a frame for one fiber: a used one, or a new one.

        Raises:
            StoreError: the store is closed.
        """
        refuse(self.store.running)
        if self.pool:
            return self.pool.pop()
        if not self._kept:
            self._prepare_fibers()
        count = len(self.sig.results)
        raw = (ctypes.c_ubyte * (_lib.VALUE_SIZE * count + 16))()
        address = ctypes.addressof(raw)
        whole = memoryview(raw).cast("B")
        end = address + _lib.VALUE_SIZE * count
        arguments = (
            *self._kept,
            ctypes.c_void_p(address),
            ctypes.c_size_t(count),
            ctypes.c_void_p(end),
            ctypes.c_void_p(end + 8),
        )
        return (whole.cast("Q"), arguments, *views_of(whole, self.sig.results))
