"""``weft call``: results in WAVE, and one line for whatever goes wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]
    Write = Callable[..., str]

CALC = """(component
  (core module $M (memory (export "mem") 1)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "div") (param i32 i32) (result i32)
      (i32.store (i32.const 8) (i32.eqz (local.get 1)))
      (if (local.get 1) (then (i32.store (i32.const 12) (i32.div_u (local.get 0) (local.get 1)))))
      (i32.const 8))
    (func (export "boom") unreachable)
    (func (export "point") (param f64 i32) (result i32)
      (f64.store (i32.const 16) (local.get 0)) (i32.store8 (i32.const 24) (local.get 1)) (i32.const 16)))
  (core instance $m (instantiate $M))
  (func $add (param "a" u32) (param "b" s32) (result u32) (canon lift (core func $m "add")))
  (instance $math (export "add" (func $add)))
  (export "lab:calc/math@0.1.0" (instance $math))
  (instance $other (export "add" (func $add)) (export "only-here" (func $add)))
  (export "lab:calc/other@0.1.0" (instance $other))
  (func (export "div") (param "a" u32) (param "b" u32) (result (result u32))
    (canon lift (core func $m "div") (memory (core memory $m "mem"))))
  (func (export "boom") (canon lift (core func $m "boom")))
  (type $p' (record (field "x" f64) (field "on" bool)))
  (export $p "point" (type $p'))
  (func (export "same") (param "p" $p) (result $p)
    (canon lift (core func $m "point") (memory (core memory $m "mem")))))"""


@pytest.mark.parametrize(
    ("args", "printed"),
    [
        (("lab:calc/math@0.1.0#add", "40", "2"), "42\n"),
        (("only-here", "1", "1"), "2\n"),
        (("div", "7", "2"), "ok(3)\n"),
        (("div", "7", "0"), "err\n"),
        (("same", "{x: 1.5, on: true}"), "{x: 1.5, on: true}\n"),
    ],
)
def test_results(weft_command: Run, write: Write, args: tuple[str, ...], printed: str) -> None:
    """The result is printed in WAVE; functions are found by path, or by name where it is the only one."""
    assert weft_command("call", write(CALC), *args) == (0, printed, "")


def test_negative_arguments(weft_command: Run, write: Write) -> None:
    """After two dashes, an argument may begin with one."""
    assert weft_command("call", write(CALC), "only-here", "--", "5", "-3") == (0, "2\n", "")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("sub", "1"), "no function named sub; the component exports lab:calc/math@0.1.0#add, "),
        (("add", "1", "1"), "add is ambiguous: lab:calc/math@0.1.0#add, lab:calc/other@0.1.0#add"),
        (("div", "1"), "the function takes 2 arguments (a, b), not 1"),
        (("div", "1", "two"), "argument b: "),
        (("div", "1", "4294967296"), "argument b: "),
        (("div", "-1", "1"), "argument a: "),
        (("same", "{x: 1}"), "argument p: "),
        (("same", "{x: 1, on: maybe}"), "argument p: "),
        (("boom",), "Trap: wasm trap: wasm `unreachable` instruction executed"),
    ],
)
def test_errors_are_one_line(weft_command: Run, write: Write, args: tuple[str, ...], message: str) -> None:
    """A wrong name, argument or value, and a trap, give one line and exit code 1."""
    code, printed, errors = weft_command("call", write(CALC), *(("--", *args) if "-1" in args else args))
    assert (code, printed) == (1, "")
    assert errors.startswith(f"weft: {message}")
    assert errors.count("\n") == 1


def test_missing_import(weft_command: Run, write: Write) -> None:
    """An import that the command cannot give is named."""
    text = """(component (import "lab:calc/math@1.0.0" (instance $i (export "f" (func))))
      (alias export $i "f" (func $f)) (export "g" (func $f)))"""
    code, printed, errors = weft_command("call", write(text), "g")
    assert (code, printed) == (1, "")
    assert errors.startswith("weft: LinkError: import `lab:calc/math@1.0.0` is missing")
    assert errors.count("\n") == 1


def test_hosts_of_scripts_are_not_there(weft_command: Run, write: Write) -> None:
    """What scripts can import from their host, a component that is called cannot."""
    text = '(component (import "host-return-two" (func $f (result u32))) (export "g" (func $f)))'
    assert "import `host-return-two` is missing" in weft_command("call", write(text), "g")[2]


@pytest.mark.parametrize("text", ["", "(component", "(module)", "nonsense", "(component (func))"])
def test_no_component(weft_command: Run, write: Write, text: str) -> None:
    """A file that is no component is refused in one line."""
    code, printed, errors = weft_command("call", write(text), "f")
    assert (code, printed) == (1, "")
    assert errors.startswith("weft: ")
    assert errors.count("\n") == 1


def test_trace(weft_command: Run, write: Write, tmp_path: Path) -> None:
    """A timeline of the call goes where the option says; what is printed stays the same."""
    path = tmp_path / "out.json"
    assert weft_command("call", "--trace", str(path), write(CALC), "div", "7", "2") == (0, "ok(3)\n", "")
    begin, end = (event for event in json.loads(path.read_text()) if event["ph"] in {"b", "e"})
    assert (begin["name"], end["args"]) == ("div", {"outcome": "returned"})
    weft_command("call", "--trace", str(path), write(CALC), "boom")
    assert [event["args"]["outcome"] for event in json.loads(path.read_text()) if event["ph"] == "e"] == ["failed"]
    weft_command("call", "--trace", str(path), write("nonsense"), "f")
    nowhere = str(tmp_path / "nowhere" / "out.json")
    message = f"weft: {nowhere}: No such file or directory\n"
    assert weft_command("call", "--trace", nowhere, write(CALC), "boom") == (1, "", message)


def test_no_file(weft_command: Run) -> None:
    """A file that is not there is refused in one line."""
    assert weft_command("call", "nowhere.wasm", "f") == (1, "", "weft: nowhere.wasm: No such file or directory\n")
