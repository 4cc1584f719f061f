"""What the tests with hostile guests share: one engine, and a check that a trap has left nothing behind."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import weft

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINE = weft.Engine(weft.Config(cache_dir=None))


def component(text: str) -> weft.Component:
    """Return a component of the common engine."""
    return weft.Component(ENGINE, text)


def linker(**functions: Any) -> weft.Linker:
    """Return a linker with sync host functions by name."""
    made = weft.Linker(ENGINE)
    for name, function in functions.items():
        made.root.func_wrap(name, function)
    return made


def assert_quiet(store: weft.Store) -> None:
    """Check that no guest runs in `store`, whatever happened."""
    state = store.state
    assert (state.nesting, state.current, list(state.core.running)) == (0, None, [])


@contextmanager
def instantiated(made: weft.Component, **functions: Any) -> Iterator[tuple[weft.Store, weft.Instance]]:
    """Instantiate a component in a new store, which is checked and closed afterwards."""
    with weft.Store(ENGINE) as store:
        yield store, linker(**functions).instantiate_sync(store, made)
        assert_quiet(store)
    assert not store.state.core.suspended
