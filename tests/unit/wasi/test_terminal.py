"""wasi:cli/terminal-*: interfaces that use a resource which another one owns."""

from __future__ import annotations

from typing import Any

import pytest

import weft
from weft import wasi
from weft.wasi import MemoryInput, WasiCtx

USER = """
(component
  (import "wasi:cli/terminal-input@{version}" (instance $owner (export "terminal-input" (type (sub resource)))))
  (alias export $owner "terminal-input" (type $terminal))
  (import "wasi:cli/terminal-stdin@{version}" (instance $stdin
    (alias outer 1 $terminal (type $terminal))
    (export "terminal-input" (type $t (eq $terminal)))
    (export "get-terminal-stdin" (func (result (option (own $t)))))))
  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (core func $get (canon lower (func $stdin "get-terminal-stdin") (memory (core memory $memory "memory"))))
  (core func $drop (canon resource.drop $terminal))
  (core module $Guest
    (import "" "memory" (memory 1))
    (import "" "get" (func $get (param i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "is-terminal") (result i32)
      (call $get (i32.const 0))
      (if (i32.load8_u (i32.const 0)) (then (call $drop (i32.load (i32.const 4)))))
      (i32.load8_u (i32.const 0))))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "memory" (memory $memory "memory")) (export "get" (func $get)) (export "drop" (func $drop))))))
  (func (export "is-terminal") (result bool) (canon lift (core func $guest "is-terminal"))))
"""


class Screen:
    """An embedder's own input, with a person at it."""

    is_terminal = True

    def read_into(self, view: memoryview) -> int:
        raise BlockingIOError

    async def wait_readable(self) -> None:
        raise NotImplementedError


def instantiate(linker: weft.Linker, store: weft.Store, version: str) -> Any:
    """Return the function that asks for a terminal, looks whether there is one, and drops it."""
    component = weft.Component(store.engine, USER.format(version=version))
    linker.define_unknown_imports_as_traps(component)
    return linker.instantiate_sync(store, component).get_func("is-terminal")


@pytest.fixture
def engine() -> weft.Engine:
    """Return an engine that compiles fast."""
    return weft.Engine(weft.Config(cache_dir=None, opt_level="none"))


@pytest.mark.parametrize("version", ["0.3.0", "0.2.3"])
@pytest.mark.parametrize(("stdin", "found"), [(Screen(), True), (MemoryInput(), False)])
def test_terminal(engine: weft.Engine, version: str, stdin: Any, found: bool) -> None:
    """A guest is told of a terminal where there is one; the resource is the one that its owner defines."""
    linker = weft.Linker(engine)
    wasi.add_to_linker(linker)
    with weft.Store(engine, data=WasiCtx(stdin=stdin)) as store:
        assert instantiate(linker, store, version).call(store) is found


def test_unknown_imports_may_use_resources_of_each_other(engine: weft.Engine) -> None:
    """Where both interfaces are missing, the stand-ins for them have one resource, as the component expects."""
    with weft.Store(engine) as store:
        func = instantiate(weft.Linker(engine), store, "0.3.0")
        with pytest.raises(weft.Trap, match="get-terminal-stdin"):
            func.call(store)


def test_unknown_imports_may_use_known_resources(engine: weft.Engine) -> None:
    """Where only the interface that uses the resource is missing, its stand-in has that of the owner."""
    linker = weft.Linker(engine)
    linker.instance("wasi:cli/terminal-input@0.3.0").object_resource("terminal-input")
    with weft.Store(engine) as store:
        func = instantiate(linker, store, "0.3.0")
        with pytest.raises(weft.Trap, match="get-terminal-stdin"):
            func.call(store)


def test_unknown_owner_of_a_known_user(engine: weft.Engine) -> None:
    """Where only the owner is missing, there is one, too."""
    linker = weft.Linker(engine)
    linker.instance("wasi:cli/terminal-stdin@0.3.0").func_wrap("get-terminal-stdin", lambda _store: None)
    with weft.Store(engine) as store:
        assert instantiate(linker, store, "0.3.0").call(store) is False
