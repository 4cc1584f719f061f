"""Modules: code compiled once, for any number of stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, final

from weft.engine import wat2wasm

if TYPE_CHECKING:
    import os

    from weft.engine import CoreEngine, ExportType, ImportType


class EngineLike(Protocol):
    """What modules and stores need of an engine: `weft.Engine` has it."""

    @property
    def core(self) -> CoreEngine:
        """What compiles."""
        ...

    def start_ticking(self) -> None:
        """Note that a store is open whose guests may have to yield."""
        ...

    def stop_ticking(self) -> None:
        """Undo one `start_ticking`."""
        ...


@final
class Module:
    """A compiled core module.

    Args:
        engine: a `weft.Engine`; its `weft.Config` says which features are on, whether guests have fuel
            (``fuel=True``) or epochs (``epoch_interval``), and how large each stack is (``async_stack_size``).
        wasm_or_wat: the binary format, or the text format as str or bytes.

    Raises:
        WatError: text does not parse.
        ValidationError: it is no valid module, or uses a feature that is switched off.
    """

    __slots__ = ("__weakref__", "core", "engine")

    def __init__(self, engine: EngineLike, wasm_or_wat: bytes | str) -> None:
        self.engine = engine
        is_wasm = not isinstance(wasm_or_wat, str) and bytes(wasm_or_wat[:4]) == b"\0asm"
        self.core = engine.core.compile(bytes(wasm_or_wat) if is_wasm else wat2wasm(wasm_or_wat))  # type: ignore[arg-type]  # is_wasm says it is bytes

    @classmethod
    def from_file(cls, engine: EngineLike, path: str | os.PathLike[str]) -> Self:
        """Compile a file in the binary or the text format.

        Raises:
            OSError: the file cannot be read.
            WatError: text does not parse.
            ValidationError: it is no valid module, or uses a feature that is switched off.
        """
        return cls(engine, Path(path).read_bytes())

    @property
    def imports(self) -> tuple[ImportType, ...]:
        """What it needs, in order."""
        return self.core.imports

    @property
    def exports(self) -> tuple[ExportType, ...]:
        """What it offers, in order."""
        return self.core.exports


__all__ = ["EngineLike", "Module"]
