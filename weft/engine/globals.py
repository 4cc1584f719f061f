"""Globals."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, final

from weft.engine import _lib
from weft.engine.coretypes import NUMERIC, EngineError, GlobalType
from weft.engine.extern import CoreExtern
from weft.engine.trap import check

if TYPE_CHECKING:
    from weft.engine.store import CoreStore

_FORMATS = {"i32": "<I", "i64": "<Q", "f32": "<f", "f64": "<d"}


@final
class CoreGlobal(CoreExtern):
    """A global.

    Attributes:
        type: its type.
    """

    __slots__ = ("type",)

    def __init__(self, store: CoreStore, raw: bytes, kind: GlobalType) -> None:
        super().__init__(store, raw)
        self.type = kind

    def _format(self) -> str:
        if self.type.content not in NUMERIC:
            msg = f"a global of type {self.type.content} cannot be read or written from Python"
            raise EngineError(msg)
        return _FORMATS[self.type.content]

    @property
    def value(self) -> int | float:
        """The present value; ints are unsigned.

        Raises:
            EngineError: it is no number; when setting, also: it is immutable.
            struct.error: when setting: the number does not fit.
        """
        form = self._format()
        out = ctypes.create_string_buffer(_lib.VALUE_SIZE)
        _lib.global_get(self._context(), self.item, ctypes.addressof(out))
        found: int | float = struct.unpack_from(form, out, 8)[0]
        return found

    @value.setter
    def value(self, value: float) -> None:
        given = ctypes.create_string_buffer(_lib.VALUE_SIZE)
        struct.pack_into("<B7x" + self._format()[1:], given, 0, NUMERIC[self.type.content], value)
        check(_lib.global_set(self._context(), self.item, ctypes.addressof(given)))
