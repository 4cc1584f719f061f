"""Guests that pass bad pointers, lengths and values, allocate badly, or want the host to make gigabytes."""

from __future__ import annotations

import gc
import resource
import weakref
from itertools import product
from typing import Any

import pytest
from hostile import ENGINE, component, instantiated, linker

import weft
from weft.errors import LowerError, Trap, TrapCode, ValidationError

PAGE = 65536

RETURNED = {
    "string": "string",
    "bytes": "(list u8)",
    "numbers": "(list u32)",
    "strings": "(list string)",
    "nested": "(list (list (list u8)))",
    "pair": "(tuple u32 u64)",
    "pairs": "(list (tuple u8 u64))",
    "chars": "(list char)",
    "maybe": "(option (list u64))",
    "either": "(result (list string) (error string))",
}
ALIGNMENT = {"pair": 8}
ELEMENT = {"numbers": 4, "strings": 4, "nested": 4, "pairs": 8, "chars": 4, "maybe": 8, "either": 4}


def returning(pages: int = 1) -> weft.Component:
    """Return a guest that answers with the result pointer it is told, over memory that the host writes."""
    exports = "".join(
        f"""(type $t-{name} {text}) (func (export "{name}") (param "at" u32) (result $t-{name})
          (canon lift (core func $m "same") (memory (core memory $m "memory"))))"""
        for name, text in RETURNED.items()
    )
    return component(f"""(component
      (core module $M (memory (export "memory") {pages})
        (func (export "poke") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
        (func (export "same") (param i32) (result i32) (local.get 0)))
      (core instance $m (instantiate $M))
      (func (export "poke") (param "at" u32) (param "value" u32) (canon lift (core func $m "poke")))
      {exports})""")


@pytest.fixture(scope="module")
def returner() -> weft.Component:
    return returning()


@pytest.mark.parametrize("name", RETURNED)
def test_a_result_pointer_is_checked(returner: weft.Component, name: str) -> None:
    """A pointer to results must be aligned and inside the memory."""
    align = ALIGNMENT.get(name, 4)
    for pointer in (1, align - 1, PAGE - align + align // 2, PAGE - 1, PAGE, 2**32 - 1, 2**32 - align):
        with instantiated(returner) as (store, instance), pytest.raises(Trap) as trap:
            instance.get_func(name).call(store, pointer)
        aligned = pointer % align == 0
        assert trap.value.code is (TrapCode.MEMORY_OUT_OF_BOUNDS if aligned else TrapCode.UNALIGNED_POINTER)


@pytest.mark.parametrize("name", [name for name in RETURNED if name != "pair"])
def test_a_list_or_string_that_a_guest_returns_is_checked(returner: weft.Component, name: str) -> None:
    """Every pointer and length of a list or string must describe aligned, existing memory, however large they are."""
    kinds = {
        TrapCode.STRING_OUT_OF_BOUNDS,
        TrapCode.LIST_OUT_OF_BOUNDS,
        TrapCode.STRING_TOO_LONG,
        TrapCode.LIST_TOO_LONG,
        TrapCode.UNALIGNED_POINTER,
    }
    ranges = [(PAGE + 8, 0), (2**32 - 8, 0), (0, 2**32 - 1), (PAGE - 8, 9), (2**32 - 8, 2**32 - 1), (8, 2**29)]
    if ELEMENT.get(name, 1) > 1:
        ranges.append((ELEMENT[name] // 2, 1))
    at = 20 if name in ("maybe", "either") else 16
    for pointer, length in ranges:
        with instantiated(returner) as (store, instance):
            poke = instance.get_func("poke")
            poke.call(store, 16, 1 if name == "maybe" else 0)
            poke.call(store, at, pointer)
            poke.call(store, at + 4, length)
            with pytest.raises(Trap) as trap:
                instance.get_func(name).call(store, 16)
            assert trap.value.code in kinds


def test_a_memory_of_no_pages_holds_nothing() -> None:
    """A pointer into a memory without pages is out of bounds, also the null pointer."""
    with instantiated(returning(pages=0)) as (store, instance), pytest.raises(Trap) as trap:
        instance.get_func("string").call(store, 0)
    assert trap.value.code is TrapCode.MEMORY_OUT_OF_BOUNDS


# Amplification.

AMPLIFIER = """(component
  (type $nested (list (list (list u8))))
  (import "nested" (func $nested (param "a" $nested)))
  (import "strings" (func $strings (param "a" (list string))))
  (import "small" (func $small (param "a" (list (tuple u8)))))
  (import "map" (func $map (param "a" (map u32 string))))
  (core module $Mem (memory (export "m") 300))
  (core instance $mem (instantiate $Mem))
  (core func $nested' (canon lower (func $nested) (memory (core memory $mem "m"))))
  (core func $strings' (canon lower (func $strings) (memory (core memory $mem "m"))))
  (core func $small' (canon lower (func $small) (memory (core memory $mem "m"))))
  (core func $map' (canon lower (func $map) (memory (core memory $mem "m"))))
  (core module $M
    (import "mem" "m" (memory 300))
    (import "host" "nested" (func $nested (param i32 i32)))
    (import "host" "strings" (func $strings (param i32 i32)))
    (import "host" "small" (func $small (param i32 i32)))
    (import "host" "map" (func $map (param i32 i32)))
    (func $fill (param $at i32) (param $pointer i32) (param $length i32) (local $n i32)
      (local.set $n (i32.const 8192))
      (loop $next
        (i32.store (local.get $at) (local.get $pointer))
        (i32.store offset=4 (local.get $at) (local.get $length))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func $prepare
      (call $fill (i32.const 0x10000) (i32.const 0) (i32.const 0x10000))
      (call $fill (i32.const 0x20000) (i32.const 0x10000) (i32.const 8192)))
    (func (export "nested") (call $prepare) (call $nested (i32.const 0x20000) (i32.const 8192)))
    (func (export "strings") (call $prepare) (call $strings (i32.const 0x10000) (i32.const 8192)))
    (func (export "small") (call $small (i32.const 0) (i32.const 19660800)))
    (func (export "map") (call $map (i32.const 0x30000) (i32.const 1600000)))
    (func (export "result") (result i32)
      (call $prepare)
      (i32.store (i32.const 8) (i32.const 0x20000)) (i32.store (i32.const 12) (i32.const 8192))
      (i32.const 8)))
  (core instance $m (instantiate $M
    (with "mem" (instance $mem))
    (with "host" (instance (export "nested" (func $nested')) (export "strings" (func $strings'))
      (export "small" (func $small')) (export "map" (func $map'))))))
  (func (export "nested") (canon lift (core func $m "nested")))
  (func (export "strings") (canon lift (core func $m "strings")))
  (func (export "small") (canon lift (core func $m "small")))
  (func (export "map") (canon lift (core func $m "map")))
  (func (export "result") (result $nested) (canon lift (core func $m "result") (memory (core memory $mem "m"))))
  (func (export "result-async") async (result $nested)
    (canon lift (core func $m "result") (memory (core memory $mem "m")))))"""


@pytest.fixture(scope="module")
def amplifier() -> weft.Component:
    return component(AMPLIFIER)


def nothing(*_: object) -> None:
    """Take whatever comes."""


@pytest.mark.parametrize("name", ["nested", "strings", "small", "map", "result", "result-async"])
def test_one_call_lifts_no_more_than_the_budget(amplifier: weft.Component, name: str) -> None:
    """Lists that share their elements stand for terabytes: lifting them stops at the budget of a call."""
    with instantiated(amplifier, nested=nothing, strings=nothing, small=nothing, map=nothing) as (store, instance):
        store.hostcall_budget = 4 << 20
        with pytest.raises(Trap, match="fuel allocated for hostcalls has been exhausted") as trap:
            instance.get_func(name).call(store)
        assert trap.value.code is TrapCode.HOST_LIMIT


def test_the_budget_is_that_of_wasmtime() -> None:
    """By default one call may lift 128 MiB."""
    with weft.Store(ENGINE) as store:
        assert store.hostcall_budget == 128 << 20


ECHO = """(component
  (core module $M (memory (export "memory") 40)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0)))
  (core instance $m (instantiate $M))
  (func (export "text") (param "s" string) (result string)
    (canon lift (core func $m "echo") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "bytes") (param "s" (list u8)) (result (list u8))
    (canon lift (core func $m "echo") (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))"""


@pytest.mark.parametrize("value", ["x" * 1_000_000, b"x" * 1_000_000])
def test_the_budget_starts_anew_with_each_call(value: Any) -> None:
    """What earlier calls lifted does not count."""
    with instantiated(component(ECHO)) as (store, instance):
        store.hostcall_budget = 1_500_000
        echo = instance.get_func("text" if isinstance(value, str) else "bytes")
        for _ in range(4):
            assert echo.call(store, value) == value


def test_what_a_failed_lift_had_made_is_freed(amplifier: weft.Component) -> None:
    """A poisoned instance, and the trap in the hands of the caller, keep nothing of what was lifted."""
    gc.collect()
    with instantiated(amplifier, nested=nothing, strings=nothing, small=nothing, map=nothing) as (store, instance):
        store.hostcall_budget = 4 << 20
        with pytest.raises(Trap) as trap:
            instance.get_func("strings").call(store)
        frames = []
        traceback = trap.value.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == "<weft lift and lower>":
                frames.append(traceback.tb_frame.f_locals)
            traceback = traceback.tb_next
        assert frames
        assert not any(frames)


# Allocation.

ALLOCATOR = """(component
  (import "host" (func $host))
  (core func $host' (canon lower (func $host)))
  (core func $yield (canon thread.yield))
  (core module $M
    (import "" "host" (func $host)) (import "" "yield" (func $yield (result i32)))
    (memory (export "memory") 1)
    (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
    (func (export "length") (param i32 i32) (result i32) (local.get 1))
    (func (export "zero") (result i32) (i32.const 0))
    (func (export "after") (param i32) {after}))
  (core instance $m (instantiate $M
    (with "" (instance (export "host" (func $host')) (export "yield" (func $yield))))))
  (func (export "text") (param "s" string) (result u32)
    (canon lift (core func $m "length") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "text-async") async (param "s" string) (result u32)
    (canon lift (core func $m "length") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "lists") (param "s" (list (list u64))) (result u32)
    (canon lift (core func $m "length") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "post") (result u32) (canon lift (core func $m "zero") (post-return (core func $m "after")))))"""

BAD_ALLOCATORS = {
    "(i32.const -1)": {TrapCode.STRING_OUT_OF_BOUNDS, TrapCode.UNALIGNED_POINTER},
    "(i32.const 65537)": {TrapCode.STRING_OUT_OF_BOUNDS, TrapCode.UNALIGNED_POINTER},
    "(i32.const 65532)": {TrapCode.STRING_OUT_OF_BOUNDS, TrapCode.LIST_OUT_OF_BOUNDS},
    "unreachable": {TrapCode.UNREACHABLE},
    "(call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3))": {TrapCode.STACK_OVERFLOW},
    "(call $host) (i32.const 8)": {TrapCode.CANNOT_LEAVE_COMPONENT},
    "(call $yield)": {TrapCode.CANNOT_LEAVE_COMPONENT},
    "(i32.div_u (i32.const 1) (i32.const 0))": {TrapCode.INTEGER_DIVISION_BY_ZERO},
}


@pytest.mark.parametrize("realloc", BAD_ALLOCATORS)
def test_what_realloc_returns_and_does_is_checked(realloc: str) -> None:
    """A pointer from realloc must be aligned and have room; realloc may not leave the instance, recurse or trap."""
    made = component(ALLOCATOR.format(realloc=realloc, after=""))
    for name, value in product(("text", "text-async", "lists"), ("hello",)):
        with instantiated(made, host=nothing) as (store, instance), pytest.raises(Trap) as trap:
            instance.get_func(name).call(store, value if name != "lists" else [[1], [2, 3]])
        assert trap.value.code in BAD_ALLOCATORS[realloc]


def test_realloc_may_grow_the_memory() -> None:
    """A pointer into pages that realloc has just added is good."""
    grow = "(i32.mul (memory.grow (i32.const 1)) (i32.const 65536))"
    with instantiated(component(ALLOCATOR.format(realloc=grow, after="")), host=nothing) as (store, instance):
        assert instance.get_func("text").call(store, "hello") == 5
        assert instance.get_func("lists").call(store, [[1], [2, 3]]) == 2


def test_arguments_that_alias_harm_only_the_guest_itself() -> None:
    """Realloc may return the same range twice; the host writes inside it and nowhere else."""
    made = component(ALLOCATOR.format(realloc="(i32.const 65512)", after=""))
    with instantiated(made, host=nothing) as (store, instance):
        assert instance.get_func("text").call(store, "x" * 24) == 24
        with pytest.raises(Trap):
            instance.get_func("text").call(store, "x" * 25)


@pytest.mark.parametrize(
    ("after", "code"),
    [("(call $host)", TrapCode.CANNOT_LEAVE_COMPONENT), ("unreachable", TrapCode.UNREACHABLE)],
)
def test_post_return_may_not_leave_or_trap(after: str, code: TrapCode) -> None:
    """What goes wrong in post-return traps the call, and the instance with it."""
    made = component(ALLOCATOR.format(realloc="(i32.const 8)", after=after))
    with instantiated(made, host=nothing) as (store, instance):
        with pytest.raises(Trap) as trap:
            instance.get_func("post").call(store)
        assert trap.value.code is code
        with pytest.raises(Trap) as again:
            instance.get_func("post").call(store)
        assert again.value.code is TrapCode.CANNOT_ENTER_COMPONENT


# Types.


def nested_type(kind: str, depth: int) -> str:
    """Return a component that imports and exports functions over a type nested `depth` levels deep."""
    name, definitions = "u8", []
    for i in range(depth):
        definitions.append(f"(type $t{i} ({kind} {name}))")
        name = f"$t{i}"
    return f"""(component {" ".join(definitions)}
      (import "same" (func $same (param "a" {name}) (result {name})))
      (core module $Mem (memory (export "m") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
      (core instance $mem (instantiate $Mem))
      (core func $same' (canon lower (func $same) (memory (core memory $mem "m")) (realloc (core func $mem "realloc"))))
      (core module $M (func (export "zero") (result i32) (i32.const 0)))
      (core instance $m (instantiate $M))
      (func (export "zero") async (result {name})
        (canon lift (core func $m "zero") (memory (core memory $mem "m")))))"""


@pytest.mark.parametrize("kind", ["list", "option", "tuple", "result"])
def test_types_nest_as_deep_as_they_may(kind: str) -> None:
    """A type nested 95 levels deep is lifted on a guest's own small stack; one level too many is no valid type."""
    with instantiated(component(nested_type(kind, 95)), same=lambda _store, value: value) as (store, instance):
        instance.get_func("zero").call(store)
    with pytest.raises(ValidationError, match="nesting is too deep"):
        component(nested_type(kind, 150))


def test_a_record_of_a_thousand_fields() -> None:
    """Types with very many fields are only slow the first time."""
    fields = " ".join(f'(field "f{i}" string)' for i in range(1000))
    made = component(f"""(component (type $r (record {fields})) (export $record "r" (type $r))
      (core module $M (memory (export "memory") 1) (func (export "zero") (result i32) (i32.const 0)))
      (core instance $m (instantiate $M))
      (func (export "zero") (result $record) (canon lift (core func $m "zero") (memory (core memory $m "memory")))))""")
    with instantiated(made) as (store, instance):
        assert instance.get_func("zero").call(store).f999 == ""


def test_a_bad_value_of_the_host_leaves_the_guest_alone() -> None:
    """An argument that does not fit is a LowerError with its path, and the next call works."""
    made = component(ALLOCATOR.format(realloc="(i32.const 8)", after=""))
    with instantiated(made, host=nothing) as (store, instance):
        with pytest.raises(LowerError) as error:
            instance.get_func("lists").call(store, [[1], [2, -3]])
        assert error.value.path == ("argument 's'", "list index 1", "list index 1")
        assert instance.get_func("lists").call(store, [[1]]) == 1


def test_streams_without_payload_cost_the_host_nothing() -> None:
    """A guest may write 2^28 - 1 elements of no type at once; the host does not make a list of so many."""
    made = component("""(component
      (import "take" (func $take (param "s" (stream))))
      (type $s (stream))
      (core func $take' (canon lower (func $take)))
      (core func $new (canon stream.new $s))
      (core func $write (canon stream.write $s async))
      (core module $M
        (import "" "take" (func $take (param i32))) (import "" "new" (func $new (result i64)))
        (import "" "write" (func $write (param i32 i32 i32) (result i32)))
        (func (export "go") (result i32) (local $ends i64)
          (local.set $ends (call $new))
          (call $take (i32.wrap_i64 (local.get $ends)))
          (call $write (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i32.const 0)
            (i32.const 0xFFFFFFF))))
      (core instance $m (instantiate $M (with "" (instance
        (export "take" (func $take')) (export "new" (func $new)) (export "write" (func $write))))))
      (func (export "go") (result u32) (canon lift (core func $m "go"))))""")
    sizes: list[int] = []

    def take(store: weft.Store, reader: Any) -> None:
        reader.pipe(store, weft.consumers.to_callback(lambda items: sizes.append(len(items))))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with weft.Store(ENGINE) as store:
        instance = linker(take=take).instantiate_sync(store, made)
        progress = instance.get_func("go").call(store)
    assert 0 < progress >> 4 == sum(sizes) <= 1 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_an_instance_is_freed_with_its_store() -> None:
    """Nothing global keeps a store that a guest has trapped in."""
    with instantiated(component(ALLOCATOR.format(realloc="unreachable", after="")), host=nothing) as (store, instance):
        kept = weakref.ref(store)
        with pytest.raises(Trap):
            instance.get_func("text").call(store, "x")
    del store, instance
    gc.collect()
    assert kept() is None
