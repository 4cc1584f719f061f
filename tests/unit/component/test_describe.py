"""Types in words."""

from __future__ import annotations

import pytest

from weft.canon import types as t
from weft.canon.types import Prim
from weft.component.describe import describe, describe_func
from weft.runtime.resource import ResourceType

RESOURCE = ResourceType("conn", None)


@pytest.mark.parametrize(
    ("value_type", "text"),
    [
        (None, "_"),
        (Prim.ERROR_CONTEXT, "error-context"),
        (t.RecordType((t.Field("a", Prim.U8), t.Field("b", Prim.STRING))), "record { a: u8, b: string }"),
        (
            t.VariantType((t.Case("none", None), t.Case("some-text", Prim.STRING))),
            "variant { none, some-text(string) }",
        ),
        (t.EnumType(("a", "b")), "enum { a, b }"),
        (t.FlagsType(("a", "b")), "flags { a, b }"),
        (t.ListType(Prim.U8), "list<u8>"),
        (t.ListType(Prim.U8, 4), "list<u8, 4>"),
        (t.TupleType((Prim.U8, Prim.CHAR)), "tuple<u8, char>"),
        (t.OptionType(t.OptionType(Prim.BOOL)), "option<option<bool>>"),
        (t.ResultType(None, None), "result"),
        (t.ResultType(None, Prim.U8), "result<_, u8>"),
        (t.ResultType(Prim.U8, None), "result<u8, _>"),
        (t.MapType(Prim.STRING, Prim.U8), "map<string, u8>"),
        (t.OwnType(RESOURCE), "conn"),
        (t.BorrowType(RESOURCE), "borrow<conn>"),
        (t.StreamType(None), "stream"),
        (t.StreamType(Prim.U8), "stream<u8>"),
        (t.FutureType(None), "future"),
        (t.FutureType(t.ListType(Prim.U8)), "future<list<u8>>"),
    ],
)
def test_value_types(value_type: t.ValType | None, text: str) -> None:
    """Every value type is written as WIT writes it."""
    assert describe(value_type) == text


def test_functions() -> None:
    """A function type has its parameters with names, and its result when there is one."""
    params = (t.Param("x", Prim.U8), t.Param("y", t.ListType(Prim.STRING)))
    assert describe_func(t.FuncType(params, Prim.BOOL, is_async=True)) == ("async func(x: u8, y: list<string>) -> bool")
    assert describe_func(t.FuncType((), None, is_async=False)) == "func()"
