"""Any bytes give a plan or a `DecodeError`; any plan gives a skeleton or a `ValidationError`."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.component.checks import check
from weft.component.decoder import decode, decode_noting
from weft.component.hyphens import hyphens_matter
from weft.component.module_skeleton import module_skeleton
from weft.component.names import compatibility_key, conflict, parse_name, unique_key
from weft.component.plan import ComponentPlan
from weft.component.skeleton import skeleton
from weft.engine.wat import wat2wasm
from weft.errors import DecodeError, ValidationError

HEADER = b"\0asm\x0d\0\x01\0"

TEXTS = {
    "types": """
      (component $c
        (type $r (record (field "a-b" u8) (field "ab" string)))
        (type (variant (case "x" $r) (case "y"))) (type (list $r 7)) (type (tuple error-context char))
        (type (flags "r" "w")) (type (enum "p" "q")) (type (option $r)) (type (result $r (error u8)))
        (type (map string u32)) (type $s (stream u8)) (type (future $r)) (type $res (resource (rep i32)))
        (type (func async (param "x" (own $res)) (result (borrow $res))))
        (type (component (import "i" (func)) (type u8) (export "e" (type (sub resource)))))
        (type (instance (type (func)) (export "f" (func (type 0))) (core type (func (param i32))))))
    """,
    "builtins": """
      (component
        (core module $m (memory (export "m") 1) (table (export "t") 1 funcref)
          (func (export "f") (param i32 i32 i32 i32) (result i32) unreachable) (data (i32.const 0) "abc"))
        (core instance $i (instantiate $m))
        (alias core export $i "m" (core memory $mem)) (alias core export $i "f" (core func $f))
        (alias core export $i "t" (core table $t))
        (core type $start (func (param i32))) (type $s (stream u8))
        (type $ft (func (param "s" string)))
        (func $l (type $ft) (canon lift (core func $f) (memory $mem) (realloc $f) string-encoding=utf16))
        (core func (canon lower (func $l) (memory $mem)))
        (core func (canon task.return (result string) (memory $mem)))
        (core func (canon context.get i32 1)) (core func (canon stream.read $s (memory $mem) async))
        (core func (canon stream.cancel-read $s async)) (core func (canon waitable-set.wait (memory $mem)))
        (core func (canon error-context.new (memory $mem))) (core func (canon thread.new-indirect $start $t))
        (core func (canon thread.suspend)) (core func (canon subtask.cancel async)))
    """,
    "wiring": """
      (component
        (import "a:b/c@1.2.3" (instance $i (export "t" (type (sub resource))) (export "n" (instance))))
        (import "lbl" (implements "x:y/z") (external-id "id") (instance $j))
        (core type (module (type (func)) (import "a" "b" (func (type 0))) (export "m" (memory 1 2))))
        (alias export $i "t" (type $t)) (alias export $i "n" (instance $n))
        (component $inner (import "x" (instance)) (core module $e) (core instance $ei (instantiate $e))
          (component (alias outer 1 $e (core module))))
        (instance $made (instantiate $inner (with "x" (instance $n))))
        (instance $bag (export "q" (instance $made)))
        (export "out" (type $t)) (export "bag" (instance $bag)))
    """,
}
COMPONENTS = {name: wat2wasm(text) for name, text in TEXTS.items()}


def exercise(data: bytes) -> ComponentPlan | None:
    """Decode `data` and do to its plan what validation does."""
    try:
        plan = decode(data)
    except DecodeError as error:
        if not 0 <= error.offset <= len(data):
            raise AssertionError("the offset is outside the input") from error
        return None
    assert len(plan.offsets) == len(plan.definitions)
    for noted, narrowed in ((plan, False), (decode_noting(data, names=True, wide=True), True)):
        with contextlib.suppress(ValidationError):
            decode(skeleton(data, noted, narrowed=narrowed))
    hyphens_matter(plan.definitions)
    with contextlib.suppress(ValidationError):
        check(plan)
    return plan


@pytest.mark.parametrize("name", COMPONENTS)
def test_samples_decode(name: str) -> None:
    """The components that are mutated below are good ones."""
    assert exercise(COMPONENTS[name]) is not None


@pytest.mark.parametrize("name", COMPONENTS)
def test_truncations(name: str) -> None:
    """A component cut anywhere is a shorter component or a decode error."""
    data = COMPONENTS[name]
    for length in range(len(data)):
        exercise(data[:length])


@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    """Random bytes, with and without a preamble and a section header, are judged and nothing else happens."""
    exercise(data)
    exercise(HEADER + data)


@given(st.integers(0, 12), st.binary(max_size=100), st.booleans())
def test_random_sections(section_id: int, body: bytes, nested: bool) -> None:
    """A section of the right size with random content is judged."""
    section = HEADER + bytes([section_id, len(body)]) + body
    exercise(HEADER + bytes([4, len(section)]) + section if nested else section)


@settings(max_examples=300)
@given(st.sampled_from(sorted(COMPONENTS)), st.lists(st.tuples(st.integers(8), st.integers(0, 255)), max_size=6))
def test_mutated_bytes(name: str, changes: list[tuple[int, int]]) -> None:
    """A good component with bytes changed is judged."""
    data = bytearray(COMPONENTS[name])
    for position, value in changes:
        data[8 + position % (len(data) - 8)] = value
    exercise(bytes(data))


@settings(max_examples=300)
@given(st.sampled_from(sorted(COMPONENTS)), st.integers(8), st.integers(0, 8), st.binary(max_size=8))
def test_spliced_bytes(name: str, position: int, removed: int, added: bytes) -> None:
    """A good component with bytes removed and added is judged."""
    data = COMPONENTS[name]
    at = 8 + position % (len(data) - 8)
    exercise(data[:at] + added + data[at + removed :])


@given(st.binary(max_size=100), st.booleans())
def test_random_modules(body: bytes, donor: bool) -> None:
    """The skeleton of anything that claims to be a module is bytes no longer than its claims allow."""
    module = b"\0asm\x01\0\0\0" + body
    assert len(module_skeleton(module, donor=donor)) <= 5 * len(module) + 100


@given(st.text(alphabet="aA1-:/@.+[]methodstaicnru", max_size=40))
def test_random_names(name: str) -> None:
    """Every text is a name or is not one, and always conflicts with itself."""
    parsed = parse_name(name)
    assert (parsed is not None) or compatibility_key(name) is None
    assert unique_key(name) == unique_key(name.upper()) or not name.isascii() or "[" in name
    assert conflict([name, name]) == (name, name)
