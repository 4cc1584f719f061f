"""The limit: libwasmtime called through bare ctypes, with all prepared that can be; no checks, no conveniences."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, final

import wasmtime
from wasmtime import _bindings, _ffi

from weft.component.component import core_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import weft

HostFunc: TypeAlias = "Callable[[object, object, int, int], None]"
"""Called with the address of the values, third; results go where the arguments were."""

F = TypeVar("F", bound="Callable[..., int]")

_library: Final = ctypes.CDLL(_bindings.dll._name)  # a handle of our own: prototypes are kept by handle
_pointer: Final = ctypes.c_void_p
_HOST_FUNC: Final = ctypes.CFUNCTYPE(_pointer, _pointer, _pointer, _pointer, ctypes.c_size_t)


def _function(name: str, result: Any, *params: Any) -> Any:
    function = _library[name]
    function.restype = result
    function.argtypes = list(params) or None
    return function


# Without argtypes: the arguments are ctypes objects already, which is the fastest way.
_call_unchecked: Final = _function("wasmtime_func_call_unchecked", _pointer)
_new_unchecked: Final = _function("wasmtime_func_new_unchecked", None, *[_pointer] * 6)
_store_new: Final = _function("wasmtime_store_new", _pointer, _pointer, _pointer, _pointer)
_store_context: Final = _function("wasmtime_store_context", _pointer, _pointer)
_store_delete: Final = _function("wasmtime_store_delete", None, _pointer)
_instance_new: Final = _function(
    "wasmtime_instance_new", _pointer, _pointer, _pointer, _pointer, ctypes.c_size_t, _pointer, _pointer
)


def core_module(component: weft.Component, index: int = 0) -> bytes:
    """Return one of the core modules in a component: what both sides then run is the same."""
    return list(core_modules(component.plan))[index].data


@final
class RawFunc:
    """A core function and the arguments of the C call; `values` are its slots, 4 numbers of 32 bits each."""

    def __init__(self, core: RawCore, func: Any, slots: int) -> None:
        buffer = (ctypes.c_int32 * (4 * slots))()
        trap = _pointer()
        self._kept = (core, func, buffer, trap)
        # Item by item a memoryview is faster than a ctypes array.
        self.values = memoryview(buffer).cast("B").cast("I")
        self.args = (
            _pointer(core.context),
            _pointer(ctypes.addressof(func)),
            _pointer(ctypes.addressof(buffer)),
            ctypes.c_size_t(slots),
            _pointer(ctypes.addressof(trap)),
        )

    def _keeping(self, function: F) -> F:
        # The C arguments are bare addresses: what they point to must live as long as the function.
        function.kept = self._kept  # type: ignore[attr-defined]
        return function

    def of_one(self) -> Callable[[int], int]:
        """Return it as a Python function of one i32 that returns one."""
        values, args, call = self.values, self.args, _call_unchecked

        def function(a: int) -> int:
            values[0] = a
            call(*args)
            return values[0]

        return self._keeping(function)

    def of_two(self) -> Callable[[int, int], int]:
        """Return it as a Python function of two i32 that returns one."""
        values, args, call = self.values, self.args, _call_unchecked

        def function(a: int, b: int) -> int:
            values[0] = a
            values[4] = b
            call(*args)
            return values[0]

        return self._keeping(function)

    def of_four(self) -> Callable[[int, int, int, int], int]:
        """Return it as a Python function of four i32 that returns one."""
        values, args, call = self.values, self.args, _call_unchecked

        def function(a: int, b: int, c: int, d: int) -> int:
            values[0] = a
            values[4] = b
            values[8] = c
            values[12] = d
            call(*args)
            return values[0]

        return self._keeping(function)


@final
class RawCore:
    """One core instance in a store of its own, or in that of another."""

    def __init__(self, module: bytes, imports: Sequence[Any] = (), beside: RawCore | None = None) -> None:
        self.store = wasmtime.Store() if beside is None else beside.store
        self.context = ctypes.cast(self.store._context(), _pointer).value or 0
        self._kept: list[Any] = []
        compiled = wasmtime.Module(self.store.engine, module)
        found = [item if isinstance(item, wasmtime.Func) else self._host_func(item) for item in imports]
        self.exports = wasmtime.Instance(self.store, compiled, found).exports(self.store)

    @classmethod
    def with_host(cls, module: bytes, step: HostFunc) -> RawCore:
        """Instantiate with one import (i32, i32) -> i32, a C callback."""
        return cls(module, [step])

    def _host_func(self, step: HostFunc) -> wasmtime.Func:
        i32 = wasmtime.ValType.i32
        kind = wasmtime.FuncType([i32(), i32()], [i32()])
        callback = _HOST_FUNC(step)
        self._kept += [kind, callback]
        raw = _ffi.wasmtime_func_t()
        function = ctypes.cast(callback, _pointer)
        _new_unchecked(self.context, ctypes.cast(kind.ptr(), _pointer), function, None, None, ctypes.byref(raw))
        return wasmtime.Func._from_raw(raw)

    def func(self, name: str, slots: int) -> RawFunc:
        """Return an exported function with as many values as it has parameters, at least one."""
        return RawFunc(self, self.exports[name]._func, slots)

    def memory(self) -> memoryview:
        """Return the exported memory as it is now."""
        memory = self.exports["memory"]
        start = ctypes.addressof(memory.data_ptr(self.store).contents)
        return memoryview((ctypes.c_ubyte * memory.data_len(self.store)).from_address(start)).cast("B")


def instantiator(module: bytes) -> Callable[[], None]:
    """Return a function that makes a store and an instance of `module`, and frees them."""
    engine = wasmtime.Engine()
    compiled = wasmtime.Module(engine, module)
    engine_pointer = ctypes.cast(engine.ptr(), _pointer)
    module_pointer = ctypes.cast(compiled.ptr(), _pointer)
    instance, trap = _ffi.wasmtime_instance_t(), _pointer()

    def instantiate(_kept: object = (engine, compiled)) -> None:
        store = _store_new(engine_pointer, None, None)
        context = _store_context(store)
        _instance_new(context, module_pointer, None, 0, ctypes.byref(instance), ctypes.byref(trap))
        _store_delete(store)

    return instantiate
