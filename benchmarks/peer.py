"""The peer: wasmtime-py's own component API, which has synchronous calls only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import wasmtime
from wasmtime import component

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@final
class Peer:
    """One component instance of wasmtime-py's."""

    def __init__(self, text: str, imports: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self.engine = wasmtime.Engine()
        self.component = component.Component(self.engine, text)
        self.linker = component.Linker(self.engine)
        if imports:
            with self.linker.root() as root:
                for name, func in imports.items():
                    root.add_func(name, func)
        self.store = wasmtime.Store(self.engine)
        self.instance = self.linker.instantiate(self.store, self.component)

    def func(self, name: str) -> Callable[..., Any]:
        """Return an exported function."""
        func, store = self.instance.get_func(self.store, name), self.store
        assert func is not None

        def call(*args: object) -> Any:
            result = func(store, *args)
            func.post_return(store)
            return result

        return call

    def instantiate(self) -> None:
        """Make a store and an instance, and free them."""
        store = wasmtime.Store(self.engine)
        self.linker.instantiate(store, self.component)
        store.close()


def record(**fields: object) -> component.Record:
    """Return a record of wasmtime-py's."""
    made = component.Record()
    for name, value in fields.items():
        setattr(made, name, value)
    return made
