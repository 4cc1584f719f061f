"""Types, and values of a type as lifting returns them, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from weft.canon.compile import ValueOptions
from weft.canon.types import (
    Case,
    EnumType,
    Field,
    FlagsType,
    ListType,
    MapType,
    OptionType,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
)
from weft.canon.values import Err, Ok, Some, case_classes, python_class

INTS = {
    Prim.S8: (-(2**7), 2**7 - 1),
    Prim.U8: (0, 2**8 - 1),
    Prim.S16: (-(2**15), 2**15 - 1),
    Prim.U16: (0, 2**16 - 1),
    Prim.S32: (-(2**31), 2**31 - 1),
    Prim.U32: (0, 2**32 - 1),
    Prim.S64: (-(2**63), 2**63 - 1),
    Prim.U64: (0, 2**64 - 1),
}
KEYS = [*INTS, Prim.BOOL, Prim.CHAR, Prim.STRING]
PRIMS = [*KEYS, Prim.F32, Prim.F64]

names = st.none() | st.sampled_from(["shape", "line-string", "none", "t1"])
label_pool = ["a", "b-c", "none", "class", "self", "URL", "x1", "case", "value", "A-b2"]


def labels(most: int) -> st.SearchStrategy[tuple[str, ...]]:
    some = st.lists(st.sampled_from(label_pool), min_size=1, max_size=most, unique=True)
    return some.map(tuple)


def many_labels(most: int) -> st.SearchStrategy[tuple[str, ...]]:
    counted = st.integers(1, most).map(lambda n: tuple(f"l{i}" for i in range(n)))
    return labels(4) | counted


def _compound(inner):
    options = st.none() | inner
    return st.one_of(
        st.builds(ListType, inner),
        st.builds(ListType, inner, st.integers(1, 20)),
        st.lists(inner, min_size=1, max_size=20).map(lambda ts: TupleType(tuple(ts))),
        st.tuples(labels(5), names).flatmap(
            lambda ln: st.tuples(*[inner] * len(ln[0])).map(
                lambda ts: RecordType(tuple(map(Field, ln[0], ts)), ln[1]),
            )
        ),
        st.tuples(many_labels(12), names).flatmap(
            lambda ln: st.tuples(*[options] * len(ln[0])).map(
                lambda ts: VariantType(tuple(map(Case, ln[0], ts)), ln[1]),
            )
        ),
        st.builds(OptionType, inner),
        st.builds(ResultType, options, options),
        st.builds(MapType, st.sampled_from(KEYS), inner),
    )


leaves = st.one_of(
    st.sampled_from(PRIMS),
    st.builds(EnumType, many_labels(300), names),
    st.builds(FlagsType, many_labels(32), names),
)
val_types = st.recursive(leaves, _compound, max_leaves=8)

value_options = st.builds(ValueOptions, st.sampled_from(["utf8", "utf16", "latin1+utf16"]), st.booleans())

text = st.text(st.characters(max_codepoint=0xFF), max_size=6) | st.text(max_size=6)


def prim_values(t, nan):
    match t:
        case Prim.BOOL:
            return st.booleans()
        case Prim.CHAR:
            return st.characters(exclude_categories=["Cs"])
        case Prim.STRING:
            return text
        case Prim.F32:
            return st.floats(width=32, allow_nan=nan)
        case Prim.F64:
            return st.floats(allow_nan=nan)
        case _:
            return st.integers(*INTS[t])


def values(t, nan=False):
    """Values of `t` as lifting returns them."""
    match t:
        case Prim():
            return prim_values(t, nan)
        case ListType():
            low, high = (0, 4) if t.length is None else (t.length, t.length)
            if t.element is Prim.U8:
                return st.binary(min_size=low, max_size=high)
            return st.lists(values(t.element, nan), min_size=low, max_size=high)
        case MapType():
            return st.dictionaries(values(t.key), values(t.value, nan), max_size=3)
        case TupleType():
            return st.tuples(*[values(item, nan) for item in t.types])
        case RecordType():
            return st.tuples(*[values(field.type, nan) for field in t.fields]).map(lambda vs: python_class(t)(*vs))
        case VariantType():
            made = zip(case_classes(t), t.cases, strict=True)
            return st.one_of([case_values(cls, case.type, nan) for cls, case in made])
        case EnumType():
            return st.sampled_from(list(python_class(t)))
        case FlagsType():
            return st.integers(0, 2 ** len(t.labels) - 1).map(python_class(t))
        case OptionType():
            some = values(t.payload, nan)
            return st.none() | (some.map(Some) if isinstance(t.payload, OptionType) else some)
        case ResultType():
            return case_values(Ok, t.ok, nan) | case_values(Err, t.err, nan)


def case_values(cls, payload, nan):
    return st.builds(cls) if payload is None else values(payload, nan).map(cls)


typed_values = val_types.flatmap(lambda t: st.tuples(st.just(t), values(t)))
