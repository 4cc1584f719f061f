"""Instances, and what they export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar, final

from weft.core.externs import Extern, Global, Memory, Table, wrap
from weft.core.func import Func
from weft.errors import StoreError

if TYPE_CHECKING:
    from weft.core.store import Store
    from weft.engine import CoreInstance

E = TypeVar("E", bound=Extern)


@final
class Instance(Mapping[str, Extern]):
    """An instance of a module: a mapping from names to what it exports.

    Attributes:
        store: the store it lives in.
    """

    __slots__ = ("__weakref__", "_core", "store")

    def __init__(self, store: Store, core: CoreInstance) -> None:
        self.store = store
        self._core = core

    def __getitem__(self, name: str) -> Extern:
        if self.store.closed:
            msg = "the store is closed"
            raise StoreError(msg)
        return wrap(self.store, self._core.exports[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._core.exports)

    def __len__(self) -> int:
        return len(self._core.exports)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def _get(self, name: str, kind: type[E]) -> E:
        found = self[name]
        if not isinstance(found, kind):
            msg = f"export {name!r} is a {type(found).__name__}, and no {kind.__name__}"
            raise TypeError(msg)
        return found

    def get_func(self, name: str) -> Func:
        """Return the function that is exported as `name`.

        Raises:
            KeyError: there is no such export.
            TypeError: it is something else.
            StoreError: the store is closed.
        """
        return self._get(name, Func)

    def get_memory(self, name: str) -> Memory:
        """Return the memory that is exported as `name`.

        Raises:
            KeyError: there is no such export.
            TypeError: it is something else.
            StoreError: the store is closed.
            EngineError: it is a shared memory.
        """
        return self._get(name, Memory)

    def get_global(self, name: str) -> Global:
        """Return the global that is exported as `name`.

        Raises:
            KeyError: there is no such export.
            TypeError: it is something else.
            StoreError: the store is closed.
        """
        return self._get(name, Global)

    def get_table(self, name: str) -> Table:
        """Return the table that is exported as `name`.

        Raises:
            KeyError: there is no such export.
            TypeError: it is something else.
            StoreError: the store is closed.
        """
        return self._get(name, Table)


__all__ = ["Instance"]
