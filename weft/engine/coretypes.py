"""Core WebAssembly types by name, and the externs a module imports and exports."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, final

from attrs import field, frozen

from weft.engine import _lib
from weft.errors import WeftError

if TYPE_CHECKING:
    from collections.abc import Iterable


class EngineError(WeftError):
    """Wasmtime refused something for a reason that is no trap; the text is Wasmtime's."""


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


NUMERIC = {"i32": 0, "i64": 1, "f32": 2, "f64": 3}


@final
@frozen(cache_hash=True)
class CoreSig:
    """The type of a core function: names such as ``"i32"``.

    Only i32, i64, f32 and f64 can cross to Python; other names (``"v128"``, ``"funcref"``, ...) appear in the types
    of modules, and a function that has one cannot be called from Python.
    """

    params: tuple[str, ...] = field(default=(), converter=_names)
    results: tuple[str, ...] = field(default=(), converter=_names)

    @property
    def callable(self) -> bool:
        """Whether every parameter and result is a number."""
        return all(name in NUMERIC for name in self.params + self.results)


@final
@frozen
class MemoryType:
    """The type of a memory; `minimum` and `maximum` are in pages of ``2 ** page_size_log2`` bytes."""

    minimum: int
    maximum: int | None = None
    is64: bool = False
    shared: bool = False
    page_size_log2: int = 16


@final
@frozen
class TableType:
    """The type of a table; `minimum` and `maximum` are in elements."""

    element: str
    minimum: int
    maximum: int | None = None
    is64: bool = False


@final
@frozen
class GlobalType:
    """The type of a global."""

    content: str
    mutable: bool = False


@final
@frozen
class TagType:
    """The type of an exception tag."""

    sig: CoreSig


ExternType: TypeAlias = CoreSig | MemoryType | TableType | GlobalType | TagType


@final
@frozen
class ImportType:
    """One import of a module."""

    module: str
    name: str
    type: ExternType


@final
@frozen
class ExportType:
    """One export of a module."""

    name: str
    type: ExternType


@lru_cache(maxsize=1024)
def require_callable(sig: CoreSig) -> CoreSig:
    """Return `sig`.

    Raises:
        EngineError: it has a parameter or result that cannot cross to Python.
    """
    for name in sig.params + sig.results:
        if name not in NUMERIC:
            msg = f"a function with a value of type {name} cannot be called from or implemented in Python"
            raise EngineError(msg)
    return sig


def _valtype_vec(names: tuple[str, ...]) -> _lib.PointerVec:
    pointers = (ctypes.c_void_p * len(names))(*(_lib.valtype_new(NUMERIC[name]) for name in names))
    vec = _lib.PointerVec()
    _lib.valtype_vec_new(vec, len(names), ctypes.addressof(pointers))
    return vec


def new_functype(sig: CoreSig) -> int:
    """Return a new ``wasm_functype_t`` that the caller deletes."""
    made: int = _lib.functype_new(_valtype_vec(sig.params), _valtype_vec(sig.results))
    return made


_KINDS = ("i32", "i64", "f32", "f64", "v128")


def _name(valtype: int) -> str:
    # `wasm_valtype_kind` aborts the process for v128 and most references; this description knows every type.
    out = ctypes.create_string_buffer(64)
    _lib.valtype_describe(valtype, ctypes.addressof(out))
    kind = out.raw[0]
    _lib.valtype_forget(ctypes.addressof(out))
    return _KINDS[kind] if kind < len(_KINDS) else "ref"


def sig_of(context: int, func: int) -> CoreSig:
    """Return the type of a ``wasmtime_func_t``; every reference type is called ``"ref"``."""
    functype = _lib.func_type(context, func)
    try:
        params, results = _lib.functype_params(functype)[0], _lib.functype_results(functype)[0]
        return CoreSig(
            tuple(_name(params.data[i]) for i in range(params.size)),
            tuple(_name(results.data[i]) for i in range(results.size)),
        )
    finally:
        _lib.functype_delete(functype)
