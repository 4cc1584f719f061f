"""Short ways to link components, for the tests beside this file."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

import weft

if TYPE_CHECKING:
    from collections.abc import Callable


@functools.cache
def engine() -> weft.Engine:
    return weft.Engine(weft.Config(cache_dir=None))


@functools.cache
def component(text: str) -> weft.Component:
    return weft.Component(engine(), text)


def link(store: weft.Store, text: str, define: Callable[[weft.Linker], object] = lambda _: None) -> weft.Instance:
    """Instantiate a component in `store`, after `define` has filled the linker."""
    linker = weft.Linker(engine())
    define(linker)
    return linker.instantiate_sync(store, component(text))


def link_error(text: str, define: Callable[[weft.Linker], object] = lambda _: None) -> str:
    """Return the text of the error that linking a component ends in."""
    with weft.Store(engine()) as store, pytest.raises(weft.LinkError) as caught:
        link(store, text, define)
    return str(caught.value)
