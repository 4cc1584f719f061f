"""What an engine and a store can be told: Wasmtime's configuration as values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

from attrs import evolve, field, frozen

from weft.engine import _lib

if TYPE_CHECKING:
    from weft.engine.stacks import StackCreator


def default_cache_dir() -> Path | None:
    """Return ``$XDG_CACHE_HOME/weft`` or ``~/.cache/weft``; None when there is no home directory."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "weft"
    try:
        return Path.home() / ".cache" / "weft"
    except RuntimeError:
        return None


_OPT_LEVELS = {"none": 0, "speed": 1, "speed_and_size": 2}


@final
@frozen
class EngineConfig:
    """The settings of a `CoreEngine`.

    Attributes:
        async_stack_size: bytes of a fiber's stack; host callbacks run on it too.
        max_wasm_stack: bytes of it (or of the thread's stack) that guest frames may use.
        fuel: count fuel, so that stores can limit or slice it.
        epochs: check the engine's epoch in loops and at function entries.
        opt_level: Cranelift's optimisation level.
        parallel_compilation: compile functions on several threads.
        debug_info: keep DWARF for native debuggers.
        nan_canonicalization: make every NaN the canonical one, for determinism.
        trust_references: let guests suspend that may hold references to collected objects, which is everything that
            uses exceptions or garbage collection. Wasmtime's collector does not see the stacks of suspended fibers: a
            guest that keeps a reference there may compute nonsense or abort the process.
        cache_dir: where compiled modules are kept, or None for nowhere.
        stack_creator: provides the memory of fibers' stacks in place of Wasmtime.
        features: what guests may use, by the names of Wasmtime's setters without ``wasm_``.
    """

    async_stack_size: int = 2 << 20
    max_wasm_stack: int = 512 << 10
    fuel: bool = False
    epochs: bool = False
    opt_level: Literal["none", "speed", "speed_and_size"] = "speed"
    parallel_compilation: bool = True
    debug_info: bool = False
    nan_canonicalization: bool = False
    trust_references: bool = False
    cache_dir: Path | None = field(factory=default_cache_dir)
    stack_creator: StackCreator | None = None
    features: frozenset[str] = frozenset(
        {
            "bulk_memory",
            "exceptions",
            "function_references",
            "gc",
            "memory64",
            "multi_memory",
            "multi_value",
            "reference_types",
            "relaxed_simd",
            "simd",
            "tail_call",
            "wide_arithmetic",
        }
    )
    component_features: frozenset[str] = frozenset(
        {
            "async",
            "async_stackful",
            "more_async_builtins",
            "map",
            "implements",
            "canonical_names",
        }
    )

    def without_references(self) -> EngineConfig:
        """Return the settings under which exactly those modules are valid that allocate nothing for a collector."""
        return evolve(self, features=self.features - _ALLOCATING)

    def build(self, *, for_validation: bool = False) -> int:
        """Return a new ``wasm_config_t``; `for_validation` chooses the fastest compiler settings.

        Raises:
            AttributeError: a feature has no setter in the library.
        """
        config: int = _lib.config_new()
        for option, value in self._options(for_validation=for_validation).items():
            _lib.configure(config, option, value)
        return config

    def _options(self, *, for_validation: bool) -> dict[str, bool | int]:
        options: dict[str, bool | int] = {f"wasm_{name}": name in self.features for name in _CORE_FEATURES}
        options |= {f"wasm_{name}": True for name in sorted(self.features)}
        options |= {f"wasm_component_model_{name}": True for name in sorted(self.component_features)}
        options["parallel_compilation"] = self.parallel_compilation
        if for_validation:
            return options | {"cranelift_opt_level": 0}
        return options | {
            "async_stack_size": self.async_stack_size,
            "max_wasm_stack": self.max_wasm_stack,
            "consume_fuel": self.fuel,
            "epoch_interruption": self.epochs,
            "cranelift_opt_level": _OPT_LEVELS[self.opt_level],
            "debug_info": self.debug_info,
            "cranelift_nan_canonicalization": self.nan_canonicalization,
            # Base pointers stay valid for the life of a store: lifting and lowering keep memory views.
            "memory_may_move": False,
        }

    def fingerprint(self) -> str:
        """Return text that is equal exactly when compiled code is interchangeable."""
        return repr(sorted(self._options(for_validation=False).items()))


_ALLOCATING = frozenset({"exceptions", "gc"})
# Order matters to nobody, but a feature that is not asked for is switched off, whatever Wasmtime's default.
_CORE_FEATURES = (
    "relaxed_simd",
    "simd",
    "bulk_memory",
    "multi_value",
    "tail_call",
    "multi_memory",
    "memory64",
    "gc",
    "function_references",
    "exceptions",
    "reference_types",
    "wide_arithmetic",
)


@final
@frozen
class StoreLimits:
    """Upper bounds on what the guests of one store may hold; None means Wasmtime's own default.

    Attributes:
        memory_size: bytes of each linear memory; a guest's ``memory.grow`` beyond it returns -1.
        table_elements: elements of each table.
        instances: core instances, the trampolines of blocking functions included.
        tables: tables.
        memories: memories.
        handles: elements of each table of a component instance: its handles (resources, subtasks, waitable sets, ends
            of streams and futures, error contexts) and its threads; 1,000,000 by default, and beyond it the guest
            traps with HANDLE_TABLE_FULL.
    """

    memory_size: int | None = None
    table_elements: int | None = None
    instances: int | None = None
    tables: int | None = None
    memories: int | None = None
    handles: int | None = None

    def apply(self, store: int) -> None:
        """Install the limits in a new store."""
        bounds = (self.memory_size, self.table_elements, self.instances, self.tables, self.memories)
        if bounds != (None,) * 5:
            _lib.store_limiter(store, *(-1 if bound is None else bound for bound in bounds))
