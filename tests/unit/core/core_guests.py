"""An engine, guests and little helpers for the tests of weft.core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import weft
from weft import core

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINE = weft.Engine(weft.Config(cache_dir=None))
FUELLED = weft.Engine(weft.Config(cache_dir=None, fuel=True))
# The first tick comes after an hour: tests tick by themselves.
TICKED = weft.Engine(weft.Config(cache_dir=None, epoch_interval=3600))

I32 = core.CoreSig(("i32",), ("i32",))
NOTHING = core.CoreSig()

ADDER = """(module
  (import "host" "f" (func $f (param i32) (result i32)))
  (func (export "plus") (param i32 i32) (result i32) (i32.add (call $f (local.get 0)) (local.get 1)))
  (func (export "trap_after") (param i32) (drop (call $f (local.get 0))) unreachable))"""

SPINNER = """(module
  (import "host" "f" (func $f (param i32) (result i32)))
  (func (export "spin") (loop $again (br_if $again (call $f (i32.const 0))))))"""


def linker(func: Callable[..., Any], sig: core.CoreSig = I32, engine: weft.Engine = ENGINE) -> core.Linker:
    """Return a linker whose ``host.f`` is `func`, awaited."""
    made = core.Linker(engine)
    made.define_async_func("host", "f", sig, func)
    return made


def sync_linker(func: Callable[..., Any], sig: core.CoreSig = I32, engine: weft.Engine = ENGINE) -> core.Linker:
    """Return a linker whose ``host.f`` is `func`, called."""
    made = core.Linker(engine)
    made.define_func("host", "f", sig, func)
    return made


def load(store: core.Store, text: str, links: core.Linker | None = None) -> core.Instance:
    """Return an instance of `text`."""
    return (links or core.Linker(store.engine)).instantiate(store, core.Module(store.engine, text))


def exported(body: str) -> str:
    """Return a module whose function ``f`` is `body`."""
    return f'(module (func (export "f") {body}))'
