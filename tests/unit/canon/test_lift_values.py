"""What lifting makes of what a guest hands over, and the trap for everything it may not."""

from __future__ import annotations

import struct

import pytest
from fake_guest import FakeContext, FakeMemory

from weft.canon import memory, strings
from weft.canon.compile import (
    ValueOptions,
    compile_lift_params,
    compile_lift_result,
    compile_lift_task_return,
    compile_load_list,
)
from weft.canon.types import (
    Case,
    EnumType,
    FlagsType,
    FuncType,
    ListType,
    MapType,
    OptionType,
    Param,
    Prim,
    ResultType,
    TupleType,
    VariantType,
)
from weft.canon.values import Ok, python_class
from weft.errors import Trap, TrapCode

UTF8, UTF16, LATIN = ValueOptions(), ValueOptions("utf16"), ValueOptions("latin1+utf16")
END = 1 << 16


def lift(t, *flat, opts=UTF8, cx=None):
    ft = FuncType((Param("p", t),), None)
    return compile_lift_params(ft, opts, 16)(cx or FakeContext(), None, flat)[0]


def test_flat_integers_are_masked():
    """Only the bits of its type count in a flat integer; any non-zero bool is true."""
    assert lift(Prim.U8, 0x1FF) == 255
    assert lift(Prim.S8, 0x80) == -128
    assert lift(Prim.S16, 0xFFFF_FFFF) == -1
    assert lift(Prim.S64, 2**63) == -(2**63)
    assert lift(Prim.BOOL, 2) is True
    assert lift(FlagsType(("a", "b")), 0xFF).value == 3


def test_joined_payloads():
    """A payload is taken from the bits of the core type its variant's cases were joined to."""
    t = VariantType((Case("f", Prim.F32), Case("d", Prim.F64), Case("i", Prim.S8), Case("n", None)))
    assert lift(t, 0, 0xFFFF_FFFF_3F80_0000).value == 1.0
    assert lift(t, 1, 0x3FF0_0000_0000_0000).value == 1.0
    assert lift(t, 2, 0xFFFF_FFFF_0000_00FF).value == -1
    assert lift(t, 3, 77).case == "n"
    assert lift(ResultType(Prim.F32, Prim.U32), 0, 0x3F80_0000) == Ok(1.0)


def test_many_cases():
    """Every one of very many cases is found."""
    t = VariantType(tuple(Case(f"c{i}", Prim.U32 if i % 2 else None) for i in range(3000)))
    assert [lift(t, i, i).case for i in (0, 1, 255, 256, 1499, 1500, 2999)] == [
        f"c{i}" for i in (0, 1, 255, 256, 1499, 1500, 2999)
    ]


def test_map_keeps_the_last():
    """Of entries with the same key the last one wins."""
    cx = FakeContext()
    cx.memory.data[64:70] = bytes([1, 10, 2, 20, 1, 30])
    assert lift(MapType(Prim.U8, Prim.U8), 64, 3, cx=cx) == {1: 30, 2: 20}


def test_out_pointer_is_ignored():
    """The caller's pointer for the result follows the parameters and is none of them."""
    ft = FuncType((Param("a", Prim.U8), Param("b", Prim.U8)), TupleType((Prim.U8, Prim.U8)))
    assert compile_lift_params(ft, UTF8, 16)(FakeContext(), None, (1, 2, 99)) == (1, 2)
    assert compile_lift_params(FuncType((), Prim.U8), UTF8, 4)(FakeContext(), None, (99,)) == ()


def test_nothing():
    """A function without a result lifts to None."""
    assert compile_lift_result(FuncType((), None), UTF8)(FakeContext(), None, ()) is None
    assert compile_lift_task_return(None, UTF8)(FakeContext(), None, ()) is None


def test_lists_of_scalars():
    """Bytes come as bytes, numbers as a list, each in one go; so do a stream's elements."""
    cx = FakeContext()
    cx.memory.data[64:72] = struct.pack("<hhf", -1, 2, 0.5)
    assert lift(ListType(Prim.U8), 64, 2, cx=cx) == b"\xff\xff"
    assert lift(ListType(Prim.S16), 64, 2, cx=cx) == [-1, 2]
    assert lift(ListType(Prim.BOOL), 65, 3, cx=cx) == [True, True, False]
    assert compile_load_list(Prim.F32, UTF8)(cx, 68, 1) == [0.5]


COLOR = EnumType(("red", "blue"))
SHAPE = VariantType((Case("a", Prim.U8), Case("b", None)))

TRAPS = [
    (Prim.CHAR, (0xD800,), UTF8, TrapCode.INVALID_CHAR, "invalid `char` bit pattern"),
    (Prim.CHAR, (0xDFFF,), UTF8, TrapCode.INVALID_CHAR, "invalid `char` bit pattern"),
    (Prim.CHAR, (0x110000,), UTF8, TrapCode.INVALID_CHAR, "invalid `char` bit pattern"),
    (COLOR, (2,), UTF8, TrapCode.INVALID_DISCRIMINANT, "invalid variant discriminant"),
    (SHAPE, (2, 0), UTF8, TrapCode.INVALID_DISCRIMINANT, "discriminant 2 out of range [0..2)"),
    (OptionType(Prim.U8), (0xFFFF_FFFF, 0), UTF8, TrapCode.INVALID_DISCRIMINANT, "invalid variant discriminant"),
    (Prim.STRING, (END, 1), UTF8, TrapCode.STRING_OUT_OF_BOUNDS, "string content out-of-bounds"),
    (
        Prim.STRING,
        (0xDEADBEEF, 0),
        UTF8,
        TrapCode.STRING_OUT_OF_BOUNDS,
        "string pointer/length out of bounds",
    ),
    (Prim.STRING, (0, END + 1), UTF8, TrapCode.STRING_OUT_OF_BOUNDS, "string pointer/length out of bounds"),
    (Prim.STRING, (1, 1), UTF16, TrapCode.UNALIGNED_POINTER, "string pointer not aligned to 2"),
    (Prim.STRING, (1, 1), LATIN, TrapCode.UNALIGNED_POINTER, "unaligned pointer"),
    (Prim.STRING, (END - 2, 1 << 31 | 2), LATIN, TrapCode.STRING_OUT_OF_BOUNDS, "string content out-of-bounds"),
    (Prim.STRING, (0, 1 << 28), UTF8, TrapCode.STRING_TOO_LONG, "longer than the maximum"),
    (Prim.STRING, (0, 1 << 27), UTF16, TrapCode.STRING_TOO_LONG, "longer than the maximum"),
    (Prim.STRING, (16, 1), UTF8, TrapCode.INVALID_STRING, "invalid utf-8 sequence of 1 bytes from index 0"),
    (Prim.STRING, (20, 1), UTF8, TrapCode.INVALID_STRING, "incomplete utf-8 byte sequence from index 0"),
    (Prim.STRING, (24, 1), UTF16, TrapCode.INVALID_STRING, "invalid utf-16"),
    (ListType(Prim.U32), (2, 1), UTF8, TrapCode.UNALIGNED_POINTER, "list pointer is not aligned"),
    (ListType(Prim.U32), (END, 1), UTF8, TrapCode.LIST_OUT_OF_BOUNDS, "list content out-of-bounds"),
    (ListType(Prim.U64), (8, 0xFFFF_FFFF), UTF8, TrapCode.LIST_TOO_LONG, "list size overflows"),
    (ListType(Prim.U8), (0xFFFF_FFFF, 0), UTF8, TrapCode.LIST_OUT_OF_BOUNDS, "list pointer/length out of bounds"),
    (MapType(Prim.U8, Prim.U8), (END - 2, 2), UTF8, TrapCode.LIST_OUT_OF_BOUNDS, "list content out-of-bounds"),
    (TupleType((Prim.U32,) * 17), (2,), UTF8, TrapCode.UNALIGNED_POINTER, "pointer not aligned"),
    (TupleType((Prim.U32,) * 17), (END - 64,), UTF8, TrapCode.MEMORY_OUT_OF_BOUNDS, "out of bounds"),
]


@pytest.mark.parametrize(("t", "flat", "opts", "code", "text"), TRAPS)
def test_traps(t, flat, opts, code, text):
    """What a guest may not pass traps with its own code, and with the text Wasmtime has for it."""
    cx = FakeContext()
    cx.memory.data[16], cx.memory.data[20], cx.memory.data[25] = 0xFF, 0xC3, 0xD8
    with pytest.raises(Trap) as caught:
        lift(t, *flat, opts=opts, cx=cx)
    assert caught.value.code is code
    assert text in str(caught.value)


def test_stored_traps():
    """Bad data deep in memory trap as flat ones do."""
    cx = FakeContext()
    cx.memory.data[64:72] = struct.pack("<II", 0xD800, 7)
    with pytest.raises(Trap) as caught:
        compile_load_list(Prim.CHAR, UTF8)(cx, 64, 1)
    assert caught.value.code is TrapCode.INVALID_CHAR
    for t in (COLOR, OptionType(Prim.U8), ResultType(Prim.STRING, Prim.U8), SHAPE):
        with pytest.raises(Trap) as caught:
            compile_load_list(t, UTF8)(cx, 68, 1)
        assert caught.value.code is TrapCode.INVALID_DISCRIMINANT


def test_grown_memory():
    """What lies beyond a view from before a growth is found after one check."""
    cx = FakeContext(FakeMemory(END, seen=64))
    cx.memory.data[1000:1003] = b"abc"
    assert lift(Prim.STRING, 1000, 3, cx=cx) == "abc"
    assert cx.memory.checks == [(1000, 3)]
    assert lift(ListType(Prim.U8), 1000, 3, cx=FakeContext(cx.memory)) == b"abc"


def test_limits():
    """Strings and lists are limited as the pinned revision of the specification says."""
    assert strings.MAX_STRING_BYTE_LENGTH == memory.MAX_LIST_BYTE_LENGTH == 2**28 - 1


def test_class_of_the_type_compiled():
    """A lifted value has the class of the type that was compiled, whatever equal types were compiled before."""
    one, two = EnumType(("a", "b"), "one"), EnumType(("a", "b"), "two")
    for t in (one, two, one):
        assert lift(ListType(t), 0, 1) == [python_class(t).A]
