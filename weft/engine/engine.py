"""The engine: what compiles and validates, shared by stores."""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Final, Self, final

from weft.engine import _lib
from weft.engine.cache import ModuleCache
from weft.engine.config import EngineConfig
from weft.engine.coretypes import CoreSig, EngineError
from weft.engine.module import CoreModule
from weft.engine.signals import note_engine
from weft.engine.stacks import Stacks
from weft.engine.trap import check, take_error_message
from weft.errors import StoreError, ValidationError

if TYPE_CHECKING:
    from types import TracebackType

_WORTH_CACHING: Final = 4 << 10
"""Bytes of Wasm from which reading what was compiled saves milliseconds (it measured ten times as fast)."""

_VALID: Final = b"valid component\0"
"""What is kept of a component that was found valid; no module begins so."""


@final
class CoreEngine:
    """Compiles core modules and validates components.

    Threads may share an engine. Stores and modules keep what they need of it, so `close` is safe at any time.

    Attributes:
        config: the settings it was made with.
        stacks: where the stacks of fibers come from, if not from Wasmtime.
    """

    def __init__(self, config: EngineConfig | None = None) -> None:
        self.config = EngineConfig() if config is None else config
        self.stacks = None if self.config.stack_creator is None else Stacks(self.config.stack_creator)
        self._pointer: int | None = _new_engine(self.config, self.stacks)
        self._validator: int | None = None
        self._plain: int | None = None
        self._lock = threading.Lock()
        self.trampolines: dict[CoreSig, CoreModule] = {}
        directory = self.config.cache_dir
        self._cache = None if directory is None else ModuleCache(directory, self.config.fingerprint())

    @property
    def pointer(self) -> int:
        """The ``wasm_engine_t``.

        Raises:
            StoreError: the engine is closed.
        """
        if self._pointer is None:
            msg = "the engine is closed"
            raise StoreError(msg)
        return self._pointer

    def compile(self, wasm: bytes) -> CoreModule:
        """Compile a core module, given in the binary format.

        Raises:
            ValidationError: the bytes are not a valid module, or use a feature that is switched off.
        """
        wasm = bytes(wasm)
        cache = self._cache if len(wasm) >= _WORTH_CACHING else None
        if cache is None:
            pointer = self._compile(wasm)
            return CoreModule(pointer, wasm, allocates=self._allocates(wasm))
        key = cache.key(wasm)
        body = cache.load(key)
        if body is not None and (found := self._deserialize(body[1:])) is not None:
            return CoreModule(found, wasm, allocates=bool(body[0]))
        pointer = self._compile(wasm)
        allocates = self._allocates(wasm)
        cache.store(key, bytes([allocates]) + _serialize(pointer))
        return CoreModule(pointer, wasm, allocates=allocates)

    def _allocates(self, wasm: bytes) -> bool:
        """Return whether a valid module uses exceptions or garbage collection."""
        with self._lock:
            if self._plain is None:
                self._plain = _new_engine(self.config.without_references(), for_validation=True)
        error = _lib.module_validate(self._plain, wasm, len(wasm))
        if error is None:
            return False
        _lib.error_delete(error)
        return True

    def _deserialize(self, body: bytes) -> int | None:
        out = ctypes.c_void_p()
        error = _lib.module_deserialize(self.pointer, body, len(body), ctypes.addressof(out))
        if error is not None:
            # Written by a build of Wasmtime, or for a processor, that differs though its version is the same.
            _lib.error_delete(error)
            return None
        return out.value

    def _compile(self, wasm: bytes) -> int:
        out = ctypes.c_void_p()
        error = _lib.module_new(self.pointer, wasm, len(wasm), ctypes.addressof(out))
        if error is not None:
            raise ValidationError(take_error_message(error))
        assert out.value is not None
        return out.value

    def validate_component(self, skeleton: bytes) -> None:
        """Check a component as Wasmtime does; give it function bodies that are cheap to compile.

        That one is valid is remembered where compiled modules are.

        Raises:
            ValidationError: it is not valid; the text is Wasmtime's.
        """
        skeleton = bytes(skeleton)
        cache = self._cache if len(skeleton) >= _WORTH_CACHING else None
        if cache is None:
            self._validate_component(skeleton)
            return
        key = cache.key(_VALID + skeleton)
        if cache.load(key) != _VALID:
            self._validate_component(skeleton)
            cache.store(key, _VALID)

    def _validate_component(self, skeleton: bytes) -> None:
        with self._lock:
            if self._validator is None:
                self._validator = _new_engine(self.config, for_validation=True)
        out = ctypes.c_void_p()
        error = _lib.component_new(self._validator, skeleton, len(skeleton), ctypes.addressof(out))
        if error is not None:
            raise ValidationError(take_error_message(error))
        _lib.component_delete(out)

    def increment_epoch(self) -> None:
        """Advance the epoch; stores whose deadline has come yield or trap. Any thread may call it."""
        _lib.increment_epoch(self.pointer)

    def close(self) -> None:
        """Free the engine. Idempotent."""
        self.trampolines.clear()
        for pointer in (self._pointer, self._validator, self._plain):
            if pointer is not None:
                _lib.engine_delete(pointer)
        self._pointer = self._validator = self._plain = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_pointer", None) is not None:
            self.close()


def _new_engine(config: EngineConfig, stacks: Stacks | None = None, *, for_validation: bool = False) -> int:
    note_engine()
    native = config.build(for_validation=for_validation)
    if stacks is not None:
        stacks.install(native)
    made = _lib.engine_new(native)
    if not made:
        msg = "Wasmtime refused the configuration"
        raise EngineError(msg)
    return int(made)


def _serialize(pointer: int) -> bytes:
    out = _lib.ByteVec()
    check(_lib.module_serialize(pointer, out))
    return out.take()


@final
class EpochTicker:
    """A thread that advances an engine's epoch; a context manager.

    Attributes:
        engine: the engine.
        period: seconds between two ticks.
    """

    def __init__(self, engine: CoreEngine, period: float = 0.01) -> None:
        self.engine = engine
        self.period = period
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="weft-epoch", daemon=True)

    def _tick(self) -> None:
        while not self._stopped.wait(self.period):
            self.engine.increment_epoch()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
