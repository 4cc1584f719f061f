"""``weft call``: one export, its arguments and its result in WAVE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.cli import wave
from weft.cli._runtime import WeftRuntime
from weft.cli.render import render
from weft.component.decoder import decode
from weft.component.externs import FuncEntry, InstanceEntry, read_externs
from weft.errors import LowerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weft.canon.types import FuncType
    from weft.cli._runtime import Func
    from weft.component.externs import Scope
    from weft.host.trace import TraceWriter

_SHOWN: Final = 10
"""How many functions a message lists at most."""


class CallError(Exception):
    """The function is not there, or the arguments are not what it takes."""


def call_export(data: bytes, name: str, args: Sequence[str], trace: TraceWriter | None = None) -> str | None:
    """Instantiate a component, call one of its exports and return the result in WAVE, or None without a result.

    Args:
        data: the component.
        name: the function: ``name`` for one at the root or in the only interface that has it, or ``interface#name``.
        args: each argument in WAVE.
        trace: writes a timeline.

    Raises:
        CallError: there is no such function, or an argument does not fit.
        WeftError: the component is not valid, cannot be linked, or traps.
    """
    path = find_export(read_externs(decode(data)), name)
    runtime = WeftRuntime(None, trace)
    try:
        func = runtime.instantiate(runtime.compile(data)).func(path)
        if func is None:
            raise CallError(f"no function named {name}")
        return _call(func, args)
    finally:
        runtime.close()


def _call(func: Func, args: Sequence[str]) -> str | None:
    type_ = func.type
    try:
        result = func.call(parse_args(type_, args))
    except LowerError as error:
        raise CallError(str(error)) from error
    return None if type_.result is None else render(type_.result, result)


def parse_args(type_: FuncType, args: Sequence[str]) -> list[object]:
    """Read the arguments of a function.

    Raises:
        CallError: there are too few or too many, or one is not of its type.
    """
    if len(args) != len(type_.params):
        names = ", ".join(param.name for param in type_.params) or "none"
        raise CallError(f"the function takes {len(type_.params)} arguments ({names}), not {len(args)}")
    values = []
    for param, text in zip(type_.params, args, strict=True):
        try:
            values.append(wave.parse(text, param.type))
        except wave.WaveError as error:
            raise CallError(f"argument {param.name}: {error}") from None
    return values


def find_export(component: Scope, name: str) -> tuple[str, ...]:
    """Return the path of an exported function.

    Raises:
        CallError: no export has the name, or more than one.
    """
    paths = list(_func_paths(component))
    found = [path for path in paths if "#".join(path) == name or path[-1] == name]
    exact = [path for path in found if "#".join(path) == name]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if found:
        raise CallError(f"{name} is ambiguous: {_listed(found)}")
    raise CallError(f"no function named {name}; the component exports {_listed(paths) if paths else 'none'}")


def _func_paths(component: Scope) -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = []
    for name, entry in component.exports.items():
        if isinstance(entry, FuncEntry):
            paths.append((name,))
        elif isinstance(entry, InstanceEntry):
            paths += [(name, inner) for inner, member in entry.exports.items() if isinstance(member, FuncEntry)]
    return paths


def _listed(paths: Sequence[tuple[str, ...]]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join("#".join(path) for path in paths[:_SHOWN]) + more


__all__ = ["CallError", "call_export", "find_export", "parse_args"]
