"""Compiled lift and lower against the specification's own `definitions.py`: same bytes, same values, same traps.

Needs a checkout of the component-model repository, named by WEFT_SPEC_DIR. WEFT_SPEC_CASES sets the number of cases.
"""

from __future__ import annotations

import importlib.util
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_guest import FakeContext, FakeMemory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import val_types, value_options, values

from weft.canon.compile import (
    compile_lift_params,
    compile_lift_task_return,
    compile_load_list,
    compile_lower_params,
    compile_lower_result,
    compile_store_list,
)
from weft.canon.layout import align_to, alignment, elem_size
from weft.canon.names import snake_name
from weft.canon.types import (
    EnumType,
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
from weft.canon.values import Ok, Some
from weft.errors import Trap

SPEC_DIR = os.environ.get("WEFT_SPEC_DIR")
CASES = int(os.environ.get("WEFT_SPEC_CASES", "100"))
MEMORY = 1 << 13
OUT = 64

pytestmark = pytest.mark.skipif(SPEC_DIR is None, reason="WEFT_SPEC_DIR does not name a checkout of component-model")
checked = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
long_enough = pytest.mark.timeout(120 + CASES // 5)


def _load_spec():
    path = Path(SPEC_DIR) / "design" / "mvp" / "canonical-abi" / "definitions.py"
    module_spec = importlib.util.spec_from_file_location("spec_definitions", path)
    module = importlib.util.module_from_spec(module_spec)
    sys.modules["spec_definitions"] = module  # its dataclasses look themselves up there
    module_spec.loader.exec_module(module)
    module.DETERMINISTIC_PROFILE = True
    return module


spec = _load_spec() if SPEC_DIR else None


class SpecContext:
    """The specification's context over the same kind of memory and allocator as `FakeContext`."""

    def __init__(self, opts, data=None, heap=1 << 11):
        memory = spec.MemInst(bytearray(MEMORY) if data is None else bytearray(data), "i64" if opts.memory64 else "i32")
        self.opts = SimpleNamespace(memory=memory, string_encoding=opts.encoding)
        self.guest = FakeContext(FakeMemory(0), heap=heap)

    def reallocate(self, old, old_size, align, new_size):
        return self.guest.realloc(old, old_size, align, new_size)

    def allocate(self, align, size):
        return self.reallocate(0, 0, align, size)


def our_context(data=None, heap=1 << 11):
    cx = FakeContext(FakeMemory(MEMORY, seen=MEMORY // 2), heap=heap)
    if data is not None:
        cx.memory.data[:] = data
    return cx


def spec_type(t):
    """Return the specification's form of `t`."""
    optional = lambda u: None if u is None else spec_type(u)  # noqa: E731
    match t:
        case Prim():
            return getattr(spec, t.value.capitalize() + "Type")()
        case ListType():
            return spec.ListType(spec_type(t.element), t.length)
        case MapType():
            return spec.MapType(spec_type(t.key), spec_type(t.value))
        case TupleType():
            return spec.TupleType([spec_type(item) for item in t.types])
        case RecordType():
            return spec.RecordType([spec.FieldType(field.name, spec_type(field.type)) for field in t.fields])
        case VariantType():
            return spec.VariantType([spec.CaseType(case.name, optional(case.type)) for case in t.cases])
        case EnumType():
            return spec.EnumType(list(t.labels))
        case FlagsType():
            return spec.FlagsType(list(t.labels))
        case OptionType():
            return spec.OptionType(spec_type(t.payload))
        case ResultType():
            return spec.ResultType(optional(t.ok), optional(t.err))


def spec_string(value, opts):
    """Return the string as read from a guest that has the destination's encoding, as weft allocates for it."""
    if opts.encoding == "utf8":
        return value, "utf8", len(value.encode())
    units = len(value.encode("utf-16-le")) // 2
    if opts.encoding == "utf16":
        return value, "utf16", units
    latin1 = all(ord(char) < 256 for char in value)
    tag = 0 if latin1 else 1 << (63 if opts.memory64 else 31)
    return value, "latin1+utf16", units | tag


def spec_value(value, t, opts):
    """Return the specification's form of a value of `t`."""
    inner = lambda v, u: None if u is None else spec_value(v, u, opts)  # noqa: E731
    match t:
        case Prim.STRING:
            return spec_string(value, opts)
        case Prim():
            return value
        case ListType():
            return [inner(item, t.element) for item in value]
        case MapType():
            return [{"0": inner(key, t.key), "1": inner(item, t.value)} for key, item in value.items()]
        case TupleType():
            return {str(i): inner(item, u) for i, (item, u) in enumerate(zip(value, t.types, strict=True))}
        case RecordType():
            return {field.name: inner(getattr(value, snake_name(field.name)), field.type) for field in t.fields}
        case VariantType():
            payload = next(case.type for case in t.cases if case.name == value.case)
            return {value.case: inner(value.value, payload)}
        case EnumType():
            return {value.value: None}
        case FlagsType():
            return {label: bool(value.value & 1 << i) for i, label in enumerate(t.labels)}
        case OptionType():
            if value is None:
                return {"none": None}
            return {"some": inner(value.value if isinstance(value, Some) else value, t.payload)}
        case ResultType():
            if isinstance(value, Ok):
                return {"ok": inner(value.value, t.ok)}
            return {"error": inner(value.value, t.err)}


def same(ours, theirs, t):
    """Say whether two values in the specification's form are equal; encodings of strings aside, NaN equal to NaN."""
    if isinstance(theirs, float):
        return (ours == theirs and math.copysign(1, ours) == math.copysign(1, theirs)) or (
            ours != ours and theirs != theirs
        )
    if isinstance(theirs, tuple):
        return ours[0] == theirs[0]
    if isinstance(theirs, list):
        if isinstance(t, MapType):  # a dict has each key once, where it was first, with its last value
            theirs = [{"0": key, "1": value} for key, value in _last_wins(theirs)]
        element = t.element if isinstance(t, ListType) else TupleType((t.key, t.value))
        return len(ours) == len(theirs) and all(same(*pair, element) for pair in zip(ours, theirs, strict=True))
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(same(ours[k], theirs[k], _part(t, k)) for k in theirs)
    return ours == theirs and type(ours) is type(theirs)


def _last_wins(pairs):
    entries = {}
    for pair in pairs:
        key = pair["0"]
        entries[key[0] if isinstance(key, tuple) else key] = key, pair["1"]
    return [(entries[plain][0], entries[plain][1]) for plain in entries]


def _part(t, label):
    match t:
        case TupleType():
            return t.types[int(label)]
        case RecordType():
            return next(field.type for field in t.fields if field.name == label)
        case VariantType():
            return next(case.type for case in t.cases if case.name == label)
        case OptionType():
            return t.payload
        case ResultType():
            return t.ok if label == "ok" else t.err


def outcome(call):
    """Return what `call` returns, or "trap"."""
    try:
        return call()
    except (Trap, spec.Trap):
        return "trap"


def same_floats(ours, theirs):
    pairs = list(zip(ours, theirs, strict=True))
    return all(a == b or (a != a and b != b) for a, b in pairs)


params = st.lists(val_types, min_size=1, max_size=4)
typed_args = params.flatmap(lambda ts: st.tuples(st.just(ts), st.tuples(*[values(t, nan=True) for t in ts])))
typed_value = val_types.flatmap(lambda t: st.tuples(st.just(t), values(t, nan=True)))


@long_enough
@checked
@given(typed_args, value_options)
def test_lower_params(typed, opts):
    """Parameters are lowered to the same core values, bytes and calls of realloc."""
    types, args = typed
    theirs, ours = SpecContext(opts), our_context()
    spec_args = [spec_value(v, t, opts) for v, t in zip(args, types, strict=True)]
    expected = outcome(lambda: spec.lower_flat_values(theirs, 16, spec_args, [spec_type(t) for t in types]))
    ft = FuncType(tuple(Param(f"p{i}", t) for i, t in enumerate(types)), None)
    flat = outcome(lambda: compile_lower_params(ft, opts)(ours, None, args))
    assert ours.calls == theirs.guest.calls
    assert flat == expected == "trap" or same_floats(flat, expected)
    assert flat == "trap" or ours.memory.data == theirs.opts.memory.bytes


@long_enough
@checked
@given(typed_value, value_options, st.sampled_from([0, 1]), st.integers(OUT, OUT + 4) | st.just(MEMORY - 8))
def test_lower_result(typed, opts, max_flat, ptr):
    """A result is lowered to the same core value or bytes, and traps for the same out-pointers."""
    t, value = typed
    heap = OUT + 8 + elem_size(t, opts.memory64)
    theirs, ours = SpecContext(opts, heap=heap), our_context(heap=heap)
    out = spec.CoreValueIter([ptr])
    expected = outcome(
        lambda: spec.lower_flat_values(theirs, max_flat, [spec_value(value, t, opts)], [spec_type(t)], out)
    )
    flat = outcome(lambda: compile_lower_result(FuncType((), t), opts, max_flat)(ours, None, value, (ptr,)))
    assert flat == expected == "trap" or same_floats(flat, expected)
    assert flat == "trap" or ours.memory.data == theirs.opts.memory.bytes
    assert ours.calls == theirs.guest.calls


@long_enough
@checked
@given(typed_value, value_options)
def test_store_list(typed, opts):
    """Elements of a stream are stored as the same bytes."""
    t, value = typed
    heap = OUT + 2 * elem_size(t, opts.memory64)
    theirs, ours = SpecContext(opts, heap=heap), our_context(heap=heap)
    if not ours.memory.check(OUT, heap - OUT):
        return
    items = [spec_value(value, t, opts)] * 2
    expected = outcome(lambda: spec.store_list_into_valid_range(theirs, items, OUT, spec_type(t)))
    assert outcome(lambda: compile_store_list(t, opts)(ours, [value] * 2, OUT)) == expected
    assert expected == "trap" or ours.memory.data == theirs.opts.memory.bytes


edits = st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 255)), max_size=8)
flat_edits = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 300) | st.integers(0, 2**64 - 1)), max_size=2)


def corrupt_flat(flat, types, changes):
    flat = list(flat)
    for i, bits in changes:
        i %= len(flat)
        if types[i][0] == "i":
            flat[i] = bits % 2 ** int(types[i][1:])
    return tuple(flat)


@long_enough
@checked
@given(typed_args, value_options, edits, flat_edits, st.sampled_from([4, 16]))
def test_lift_params(typed, opts, changes, flat_changes, max_flat):
    """Parameters with some bytes and core values changed at random lift to the same values, or trap, in both."""
    types, args = typed
    spec_types = [spec_type(t) for t in types]
    made = SpecContext(opts)
    spec_args = [spec_value(v, t, opts) for v, t in zip(args, types, strict=True)]
    flat = outcome(lambda: spec.lower_flat_values(made, max_flat, spec_args, spec_types))
    if flat == "trap":
        return
    data = bytearray(made.opts.memory.bytes)
    used = made.guest.heap - (1 << 11)
    for at, byte in changes:
        data[(1 << 11) + at % max(used, 1)] = byte
    core_types = spec.flatten_types(spec_types, made.opts)
    if len(core_types) > max_flat:
        core_types = [made.opts.memory.ptr_type()]
    flat = corrupt_flat(flat, core_types, flat_changes)
    theirs = SpecContext(opts, data)
    expected = outcome(lambda: spec.lift_flat_values(theirs, max_flat, spec.CoreValueIter(flat), spec_types))
    ft = FuncType(tuple(Param(f"p{i}", t) for i, t in enumerate(types)), None)
    lifted = outcome(lambda: compile_lift_params(ft, opts, max_flat)(our_context(data), None, (*flat, 1)))
    assert_same_lifted(lifted, expected, types, opts)
    if len(types) == 1 and max_flat == 16:
        value = outcome(lambda: compile_lift_task_return(types[0], opts)(our_context(data), None, flat))
        assert_same_lifted("trap" if value == "trap" else (value,), expected, types, opts)


def assert_same_lifted(lifted, expected, types, opts):
    if expected == "trap" or lifted == "trap":
        assert lifted == expected
        return
    for value, other, t in zip(lifted, expected, types, strict=True):
        assert same(spec_value(value, t, opts), other, t)


@long_enough
@checked
@given(val_types, value_options, st.binary(min_size=32, max_size=256))
def test_load_list(t, opts, noise):
    """Any bytes at all load as the same elements, or trap, in both."""
    size = elem_size(t, opts.memory64)
    assert size == spec.elem_size(spec_type(t), "i64" if opts.memory64 else "i32")
    assert alignment(t, opts.memory64) == spec.alignment(spec_type(t), "i64" if opts.memory64 else "i32")
    data = (noise * (MEMORY // len(noise) + 1))[:MEMORY]
    count = min(2, (MEMORY - OUT) // size)
    ptr = align_to(OUT, 8)
    theirs = SpecContext(opts, data)
    expected = outcome(lambda: spec.load_list_from_valid_range(theirs, ptr, count, spec_type(t)))
    cx = our_context(data)
    cx.memory.check(0, 0)
    loaded = outcome(lambda: compile_load_list(t, opts)(cx, ptr, count))
    assert_same_lifted(loaded, expected, [t] * count, opts)
