"""Calls between guests that need no canonical adapter: core function linked to core function.

A sync function of plain numbers lifts and lowers to itself. Where, besides, nothing can tell that it was called without
a task of its own, the engine calls it directly: a thousand times as fast as by way of the host.

Source: CanonicalABI.md, "`canon lift`" and "`canon lower`", of which nothing is left here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.canon.flatten import MAX_FLAT_PARAMS
from weft.canon.lift import LiftedFunc
from weft.canon.types import Prim
from weft.component import plan as p

if TYPE_CHECKING:
    from weft.component.items import FuncItem
    from weft.runtime.instance import ComponentInstance

_SELF_LOWERING = frozenset({Prim.S32, Prim.U32, Prim.S64, Prim.U64, Prim.F32, Prim.F64})


def calls_nothing(plan: p.ComponentPlan) -> bool:
    """Whether core code of a component can call no canonical function: then it cannot see which task runs it."""
    return not any(isinstance(definition, p.Lower | p.Builtin) for definition in plan.definitions)


def can_always_leave(plan: p.ComponentPlan) -> bool:
    """Whether a component's core code is never run as `realloc` or `post-return`, which may not call imports."""
    return not any(
        options is not None and (options.realloc is not None or options.post_return is not None)
        for options in (getattr(definition, "options", None) for definition in plan.definitions)
    )


def links_directly(caller: ComponentInstance, item: FuncItem) -> bool:
    """Whether a sync lower of `item` in `caller`, which `can_always_leave`, is the lifted core function itself."""
    callee, func_type = item.callee, item.type
    if not isinstance(callee, LiftedFunc) or func_type.is_async or callee.post_return is not None:
        return False
    inst = callee.inst
    types = [param.type for param in func_type.params]
    if func_type.result is not None:
        types.append(func_type.result)
    return (
        inst.store.observation is None
        and inst.is_leaf
        and inst.root is caller.root  # both are poisoned together
        and not inst.can_block
        and len(func_type.params) <= MAX_FLAT_PARAMS
        and all(t in _SELF_LOWERING for t in types)
    )
