from collections.abc import Iterator

import pytest

from weft.component.decoder import decode
from weft.component.validate import validate
from weft.engine.engine import CoreEngine
from weft.engine.wat import wat2wasm
from weft.errors import ValidationError

PRELUDE = """
  (core module $m (memory (export "m") 1) (table (export "t") 1 funcref)
    (func (export "f") (param i32 i32 i32 i32) (result i32) unreachable))
  (core instance $i (instantiate $m))
  (alias core export $i "m" (core memory $mem))
  (alias core export $i "f" (core func $f))
  (alias core export $i "t" (core table $t))
  (core type $start (func (param i32)))
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[CoreEngine]:
    engine = CoreEngine()
    yield engine
    engine.close()


def run(engine: CoreEngine, text: str) -> None:
    data = wat2wasm(f"(component {text})")
    validate(data, decode(data), engine)


VALID = {
    "empty": "",
    "hyphens": '(import "a-1" (func)) (import "a1" (func)) (type (record (field "a-b" u8) (field "ab" u8)))',
    "hyphens of an annotated name": """
        (import "a-b" (type $t (sub resource))) (import "ab" (func))
        (import "[constructor]a-b" (func (result (own $t))))
        (import "[method]a-b.q-c" (func (param "self" (borrow $t))))""",
    "error-context": f"""{PRELUDE}
        (canon error-context.new (memory $mem) (core func $new))
        (canon error-context.debug-message (memory $mem) (realloc $f) (core func $message))
        (canon error-context.drop (core func $drop))
        (core module $n
          (import "" "new" (func (param i32 i32) (result i32)))
          (import "" "message" (func (param i32 i32)))
          (import "" "drop" (func (param i32))))
        (core instance (instantiate $n (with "" (instance
          (export "new" (func $new)) (export "message" (func $message)) (export "drop" (func $drop))))))
        (import "f" (func (param "e" error-context)))""",
    "threads": f"""{PRELUDE}
        (canon thread.index (core func $index))
        (canon thread.new-indirect $start $t (core func $new))
        (canon thread.resume-later (core func $later))
        (canon thread.suspend (core func $suspend))
        (canon thread.suspend-then-resume (core func $sr))
        (canon thread.yield-then-resume (core func $yr))
        (canon thread.suspend-then-promote (core func $sp))
        (canon thread.yield-then-promote (core func $yp))
        (core module $n
          (import "" "index" (func (result i32)))
          (import "" "new" (func (param i32 i32) (result i32)))
          (import "" "later" (func (param i32)))
          (import "" "suspend" (func (result i32)))
          (import "" "sr" (func (param i32) (result i32)))
          (import "" "yr" (func (param i32) (result i32)))
          (import "" "sp" (func (param i32) (result i32)))
          (import "" "yp" (func (param i32) (result i32))))
        (core instance (instantiate $n (with "" (instance
          (export "index" (func $index)) (export "new" (func $new)) (export "later" (func $later))
          (export "suspend" (func $suspend)) (export "sr" (func $sr)) (export "yr" (func $yr))
          (export "sp" (func $sp)) (export "yp" (func $yp))))))""",
    "fixed-length lists": """
        (core module $m (memory (export "m") 1)
          (func (export "f") (param i32 i32 i32)) (func (export "g") (param i32))
          (func (export "r") (param i32 i32 i32 i32) (result i32) unreachable))
        (core instance $i (instantiate $m))
        (func (export "f") (param "a" (list u8 3)) (canon lift (core func $i "f")))
        (func (export "g") (param "a" (list u8 17))
          (canon lift (core func $i "g") (memory (core memory $i "m")) (realloc (core func $i "r"))))""",
    "large but not too large": "(type (list u8 268435455))",
    "sizes across scopes": """
        (import "i" (instance $i (type $t (list u8 1000)) (export "t" (type (eq $t)))))
        (alias export $i "t" (type $t))
        (component $c (import "t" (type $u (eq 0))) (type (list u8 4)) (export "u" (type 0)))
        (type (list $t 1000))""".replace('(import "t" (type $u (eq 0))) ', ""),
    "context": "(canon context.get i32 0 (core func)) (canon context.set i32 1 (core func))",
}


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
def test_valid(engine: CoreEngine, text: str) -> None:
    """Components that use gated features, or names the engine confuses, are valid."""
    run(engine, text)


INVALID = {
    "duplicate import": ('(import "a-b" (func)) (import "a-b" (func))', "import name `a-b` conflicts"),
    "empty fixed-length list": ("(type (list u8 0))", "at least one element"),
    "oversized list": ("(type (list u8 268435456))", "smaller than"),
    "oversized by nesting": ("(type $a (list u64 16384)) (type (list $a 16384))", "smaller than"),
    "oversized record": ('(type $a (list u8 200000000)) (type (record (field "a" $a) (field "b" $a)))', "smaller than"),
    "oversized across an instance": (
        """(import "i" (instance $i (type $t (list u8 20000)) (export "t" (type (eq $t)))))
           (alias export $i "t" (type $t)) (type (list $t 20000))""",
        "smaller than",
    ),
    "oversized across an instantiation": (
        """(component $c (type $t (list u8 20000)) (export "t" (type $t)))
           (instance $i (instantiate $c)) (alias export $i "t" (type $t))
           (component (alias outer 1 $t (type $u)) (type (list $u 20000)))""",
        "smaller than",
    ),
    "context of two types": (
        "(canon context.get i32 0 (core func)) (canon context.set i64 1 (core func))",
        "context|i64|same",
    ),
    "context slot out of bounds": ("(canon context.get i32 2 (core func))", "context.get"),
    "context of a float": ("(canon context.get f32 1 (core func))", "not supported"),
    "thread start of the wrong type": (
        f"{PRELUDE} (core type $bad (func)) (canon thread.new-indirect $bad $t (core func))",
        "start function",
    ),
    "thread table out of bounds": (f"{PRELUDE} (canon thread.new-indirect $start 7 (core func))", "table index"),
    "thread type out of bounds": (f"{PRELUDE} (canon thread.new-indirect 7 $t (core func))", "type index"),
    "error-context without memory": ("(canon error-context.new (core func))", "error-context.new"),
    "debug-message without realloc": (
        f"{PRELUDE} (canon error-context.debug-message (memory $mem) (core func))",
        "`realloc` is required",
    ),
    "debug-message without memory": (
        f"{PRELUDE} (canon error-context.debug-message (realloc $f) (core func))",
        "`memory` is required",
    ),
    "debug-message with an unknown memory": (
        f"{PRELUDE} (canon error-context.debug-message (memory 9) (realloc $f) (core func))",
        "unknown memory 9",
    ),
    "debug-message with async": (
        f"{PRELUDE} (canon error-context.debug-message (memory $mem) (realloc $f) async (core func))",
        "takes no `async`",
    ),
    "thread builtin of the wrong type": (
        """(canon thread.index (core func $x))
           (core module $n (import "" "x" (func (param i32))))
           (core instance (instantiate $n (with "" (instance (export "x" (func $x))))))""",
        "expected",
    ),
    "fixed-length list where another is wanted": (
        """(component $c (import "f" (func (param "a" (list u8 20)))))
           (import "f" (func $f (param "a" (list u8 21))))
           (instance (instantiate $c (with "f" (func $f))))""",
        "type mismatch",
    ),
}


@pytest.mark.parametrize(("text", "reason"), INVALID.values(), ids=INVALID)
def test_invalid(engine: CoreEngine, text: str, reason: str) -> None:
    """Rules that the skeleton alone would not show are still checked."""
    with pytest.raises(ValidationError, match=reason) as caught:
        run(engine, text)
    assert "at offset 0x0" not in str(caught.value)


def test_messages_are_the_engine_s_without_its_offsets(engine: CoreEngine) -> None:
    """Offsets into the skeleton would mislead, so they are cut off."""
    with pytest.raises(ValidationError) as caught:
        run(engine, '(import "a" (func (type 3)))')
    assert str(caught.value) == "unknown type 3: type index out of bounds"
