"""Guests that nest: calls in calls, destructors in destructors, until something gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hostile import component, instantiated

from weft.errors import Trap, TrapCode

if TYPE_CHECKING:
    import weft

LOOP = """(component
  (core module $T (table (export "t") 1 funcref)
    (func (export "call") (param i32) (result i32)
      (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))))
  (core instance $t (instantiate $T))
  (func $f (param "x" u32) (result u32) (canon lift (core func $t "call")))
  (component $C
    (import "f" (func $f (param "x" u32) (result u32)))
    {yields}
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32) (result i32)))
      (func (export "g") (param i32) (result i32) (call $f (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance (export "f" (func $f'))))))
    (func (export "g") (param "x" u32) (result u32) (canon lift (core func $m "g"))))
  (instance $c (instantiate $C (with "f" (func $f))))
  (alias export $c "g" (func $g))
  (core func $g' (canon lower (func $g)))
  (core module $P
    (import "" "t" (table 1 funcref)) (import "" "g" (func $g (param i32) (result i32))) (elem (i32.const 0) $g))
  (core instance (instantiate $P (with "" (instance (export "t" (table $t "t")) (export "g" (func $g'))))))
  (export "f" (func $f)))"""

DESTRUCTORS = """(component
  (core module $T (table (export "t") 1 funcref)
    (func (export "destroy") (param i32) (call_indirect (param i32) (local.get 0) (i32.const 0))))
  (core instance $t (instantiate $T))
  (type $r (resource (rep i32) (dtor (core func $t "destroy"))))
  (core func $new (canon resource.new $r))
  (core func $drop (canon resource.drop $r))
  (core module $M
    (import "" "t" (table 1 funcref))
    (import "" "new" (func $new (param i32) (result i32))) (import "" "drop" (func $drop (param i32)))
    (func $destroy (param i32) (call $drop (call $new (local.get 0))))
    (elem (i32.const 0) $destroy)
    (func (export "make") (result i32) (call $new (i32.const 1)))
    (func (export "go") (call $destroy (i32.const 1))))
  (core instance $m (instantiate $M
    (with "" (instance (export "t" (table $t "t")) (export "new" (func $new)) (export "drop" (func $drop))))))
  (export $r' "r" (type $r))
  (func (export "go") (canon lift (core func $m "go")))
  (func (export "make") (result (own $r')) (canon lift (core func $m "make"))))"""

BACK = """(component
  (import "back" (func $back (param "x" u32) (result u32)))
  (core func $back' (canon lower (func $back)))
  (core module $M
    (import "" "back" (func $back (param i32) (result i32)))
    (func $f (export "f") (param i32) (result i32) (call $back (local.get 0)))
    (func $deep (export "deep") (result i32) (i32.add (i32.const 1) (call $deep))))
  (core instance $m (instantiate $M (with "" (instance (export "back" (func $back'))))))
  (func (export "f") (param "x" u32) (result u32) (canon lift (core func $m "f")))
  (func (export "deep") (result u32) (canon lift (core func $m "deep")))
  (func (export "deep-async") async (result u32) (canon lift (core func $m "deep"))))"""


@pytest.mark.parametrize("yields", ["", "(core func (canon thread.yield))"])
def test_guests_that_call_each_other_for_ever_trap(yields: str) -> None:
    """Two instances that call each other run out of stack, on the caller's stack or on stacks of their own."""
    with instantiated(component(LOOP.format(yields=yields))) as (store, instance):
        with pytest.raises(Trap) as trap:
            instance.get_func("f").call(store, 1)
        assert trap.value.code is TrapCode.STACK_OVERFLOW
        with pytest.raises(Trap) as again:
            instance.get_func("f").call(store, 1)
        assert again.value.code is TrapCode.CANNOT_ENTER_COMPONENT


def test_destructors_that_drop_for_ever_trap() -> None:
    """A destructor that makes and drops another resource of its type runs out of stack."""
    with instantiated(component(DESTRUCTORS)) as (store, instance), pytest.raises(Trap) as trap:
        instance.get_func("go").call(store)
    assert trap.value.code is TrapCode.STACK_OVERFLOW


def test_destructors_that_the_host_starts_trap() -> None:
    """The same when the host drops the first resource; the handle is used up all the same."""
    with instantiated(component(DESTRUCTORS)) as (store, instance):
        made = instance.get_func("make").call(store)
        with pytest.raises(Trap) as trap:
            made.drop()
        assert trap.value.code is TrapCode.STACK_OVERFLOW
        with pytest.raises(ValueError, match="given away"):
            made.drop()


@pytest.mark.parametrize("name", ["deep", "deep-async"])
def test_a_guest_that_recurses_by_itself_traps(name: str) -> None:
    """Core recursion ends in a trap, on the thread's stack and on a fiber's."""
    with instantiated(component(BACK), back=lambda _store, x: x) as (store, instance), pytest.raises(Trap) as trap:
        instance.get_func(name).call(store)
    assert trap.value.code is TrapCode.STACK_OVERFLOW


def test_a_host_and_a_guest_that_call_each_other_for_ever_trap() -> None:
    """A host function that calls its caller back, again and again, ends in a trap with the RecursionError as cause."""
    found: dict[str, Any] = {}

    def back(store: weft.Store, x: int) -> int:
        return int(found["f"].call(store, x))

    with instantiated(component(BACK), back=back) as (store, instance):
        found["f"] = instance.get_func("f")
        with pytest.raises(Trap) as trap:
            found["f"].call(store, 1)
        assert trap.value.code is TrapCode.STACK_OVERFLOW


def test_a_host_function_that_recurses_by_itself_gets_its_own_error() -> None:
    """Python's RecursionError of a bug in a host function surfaces as it is."""

    def back(store: weft.Store, x: int) -> int:
        return back(store, x)

    with instantiated(component(BACK), back=back) as (store, instance), pytest.raises(RecursionError):
        instance.get_func("f").call(store, 1)


def test_a_host_function_may_call_its_caller_back() -> None:
    """A bounded number of calls inside each other is fine, and leaves the instance usable."""
    found: dict[str, Any] = {}

    def back(store: weft.Store, x: int) -> int:
        return int(found["f"].call(store, x - 1)) + 1 if x else 0

    with instantiated(component(BACK), back=back) as (store, instance):
        found["f"] = instance.get_func("f")
        assert [found["f"].call(store, 20) for _ in range(3)] == [20, 20, 20]


class Interrupted(BaseException):
    """What a signal handler may raise anywhere."""


def test_stopping_a_poisoned_instance_goes_on_where_it_was_interrupted() -> None:
    """An exception in the middle of poisoning loses nobody: the next call of it fails the callers that are left."""
    with instantiated(component(BACK), back=lambda _store, x: x) as (_store, instance):
        root = instance.root
        failed: list[int] = []

        class Task:
            def __init__(self, number: int, *, interrupted: bool = False) -> None:
                self.number = number
                self.interrupted = interrupted

            def fail(self, _error: BaseException) -> None:
                if self.interrupted:
                    self.interrupted = False
                    raise Interrupted
                failed.append(self.number)

        tasks: Any = root.instances[0].tasks
        tasks.update({Task(1): None, Task(2, interrupted=True): None, Task(3): None})
        error = Trap(TrapCode.UNREACHABLE)
        with pytest.raises(Interrupted):
            root.poison(error)
        assert failed == [1]
        root.poison(Trap(TrapCode.INTERRUPT))
        assert failed == [1, 2, 3]
        assert root.poisoned is error
