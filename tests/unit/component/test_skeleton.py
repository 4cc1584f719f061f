import pytest

from weft.component.decoder import decode
from weft.component.hyphens import hyphens_matter, spell
from weft.component.module_skeleton import DONATED, module_skeleton
from weft.component.names import is_label
from weft.component.plan import CoreInstantiate, CoreModule
from weft.component.skeleton import skeleton
from weft.engine.wat import wat2wasm
from weft.errors import ValidationError


def skeleton_of(text: str) -> bytes:
    data = wat2wasm(text)
    return skeleton(data, decode(data))


MODULE = """
  (module
    (type $t (func (param i32) (result i32)))
    (import "a" "f" (func $i (type $t)))
    (memory (export "m") 1)
    (table 4 funcref)
    (global (export "g") i32 (i32.const 7))
    (func $s)
    (func (export "f") (type $t) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (call $i (i32.const 70000)))
    (start $s)
    (elem (i32.const 0) $s)
    (data $d "some text")
    (@custom "note" "text"))
"""


def test_modules_lose_bodies() -> None:
    """A module keeps types, imports, memories, tables, globals and exports; code and data go."""
    module = wat2wasm(MODULE)
    small = module_skeleton(module)
    assert b"some text" not in small
    assert b"note" not in small
    assert len(small) < len(module)
    expected = """
      (module
        (type $t (func (param i32) (result i32)))
        (type (func))
        (import "a" "f" (func (type $t)))
        (memory (export "m") 1)
        (table 4 funcref)
        (global (export "g") i32 (i32.const 7))
        (func unreachable)
        (func (export "f") (type $t) unreachable))
    """
    assert small == module_skeleton(wat2wasm(expected))


def test_skeleton_is_its_own_skeleton() -> None:
    """There is nothing left to take away from a skeleton."""
    data = wat2wasm(f"(component (core {MODULE.strip()[1:]} (component (type u8)))")
    once = skeleton(data, decode(data))
    assert skeleton(once, decode(once)) == once


def test_broken_modules_are_kept() -> None:
    """A module whose sections do not add up is kept for the validator to judge."""
    for broken in (b"\0asm\x01\0\0\0\x01\x7f", b"\0asm\x01\0\0\0\x03\x02\xff\x01\x0a\x01\x00"):
        assert module_skeleton(broken) == broken
        assert module_skeleton(broken, donor=True) == broken


def test_function_count_cannot_exhaust_memory() -> None:
    """A claimed count of functions is checked against the section before stubs are made."""
    claim = b"\0asm\x01\0\0\0" + b"\x03\x05\xff\xff\xff\xff\x0f" + b"\x0a\x01\x00"
    assert module_skeleton(claim) == claim


def test_donor() -> None:
    """A donor exports one more function, and its other indices stay."""
    donor = module_skeleton(wat2wasm(MODULE), donor=True)
    assert donor.count(DONATED.encode()) == 1
    empty = module_skeleton(wat2wasm("(module)"), donor=True)
    assert DONATED.encode() in empty


def test_custom_sections_go() -> None:
    """Names are not validated, so they are dropped."""
    assert skeleton_of('(component $named (type $ty u8) (@custom "x" "y"))') == skeleton_of("(component (type u8))")


def test_error_context_becomes_u32() -> None:
    """An error-context type is spelled u32, inside other types too."""
    gated = '(component (type error-context) (type (list error-context)) (type (func (param "a" error-context))))'
    plain = '(component (type u32) (type (list u32)) (type (func (param "a" u32))))'
    assert skeleton_of(gated) == skeleton_of(plain)


def test_fixed_lists_become_tuples() -> None:
    """A short list of fixed length becomes a tuple; long ones stay different from each other and do not grow."""
    assert skeleton_of("(component (type (list u8 3)))") == skeleton_of("(component (type (tuple u8 u8 u8)))")
    assert skeleton_of("(component (type (list error-context 1)))") == skeleton_of("(component (type (tuple u32)))")
    long = {skeleton_of(f"(component (type (list u8 {n})))") for n in (17, 18, 64, 4294967295)}
    assert len(long) == 4
    assert max(map(len, long)) < 40


def test_thread_builtins() -> None:
    """Thread built-ins become others of the same core signature; an alias replaces thread.new-indirect."""
    text = """
      (component
        (core module $m (table (export "t") 1 funcref))
        (core instance $i (instantiate $m))
        (alias core export $i "t" (core table $t))
        (core type $start (func (param i32)))
        (canon thread.index (core func))
        (canon thread.new-indirect $start $t (core func))
        (canon thread.suspend (core func)))
    """
    small = skeleton_of(text)
    plan = decode(small)
    assert plan.gated == ()
    assert len(plan.definitions) == len(decode(wat2wasm(text)).definitions)
    assert small.count(DONATED.encode()) == 2


def test_no_donor() -> None:
    """Without a module of its own a component cannot be validated with thread.new-indirect."""
    text = """
      (component
        (import "m" (core module $m (export "t" (table 1 funcref))))
        (core instance $i (instantiate $m))
        (alias core export $i "t" (core table $t))
        (core type $start (func (param i32)))
        (canon thread.new-indirect $start $t (core func)))
    """
    with pytest.raises(ValidationError, match=r"thread\.new-indirect"):
        skeleton_of(text)


def test_donor_is_the_module_of_the_first_instance() -> None:
    """The donated function comes from the instance that the alias names, whichever module that is made from."""
    text = """
      (component
        (core module $a)
        (core module $b (table (export "t") 1 funcref))
        (core instance $e)
        (core instance $i (instantiate $b))
        (alias core export $i "t" (core table $t))
        (core type $start (func (param i32)))
        (canon thread.new-indirect $start $t (core func)))
    """
    first, second, _, instance, *_ = decode(skeleton_of(text)).definitions
    assert isinstance(first, CoreModule)
    assert isinstance(second, CoreModule)
    assert DONATED.encode() not in first.data
    assert DONATED.encode() in second.data
    assert instance == CoreInstantiate(1, ())


def test_shared_everything_threads_are_refused() -> None:
    """What no engine runs has no stand-in."""
    data = b"\0asm\x0d\0\x01\0\x08\x03\x01\x42\x00"
    with pytest.raises(ValidationError, match="available-parallelism"):
        skeleton(data, decode(data))


@pytest.mark.parametrize("name", ["a-1", "quick-Q", "a-b-c", "Q", "A-1-B", "q1"])
def test_spelling(name: str) -> None:
    """A spelled label is still a label, and the hyphens can be told from what is left without them."""
    spelled = spell(name)
    assert is_label(spelled)
    bare = spelled.replace("-", "").lower()
    assert bare.replace("qz", "-").replace("qx", "q") == name.lower()


def test_spelling_leaves_versions() -> None:
    """Annotations and versions are not spelled."""
    assert spell("[constructor]a-b") == "[constructor]a-qz-b"
    assert spell("a-b:c/d@1.0.0-rc") == "a-qz-b:c/d@1.0.0-rc"


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ('(import "a-b" (func)) (import "ab" (func))', True),
        ('(import "ab" (func))', False),
        ('(import "ab" (func)) (import "AB" (func))', False),
        ('(type (record (field "a-b" u8) (field "ab" u8)))', True),
        ('(component (type (instance (export "a-1" (func)) (export "a1" (func)))))', True),
        ('(type (flags "a-b" "ab"))', True),
        ('(type (variant (case "a-b") (case "ab")))', True),
        ('(instance) (instance (export "a-b" (instance 0)) (export "ab" (instance 0)))', True),
    ],
)
def test_hyphens_matter(text: str, matter: bool) -> None:
    """Only names that are strongly unique, but not without hyphens, call for spelling."""
    assert hyphens_matter(decode(wat2wasm(f"(component {text})")).definitions) is matter
