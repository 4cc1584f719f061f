from __future__ import annotations

from types import SimpleNamespace

import pytest

from weft.canon.flatten import CoreSignature, flatten_functype, flatten_type, join
from weft.canon.types import FuncType, ListType, OptionType, Param, Prim, ResultType, TupleType


def options(memory64=False, is_async=False, callback=None):
    return SimpleNamespace(memory64=memory64, is_async=is_async, callback=callback)


def func(params, result=None):
    return FuncType(tuple(Param(f"p{i}", t) for i, t in enumerate(params)), result)


def test_join():
    """Two core types meet in the one that holds the bits of both."""
    assert join("i32", "f32") == "i32"
    assert join("f32", "f64") == join("i32", "i64") == join("i32", "f64") == "i64"
    assert join("f64", "f64") == "f64"


def test_variant():
    """A variant is its discriminant, and the joined core types of its payloads."""
    assert flatten_type(ResultType(Prim.F32, Prim.STRING)) == ("i32", "i32", "i32")
    assert flatten_type(ResultType(Prim.F32, Prim.STRING), memory64=True) == ("i32", "i64", "i64")


def test_cut():
    """A flattening of more than 16 values is cut, however long the type is."""
    assert len(flatten_type(ListType(ListType(Prim.U8, 1 << 20), 1 << 20))) == 17
    assert len(flatten_type(OptionType(TupleType((Prim.U8,) * 30)))) == 17


MANY = (Prim.U32,) * 17
PAIR = TupleType((Prim.U8, Prim.F64))


@pytest.mark.parametrize(
    ("ft", "opts", "lift", "lower"),
    [
        (func([Prim.U8], Prim.U64), options(), (["i32"], ["i64"]), (["i32"], ["i64"])),
        (func(MANY, PAIR), options(), (["i32"], ["i32"]), (["i32", "i32"], [])),
        (func(MANY, PAIR), options(memory64=True), (["i64"], ["i64"]), (["i64", "i64"], [])),
        (func([]), options(is_async=True), ([], []), ([], ["i32"])),
        (func([], Prim.U8), options(is_async=True), ([], []), (["i32"], ["i32"])),
        (func([Prim.U8] * 4), options(is_async=True, callback=3), (["i32"] * 4, ["i32"]), (["i32"] * 4, ["i32"])),
        (func([Prim.U8] * 5), options(is_async=True, callback=0), (["i32"] * 5, ["i32"]), (["i32"], ["i32"])),
    ],
)
def test_functype(ft, opts, lift, lower):
    """16 parameters (4 when lowered async) and one result are flat; more are behind a pointer."""
    assert flatten_functype(opts, ft, "lift") == CoreSignature(*map(tuple, lift))
    assert flatten_functype(opts, ft, "lower") == CoreSignature(*map(tuple, lower))
