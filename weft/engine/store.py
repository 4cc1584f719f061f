"""A store: everything one set of guests owns, and the entry points into them."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any, Self, final

from weft.engine import _lib
from weft.engine.codegen import BLOCKED, CLOSED, begin_maker, calls_into, finish_maker, host_maker, refuse
from weft.engine.config import StoreLimits
from weft.engine.coretypes import CoreSig, new_functype, require_callable, sig_of
from weft.engine.fiber import Fiber
from weft.engine.func import CoreFunc
from weft.engine.instance import CoreInstance, CoreInstancePre
from weft.engine.signals import check_handlers
from weft.engine.threads import check_thread_stack
from weft.engine.trampoline import define_suspend, trampoline
from weft.engine.trap import check
from weft.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from weft.engine.engine import CoreEngine
    from weft.engine.extern import CoreExtern
    from weft.engine.memory import CoreMemory
    from weft.engine.module import CoreModule

_UNBOUNDED = (1 << 63) - 1
_RAW_FUNC_KIND = bytes(8)


@final
class _Native:
    """What Wasmtime must free, and nothing that could refer back to the store.

    Memory views refer to it, so the guest memory they see stays mapped while any of them lives.
    """

    __slots__ = ("__weakref__", "_delete", "futures", "linkers", "store")

    def __init__(self, store: int, futures: dict[int, Fiber]) -> None:
        self.store: int | None = store
        self.futures = futures
        self.linkers: list[int] = []
        # At interpreter exit the module's names may be gone before this object.
        self._delete = (_lib.future_delete, _lib.linker_delete, _lib.store_delete)

    def __del__(self) -> None:
        delete_future, delete_linker, delete_store = self._delete
        for future in tuple(self.futures):
            delete_future(future)
        self.futures.clear()
        for linker in self.linkers:
            delete_linker(linker)
        if self.store is not None:
            delete_store(self.store)
            self.store = None


@final
class CoreStore:
    """One Wasmtime store. It owns all it makes; one thread at a time may use it.

    Attributes:
        engine: where its modules come from.
        ctx: the ``wasmtime_context_t``.
        closed: whether `close` was called.
        yields: whether guests yield at the end of an epoch or fuel slice; direct calls then run on private fibers.
        preemptible: whether other fibers may run at the end of a slice. Not once references exist: Wasmtime's collector
            yields too, in the middle of its work.
        suspendable: whether blocking functions may suspend; see `EngineConfig.trust_references`.
        on_finish: supplies the results of a blocking function once its fiber is resumed; returns as a host function
            does, or `BLOCKED` to suspend again.
        running: the fibers that are being resumed, innermost last; None stands for a direct call, which may not block.
        suspended: every fiber that can be resumed, by its call future.
        pending: what a host callback raised, on its way through the guest.
    """

    def __init__(
        self,
        engine: CoreEngine,
        limits: StoreLimits | None = None,
        *,
        fuel: int | None = None,
        fuel_yield_interval: int | None = None,
        epoch_yield: int | None = None,
    ) -> None:
        """Make an empty store.

        Args:
            engine: the engine of every module it will instantiate.
            limits: what its guests may hold.
            fuel: fuel to begin with, when the engine counts it; without end by default.
            fuel_yield_interval: fuel after which guests yield.
            epoch_yield: epoch ticks after which guests yield; without it they trap at the deadline, if one is set.

        Raises:
            EngineError: fuel or epochs are asked for, and the engine's configuration has them off; or traps or deep
                guests would end the process, as things are.
        """
        check_handlers()
        check_thread_stack(engine.config)
        pointer = _lib.store_new(engine.pointer, None, None)
        self.engine = engine
        self.ctx: int = _lib.store_context(pointer)
        self.context_argument = ctypes.c_void_p(self.ctx)
        self.closed = False
        self.yields = self.preemptible = fuel_yield_interval is not None or epoch_yield is not None
        self.suspendable = True
        self.pending: BaseException | None = None
        self.running: list[Any] = []
        self.suspended: dict[int, Fiber] = {}
        self.on_finish: Callable[[], object] = _no_finish
        self._flag = (ctypes.c_ubyte * 2)()
        self.resumed = memoryview(self._flag).cast("B")
        self.resumed_address = ctypes.addressof(self._flag)
        self.native: _Native | None = _Native(pointer, self.suspended)
        self._kept: list[Any] = []
        self._funcs: dict[bytes, CoreFunc] = {}
        self._functypes: dict[CoreSig, int] = {}
        self._finishers: dict[tuple[str, ...], CoreFunc] = {}
        self._suspend: CoreFunc | None = None
        self.memories: list[CoreMemory] = []
        (limits or StoreLimits()).apply(pointer)
        self._ration(fuel, fuel_yield_interval, epoch_yield)

    def _ration(self, fuel: int | None, fuel_yield_interval: int | None, epoch_yield: int | None) -> None:
        config = self.engine.config
        if fuel is not None or config.fuel:
            self.set_fuel(_UNBOUNDED if fuel is None else fuel)
        if fuel_yield_interval is not None:
            check(_lib.fuel_yield(self.ctx, fuel_yield_interval))
        if config.epochs:
            self.set_epoch_deadline(_UNBOUNDED >> 1 if epoch_yield is None else epoch_yield)
        if epoch_yield is not None:
            _lib.epoch_yield(self.ctx, epoch_yield)

    # Making things

    def instantiate(self, module: CoreModule, imports: Sequence[CoreExtern]) -> CoreInstance:
        """Instantiate `module` and run its start function.

        Args:
            module: a module of the same engine.
            imports: what it imports, in the order of ``module.imports``.

        Raises:
            LinkError: an import is missing or does not fit.
            Trap: the start function, or a data or element segment, trapped.
            EngineError: a limit of the store or of Wasmtime was exceeded.
            BaseException: what a host callback raised.
        """
        return self.instance_pre(module, imports).instantiate()

    def instance_pre(self, module: CoreModule, imports: Sequence[CoreExtern]) -> CoreInstancePre:
        """Link `module`, and instantiate nothing yet.

        Args:
            module: a module of the same engine.
            imports: what it imports, in the order of ``module.imports``.

        Raises:
            LinkError: an import is missing or does not fit.
        """
        refuse(self.running)
        if module.allocates:
            self.preemptible = False
            self.suspendable = self.suspendable and self.engine.config.trust_references
        return CoreInstancePre(self, module, imports)

    def host_func(self, sig: CoreSig, fn: Callable[..., Any], name: str = "") -> CoreFunc:
        """Make a function that calls ``fn(*flat)``, which returns None, the value, or a tuple of several.

        What `fn` raises surfaces, the same object, at the entry point into the guest that called it. `name` tells
        readers of the program what it is, and changes nothing.

        Raises:
            EngineError: `sig` has a type that cannot cross to Python.
        """
        del name
        refuse(self.running)
        return self._from_callback(require_callable(sig), host_maker(sig)(self, fn))

    def blocking_func(self, sig: CoreSig, fn: Callable[..., Any], name: str = "") -> CoreFunc:
        """Make a function that calls ``fn(*flat)``, which returns as a host function does, or `BLOCKED`.

        For `BLOCKED` the fiber that runs is suspended; once it is resumed, ``on_finish()`` supplies the results. To
        block where no fiber can be suspended is an `InternalError`, raised at the entry point.

        Raises:
            EngineError: `sig` has a type that cannot cross to Python.
        """
        del name
        refuse(self.running)
        results = require_callable(sig).results
        finish = self._finishers.get(results)
        if finish is None:
            made = finish_maker(results)(self, None)
            finish = self._finishers[results] = self._from_callback(CoreSig((), (*results, "i32")), made)
        begin = self._from_callback(CoreSig(sig.params, (*results, "i32")), begin_maker(sig)(self, fn))
        if self._suspend is None:
            self._suspend = self._make_suspend()
        instance = self.instance_pre(trampoline(self.engine, sig), (begin, self._suspend, finish)).instantiate()
        found = instance.get("f")
        assert isinstance(found, CoreFunc)
        return found

    def fiber(self, func: CoreFunc, *flat: Any) -> Fiber:
        """Prepare a call of `func` on a stack of its own; `Fiber.resume` starts it."""
        return Fiber(func, flat)

    def func_at(self, address: int, sig: CoreSig | None = None) -> CoreFunc:
        """Return the function whose ``wasmtime_func_t`` is at `address`; the same object for the same function."""
        key = ctypes.string_at(address, 16)
        found = self._funcs.get(key)
        if found is None:
            found = CoreFunc(self, _RAW_FUNC_KIND + key, sig_of(self.ctx, address) if sig is None else sig)
            self._funcs[key] = found
        return found

    def functype(self, sig: CoreSig) -> int:
        """Return the ``wasm_functype_t`` of `sig`, which the store frees."""
        found = self._functypes.get(sig)
        if found is None:
            found = self._functypes[sig] = new_functype(sig)
        return found

    def _from_callback(self, sig: CoreSig, callback: Callable[..., Any]) -> CoreFunc:
        entry = _lib.HostCallback(callback)
        self._kept.append(entry)
        out = ctypes.create_string_buffer(16)
        address = ctypes.cast(entry, ctypes.c_void_p)
        _lib.func_new(self.ctx, self.functype(sig), address, None, None, ctypes.addressof(out))
        return self.func_at(ctypes.addressof(out), sig)

    def _make_suspend(self) -> CoreFunc:
        raw, linker, kept = define_suspend(self)
        assert self.native is not None
        self.native.linkers.append(linker)
        self._kept.append(kept)
        return CoreFunc(self, raw, CoreSig())

    # Fuel and epochs

    def set_fuel(self, fuel: int) -> None:
        """Set the fuel that is left.

        Raises:
            EngineError: the engine does not count fuel.
        """
        refuse(self.running)
        check(_lib.set_fuel(self.ctx, fuel))

    def get_fuel(self) -> int:
        """Return the fuel that is left.

        Raises:
            EngineError: the engine does not count fuel.
        """
        refuse(self.running)
        out = ctypes.c_uint64()
        check(_lib.get_fuel(self.ctx, out))
        return out.value

    def set_epoch_deadline(self, ticks: int) -> None:
        """Let guests run until `ticks` more epochs have passed; then they yield, or trap with INTERRUPT."""
        refuse(self.running)
        _lib.set_epoch_deadline(self.ctx, ticks)

    # The end

    def close(self) -> None:
        """Cancel every fiber and free everything. Idempotent; no guest may be running.

        Raises:
            InternalError: a guest is running.
        """
        if self.closed:
            return
        if self.running or calls_into(self, sys._getframe()):
            msg = "cannot close a store while one of its guests is running"
            raise InternalError(msg)
        self.closed = True
        for fiber in tuple(self.suspended.values()):
            fiber.cancel()
        self.running.append(CLOSED)
        for memory in self.memories:
            memory.detach()
        for functype in self._functypes.values():
            _lib.functype_delete(functype)
        # Guest memory that a leaked view still sees stays mapped until the view goes: `_Native` frees the store.
        self.native = None
        for owned in (self._funcs, self._functypes, self._finishers, self.memories, self._kept):
            owned.clear()
        self._suspend = None
        if self.engine.stacks is not None:
            self.engine.stacks.sweep()
        self.pending = None
        self.on_finish = _no_finish

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _no_finish() -> object:
    msg = "a blocking function was resumed, and the store has no on_finish"
    raise InternalError(msg)


__all__ = ["BLOCKED", "CoreStore"]
