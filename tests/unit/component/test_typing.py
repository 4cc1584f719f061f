"""Type definitions evaluated in a scope."""

from __future__ import annotations

import pytest

from weft.canon import types as t
from weft.canon.types import Prim
from weft.component import plan as p
from weft.component.items import Scope, TypeClosure
from weft.component.plan import Sort
from weft.component.typing import evaluate_type, named, value_type
from weft.runtime.resource import ResourceType

RESOURCE = ResourceType("r", None)


@pytest.fixture
def scope() -> Scope:
    """A scope with a list of u8 as type 0, a resource as type 1, and a type outside."""
    outer = Scope()
    outer.add(Sort.TYPE, Prim.CHAR)
    made = Scope(outer)
    made.add(Sort.TYPE, t.ListType(Prim.U8))
    made.add(Sort.TYPE, RESOURCE)
    return made


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (Prim.U64, Prim.U64),
        (p.RecordDef((p.Labeled("a", 0), p.Labeled("b", Prim.BOOL))), t.RecordType),
        (p.VariantDef((p.CaseDef("a", None), p.CaseDef("b", 0))), t.VariantType),
        (p.ListDef(0), t.ListType(t.ListType(Prim.U8))),
        (p.ListDef(Prim.F32, 4), t.ListType(Prim.F32, 4)),
        (p.TupleDef((0, Prim.S8)), t.TupleType((t.ListType(Prim.U8), Prim.S8))),
        (p.FlagsDef(("a", "b")), t.FlagsType(("a", "b"))),
        (p.EnumDef(("a", "b")), t.EnumType(("a", "b"))),
        (p.OptionDef(0), t.OptionType(t.ListType(Prim.U8))),
        (p.ResultDef(None, 0), t.ResultType(None, t.ListType(Prim.U8))),
        (p.MapDef(Prim.STRING, 0), t.MapType(Prim.STRING, t.ListType(Prim.U8))),
        (p.OwnDef(1), t.OwnType(RESOURCE)),
        (p.BorrowDef(1), t.BorrowType(RESOURCE)),
        (p.StreamDef(None), t.StreamType(None)),
        (p.StreamDef(0), t.StreamType(t.ListType(Prim.U8))),
        (p.FutureDef(Prim.U8), t.FutureType(Prim.U8)),
    ],
)
def test_value_types(scope: Scope, definition: p.DefValType, expected: object) -> None:
    """Every kind of value type is built of what its indices lead to."""
    found = evaluate_type(scope, definition)
    assert isinstance(found, expected) if isinstance(expected, type) else found == expected


def test_record_fields(scope: Scope) -> None:
    """Fields keep their names and order."""
    found = evaluate_type(scope, p.RecordDef((p.Labeled("a", 0), p.Labeled("b", Prim.BOOL))))
    assert [(field.name, field.type) for field in found.fields] == [("a", t.ListType(Prim.U8)), ("b", Prim.BOOL)]


def test_functions(scope: Scope) -> None:
    """A function type has its parameters, its result, and whether it is async."""
    found = evaluate_type(scope, p.FuncDef((p.Labeled("x", 0),), 0, is_async=True))
    assert found == t.FuncType((t.Param("x", t.ListType(Prim.U8)),), t.ListType(Prim.U8), is_async=True)
    assert found != evaluate_type(scope, p.FuncDef((p.Labeled("x", 0),), 0, is_async=False))


def test_closures_keep_their_scope(scope: Scope) -> None:
    """Component and instance types are looked into later, in the scope they were defined in."""
    found = evaluate_type(scope, p.InstanceTypeDef(()))
    assert isinstance(found, TypeClosure)
    assert found.scope is scope
    assert scope.outer(1).get(Sort.TYPE, 0) is Prim.CHAR


def test_references(scope: Scope) -> None:
    """A reference is a primitive or an index."""
    assert value_type(scope, Prim.S16) is Prim.S16
    assert value_type(scope, 0) == t.ListType(Prim.U8)


def test_names() -> None:
    """An exported type is called as it is exported, and is still equal to itself under another name."""
    record = t.RecordType((t.Field("a", Prim.U8),))
    renamed = named(named(record, "first"), "second")
    assert renamed.name == "second"
    assert renamed == record
    assert named(Prim.U8, "byte") is Prim.U8
    assert named(RESOURCE, "other") is RESOURCE
