"""``weft inspect``: the world of a component as WIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int, str, str]]
    Write = Callable[..., str]

WORLD = """(component
  (import "lab:host/io@0.2.0" (instance $io
    (export "conn" (type $conn (sub resource)))
    (export "[constructor]conn" (func (param "to" string) (result (own $conn))))
    (export "[method]conn.send" (func async (param "self" (borrow $conn)) (param "data" (stream u8))
      (result (result (error string)))))
    (export "[static]conn.count" (func (result u32)))))
  (import "log" (func (param "text" string)))
  (import "lib" (core module))
  (core module $M (memory (export "mem") 1) (func (export "f") (param i32) (result i32) unreachable))
  (core instance $m (instantiate $M))
  (type $v' (variant (case "none") (case "some-list" (list u8))))
  (export $v "kind" (type $v'))
  (func (export "pick") (param "n" u32) (result $v) (canon lift (core func $m "f") (memory (core memory $m "mem")))))"""


def test_world(weft_command: Run, write: Write) -> None:
    """Imports and exports are printed, with resources, their members, and types by name."""
    code, printed, errors = weft_command("inspect", write(WORLD))
    assert (code, errors) == (0, "")
    for line in (
        "import lab:host/io@0.2.0;",
        "import log: func(text: string);",
        "resource conn {",
        "constructor(to: string);",
        "send: async func(data: stream<u8>) -> result<_, string>;",
        "count: static func() -> u32;",
        "export pick: func(n: u32) -> kind;",
        "some-list(list<u8>),",
    ):
        assert line in printed


@pytest.mark.parametrize("text", ["", "(module)", "nonsense", "(component (export))"])
def test_no_component(weft_command: Run, write: Write, text: str) -> None:
    """A file that is no component is refused in one line."""
    code, printed, errors = weft_command("inspect", write(text))
    assert (code, printed) == (1, "")
    assert errors.startswith("weft: ")
    assert errors.count("\n") == 1


def test_no_file(weft_command: Run) -> None:
    """A file that is not there is refused in one line."""
    assert weft_command("inspect", "nowhere.wasm")[::2] == (1, "weft: nowhere.wasm: No such file or directory\n")
