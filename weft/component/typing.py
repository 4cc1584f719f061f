"""Type definitions of a plan, evaluated in a scope: indices become types, resources become identities.

Source: Explainer.md, "Type Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from weft.canon import types as t
from weft.component import plan as p
from weft.component.items import TypeClosure
from weft.component.plan import Sort

if TYPE_CHECKING:
    from weft.component.items import Scope


def evaluate_type(scope: Scope, definition: p.DefType) -> Any:
    """Return what a type definition other than a resource stands for in `scope`."""
    match definition:
        case p.FuncDef(params=params, result=result, is_async=is_async):
            return t.FuncType(
                tuple(t.Param(param.name, value_type(scope, param.type)) for param in params),
                None if result is None else value_type(scope, result),
                is_async,
            )
        case p.ComponentTypeDef() | p.InstanceTypeDef():
            return TypeClosure(definition, scope)
        case p.ResourceDef():
            raise AssertionError("resource types are made by instantiation")
        case _:
            return _evaluate_value_type(scope, definition)


def value_type(scope: Scope, ref: p.ValTypeRef) -> t.ValType:
    """Return the type that a reference stands for."""
    if isinstance(ref, t.Prim):
        return ref
    found: t.ValType = scope.spaces[Sort.TYPE][ref]
    return found


def _optional(scope: Scope, ref: p.ValTypeRef | None) -> t.ValType | None:
    return None if ref is None else value_type(scope, ref)


def _evaluate_value_type(scope: Scope, definition: p.DefValType) -> t.ValType:
    match definition:
        case t.Prim():
            return definition
        case p.RecordDef(fields=fields):
            return t.RecordType(tuple(t.Field(f.name, value_type(scope, f.type)) for f in fields))
        case p.VariantDef(cases=cases):
            return t.VariantType(tuple(t.Case(c.name, _optional(scope, c.type)) for c in cases))
        case p.ListDef(element=element, length=length):
            return t.ListType(value_type(scope, element), length)
        case p.TupleDef(types=types):
            return t.TupleType(tuple(value_type(scope, ref) for ref in types))
        case p.FlagsDef(labels=labels):
            return t.FlagsType(labels)
        case p.EnumDef(labels=labels):
            return t.EnumType(labels)
        case p.OptionDef(payload=payload):
            return t.OptionType(value_type(scope, payload))
        case p.ResultDef(ok=ok, err=err):
            return t.ResultType(_optional(scope, ok), _optional(scope, err))
        case p.MapDef(key=key, value=value):
            return t.MapType(value_type(scope, key), value_type(scope, value))
        case p.OwnDef(resource=resource):
            return t.OwnType(scope.spaces[Sort.TYPE][resource])
        case p.BorrowDef(resource=resource):
            return t.BorrowType(scope.spaces[Sort.TYPE][resource])
        case p.StreamDef(payload=payload):
            return t.StreamType(_optional(scope, payload))
        case p.FutureDef(payload=payload):
            return t.FutureType(_optional(scope, payload))


def named(item: Any, name: str) -> Any:
    """Return the type `item` under the name it is exported by: generated classes are called so."""
    if isinstance(item, t.RecordType | t.VariantType | t.EnumType | t.FlagsType) and item.name != name:
        return evolve(item, name=name)
    return item
