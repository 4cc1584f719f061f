"""Tables and exception tags."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, final

from weft.engine import _lib
from weft.engine.coretypes import EngineError, TableType, TagType
from weft.engine.extern import CoreExtern

if TYPE_CHECKING:
    from weft.engine.func import CoreFunc
    from weft.engine.store import CoreStore

_FUNCREF = 5


@final
class CoreTable(CoreExtern):
    """A table.

    Attributes:
        type: its type; the minimum is that of the definition.
        is64: whether indices are i64.
    """

    __slots__ = ("is64", "type")

    def __init__(self, store: CoreStore, raw: bytes, kind: TableType) -> None:
        super().__init__(store, raw)
        self.type = kind
        self.is64 = kind.is64

    def size(self) -> int:
        """Return the number of elements."""
        return int(_lib.table_size(self._context(), self.item))

    def get(self, index: int) -> CoreFunc | None:
        """Return the function at `index`, or None for a null reference; the same object for the same function.

        Raises:
            IndexError: `index` is not inside the table.
            EngineError: it is not a table of functions.
        """
        context = self._context()
        value = ctypes.create_string_buffer(_lib.VALUE_SIZE)
        address = ctypes.addressof(value)
        if not 0 <= index < 1 << 64 or not _lib.table_get(context, self.item, index, address):
            msg = f"index {index} is not inside the table"
            raise IndexError(msg)
        if value.raw[0] != _FUNCREF:
            _lib.val_unroot(address)
            msg = f"a table of {self.type.element} holds no functions"
            raise EngineError(msg)
        return self.store.func_at(address + 8) if any(value.raw[8:16]) else None


@final
class CoreTag(CoreExtern):
    """A tag of exceptions.

    Attributes:
        type: its type.
    """

    __slots__ = ("type",)

    def __init__(self, store: CoreStore, raw: bytes, kind: TagType) -> None:
        super().__init__(store, raw)
        self.type = kind
