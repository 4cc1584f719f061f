"""A compiled core module."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, final

from weft.engine import _lib
from weft.engine.interface import Interface

if TYPE_CHECKING:
    from weft.engine.coretypes import ExportType, ExternType, ImportType


@final
class CoreModule:
    """Compiled code that any store of the same engine can instantiate.

    Attributes:
        pointer: the ``wasmtime_module_t``.
        allocates: whether it uses exceptions or garbage collection, so that its stacks may hold references.
        imports: what it needs, in order.
        exports: what it offers, in order.
    """

    def __init__(self, pointer: int, wasm: bytes, *, allocates: bool) -> None:
        self.pointer = pointer
        self.allocates = allocates
        interface = Interface(wasm)
        self.imports: tuple[ImportType, ...] = interface.imports
        self.exports: tuple[ExportType, ...] = interface.exports

    @cached_property
    def export_types(self) -> dict[str, ExternType]:
        """The exports by name."""
        return {export.name: export.type for export in self.exports}

    def __del__(self, _delete: object = _lib.module_delete) -> None:
        pointer = getattr(self, "pointer", None)
        if pointer is not None:
            _delete(pointer)  # type: ignore[operator]
