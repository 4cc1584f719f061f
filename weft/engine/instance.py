"""Instances: linking a module's imports, and finding its exports."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

from weft.engine import _lib
from weft.engine.codegen import refuse
from weft.engine.coretypes import CoreSig, EngineError, GlobalType, MemoryType, TableType, TagType
from weft.engine.fiber import Fiber
from weft.engine.globals import CoreGlobal
from weft.engine.memory import CoreMemory
from weft.engine.table import CoreTable, CoreTag
from weft.engine.trap import surface, take_error_message
from weft.errors import LinkError

if TYPE_CHECKING:
    from weft.engine.coretypes import ExternType
    from weft.engine.extern import CoreExtern
    from weft.engine.module import CoreModule
    from weft.engine.store import CoreStore

_FUNC, _GLOBAL, _TABLE, _MEMORY, _SHARED_MEMORY, _TAG = range(6)


@final
class CoreInstance:
    """An instance of a core module.

    Attributes:
        exports: what it exports, by name; each is looked up when it is first asked for.
    """

    __slots__ = ("__weakref__", "exports")

    def __init__(self, store: CoreStore, raw: bytes, module: CoreModule) -> None:
        self.exports: Mapping[str, CoreExtern] = _Exports(store, raw, module.export_types)

    def get(self, name: str) -> CoreExtern | None:
        """Return the export called `name`, or None."""
        return self.exports.get(name)


@final
class _Exports(Mapping[str, "CoreExtern"]):
    __slots__ = ("_found", "_raw", "_store", "_types")

    def __init__(self, store: CoreStore, raw: bytes, types: dict[str, ExternType]) -> None:
        self._store = store
        self._raw = ctypes.create_string_buffer(raw, 16)
        self._types = types
        self._found: dict[str, CoreExtern] = {}

    def __getitem__(self, name: str) -> CoreExtern:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._look_up(name, self._types[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def _look_up(self, name: str, kind: ExternType) -> CoreExtern:
        raw = ctypes.create_string_buffer(_lib.EXTERN_SIZE)
        encoded = name.encode()
        if not _lib.export_get(
            self._store.ctx, ctypes.addressof(self._raw), encoded, len(encoded), ctypes.addressof(raw)
        ):
            raise KeyError(name)
        return _wrap(self._store, raw.raw, kind)


def _wrap(store: CoreStore, raw: bytes, kind: ExternType) -> CoreExtern:
    if isinstance(kind, CoreSig):
        copy = ctypes.create_string_buffer(raw, _lib.EXTERN_SIZE)
        return store.func_at(ctypes.addressof(copy) + 8, kind)
    if isinstance(kind, MemoryType):
        if raw[0] == _SHARED_MEMORY:
            msg = "shared memories are not supported"
            raise EngineError(msg)
        return CoreMemory(store, raw, kind)
    if isinstance(kind, TableType):
        return CoreTable(store, raw, kind)
    if isinstance(kind, GlobalType):
        return CoreGlobal(store, raw, kind)
    assert isinstance(kind, TagType)
    return CoreTag(store, raw, kind)


@final
class CoreInstancePre:
    """A module whose imports are linked and checked, ready to be instantiated in one store any number of times.

    A `Fiber` runs it like a function without parameters whose one result is the `CoreInstance`; then its start
    function may block.

    Attributes:
        store: the store of its imports.
        module: the module.
        pool: frames that no fiber uses; a frame has room for the instance, a trap and an error.
    """

    __slots__ = ("_delete", "_pointer", "module", "pool", "store")

    def __init__(self, store: CoreStore, module: CoreModule, imports: Sequence[CoreExtern]) -> None:
        self.store = store
        self.module = module
        self.pool: list[Any] = []
        self._delete: Any = _lib.pre_delete
        self._pointer: ctypes.c_void_p | None = None
        linker = _lib.linker_new(store.engine.pointer)
        try:
            _define(linker, store, module, imports)
            prepared = ctypes.c_void_p()
            error = _lib.linker_instantiate_pre(linker, module.pointer, ctypes.addressof(prepared))
            if error is not None:
                raise LinkError(take_error_message(error))
            self._pointer = prepared
        finally:
            _lib.linker_delete(linker)

    def frame(self) -> Any:
        """Return a frame for one fiber.

        Raises:
            StoreError: the store is closed.
        """
        refuse(self.store.running)
        return self.pool.pop() if self.pool else (ctypes.c_uint64 * 4)()

    def launch(self, frame: Any, flat: tuple[Any, ...]) -> int:
        """Return the call future of a new instantiation."""
        assert not flat
        frame[2] = frame[3] = 0
        address = ctypes.addressof(frame)
        # Always the asynchronous way: Wasmtime refuses the other once a store can suspend or yield.
        future = _lib.pre_instantiate_async(self._pointer, self.store.ctx, address, address + 16, address + 24)
        return int(future)

    def collect(self, frame: Any) -> tuple[CoreInstance]:
        """Return the new instance.

        Raises:
            BaseException: what the start function ended with.
        """
        raw, trap, error = bytes(frame)[:16], frame[2], frame[3]
        self.pool.append(frame)
        if trap or error:
            raise surface(self.store, error or None, trap)
        return (CoreInstance(self.store, raw, self.module),)

    def instantiate(self) -> CoreInstance:
        """Make an instance now; its start function may not block.

        Raises:
            Trap: the start function, or a data or element segment, trapped.
            EngineError: a limit of the store or of Wasmtime was exceeded.
            BaseException: what a host callback raised.
        """
        fiber = Fiber(self, (), direct=True)
        try:
            while not fiber.resume():
                pass
        finally:
            fiber.cancel()
        (instance,) = fiber.results
        assert isinstance(instance, CoreInstance)
        return instance

    def __del__(self) -> None:
        if self._pointer is not None:
            self._delete(self._pointer)


def _define(linker: int, store: CoreStore, module: CoreModule, imports: Sequence[CoreExtern]) -> None:
    if len(imports) != len(module.imports):
        msg = f"the module has {len(module.imports)} imports, and {len(imports)} were given"
        raise LinkError(msg)
    defined: dict[tuple[str, str], bytes] = {}
    for wanted, given in zip(module.imports, imports, strict=True):
        key = (wanted.module, wanted.name)
        if given.store is not store:
            msg = f"import {wanted.module!r} {wanted.name!r} belongs to another store"
            raise LinkError(msg)
        if defined.setdefault(key, given.raw.raw) != given.raw.raw:
            msg = f"import {wanted.module!r} {wanted.name!r} occurs twice with different items"
            raise LinkError(msg)
    for (namespace, name), raw in defined.items():
        first, second = namespace.encode(), name.encode()
        item = ctypes.create_string_buffer(raw, _lib.EXTERN_SIZE)
        error = _lib.linker_define(linker, store.ctx, first, len(first), second, len(second), ctypes.addressof(item))
        if error is not None:
            raise LinkError(take_error_message(error))
