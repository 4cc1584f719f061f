"""Engines: configuration and compiled code, shared by any number of stores."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

from attrs import field, frozen
from attrs.converters import optional

from weft.engine import CoreEngine, EngineConfig, EpochTicker
from weft.engine.config import default_cache_dir
from weft.host.trace import TraceWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weft.engine import StackCreator


@final
@frozen(kw_only=True)
class Config:
    """Settings of an `Engine`; the defaults suit most programs.

    Attributes:
        cache_dir: where compiled modules are kept between runs; None for nowhere.
        opt_level: how much the compiler optimises.
        async_stack_size: bytes of the stack of a guest that can block; Python callbacks run on it too.
        max_wasm_stack: bytes of it that guest frames may use before the guest traps.
        fuel: count what guests execute, so that a store can limit it (see `Store.set_fuel`).
        epoch_interval: seconds between the points where a guest that only computes lets the event loop run; None
            leaves such a guest alone until it blocks or returns, and costs nothing.
        stack_creator: provides the memory of those stacks in place of Wasmtime (see `weft.core.StackCreator`).
        nan_canonicalization: make guests compute only canonical NaNs, for determinism.
        features: switches a feature of Wasmtime's off (or on) by the name of its setting without ``wasm_``, e.g.
            ``{"simd": False, "component_model_map": False}``; all that the engine can run are on by default.
        trace: where the timelines of stores go (see `weft.TraceWriter`): the first store's to this path, the later
            ones' to paths with a number before the suffix.
    """

    cache_dir: Path | None = field(factory=default_cache_dir)
    opt_level: Literal["none", "speed", "speed_and_size"] = "speed"
    async_stack_size: int = 2 << 20
    max_wasm_stack: int = 512 << 10
    fuel: bool = False
    epoch_interval: float | None = None
    stack_creator: StackCreator | None = None
    nan_canonicalization: bool = False
    features: Mapping[str, object] | None = None
    trace: Path | None = field(default=None, converter=optional(Path))

    def core(self) -> EngineConfig:
        """Return the engine's own form of these settings."""
        defaults = EngineConfig()
        return EngineConfig(
            features=self._chosen(defaults.features, ""),
            component_features=self._chosen(defaults.component_features, "component_model_"),
            cache_dir=self.cache_dir,
            opt_level=self.opt_level,
            async_stack_size=self.async_stack_size,
            max_wasm_stack=self.max_wasm_stack,
            fuel=self.fuel,
            epochs=self.epoch_interval is not None,
            stack_creator=self.stack_creator,
            nan_canonicalization=self.nan_canonicalization,
        )

    def _chosen(self, names: frozenset[str], prefix: str) -> frozenset[str]:
        chosen = self.features or {}
        return frozenset(name for name in names if chosen.get(prefix + name, True) not in (False, "false"))


@final
class Engine:
    """Compiles components. Make one for a program, and use it in any thread."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = Config() if config is None else config
        self.core = CoreEngine(self.config.core())
        self._lock = threading.Lock()
        self._running = 0
        self._ticker: EpochTicker | None = None
        self._traces = itertools.count(1)

    @property
    def ticking(self) -> bool:
        """Whether guests are made to yield now."""
        return self._ticker is not None

    def increment_epoch(self) -> None:
        """Advance the epoch by hand, from any thread; without an `epoch_interval` guests do not look at it.

        Raises:
            StoreError: the engine is closed.
        """
        self.core.increment_epoch()

    def start_ticking(self) -> None:
        """Note that a store runs: while one does, guests yield every `Config.epoch_interval`."""
        if self.config.epoch_interval is None:
            return
        with self._lock:
            self._running += 1
            if self._ticker is None:
                self._ticker = EpochTicker(self.core, self.config.epoch_interval)
                self._ticker.__enter__()

    def new_trace(self) -> TraceWriter | None:
        """Return what writes the timeline of one more store, or None; see `Config.trace`."""
        path = self.config.trace
        if path is None:
            return None
        with self._lock:
            number = next(self._traces)
        return TraceWriter(path if number == 1 else path.with_stem(f"{path.stem}-{number}"))

    def stop_ticking(self) -> None:
        """Undo one `start_ticking`."""
        if self.config.epoch_interval is None:
            return
        with self._lock:
            self._running -= 1
            if self._running or self._ticker is None:
                return
            self._ticker.__exit__(None, None, None)
            self._ticker = None
