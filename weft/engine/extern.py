"""What instances import and export: the common base, and how Wasmtime's items become objects."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from weft.engine import _lib
from weft.errors import StoreError

if TYPE_CHECKING:
    from weft.engine.store import CoreStore


class CoreExtern:
    """A function, memory, table, global or tag of one store.

    Attributes:
        store: the store it belongs to.
        raw: the ``wasmtime_extern_t``, never changed.
        item: the address of the item in `raw`.
    """

    __slots__ = ("__weakref__", "item", "raw", "store")

    def __init__(self, store: CoreStore, raw: bytes) -> None:
        self.store = store
        self.raw = ctypes.create_string_buffer(raw, _lib.EXTERN_SIZE)
        self.item = ctypes.addressof(self.raw) + 8

    def _context(self) -> int:
        """Return the context pointer.

        Raises:
            StoreError: the store is closed.
        """
        store = self.store
        if store.closed:
            msg = "the store is closed"
            raise StoreError(msg)
        return store.ctx
