"""Sync functions of numbers between guests are linked core to core, where nothing can tell."""

from __future__ import annotations

import pytest

import weft

ADD = '(func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))'
LIFT = '(func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))'
CALL = '(func (export "call") (param i32) (result i32) (call $add (local.get 0) (i32.const 40)))'


def composed(callee: str, *, lift: str = LIFT, extra: str = "", options: str = "") -> str:
    """Return two components, of which the second calls `add` of the first."""
    return f"""(component
      (component $Callee
        (core module $M (memory (export "mem") 1) {callee})
        {extra}
        (core instance $i (instantiate $M))
        {lift})
      (component $Caller
        (import "add" (func $add (param "a" u32) (param "b" u32) (result u32)))
        (core func $add' (canon lower (func $add)))
        (core module $M
          (import "" "add" (func $add (param i32 i32) (result i32)))
          (memory (export "mem") 1)
          (func (export "post") (param i32))
          {CALL})
        (core instance $i (instantiate $M (with "" (instance (export "add" (func $add'))))))
        (func (export "call") (param "a" u32) (result u32) (canon lift (core func $i "call") {options})))
      (instance $callee (instantiate $Callee))
      (instance $caller (instantiate $Caller (with "add" (func $callee "add"))))
      (export "call" (func $caller "call")))"""


def host_calls(monkeypatch: pytest.MonkeyPatch, text: str, argument: int) -> tuple[int, list[str]]:
    """Return the result of `call`, and which functions the engine was given from Python for it."""
    made: list[str] = []
    original = weft.engine.CoreStore.host_func

    def host_func(self: object, sig: object, fn: object, name: str = "") -> object:
        made.append(name)
        return original(self, sig, fn, name)

    monkeypatch.setattr(weft.engine.CoreStore, "host_func", host_func)
    engine = weft.Engine()
    with weft.Store(engine) as store:
        instance = weft.Linker(engine).instantiate_sync(store, weft.Component(engine, text))
        return instance.get_func("call").call(store, argument), made


def test_numbers_go_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of numbers in a component that calls nothing needs no adapter."""
    assert host_calls(monkeypatch, composed(ADD), 2) == (42, [])


@pytest.mark.parametrize(
    ("callee", "arguments"),
    [
        pytest.param(ADD, {"extra": "(core func $n (canon backpressure.inc))"}, id="a built-in in the callee"),
        pytest.param(ADD, {"options": '(post-return (core func $i "post"))'}, id="post-return in the caller"),
        pytest.param(
            ADD + '(func (export "post") (param i32))',
            {"lift": LIFT.replace('"add")))', '"add") (post-return (core func $i "post"))))')},
            id="post-return in the callee",
        ),
        pytest.param(ADD + "(tag $t) (func $f (throw $t))", {}, id="exceptions in the callee"),
    ],
)
def test_what_could_tell_goes_by_way_of_the_host(
    monkeypatch: pytest.MonkeyPatch, callee: str, arguments: dict[str, str]
) -> None:
    """Where a task, a forbidden call or an exception could be seen, the canonical definitions stay between."""
    result, made = host_calls(monkeypatch, composed(callee, **arguments), 2)
    assert result == 42
    assert "add" in made


def test_a_trap_poisons_both() -> None:
    """A trap behind a direct link stops the caller too, and with it the whole tree."""
    engine = weft.Engine()
    text = composed('(func (export "add") (param i32 i32) (result i32) unreachable)')
    with weft.Store(engine) as store:
        call = weft.Linker(engine).instantiate_sync(store, weft.Component(engine, text)).get_func("call")
        with pytest.raises(weft.Trap) as first:
            call.call(store, 1)
        with pytest.raises(weft.Trap) as second:
            call.call(store, 1)
    assert first.value.code is weft.TrapCode.UNREACHABLE
    assert second.value.code is weft.TrapCode.CANNOT_ENTER_COMPONENT
