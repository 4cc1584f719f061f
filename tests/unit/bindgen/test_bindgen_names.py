"""Names of modules, classes and methods where labels would collide, or are not labels at all."""

from __future__ import annotations

import ast

import pytest

import weft
from weft import bindgen
from weft.bindgen.text import docstring, quoted
from weft.bindgen.world import Names
from weft.component.decoder import decode
from weft.engine import wat2wasm
from weft.errors import ValidationError


def generate(text: str) -> dict[str, str]:
    return bindgen.generate(decode(wat2wasm(text)))


def imported(*funcs: str, name: str = "a:b/c") -> str:
    exports = "".join(f'(export "{func}" (func))' for func in funcs)
    return f'(import "{name}" (instance {exports}))'


def test_claim() -> None:
    """The first free name is taken; when none is, the last gets underscores."""
    names = Names(("a",))
    assert [names.claim("a", "b"), names.claim("a", "b"), names.claim("a", "b")] == ["b", "b_", "b__"]
    with pytest.raises(ValidationError):
        names.claim("not a name")


def test_interfaces_of_one_name() -> None:
    """Interfaces of one name in two packages become two modules."""
    files = generate(f"(component {imported('f', name='a:b/c')} {imported('f', name='a:d/c')})")
    assert set(files) == {"__init__.py", "c.py", "a_d_c.py"}


def test_functions_named_like_interfaces() -> None:
    """A function that is imported by the name of an interface is called as that interface."""
    text = generate('(component (import "a:b/types" (func)) (import "a:b/types@2.0.0" (func)))')["__init__.py"]
    assert "def types(self, store: weft.Store) -> None:" in text
    assert "def types_(self, store: weft.Store) -> None:" in text
    assert 'instance.func_wrap("a:b/types@2.0.0", impl.types_)' in text


def test_keywords_and_builtins() -> None:
    """Keywords get an underscore, and so do methods that annotations would mistake for types."""
    text = generate(f"(component {imported('import', 'list', 'int')})")["c.py"]
    for name in ("import_", "list_", "int_"):
        assert f"def {name}(self, store: weft.Store) -> None:" in text


def test_sync_methods_give_way() -> None:
    """A function whose name is that of another's sync method keeps apart from it."""
    files = generate("""(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (export "go" (func $f))
        (export "go-sync" (func $f)))""")
    names = [node.name for node in ast.walk(ast.parse(files["__init__.py"])) if isinstance(node, ast.FunctionDef)]
    assert names == ["__init__", "go_sync", "go_sync__sync"]


def test_names_that_are_no_labels_write_no_code() -> None:
    """A component that was not validated cannot put code into what is written."""
    data = wat2wasm(f"(component {imported('aaaaaaaaaa')})").replace(b"aaaaaaaaaa", b"a():x\n  #'\"")
    with pytest.raises((ValidationError, weft.DecodeError)):
        bindgen.generate(decode(data))


def test_text() -> None:
    """What is in a docstring or a literal cannot end it."""
    for text in ('"""', "\\", "'", '"', "a\nb", "\\'"):
        assert ast.literal_eval(quoted(text)) == text
        assert len(ast.parse("\n".join(docstring(f"{text}."))).body) == 1


def test_types_named_like_conversions() -> None:
    """The functions that make values of types called as WIT's own are no other functions' names."""
    text = generate(
        """(component (import "a:b/c" (instance
        (type $r' (record (field "x" u8))) (export "result" (type $r (eq $r')))
        (type $s' (record (field "x" u8))) (export "stream" (type $s (eq $s')))
        (type $in (result $r (error $s))) (type $flow (stream $s))
        (export "f" (func (param "in" $in) (param "flow" $flow))))))"""
    )["c.py"]
    assert "lifted_result(in_, lambda item1: lift_result(item1), lambda item1: lift_stream(item1))" in text
    assert "lifted_stream(flow, lift_stream)" in text
