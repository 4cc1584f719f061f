"""The guests, in component text, and weft's instances of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import weft

if TYPE_CHECKING:
    from collections.abc import Callable

_GUESTS = Path(__file__).with_name("guests")


def text(name: str) -> str:
    """Return the text of a guest."""
    return (_GUESTS / f"{name}.wat").read_text(encoding="utf-8")


def load(name: str) -> weft.Component:
    """Return a guest compiled by an engine of its own."""
    return weft.Component(weft.Engine(), text(name))


def instantiate(component: weft.Component, **imports: Callable[..., object]) -> tuple[weft.Store, weft.Instance]:
    """Return an instance in a store of its own; `imports` are plain host functions."""
    linker = weft.Linker(component.engine)
    for name, func in imports.items():
        linker.root.func_wrap(name, func)
    store = weft.Store(component.engine)
    return store, linker.instantiate_sync(store, component)
