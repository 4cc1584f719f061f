"""Instances, as an embedder sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from weft.component.items import FuncItem, InstanceItem
from weft.component.names import compatible
from weft.host.func import Func

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weft.host.store import Store
    from weft.runtime.instance import RootInstance


@final
class Instance:
    """A component instance.

    Attributes:
        store: where it lives.
        root: its run-time state.
    """

    __slots__ = ("_item", "root", "store")

    def __init__(self, store: Store, root: RootInstance, item: InstanceItem) -> None:
        self.store = store
        self.root = root
        self._item = item

    @property
    def exports(self) -> Mapping[str, Any]:
        """What it exports, by name: functions, instances, types."""
        return self._item.exports

    @property
    def stopped(self) -> BaseException | None:
        """Why it can never be entered again: what it trapped with, or that it was aborted; None while it can be."""
        return self.root.poisoned

    @property
    def item(self) -> InstanceItem:
        """What a linker needs of it."""
        return self._item

    def get(self, *path: str) -> Any:
        """Return an export, reached through the instances named before it; None when there is none.

        An interface is found under a compatible version too.
        """
        item: Any = self._item
        for name in path:
            if not isinstance(item, InstanceItem):
                return None
            found = compatible(item.exports, name)
            if found is None:
                return None
            item = item.exports[found]
        return item

    def find_func(self, *path: str) -> Func | None:
        """Return an exported function, or None."""
        item = self.get(*path)
        return Func(self.store, item, "#".join(path)) if isinstance(item, FuncItem) else None

    def get_func(self, *path: str) -> Func:
        """Return an exported function, e.g. ``get_func("ns:pkg/iface@0.1.0", "f")``.

        Raises:
            LookupError: when there is no such function.
        """
        func = self.find_func(*path)
        if func is None:
            names = ", ".join(sorted(self._names())) or "nothing"
            raise LookupError(f"no function {'#'.join(path)!r}; this instance exports {names}")
        return func

    def _names(self) -> list[str]:
        names = []
        for name, item in self.exports.items():
            if isinstance(item, FuncItem):
                names.append(name)
            elif isinstance(item, InstanceItem):
                names += [f"{name}#{inner}" for inner, found in item.exports.items() if isinstance(found, FuncItem)]
        return names
