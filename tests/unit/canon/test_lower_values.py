"""What Python values lowering accepts, what it refuses and with which path, and what it stores."""

from __future__ import annotations

import enum
import math
import struct
from array import array
from collections import deque
from types import SimpleNamespace

import pytest
from fake_guest import FakeContext, FakeMemory

from weft.canon.compile import (
    ValueOptions,
    compile_lift_params,
    compile_lower_params,
    compile_lower_result,
    compile_store_list,
)
from weft.canon.types import (
    Case,
    EnumType,
    Field,
    FlagsType,
    FuncType,
    ListType,
    MapType,
    OptionType,
    Param,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
)
from weft.canon.values import Err, Ok, Some, python_class
from weft.errors import LowerError, Trap, TrapCode

UTF8 = ValueOptions()
POINT = RecordType((Field("x-axis", Prim.F64), Field("tag", Prim.U8)), "point")
Point = python_class(POINT)
SHAPE = VariantType((Case("circle", Prim.F64), Case("nothing", None), Case("name", Prim.STRING)), "shape")
Shape = python_class(SHAPE)
COLOR = EnumType(("red", "dark-blue"), "color")
PERMS = FlagsType(("read", "write", "run"), "perms")


def lower(t, value, opts=UTF8, cx=None):
    return compile_lower_params(FuncType((Param("p", t),), None), opts)(cx or FakeContext(), None, (value,))


def trip(t, value, opts=UTF8):
    ft = FuncType((Param("p", t),), None)
    cx = FakeContext()
    return compile_lift_params(ft, opts, 16)(cx, None, compile_lower_params(ft, opts)(cx, None, (value,)))[0]


class Whole(enum.IntEnum):
    THREE = 3


@pytest.mark.parametrize(
    ("t", "value", "flat"),
    [
        (Prim.BOOL, True, (1,)),
        (Prim.S8, -1, (0xFFFF_FFFF,)),
        (Prim.S64, -1, (2**64 - 1,)),
        (Prim.U32, Whole.THREE, (3,)),
        (Prim.F64, 2, (2.0,)),
        (Prim.F32, 0.1, (struct.unpack("<f", struct.pack("<f", 0.1))[0],)),
        (Prim.F32, -1e300, (-math.inf,)),
        (Prim.CHAR, "☃", (0x2603,)),
        (OptionType(Prim.U8), Some(3), (1, 3)),
        (ResultType(Prim.F32, Prim.U64), Ok(1.0), (0, 0x3F80_0000)),
        (ResultType(Prim.F64, Prim.U64), Ok(1.0), (0, 0x3FF0_0000_0000_0000)),
        (SHAPE, "nothing", (1, 0, 0)),
        (COLOR, "dark-blue", (1,)),
        (PERMS, 0, None),
        (PERMS, ["read", "run"], (5,)),
        (PERMS, {"write": True, "read": False}, (2,)),
        (TupleType((Prim.U8, Prim.U8)), [1, 2], (1, 2)),
    ],
)
def test_flat(t, value, flat):
    """A value is lowered to the core values of the specification; signed ones are unsigned core values."""
    if flat is None:
        with pytest.raises(LowerError):
            lower(t, value)
        return
    lowered = lower(t, value)
    assert lowered == flat
    assert [type(core) for core in lowered] == [type(core) for core in flat]


def test_nan_is_canonical():
    """A NaN is lowered with the canonical bits, alone and in a list."""
    odd = struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\xff")[0]
    cx = FakeContext()
    assert struct.pack("<d", lower(Prim.F64, odd)[0]) == struct.pack("<d", math.nan)
    ptr, _ = lower(ListType(Prim.F64), [odd], cx=cx)
    assert cx.memory.data[ptr : ptr + 8] == struct.pack("<d", math.nan)


@pytest.mark.parametrize(
    "value",
    [
        Point(1.0, 2),
        {"x-axis": 1.0, "tag": 2},
        {"x_axis": 1, "tag": 2},
        SimpleNamespace(x_axis=1.0, tag=2),
        python_class(RecordType(POINT.fields, "other"))(1.0, 2),
    ],
)
def test_record_accepts(value):
    """A record may be its class, the class of an equal type, a mapping, or any object with the fields."""
    lifted = trip(POINT, value)
    assert lifted == Point(1.0, 2)
    assert type(lifted) is Point


@pytest.mark.parametrize(
    "value",
    [
        Shape.Circle(1.0),
        ("circle", 1.0),
        SimpleNamespace(case="circle", value=1.0),
        python_class(VariantType(SHAPE.cases, "other")).Circle(1.0),
    ],
)
def test_variant_accepts(value):
    """A variant may be its class, that of an equal type, a pair, or an object with `case` and `value`."""
    assert trip(SHAPE, value) == Shape.Circle(1.0)


def test_enum_and_flags_of_other_classes():
    """A member of another Enum counts by its value, a member of another Flag by its names."""
    other = enum.Enum("Other", {"B": "dark-blue"})
    assert trip(COLOR, other.B) is python_class(COLOR).DARK_BLUE
    flag = enum.Flag("Perm", {"RUN": 1, "READ": 2})
    assert trip(PERMS, flag.RUN) == python_class(PERMS).RUN
    assert trip(PERMS, {"read", "write"}) == python_class(PERMS)(3)


@pytest.mark.parametrize("value", [b"abc", bytearray(b"abc"), memoryview(b"abc"), [97, 98, 99], array("B", b"abc")])
def test_bytes_accepts(value):
    """A list<u8> may be any bytes-like object or sequence; it lifts as bytes."""
    assert trip(ListType(Prim.U8), value) == b"abc"


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        (1, 2),
        range(1, 3),
        deque([1, 2]),
        array("H", [1, 2]),
        array("q", [1, 2]),
        memoryview(array("H", [1, 9, 2, 9]))[::2],
    ],
)
def test_numbers_accept(value):
    """A list of numbers may be any sequence, or a buffer: of the same format in one copy, else number by number."""
    assert trip(ListType(Prim.U16), value) == [1, 2]


def test_map():
    """A map may be any mapping and lifts as a dict."""
    assert trip(MapType(Prim.STRING, Prim.U8), {"a": 1, "b": 2}) == {"a": 1, "b": 2}


def test_nested_options():
    """Where options nest, Some tells the empty inner one from the empty outer one, and is required."""
    nested = OptionType(OptionType(Prim.U8))
    assert [trip(nested, v) for v in (None, Some(None), Some(3), Some(Some(3)))] == [None, Some(None), Some(3), Some(3)]
    with pytest.raises(LowerError, match="options nest"):
        lower(nested, 3)


REFUSED = [
    (Prim.BOOL, 1, "argument 'p': expected bool, got int"),
    (Prim.U8, True, "argument 'p': expected int (u8), got bool"),
    (Prim.U8, 256, "argument 'p': 256 is out of range for u8"),
    (Prim.U8, 1.0, "argument 'p': expected int (u8), got float"),
    (Prim.F32, "1", "argument 'p': expected float, got str"),
    (Prim.CHAR, "ab", "argument 'p': expected a str of length 1, got a str of length 2"),
    (Prim.CHAR, "\ud800", "argument 'p': '\\ud800' is a surrogate, not a char"),
    (Prim.STRING, b"a", "argument 'p': expected str, got bytes"),
    (Prim.STRING, "a\udfff", "argument 'p': lone surrogate '\\udfff' at index 1"),
    (ListType(Prim.U32), [1, 2, -1], "argument 'p'; list index 2: -1 is out of range for u32"),
    (ListType(Prim.U32), [1, "x"], "argument 'p'; list index 1: expected int (u32), got str"),
    (ListType(Prim.U32), b"abcd", "argument 'p': expected a sequence of numbers, got bytes"),
    (ListType(Prim.U8), "abc", "argument 'p': expected a sequence of numbers, got str"),
    (ListType(Prim.U8), 5, "argument 'p': expected a sequence, got int"),
    (ListType(Prim.U8, 2), b"abc", "argument 'p': expected 2 elements, got 3"),
    (ListType(Prim.STRING, 20), ["a"], "argument 'p': expected 20 elements, got 1"),
    (ListType(Prim.STRING), "ab", "argument 'p': expected a sequence, got str"),
    (ListType(Prim.STRING), {"a"}, "argument 'p': expected a sequence, got set"),
    (ListType(POINT), [Point(1.0, 2), Point(1.0, 300)], "argument 'p'; list index 1; record field 'tag': 300 is out"),
    (POINT, {"tag": 1}, "argument 'p': field 'x-axis' is missing"),
    (POINT, 3, "argument 'p': int has no field 'x_axis'"),
    (TupleType((Prim.U8, Prim.U8)), (1, 2, 3), "argument 'p': expected 2 items, got 3"),
    (TupleType((Prim.U8, Prim.U8)), (1, None), "argument 'p'; tuple item 1: expected int (u8), got NoneType"),
    (SHAPE, Shape.Circle("x"), "argument 'p'; variant case 'circle': expected float, got str"),
    (SHAPE, "square", "argument 'p': no variant case 'square'"),
    (SHAPE, ("nothing", 3), "argument 'p': variant case 'nothing' has no payload"),
    (SHAPE, 3, "argument 'p': expected a variant, got int"),
    (COLOR, "green", "argument 'p': no enum case 'green'"),
    (COLOR, 1, "argument 'p': expected an enum label, got int"),
    (PERMS, ["fly"], "argument 'p': no flag 'fly'"),
    (PERMS, {"read": 1}, "argument 'p': expected bool, got int"),
    (PERMS, "read", "argument 'p': expected flags, got str"),
    (OptionType(Prim.U8), "x", "argument 'p'; option payload: expected int (u8), got str"),
    (ResultType(Prim.U8, None), 3, "argument 'p': expected Ok or Err, got int"),
    (ResultType(Prim.U8, None), Err(3), "argument 'p': result case 'error' has no payload"),
    (MapType(Prim.STRING, Prim.U8), {"a": -1}, "argument 'p'; map value of 'a': -1 is out of range for u8"),
    (MapType(Prim.STRING, Prim.U8), [("a", 1)], "argument 'p': expected a mapping, got list"),
]


@pytest.mark.parametrize(("t", "value", "message"), REFUSED)
def test_refuses(t, value, message):
    """A value of the wrong type is refused with the path to what is wrong in it, flat and in memory."""
    with pytest.raises(LowerError) as caught:
        lower(t, value)
    assert str(caught.value).startswith(message)
    with pytest.raises(LowerError) as caught:
        compile_lower_result(FuncType((), t), UTF8, 0)(FakeContext(), None, value, (8,))
    assert str(caught.value).startswith(message.replace("argument 'p'", "result"))


def test_argument_count():
    """Too few or too many arguments are refused by number and name."""
    ft = FuncType((Param("a", Prim.U8), Param("b", Prim.U8)), None)
    with pytest.raises(LowerError, match=r"expected 2 arguments \(a, b\), got 1"):
        compile_lower_params(ft, UTF8)(FakeContext(), None, (1,))
    with pytest.raises(LowerError, match=r"expected 0 arguments \(none\), got 1"):
        compile_lower_params(FuncType((), None), UTF8)(FakeContext(), None, (1,))


def test_no_result():
    """A function without a result has to return None."""
    lower_result = compile_lower_result(FuncType((), None), UTF8, 1)
    assert lower_result(FakeContext(), None, None, ()) == ()
    with pytest.raises(LowerError, match="result: expected None, got int"):
        lower_result(FakeContext(), None, 3, ())


def test_foreign_errors_pass():
    """An exception out of realloc is not taken for a bad value."""
    cx = FakeContext()

    def fail(*_args):
        raise KeyError("host")

    cx.realloc = fail
    with pytest.raises(KeyError, match="host"):
        lower(Prim.STRING, "a", cx=cx)


@pytest.mark.parametrize(
    ("opts", "text", "calls", "length", "data"),
    [
        (ValueOptions("utf8"), "é", [(0, 0, 1, 2)], 2, "é".encode()),
        (ValueOptions("utf8"), "", [(0, 0, 1, 0)], 0, b""),
        (ValueOptions("utf16"), "é🍰", [(0, 0, 2, 6)], 3, "é🍰".encode("utf-16-le")),
        (ValueOptions("latin1+utf16"), "é", [(0, 0, 2, 1)], 1, b"\xe9"),
        (ValueOptions("latin1+utf16"), "☃", [(0, 0, 2, 2)], 1 | 1 << 31, b"\x03\x26"),
        (ValueOptions("latin1+utf16", memory64=True), "☃", [(0, 0, 2, 2)], 1 | 1 << 63, b"\x03\x26"),
    ],
)
def test_strings(opts, text, calls, length, data):
    """A string takes one call of realloc, of its exact size, even when it is empty."""
    cx = FakeContext()
    ptr, units = lower(Prim.STRING, text, opts, cx)
    assert cx.calls == calls
    assert units == length
    assert cx.memory.data[ptr : ptr + len(data)] == data


@pytest.mark.parametrize(
    ("t", "value", "code"),
    [
        (ListType(Prim.U32), [1], TrapCode.LIST_OUT_OF_BOUNDS),
        (ListType(Prim.U32), [], TrapCode.LIST_OUT_OF_BOUNDS),
        (ListType(POINT), [], TrapCode.LIST_OUT_OF_BOUNDS),
        (Prim.STRING, "", TrapCode.STRING_OUT_OF_BOUNDS),
        (TupleType((Prim.U32,) * 17), (0,) * 17, TrapCode.REALLOC_OUT_OF_BOUNDS),
    ],
)
def test_realloc_out_of_bounds(t, value, code):
    """What realloc returns has to be in bounds, even for nothing."""
    cx = FakeContext()
    cx.returns = [2**32 - 8]
    with pytest.raises(Trap, match="realloc return: beyond end of memory") as caught:
        lower(t, value, cx=cx)
    assert caught.value.code is code


@pytest.mark.parametrize(("t", "value"), [(ListType(Prim.U32), [1]), (TupleType((Prim.U32,) * 17), (0,) * 17)])
def test_realloc_unaligned(t, value):
    """What realloc returns has to be aligned; that is checked first."""
    cx = FakeContext()
    cx.returns = [2**32 - 1]
    with pytest.raises(Trap, match="unaligned pointer: realloc return: result not aligned") as caught:
        lower(t, value, cx=cx)
    assert caught.value.code is TrapCode.UNALIGNED_POINTER


@pytest.mark.parametrize(("ptr", "code"), [(2, TrapCode.UNALIGNED_POINTER), (2**16 - 4, TrapCode.MEMORY_OUT_OF_BOUNDS)])
def test_out_pointer(ptr, code):
    """The pointer that a caller gives for a result has to be aligned and in bounds before anything is stored."""
    cx = FakeContext()
    with pytest.raises(Trap) as caught:
        compile_lower_result(FuncType((), Prim.STRING), UTF8, 1)(cx, None, "abc", (ptr,))
    assert caught.value.code is code
    assert cx.calls == []


def test_memory_grows_meanwhile():
    """A realloc that grows memory is seen: the view is looked up again after every call."""
    cx = FakeContext(FakeMemory(1 << 16, seen=64), heap=1 << 12)
    ptr, length = lower(ListType(Prim.STRING), ["a", "bc"], cx=cx)
    assert (length, cx.memory.data[ptr + 16 : ptr + 19]) == (2, b"abc")


def test_store_list_path():
    """A bad element of a stream's payload is named by its index."""
    with pytest.raises(LowerError, match="list index 1: expected str, got int"):
        compile_store_list(Prim.STRING, UTF8)(FakeContext(), ["a", 1], 64)
