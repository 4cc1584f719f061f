from __future__ import annotations

import pytest

from weft.canon.layout import align_to, alignment, discriminant_size, elem_size, field_offsets, payload_offset
from weft.canon.types import (
    Case,
    EnumType,
    FlagsType,
    ListType,
    MapType,
    OptionType,
    OwnType,
    Prim,
    ResultType,
    TupleType,
    VariantType,
)

U8, U16, U32, U64, STRING = Prim.U8, Prim.U16, Prim.U32, Prim.U64, Prim.STRING


@pytest.mark.parametrize(
    ("t", "size", "align", "size64", "align64"),
    [
        (Prim.BOOL, 1, 1, 1, 1),
        (Prim.CHAR, 4, 4, 4, 4),
        (STRING, 8, 4, 16, 8),
        (ListType(U8), 8, 4, 16, 8),
        (ListType(U16, 3), 6, 2, 6, 2),
        (MapType(U8, U8), 8, 4, 16, 8),
        (TupleType((U8, U32, U8)), 12, 4, 12, 4),
        (TupleType((U8, STRING)), 12, 4, 24, 8),
        (OptionType(U64), 16, 8, 16, 8),
        (ResultType(None, None), 1, 1, 1, 1),
        (EnumType(tuple(f"l{i}" for i in range(257))), 2, 2, 2, 2),
        (FlagsType(tuple(f"l{i}" for i in range(9))), 2, 2, 2, 2),
        (FlagsType(tuple(f"l{i}" for i in range(17))), 4, 4, 4, 4),
        (OwnType(object()), 4, 4, 4, 4),
        (VariantType((Case("a", U8), Case("b", STRING))), 12, 4, 24, 8),
    ],
)
def test_sizes(t, size, align, size64, align64):
    """Every type has the size and alignment of the specification's tables, for both pointer sizes."""
    assert (elem_size(t), alignment(t)) == (size, align)
    assert (elem_size(t, memory64=True), alignment(t, memory64=True)) == (size64, align64)


def test_offsets():
    """A field starts at the first multiple of its alignment; a payload likewise after the discriminant."""
    assert field_offsets((U8, U32, U8, U16)) == (0, 4, 8, 10)
    assert payload_offset((U8, U64)) == 8
    assert payload_offset((None,)) == 1
    assert align_to(9, 8) == 16


def test_discriminant_size():
    """A discriminant has as many bytes as its cases need: 1, 2 or 4."""
    assert [discriminant_size(n) for n in (1, 256, 257, 65536, 65537)] == [1, 1, 2, 2, 4]
