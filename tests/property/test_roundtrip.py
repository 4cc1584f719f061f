"""Lifting what was lowered gives the same value back, of the same class."""

from __future__ import annotations

from fake_guest import FakeContext
from hypothesis import HealthCheck, given, settings
from strategies import typed_values, value_options

from weft.canon.compile import (
    compile_lift_params,
    compile_lift_result,
    compile_lift_task_return,
    compile_load_list,
    compile_lower_params,
    compile_lower_result,
    compile_store_list,
)
from weft.canon.layout import align_to, elem_size
from weft.canon.types import FuncType, Param

relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def assert_same(one: object, other: object) -> None:
    assert one == other
    assert type(one) is type(other)


@relaxed
@given(typed_values, value_options)
def test_params(typed, opts):
    """What the caller of `canon lower` reads is what was passed to the callee of `canon lift`, in 16 or in memory."""
    t, value = typed
    ft = FuncType((Param("p", t), Param("q", t)), None)
    cx = FakeContext()
    flat = compile_lower_params(ft, opts)(cx, None, (value, value))
    for extra in ((), (0xFFFF_FFFF,)):
        for arg in compile_lift_params(ft, opts, 16)(cx, None, (*flat, *extra)):
            assert_same(arg, value)


@relaxed
@given(typed_values, value_options)
def test_result(typed, opts):
    """A result comes back whether it is one core value, or stored where the caller said."""
    t, value = typed
    ft = FuncType((), t)
    cx = FakeContext()
    for max_flat in (0, 1):
        cx.heap = ptr = align_to(cx.heap, 8)
        cx.heap += elem_size(t, opts.memory64)
        flat = compile_lower_result(ft, opts, max_flat)(cx, None, value, (7, ptr))
        assert len(flat) <= max_flat
        assert_same(compile_lift_result(ft, opts)(cx, None, flat or (ptr,)), value) if max_flat else None


@relaxed
@given(typed_values, value_options)
def test_task_return(typed, opts):
    """`task.return` takes up to 16 core values where parameters do."""
    t, value = typed
    cx = FakeContext()
    flat = compile_lower_params(FuncType((Param("p", t),), None), opts)(cx, None, (value,))
    assert_same(compile_lift_task_return(t, opts)(cx, None, flat), value)


@relaxed
@given(typed_values, value_options)
def test_list(typed, opts):
    """A stream's payload is loaded as it was stored, any number of elements."""
    t, value = typed
    cx = FakeContext(heap=1 << 15)
    compile_store_list(t, opts)(cx, [value] * 3, 64)
    for i, item in enumerate(compile_load_list(t, opts)(cx, 64, 3)):
        assert_same(item, value)
        single = compile_load_list(t, opts)(cx, 64 + i * elem_size(t, opts.memory64), 1)
        assert_same(single[0], value)
