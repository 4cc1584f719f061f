"""What instances import and export besides functions: memories, globals, tables, tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from weft.core.values import Value, lift_value, lower_value
from weft.engine import CoreFunc, CoreGlobal, CoreMemory, CoreTable, CoreTag, EngineError

if TYPE_CHECKING:
    from weft.core.func import Func
    from weft.core.store import Store
    from weft.engine import Borrow, CoreExtern, GlobalType, MemoryType, TableType


class Extern:
    """A function, memory, global, table or tag of one store; `Linker.define` gives it to other modules.

    Attributes:
        store: the store it belongs to.
    """

    __slots__ = ("__weakref__", "core", "store")

    core: Any

    def __init__(self, store: Store, core: Any) -> None:
        self.store = store
        self.core = core


@final
class Memory(Extern):
    """A linear memory. Addresses and lengths are in bytes, and not negative; all of them are checked."""

    __slots__ = ()

    core: CoreMemory

    @property
    def type(self) -> MemoryType:
        """Its type, as it was defined."""
        return self.core.type

    def size(self) -> int:
        """Return its present size in bytes.

        Raises:
            StoreError: the store is closed.
        """
        return self.core.size()

    def grow(self, delta: int) -> int:
        """Grow by `delta` pages and return the size in pages before.

        Raises:
            EngineError: its maximum, a limit, or the address space does not allow it.
            StoreError: the store is closed.
        """
        return self.core.grow(delta)

    def read(self, ptr: int, byte_length: int) -> bytes:
        """Return a copy of ``[ptr, ptr + byte_length)``.

        Raises:
            IndexError: it does not lie inside the memory.
            StoreError: the store is closed.
        """
        with self.core.borrow(ptr, byte_length, writable=False) as loan:
            return bytes(loan.view)

    def write(self, ptr: int, data: bytes | bytearray | memoryview) -> None:
        """Put `data` at `ptr`.

        Raises:
            IndexError: it does not fit there; nothing is written.
            StoreError: the store is closed.
        """
        with memoryview(data).cast("B") as source, self.core.borrow(ptr, len(source)) as loan:
            loan.view[:] = source

    def view(self, ptr: int, byte_length: int, *, writable: bool = True) -> Borrow:
        """Lend ``[ptr, ptr + byte_length)`` without a copy: ``with memory.view(0, 8) as loan: loan.view[0] = 1``.

        After the loan ``loan.view`` raises ValueError; a slice of it that was kept raises BufferError at its end, and
        stays safe to use even after the store is closed.

        Raises:
            IndexError: it does not lie inside the memory.
            StoreError: the store is closed.
        """
        return self.core.borrow(ptr, byte_length, writable=writable)


@final
class Global(Extern):
    """A global of a number type."""

    __slots__ = ()

    core: CoreGlobal

    @property
    def type(self) -> GlobalType:
        """Its type."""
        return self.core.type

    @property
    def value(self) -> Value:
        """The present value; ints are signed.

        Raises:
            EngineError: it is no number; when setting, also: it is immutable.
            LowerError: when setting: the value is of the wrong type or range.
            StoreError: the store is closed.
        """
        return lift_value(self.core.type.content, self.core.value)

    @value.setter
    def value(self, value: Value) -> None:
        content = self.core.type.content
        if content in {"i32", "i64", "f32", "f64"}:
            value = lower_value(content, value)
        self.core.value = value


@final
class Table(Extern):
    """A table of functions."""

    __slots__ = ()

    core: CoreTable

    @property
    def type(self) -> TableType:
        """Its type, as it was defined."""
        return self.core.type

    def size(self) -> int:
        """Return the number of elements.

        Raises:
            StoreError: the store is closed.
        """
        return self.core.size()

    def get(self, index: int) -> Func | None:
        """Return the function at `index`, or None for a null reference.

        Raises:
            IndexError: `index` is not inside the table.
            EngineError: it is no table of functions.
            StoreError: the store is closed.
        """
        found = self.core.get(index)
        return None if found is None else wrap(self.store, found)  # type: ignore[return-value]


@final
class Tag(Extern):
    """A tag of exceptions, to be passed from one module to another."""

    __slots__ = ()

    core: CoreTag


def wrap(store: Store, core: CoreExtern) -> Extern:
    """Return the public object for `core`; the same one every time."""
    found = store.externs.get(core)
    if found is None:
        found = store.externs[core] = _made(store, core)
    return found


def _made(store: Store, core: CoreExtern) -> Extern:
    from weft.core.func import Func  # noqa: PLC0415 - a function is an extern too

    kinds = ((CoreFunc, Func), (CoreMemory, Memory), (CoreGlobal, Global), (CoreTable, Table), (CoreTag, Tag))
    for kind, made in kinds:
        if isinstance(core, kind):
            return made(store, core)  # type: ignore[arg-type]
    msg = f"no support for {type(core).__name__}"
    raise EngineError(msg)


__all__ = ["Extern", "Global", "Memory", "Table", "Tag", "Value", "wrap"]
