"""Wasmtime's C library through bare ctypes: the prototypes that `weft.engine` calls, and nothing else.

Pointers are Python ints here. `wasmtime` (the PyPI wheel) only supplies the shared library; its wrappers are too
slow for a canonical ABI written in Python. Source: the C API's headers, `wasmtime/*.h` and `wasm.h`.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_bool, c_char_p, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from typing import TYPE_CHECKING, Any, Final

from wasmtime import _ffi

if TYPE_CHECKING:
    from collections.abc import Callable

dll: Final = ctypes.CDLL(_ffi.dll._name)  # pyright: ignore[reportAttributeAccessIssue]

VALUE_SIZE: Final = 32
"""Bytes of a ``wasmtime_val_t``: a kind byte, and the value at offset 8."""
RAW_SIZE: Final = 16
"""Bytes of a ``wasmtime_val_raw_t``."""
EXTERN_SIZE: Final = 32
"""Bytes of a ``wasmtime_extern_t``: a kind byte, and the item at offset 8."""


class ByteVec(Structure):
    """A ``wasm_byte_vec_t``: bytes that Wasmtime owns until `byte_vec_delete`."""

    _fields_ = (("size", c_size_t), ("data", c_void_p))
    size: int
    data: int | None

    def take(self) -> bytes:
        """Return a copy of the bytes and free the originals."""
        out = ctypes.string_at(self.data, self.size) if self.data else b""
        byte_vec_delete(ctypes.addressof(self))
        return out


class PointerVec(Structure):
    """A vector of owned pointers, such as ``wasm_frame_vec_t``."""

    _fields_ = (("size", c_size_t), ("data", POINTER(c_void_p)))
    size: int
    data: Any


class Continuation(Structure):
    """A ``wasmtime_async_continuation_t``: what an asynchronous host function leaves behind to be polled."""

    _fields_ = (("callback", c_void_p), ("env", c_void_p), ("finalizer", c_void_p))


def _function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    found = dll[name]
    found.restype = result
    found.argtypes = list(arguments)
    return found


def _bare(name: str, result: Any) -> Callable[..., Any]:
    # Without `argtypes` ctypes converts prebuilt argument objects faster; the caller passes nothing else.
    found = dll[name]
    found.restype = result
    return found


HostCallback: Final = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_size_t)
"""``wasmtime_func_unchecked_callback_t`` without its last argument, which no callee needs."""
AsyncCallback: Final = ctypes.CFUNCTYPE(
    None, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_size_t
)
"""``wasmtime_func_async_callback_t``."""
PollCallback: Final = ctypes.CFUNCTYPE(c_bool, c_void_p)
"""``wasmtime_func_async_continuation_callback_t``."""

byte_vec_delete = _function("wasm_byte_vec_delete", None, c_void_p)

# engine
config_new = _function("wasm_config_new", c_void_p)
engine_new = _function("wasm_engine_new_with_config", c_void_p, c_void_p)
engine_delete = _function("wasm_engine_delete", None, c_void_p)
increment_epoch = _function("wasmtime_engine_increment_epoch", None, c_void_p)
wat2wasm = _function("wasmtime_wat2wasm", c_void_p, c_char_p, c_size_t, POINTER(ByteVec))
component_new = _function("wasmtime_component_new", c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)
component_delete = _function("wasmtime_component_delete", None, c_void_p)

# modules
module_new = _function("wasmtime_module_new", c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)
module_validate = _function("wasmtime_module_validate", c_void_p, c_void_p, c_char_p, c_size_t)
module_delete = _function("wasmtime_module_delete", None, c_void_p)
module_serialize = _function("wasmtime_module_serialize", c_void_p, c_void_p, POINTER(ByteVec))
module_deserialize = _function("wasmtime_module_deserialize", c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)

# stores
store_new = _function("wasmtime_store_new", c_void_p, c_void_p, c_void_p, c_void_p)
store_context = _function("wasmtime_store_context", c_void_p, c_void_p)
store_delete = _function("wasmtime_store_delete", None, c_void_p)
store_limiter = _function("wasmtime_store_limiter", None, c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64)
context_gc = _function("wasmtime_context_gc", c_void_p, c_void_p)
set_fuel = _function("wasmtime_context_set_fuel", c_void_p, c_void_p, c_uint64)
get_fuel = _function("wasmtime_context_get_fuel", c_void_p, c_void_p, POINTER(c_uint64))
set_epoch_deadline = _function("wasmtime_context_set_epoch_deadline", None, c_void_p, c_uint64)
# The header declares an error as its result; the library returns nothing.
epoch_yield = _function("wasmtime_context_epoch_deadline_async_yield_and_update", None, c_void_p, c_uint64)
fuel_yield = _function("wasmtime_context_fuel_async_yield_interval", c_void_p, c_void_p, c_uint64)
take_exception = _function("wasmtime_context_take_exception", c_bool, c_void_p, c_void_p)
exnref_unroot = _function("wasmtime_exnref_unroot", None, c_void_p)

# linking
linker_new = _function("wasmtime_linker_new", c_void_p, c_void_p)
linker_delete = _function("wasmtime_linker_delete", None, c_void_p)
linker_define = _function(
    "wasmtime_linker_define", c_void_p, c_void_p, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p
)
linker_define_async = _function(
    "wasmtime_linker_define_async_func",
    c_void_p,
    c_void_p,
    c_char_p,
    c_size_t,
    c_char_p,
    c_size_t,
    c_void_p,
    AsyncCallback,
    c_void_p,
    c_void_p,
)
linker_get = _function(
    "wasmtime_linker_get", c_bool, c_void_p, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p
)
linker_instantiate_pre = _function("wasmtime_linker_instantiate_pre", c_void_p, c_void_p, c_void_p, c_void_p)
pre_instantiate_async = _function(
    "wasmtime_instance_pre_instantiate_async", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)
pre_delete = _function("wasmtime_instance_pre_delete", None, c_void_p)
export_get = _function("wasmtime_instance_export_get", c_bool, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)

# types
valtype_new = _function("wasm_valtype_new", c_void_p, c_uint8)
valtype_vec_new = _function("wasm_valtype_vec_new", None, POINTER(PointerVec), c_size_t, c_void_p)
functype_new = _function("wasm_functype_new", c_void_p, POINTER(PointerVec), POINTER(PointerVec))
functype_delete = _function("wasm_functype_delete", None, c_void_p)
functype_params = _function("wasm_functype_params", POINTER(PointerVec), c_void_p)
functype_results = _function("wasm_functype_results", POINTER(PointerVec), c_void_p)
valtype_describe = _function("wasmtime_valtype_new", None, c_void_p, c_void_p)
valtype_forget = _function("wasmtime_valtype_delete", None, c_void_p)

# functions
func_new = _function("wasmtime_func_new_unchecked", None, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
func_type = _function("wasmtime_func_type", c_void_p, c_void_p, c_void_p)
call_unchecked = _bare("wasmtime_func_call_unchecked", c_void_p)
call_async = _bare("wasmtime_func_call_async", c_void_p)
future_poll = _function("wasmtime_call_future_poll", c_bool, c_void_p)
future_delete = _function("wasmtime_call_future_delete", None, c_void_p)

# memories, tables, globals
memory_data = _function("wasmtime_memory_data", c_void_p, c_void_p, c_void_p)
memory_data_size = _function("wasmtime_memory_data_size", c_size_t, c_void_p, c_void_p)
memory_grow = _function("wasmtime_memory_grow", c_void_p, c_void_p, c_void_p, c_uint64, POINTER(c_uint64))
table_get = _function("wasmtime_table_get", c_bool, c_void_p, c_void_p, c_uint64, c_void_p)
table_size = _function("wasmtime_table_size", c_uint64, c_void_p, c_void_p)
global_get = _function("wasmtime_global_get", None, c_void_p, c_void_p, c_void_p)
global_set = _function("wasmtime_global_set", c_void_p, c_void_p, c_void_p, c_void_p)
val_unroot = _function("wasmtime_val_unroot", None, c_void_p)

# traps and errors
trap_new = _bare("wasmtime_trap_new", c_void_p)
error_new = _bare("wasmtime_error_new", c_void_p)
trap_code = _function("wasmtime_trap_code", c_bool, c_void_p, POINTER(c_uint8))
trap_message = _function("wasm_trap_message", None, c_void_p, POINTER(ByteVec))
trap_trace = _function("wasm_trap_trace", None, c_void_p, POINTER(PointerVec))
trap_delete = _function("wasm_trap_delete", None, c_void_p)
error_message = _function("wasmtime_error_message", None, c_void_p, POINTER(ByteVec))
error_trace = _function("wasmtime_error_wasm_trace", None, c_void_p, POINTER(PointerVec))
error_delete = _function("wasmtime_error_delete", None, c_void_p)
frame_vec_delete = _function("wasm_frame_vec_delete", None, c_void_p)
frame_func_index = _function("wasm_frame_func_index", c_uint32, c_void_p)
frame_module_offset = _function("wasm_frame_module_offset", c_size_t, c_void_p)
frame_func_name = _function("wasmtime_frame_func_name", POINTER(ByteVec), c_void_p)


def configure(config: int, option: str, value: bool | int) -> None:
    """Call ``wasmtime_config_<option>_set``; what a setter returns is ignored (all used ones return nothing).

    Raises:
        AttributeError: the library has no such setter.
    """
    setter = dll[f"wasmtime_config_{option}_set"]
    setter.restype = None
    argument: Any = c_bool if isinstance(value, bool) else c_uint8 if option == "cranelift_opt_level" else c_uint64
    setter.argtypes = [c_void_p, argument]
    setter(config, value)
