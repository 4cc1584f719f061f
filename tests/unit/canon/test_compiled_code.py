"""Properties of the generated functions themselves: sharing, size, and what handles are bound to."""

from __future__ import annotations

import gc
import sys
import weakref
from types import ModuleType

import pytest
from fake_guest import FakeContext

from weft.canon.compile import ValueOptions, compile_lift_params, compile_load_list, compile_lower_params
from weft.canon.types import (
    BorrowType,
    FuncType,
    FutureType,
    ListType,
    OptionType,
    OwnType,
    Param,
    Prim,
    StreamType,
    TupleType,
)

UTF8 = ValueOptions()


class Resource:
    pass


@pytest.fixture
def handles(monkeypatch):
    """Fake handle functions: an index is lifted to a record of the call, and lowered to 7."""
    fake = ModuleType("weft.canon.handles")
    for name in ("own", "borrow", "stream", "future", "error_context"):
        setattr(fake, f"lift_{name}", lambda cx, *args, name=name: (name, *args))
        setattr(fake, f"lower_{name}", lambda cx, *args, name=name: fake.lowered.append((name, *args)) or 7)
    fake.lowered = []
    monkeypatch.setitem(sys.modules, "weft.canon.handles", fake)
    return fake


def function(*types):
    return FuncType(tuple(Param(f"p{i}", t) for i, t in enumerate(types)), None)


def test_same_function():
    """Equal types, options and names give the same function."""
    first = compile_lower_params(function(ListType(Prim.U8)), UTF8)
    assert compile_lower_params(function(ListType(Prim.U8)), ValueOptions()) is first
    assert compile_lower_params(function(ListType(Prim.U8)), ValueOptions("utf16")) is not first


def test_handles(handles):
    """Handles are lifted and lowered in order by functions that get the index, the type, and borrows the scope."""
    rt = Resource()
    stream, future = StreamType(Prim.U8), FutureType(None)
    ft = function(OwnType(rt), BorrowType(rt), stream, future, Prim.ERROR_CONTEXT, OptionType(OwnType(rt)))
    assert compile_lift_params(ft, UTF8, 16)(None, "scope", (1, 2, 3, 4, 5, 1, 6)) == (
        ("own", 1, rt),
        ("borrow", "scope", 2, rt),
        ("stream", 3, stream),
        ("future", 4, future),
        ("error_context", 5),
        ("own", 6, rt),
    )
    assert compile_lower_params(ft, UTF8)(None, "scope", ("a", "b", "c", "d", "e", None)) == (7, 7, 7, 7, 7, 0, 0)
    assert handles.lowered == [
        ("own", "a", rt),
        ("borrow", "scope", "b", rt),
        ("stream", "c", stream),
        ("future", "d", future),
        ("error_context", "e"),
    ]


def test_resources_are_not_kept(handles):
    """Nothing keeps a resource type alive once its compiled functions are gone; the code object is shared."""
    rt = Resource()
    seen = weakref.ref(rt)
    first = compile_load_list(OwnType(rt), UTF8)
    second = compile_load_list(OwnType(Resource()), UTF8)
    assert first is not second
    assert first.__code__ is second.__code__
    del rt, first
    gc.collect()
    assert seen() is None


def test_nested_sharing_is_linear():
    """A type that is exponential as a tree compiles in the size of its parts."""
    t = TupleType((Prim.U8, Prim.STRING))
    for _ in range(18):
        t = TupleType((t, t))
    assert callable(compile_load_list(t, UTF8))


def test_deep_nesting():
    """Types nested as deep as a component may have them compile and work."""
    t, value = Prim.U8, 5
    for _ in range(90):
        t, value = TupleType((t,)), (value,)
    cx = FakeContext()
    ft = function(t)
    assert compile_lift_params(ft, UTF8, 16)(cx, None, compile_lower_params(ft, UTF8)(cx, None, (value,))) == (value,)


def test_deep_options():
    """Options nested deep are taken apart by functions of their own."""
    t = Prim.U8
    for _ in range(90):
        t = OptionType(t)
    cx = FakeContext()
    cx.memory.data[64] = 0
    assert compile_load_list(t, UTF8)(cx, 64, 1) == [None]
    ft = function(t)
    assert compile_lift_params(ft, UTF8, 16)(cx, None, compile_lower_params(ft, UTF8)(cx, None, (None,))) == (None,)
