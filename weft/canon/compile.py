"""Compiled lift and lower: one specialised Python function a function type, encoding and pointer size.

Source: CanonicalABI.md, "Lifting and Lowering Values".
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

from attrs import frozen

from weft.canon.blame import CONVERSION_ERRORS, blame_elements, blame_params, blame_result
from weft.canon.cost import element_cost
from weft.canon.flatten import MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, flatten_type, flatten_types
from weft.canon.layout import alignment, elem_size
from weft.canon.lift_source import LiftSource
from weft.canon.lower_source import LowerSource
from weft.canon.memory import charge, pointed_view
from weft.canon.module import Body, Module
from weft.canon.type_walk import has_handles, type_names
from weft.canon.types import FuncType, TupleType, ValType
from weft.canon.words import WordPlan
from weft.errors import LowerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weft.canon.memory import Context

StringEncoding: TypeAlias = Literal["utf8", "utf16", "latin1+utf16"]
Flat: TypeAlias = tuple[Any, ...]  # of int and float

LowerParams: TypeAlias = "Callable[[Context, Any, tuple[Any, ...]], Flat]"
LiftResult: TypeAlias = "Callable[[Context, Any, Flat], Any]"
LiftParams: TypeAlias = "Callable[[Context, Any, Flat], tuple[Any, ...]]"
LowerResult: TypeAlias = "Callable[[Context, Any, Any, Flat], Flat]"
LoadList: TypeAlias = "Callable[[Context, int, int], Any]"
StoreList: TypeAlias = "Callable[[Context, Any, int], None]"


@final
@frozen
class ValueOptions:
    """The canonical options that lifting and lowering of values depend on.

    Attributes:
        encoding: of strings in the guest's memory.
        memory64: whether that memory has 64-bit addresses.
    """

    encoding: StringEncoding = "utf8"
    memory64: bool = False


def compile_lower_params(ft: FuncType, opts: ValueOptions) -> LowerParams:
    """Return ``(cx, scope, args) -> flat``: arguments into the callee of ``canon lift``.

    More than 16 core values go to memory from `cx.realloc`. The function raises LowerError with the path to a bad
    value, and Trap for a bad pointer from realloc.
    """
    return _cached(_make_lower_params, ft, opts)  # type: ignore[no-any-return]


def compile_lift_result(ft: FuncType, opts: ValueOptions) -> LiftResult:
    """Return ``(cx, scope, flat) -> value``: the result of the callee of a synchronous ``canon lift``.

    `flat` holds the core result, a pointer when there would be more than one; without a result the value is None.
    The function raises Trap when the guest's data are bad.
    """
    return _cached(_make_lift_result, ft, opts, MAX_FLAT_RESULTS)  # type: ignore[no-any-return]


def compile_lift_params(ft: FuncType, opts: ValueOptions, max_flat: int) -> LiftParams:
    """Return ``(cx, scope, flat) -> args``: the caller's arguments in ``canon lower``.

    `max_flat` is 16, or 4 when lowered async. `flat` may end in an out-pointer, which is not looked at.
    The function raises Trap when the guest's data are bad.
    """
    return _cached(_make_lift_params, ft, opts, max_flat)  # type: ignore[no-any-return]


def compile_lower_result(ft: FuncType, opts: ValueOptions, max_flat: int) -> LowerResult:
    """Return ``(cx, scope, value, flat_args) -> flat``: the result to the caller of ``canon lower``.

    `max_flat` is 1, or 0 when lowered async. A result that does not fit is stored where the last of `flat_args`
    points, and `flat` is empty. The function raises LowerError with the path to a bad value, Trap for a bad pointer.
    """
    return _cached(_make_lower_result, ft, opts, max_flat)  # type: ignore[no-any-return]


def compile_lift_task_return(result: ValType | None, opts: ValueOptions) -> LiftResult:
    """Return ``(cx, scope, flat) -> value``: the arguments of ``task.return``; 16 core values before memory is used."""
    return _cached(_make_lift_result, FuncType((), result), opts, MAX_FLAT_PARAMS)  # type: ignore[no-any-return]


def compile_load_list(element: ValType, opts: ValueOptions) -> LoadList:
    """Return ``(cx, ptr, length) -> list`` (or bytes): elements from a range that was checked before.

    It returns fewer elements, at least one, where so many would go beyond the budget of one lift.
    """
    return _cached(_make_load_list, FuncType((), element), opts)  # type: ignore[no-any-return]


def compile_store_list(element: ValType, opts: ValueOptions) -> StoreList:
    """Return ``(cx, values, ptr)``: elements to a range that was checked before; it must be long enough for them all.

    The function raises LowerError with the path to a bad value.
    """
    return _cached(_make_store_list, FuncType((), element), opts)  # type: ignore[no-any-return]


def _cached(make: Callable[..., Any], ft: FuncType, *args: Any) -> Any:
    # Handles bind objects of one instance, which no cache may keep alive; their code objects are still shared.
    if has_handles(ft):
        return make(ft, *args)
    return _made(make, ft, type_names(ft), args)


@lru_cache(maxsize=4096)
def _made(make: Callable[..., Any], ft: FuncType, names: tuple[object, ...], args: tuple[Any, ...]) -> Any:
    del names  # equal types of other names lift to other classes
    return make(ft, *args)


def _param_types(ft: FuncType) -> tuple[ValType, ...]:
    return tuple(param.type for param in ft.params)


def _lifting(opts: ValueOptions, params: str) -> tuple[Module, LiftSource, Body]:
    module = Module()
    _, body = module.function(params, "main")
    return module, LiftSource(module, WordPlan(opts.memory64), opts.encoding), body


def _lowering(opts: ValueOptions, params: str) -> tuple[Module, LowerSource, Body]:
    module = Module()
    _, body = module.function(params, "main")
    body.line("try:")
    body.depth += 1
    return module, LowerSource(module, WordPlan(opts.memory64), opts.encoding), body


def _finish_lowering(body: Body, source: LowerSource, blame: Callable[..., None], value: str) -> None:
    body.depth -= 1
    with body.block(f"except {source.bind(CONVERSION_ERRORS)} as error:"):
        body.line(f"{source.bind(blame)}({value}, error)")
        body.line("raise")


def _take(body: Body, names: Sequence[str], flat: str = "flat") -> None:
    if names:
        body.line(f"{', '.join(names)}, = {flat}")


def _make_lower_params(ft: FuncType, opts: ValueOptions) -> LowerParams:
    module, source, body = _lowering(opts, "cx, scope, args")
    types = _param_types(ft)
    if len(flatten_types(types, opts.memory64)) > MAX_FLAT_PARAMS:
        body.line("args = tuple(args)")
        body.line(f"return ({source.allocated(body, TupleType(types), 'args')},)")
    else:
        names = [body.temp() for _ in types]
        body.line(f"{', '.join(names)}, = args" if names else "() = args")
        flat = [core for t, name in zip(types, names, strict=True) for core in source.flat(body, t, name)]
        body.line(f"return ({', '.join(flat)}{',' if flat else ''})")
    _finish_lowering(body, source, partial(blame_params, ft), "args")
    return module.build("main")  # type: ignore[no-any-return]


def _make_lift_params(ft: FuncType, opts: ValueOptions, max_flat: int) -> LiftParams:
    module, source, body = _lifting(opts, "cx, scope, flat")
    types = _param_types(ft)
    flat_types = flatten_types(types, opts.memory64)
    if not types:
        body.line("return ()")
    elif len(flat_types) > max_flat:
        body.line(f"return {source.from_memory(body, TupleType(types), body.assign('flat[0]'))}")
    else:
        names = [body.temp() for _ in flat_types]
        body.line(f"if len(flat) != {len(names)}: flat = flat[:{len(names)}]")
        _take(body, names)
        cores = iter(names)
        args = [source.flat(body, t, cores) for t in types]
        body.line(f"return ({', '.join(args)},)")
    return module.build("main")  # type: ignore[no-any-return]


def _make_lift_result(ft: FuncType, opts: ValueOptions, max_flat: int) -> LiftResult:
    module, source, body = _lifting(opts, "cx, scope, flat")
    t = ft.result
    if t is None:
        body.line("return None")
    elif len(flat_types := flatten_type(t, opts.memory64)) > max_flat:
        _take(body, ["ptr"])
        body.line(f"return {source.from_memory(body, t, 'ptr')}")
    else:
        names = [body.temp() for _ in flat_types]
        _take(body, names)
        body.line(f"return {source.flat(body, t, iter(names))}")
    return module.build("main")  # type: ignore[no-any-return]


def _make_lower_result(ft: FuncType, opts: ValueOptions, max_flat: int) -> LowerResult:
    t = ft.result
    if t is None:
        return _lower_nothing
    module, source, body = _lowering(opts, "cx, scope, value, flat_args")
    if len(flatten_type(t, opts.memory64)) > max_flat:
        body.line("ptr = flat_args[-1]")
        size, align = elem_size(t, opts.memory64), alignment(t, opts.memory64)
        body.line(f"{source.bind(pointed_view)}(cx, ptr, {size}, {align})")
        source.to_memory(body, t, body.assign("value"), "ptr")
        body.line("return ()")
    else:
        body.line(f"return ({', '.join(source.flat(body, t, body.assign('value')))},)")
    _finish_lowering(body, source, partial(blame_result, t), "value")
    return module.build("main")  # type: ignore[no-any-return]


def _lower_nothing(cx: Context, scope: Any, value: Any, flat_args: Flat) -> Flat:
    del cx, scope, flat_args
    if value is not None:
        raise LowerError(f"expected None, got {type(value).__name__}", ("result",))
    return ()


def _make_load_list(ft: FuncType, opts: ValueOptions) -> LoadList:
    module, source, body = _lifting(opts, "cx, ptr, length")
    element: Any = ft.result
    size = elem_size(element, opts.memory64)
    elements = source.elements_function(element)
    body.line("cx.lifted = 0")
    cost = element_cost(element)
    if cost > 1:
        body.line(f"length = min(length, cx.lift_budget // {cost} or 1)")
        body.line(f"{source.bind(charge)}(cx, length * {cost})")
    body.line(f"return {elements}(cx, None, cx.memory.view, ptr, ptr + length * {size})")
    return module.build("main")  # type: ignore[no-any-return]


def _make_store_list(ft: FuncType, opts: ValueOptions) -> StoreList:
    module, source, body = _lowering(opts, "cx, values, ptr")
    element: Any = ft.result
    body.line(f"{source.elements_function(element)}(cx, None, values, cx.memory.view, ptr)")
    _finish_lowering(body, source, partial(blame_elements, element), "values")
    return module.build("main")  # type: ignore[no-any-return]


__all__ = [
    "Flat",
    "LiftParams",
    "LiftResult",
    "LoadList",
    "LowerParams",
    "LowerResult",
    "StoreList",
    "StringEncoding",
    "ValueOptions",
    "compile_lift_params",
    "compile_lift_result",
    "compile_lift_task_return",
    "compile_load_list",
    "compile_lower_params",
    "compile_lower_result",
    "compile_store_list",
]
