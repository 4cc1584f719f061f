"""Calls fused with their lifting and lowering: one generated function instead of four.

Where nothing can block, a call is nothing but lower, call, lift; so that is compiled as a whole.

Source: CanonicalABI.md, "`canon lift`" and "`canon lower`", for sync functions.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from weft.canon.blame import CONVERSION_ERRORS, blame_params, blame_result
from weft.canon.flatten import MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, flatten_type, flatten_types
from weft.canon.layout import alignment, elem_size
from weft.canon.lift_source import LiftSource
from weft.canon.lower_source import LowerSource
from weft.canon.memory import pointed_view
from weft.canon.module import Body, Module
from weft.canon.type_walk import has_handles, type_names
from weft.canon.types import TupleType
from weft.canon.values import Err
from weft.canon.words import WordPlan
from weft.errors import LowerError, Trap, TrapCode
from weft.runtime.task import TaskState

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.compile import ValueOptions
    from weft.canon.types import FuncType, ValType


def compile_direct_call(ft: FuncType, opts: ValueOptions) -> Callable[..., Any]:
    """Return ``(cx, task, args, call, post) -> value``: a call of a sync-lifted function.

    `call` is the core function, `post` takes its flat results afterwards, or is None. The task is marked as started
    once the arguments are lowered: a LowerError before that leaves the guest untouched.
    """
    if has_handles(ft):
        return _make_direct_call(ft, opts)
    return _direct_call(ft, opts, type_names(ft))


def compile_host_call(ft: FuncType, opts: ValueOptions) -> Callable[..., Any]:
    """Return ``(inst, cx, func, *flat) -> flat result``: a guest's call of a sync host function.

    `func` takes the lifted arguments and returns the value to be lowered. The type may hold no handles.
    """
    return _host_call(ft, opts, type_names(ft))


@lru_cache(maxsize=4096)
def _direct_call(ft: FuncType, opts: ValueOptions, names: tuple[object, ...]) -> Callable[..., Any]:
    del names  # equal types of other names lift to other classes
    return _make_direct_call(ft, opts)


@lru_cache(maxsize=4096)
def _host_call(ft: FuncType, opts: ValueOptions, names: tuple[object, ...]) -> Callable[..., Any]:
    del names
    return _make_host_call(ft, opts)


def _sources(opts: ValueOptions, params: str) -> tuple[Module, Body, LiftSource, LowerSource]:
    module = Module()
    _, body = module.function(params, "main")
    plan = WordPlan(opts.memory64)
    return module, body, LiftSource(module, plan, opts.encoding), LowerSource(module, plan, opts.encoding)


def _make_direct_call(ft: FuncType, opts: ValueOptions) -> Callable[..., Any]:
    module, body, lift, lower = _sources(opts, "cx, scope, args, call, post")
    body.line("try:")
    body.depth += 1
    flat = _lower_args(body, lower, tuple(param.type for param in ft.params), opts)
    body.depth -= 1
    _blame(body, lower, partial(blame_params, ft), "args")
    body.line(f"scope.state = {lower.bind(TaskState.STARTED)}")
    _call_and_lift(body, lift, ft.result, f"call({', '.join(flat)})", opts)
    return module.build("main")  # type: ignore[no-any-return]


def _lower_args(body: Body, lower: LowerSource, types: tuple[ValType, ...], opts: ValueOptions) -> list[str]:
    if len(flatten_types(types, opts.memory64)) > MAX_FLAT_PARAMS:
        body.line("args = tuple(args)")
        return [body.assign(lower.allocated(body, TupleType(types), "args"))]
    names = [body.temp() for _ in types]
    body.line(f"{', '.join(names)}, = args" if names else "() = args")
    flat = [core for t, name in zip(types, names, strict=True) for core in lower.flat(body, t, name)]
    return [core if core.isidentifier() else body.assign(core) for core in flat]


def _blame(body: Body, lower: LowerSource, blame: Callable[..., None], value: str) -> None:
    with body.block(f"except {lower.bind(CONVERSION_ERRORS)} as error:"):
        body.line(f"{lower.bind(blame)}({value}, error)")
        body.line("raise")


def _call_and_lift(body: Body, lift: LiftSource, result: ValType | None, call: str, opts: ValueOptions) -> None:
    if result is None:
        body.line(call)
        body.line("if post is not None: post()")
        return
    flat = body.assign(call)
    if len(flatten_type(result, opts.memory64)) > MAX_FLAT_RESULTS:
        value = lift.from_memory(body, result, flat)
    else:
        value = lift.flat(body, result, iter([flat]))
    value = value if value.isidentifier() else body.assign(value)
    body.line(f"if post is not None: post({flat})")
    body.line(f"return {value}")


def _make_host_call(ft: FuncType, opts: ValueOptions) -> Callable[..., Any]:
    types = tuple(param.type for param in ft.params)
    flat_types = flatten_types(types, opts.memory64)
    in_memory = len(flat_types) > MAX_FLAT_PARAMS
    names = ["flat0"] if in_memory else [f"flat{i}" for i in range(len(flat_types))]
    result = ft.result
    spills = result is not None and len(flatten_type(result, opts.memory64)) > MAX_FLAT_RESULTS
    module, body, lift, lower = _sources(opts, ", ".join(["inst, cx, func", *names, *(["out"] if spills else [])]))
    body.line(f"if not inst.may_leave: {lower.bind(_refuse_to_leave)}()")
    body.line("scope = None")
    if in_memory:
        args = f"*{lift.from_memory(body, TupleType(types), 'flat0')}"
    else:
        cores = iter(names)
        args = ", ".join([lift.flat(body, t, cores) for t in types])
    value = body.temp()
    with body.block("try:"):
        body.line(f"{value} = func({args})")
    with body.block(f"except {lower.bind(Err)} as error:"):
        body.line(f"{lower.bind(_refuse_error)}(error)")
    if result is None:
        body.line(f"if {value} is not None: {lower.bind(_refuse_result)}({value})")
    else:
        _lower_result(body, lower, result, value, opts, spills=spills)
    return module.build("main")  # type: ignore[no-any-return]


def _lower_result(
    body: Body, lower: LowerSource, result: ValType, value: str, opts: ValueOptions, *, spills: bool
) -> None:
    body.line("try:")
    body.depth += 1
    if spills:
        size, align = elem_size(result, opts.memory64), alignment(result, opts.memory64)
        body.line(f"{lower.bind(pointed_view)}(cx, out, {size}, {align})")
        lower.to_memory(body, result, value, "out")
    else:
        body.line(f"return {', '.join(lower.flat(body, result, value))}")
    body.depth -= 1
    _blame(body, lower, partial(blame_result, result), value)


def _refuse_to_leave() -> None:
    raise Trap(TrapCode.CANNOT_LEAVE_COMPONENT)


def _refuse_error(error: Err[object]) -> None:
    raise LowerError(f"the function has no `result` type to return {error!r} as", ("result",)) from error


def _refuse_result(value: object) -> None:
    raise LowerError(f"expected None, got {type(value).__name__}", ("result",))


__all__ = ["compile_direct_call", "compile_host_call"]
