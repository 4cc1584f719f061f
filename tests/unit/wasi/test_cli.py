"""wasi:cli 0.3: environment and exit."""

from __future__ import annotations

from typing import Any

import pytest

import weft
from weft import wasi
from weft.wasi import WasiCtx

ENVIRONMENT = """
(component
  (import "wasi:cli/environment@{version}" (instance $env
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))
    (export "{cwd}" (func (result (option string))))))
  (export "env" (func $env "get-environment"))
  (export "args" (func $env "get-arguments"))
  (export "cwd" (func $env "{cwd}")))
"""

EXIT = """
(component
  (import "wasi:cli/exit@{version}" (instance $exit (export "exit" (func (param "status" (result))))))
  (export "exit" (func $exit "exit")))
"""

CWD = {"0.3.0": "get-initial-cwd", "0.2.0": "initial-cwd"}


def instantiate(text: str, ctx: WasiCtx) -> tuple[weft.Store, weft.Instance]:
    """Return an instance of a component of few functions, in a store of its own."""
    engine = weft.Engine(weft.Config(cache_dir=None, opt_level="none"))
    linker = weft.Linker(engine)
    wasi.add_to_linker(linker)
    store = weft.Store(engine, data=ctx)
    return store, linker.instantiate_sync(store, weft.Component(engine, text))


@pytest.mark.parametrize("version", CWD)
@pytest.mark.parametrize(
    ("ctx", "expected"),
    [
        (WasiCtx(), ([], [], None)),
        (
            WasiCtx(args=["prog", "", "ü"], env={"A": "1", "B": ""}, cwd="/work"),
            ([("A", "1"), ("B", "")], ["prog", "", "ü"], "/work"),
        ),
        (WasiCtx(env=[("A", "1"), ("A", "2")]), ([("A", "1"), ("A", "2")], [], None)),
    ],
)
def test_environment(version: str, ctx: WasiCtx, expected: Any) -> None:
    """A guest is told what the context says, and nothing of the process."""
    store, guest = instantiate(ENVIRONMENT.format(version=version, cwd=CWD[version]), ctx)
    with store:
        env, args, cwd = (guest.get_func(name).call(store) for name in ("env", "args", "cwd"))
    assert (list(env), list(args), cwd) == expected


@pytest.mark.parametrize("version", CWD)
@pytest.mark.parametrize(("status", "code"), [(weft.Ok(None), 0), (weft.Err(None), 1)])
def test_exit(version: str, status: Any, code: int) -> None:
    """Exiting comes out of the call that the host made."""
    store, guest = instantiate(EXIT.format(version=version), WasiCtx())
    with store, pytest.raises(wasi.Exit) as caught:
        guest.get_func("exit").call(store, status)
    assert caught.value.code == code


def test_arguments_are_a_list() -> None:
    """A string is no list of arguments, though it has items."""
    with pytest.raises(TypeError, match=r"\['prog'\]"):
        WasiCtx(args="prog")
