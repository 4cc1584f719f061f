"""``weft wast``: scripts share a store, and have a host of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int, str, str]]
    Write = Callable[..., str]

ONE = """(core module $M (func (export "one") (result i32) (i32.const 1)) (func (export "boom") unreachable))
  (core instance $m (instantiate $M))
  (func (export "one") (result u32) (canon lift (core func $m "one")))
  (func (export "boom") (canon lift (core func $m "boom")))"""


def results(weft_command: Run, path: str) -> list[tuple[str, str, str]]:
    _, printed, _ = weft_command("wast", "--json", path)
    lines = [json.loads(line) for line in printed.splitlines()]
    return [(line["kind"], line["status"], line["message"]) for line in lines]


def test_counts(weft_command: Run, write: Write) -> None:
    """The last line has the counts; a failure is reported with its place, and gives exit code 1."""
    script = write(f'(component {ONE})\n(assert_return (invoke "one") (u32.const 1))\n'
                   '(assert_return (invoke "one") (u32.const 2))', "a.wast")  # fmt: skip
    code, printed, _ = weft_command("wast", script)
    assert code == 1
    assert f"{script}:4: assert_return: " not in printed
    assert "assert_return: result of 'one': expected 2, found 1" in printed
    assert "assert_return=1/2" in printed.splitlines()[-1]
    assert "failed=1 skipped=0" in printed.splitlines()[-1]


def test_instances_import_each_other(weft_command: Run, write: Write) -> None:
    """Named instances, and registered ones, are imported by later components, functions included."""
    script = f"""(component $a {ONE})
      (component (import "a" (instance $a (export "one" (func (result u32))))) (export "two" (func $a "one")))
      (assert_return (invoke "two") (u32.const 1))
      (register "my:own/name@1.2.0" $a)
      (component (import "my:own/name@1.1.0" (instance $a (export "one" (func (result u32))))))
      (assert_unlinkable (component (import "a" (instance (export "three" (func))))) "was not found")"""
    found = results(weft_command, write(script, "b.wast"))
    assert [status for _, status, _ in found] == ["passed"] * 6


def test_a_trap_stops_only_its_instances(weft_command: Run, write: Write) -> None:
    """Other instances of the store go on after a trap in one."""
    script = f"""(component definition $C {ONE})
      (component instance $a $C)
      (component instance $b $C)
      (assert_trap (invoke $a "boom") "unreachable")
      (assert_trap (invoke $a "one") "cannot enter component instance")
      (assert_return (invoke $b "one") (u32.const 1))"""
    assert {status for _, status, _ in results(weft_command, write(script, "c.wast"))} == {"passed"}


def test_host_of_scripts(weft_command: Run, write: Write) -> None:
    """Scripts find the functions, resources and the module that Wasmtime's runner has for them."""
    script = """(component
        (import "host-return-two" (func $two (result u32)))
        (import "host-echo-u32" (func $echo async (param "p1" u32) (result u32)))
        (import "host" (instance $host
          (export "return-three" (func (result u32)))
          (export "nested" (instance (export "return-four" (func (result u32)))))
          (export "simple-module" (core module (export "f" (func (result i32))) (export "g" (global i32))))
          (export "resource1" (type $r (sub resource)))
          (export "resource1-again" (type (eq $r)))
          (export "[constructor]resource1" (func (param "rep" u32) (result (own $r))))
          (export "[static]resource1.drops" (func (result u32)))
          (export "[static]resource1.last-drop" (func (result u32)))
          (export "return-two-slowly" (func async (result s32)))))
        (alias export $host "resource1" (type $r))
        (core func $new (canon lower (func $host "[constructor]resource1")))
        (core func $drops (canon lower (func $host "[static]resource1.drops")))
        (core func $last (canon lower (func $host "[static]resource1.last-drop")))
        (core func $slowly (canon lower (func $host "return-two-slowly")))
        (core func $drop (canon resource.drop $r))
        (core module $M
          (import "" "new" (func $new (param i32) (result i32)))
          (import "" "drop" (func $drop (param i32)))
          (import "" "drops" (func $drops (result i32)))
          (import "" "last" (func $last (result i32)))
          (import "" "slowly" (func $slowly (result i32)))
          (func (export "slowly") (result i32) (call $slowly))
          (func (export "run") (result i32)
            (call $drop (call $new (i32.const 77)))
            (i32.add (call $last) (call $drops))))
        (core instance $m (instantiate $M (with "" (instance
          (export "new" (func $new)) (export "drop" (func $drop)) (export "drops" (func $drops))
          (export "last" (func $last)) (export "slowly" (func $slowly))))))
        (func (export "run") (result u32) (canon lift (core func $m "run")))
        (func (export "slowly") async (result s32) (canon lift (core func $m "slowly")))
        (export "two" (func $two)) (export "four" (func $host "nested" "return-four")))
      (assert_return (invoke "run") (u32.const 78))
      (assert_return (invoke "slowly") (s32.const 2))
      (assert_return (invoke "two") (u32.const 2))
      (assert_return (invoke "four") (u32.const 4))"""
    found = results(weft_command, write(script, "d.wast"))
    assert {status for _, status, _ in found} == {"passed"}, found


def test_exceptions_by_either_name(weft_command: Run, write: Write) -> None:
    """An exception that leaves a component is a trap, by whichever of Wasmtime's two texts a script expects it."""
    script = """(component definition $C
        (core module $M (tag $t) (func (export "f") (throw $t)))
        (core instance $m (instantiate $M))
        (func (export "f") (canon lift (core func $m "f"))))
      (component instance $a $C)
      (assert_trap (invoke "f") "thrown Wasm exception")
      (component instance $a $C)
      (assert_trap (invoke "f") "uncaught exception propagated out of component")"""
    assert {status for _, status, _ in results(weft_command, write(script, "e.wast"))} == {"passed"}


@pytest.mark.parametrize("name", ["nowhere.wast", "."])
def test_no_scripts(weft_command: Run, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """A path without scripts is a wrong command line: one line and exit code 2."""
    code, printed, errors = weft_command("wast", str(tmp_path_factory.mktemp("empty") / name))
    assert (code, printed) == (2, "")
    assert errors.count("\n") == 1
