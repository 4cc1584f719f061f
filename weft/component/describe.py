"""Types in words, as WIT writes them, for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.canon import types as t

if TYPE_CHECKING:
    from collections.abc import Iterable


def describe_func(func_type: t.FuncType) -> str:
    """Return a function type as WIT writes it."""
    params = ", ".join(f"{param.name}: {describe(param.type)}" for param in func_type.params)
    result = "" if func_type.result is None else f" -> {describe(func_type.result)}"
    return f"{'async ' if func_type.is_async else ''}func({params}){result}"


def describe(value_type: t.ValType | None) -> str:
    """Return a value type as WIT writes it; the parts of named types are spelled out."""
    match value_type:
        case None:
            return "_"
        case t.Prim():
            return value_type.value
        case t.RecordType(fields=fields):
            return f"record {{ {_join(f'{f.name}: {describe(f.type)}' for f in fields)} }}"
        case t.VariantType(cases=cases):
            return (
                f"variant {{ {_join(c.name if c.type is None else f'{c.name}({describe(c.type)})' for c in cases)} }}"
            )
        case t.EnumType(labels=labels):
            return f"enum {{ {_join(labels)} }}"
        case t.FlagsType(labels=labels):
            return f"flags {{ {_join(labels)} }}"
        case t.OwnType(resource=resource):
            return getattr(resource, "name", "resource")
        case _:
            return _describe_generic(value_type)


def _describe_generic(value_type: t.ValType) -> str:
    match value_type:
        case t.ListType(element=element, length=length):
            return f"list<{describe(element)}{'' if length is None else f', {length}'}>"
        case t.TupleType(types=types):
            return f"tuple<{_join(map(describe, types))}>"
        case t.OptionType(payload=payload):
            return f"option<{describe(payload)}>"
        case t.ResultType(ok=ok, err=err):
            return "result" if ok is None and err is None else f"result<{describe(ok)}, {describe(err)}>"
        case t.MapType(key=key, value=value):
            return f"map<{describe(key)}, {describe(value)}>"
        case t.BorrowType(resource=resource):
            return f"borrow<{getattr(resource, 'name', 'resource')}>"
        case t.StreamType(payload=payload):
            return "stream" if payload is None else f"stream<{describe(payload)}>"
        case t.FutureType(payload=payload):
            return "future" if payload is None else f"future<{describe(payload)}>"
        case _:
            raise AssertionError(value_type)


def _join(parts: Iterable[str]) -> str:
    return ", ".join(parts)
