"""Functions of interfaces as Python signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from attrs import frozen

from weft.bindgen.text import call, docstring, indented
from weft.bindgen.world import BUILTINS, Member, Names
from weft.canon.names import snake_name
from weft.component.externs import FuncEntry
from weft.component.plan import ResultDef
from weft.component.wit_types import TypePrinter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weft.bindgen.types import Types
    from weft.bindgen.world import Direction
    from weft.component.externs import Entry, Scope
    from weft.component.plan import ValTypeRef

_RESERVED_PARAMS = ("self", "accessor", "store", "impl", "weft", "result", "error")
RESERVED_METHODS = ("weft", "drop", "resource", "on_drop", *BUILTINS)
"""What a method may not be called: annotations after it would mean the method."""


@final
@frozen(eq=False)
class Parameter:
    """One parameter: its name in Python, its annotation, its type."""

    name: str
    annotation: str
    type: ValTypeRef


@final
@frozen(eq=False)
class Function:
    """A function with its Python signature.

    Attributes:
        wit_name: what it is imported or exported as.
        is_async: whether Python has an ``async def``.
        blocks: whether that is so though WIT has no ``async func``: the guest that calls it waits.
        params: without the handle of a method.
        ok: the type that calls return; None when there is nothing to return.
        err: the payload of the `Err` that calls raise; None when there is none.
        fails: whether calls raise `Err`.
        scope: where the indices of `ok` and `err` count.
        param_scope: where those of its parameters count.
        wit: its declaration.
        text: what WIT text says of it.
    """

    wit_name: str
    member: Member
    is_async: bool
    blocks: bool
    params: tuple[Parameter, ...]
    result: str
    ok: ValTypeRef | None
    err: ValTypeRef | None
    fails: bool
    error: str
    scope: Scope
    param_scope: Scope
    wit: str
    text: str

    def head(self, name: str, first: list[str], *, is_async: bool, level: int = 1) -> list[str]:
        """Return the lines of a ``def`` up to its colon."""
        params = [*first, *(f"{param.name}: {param.annotation}" for param in self.params)]
        return call(f"{'async ' if is_async else ''}def {name}", params, f" -> {self.result}:", level=level)

    def doc(self) -> list[str]:
        """Return the lines of a docstring: the WIT signature, what is said of it, and the error."""
        raises = ["Raises:", f"    weft.Err[{self.error}]: the error of the result."] if self.fails else []
        gap = [""] if self.text and raises else []
        return docstring(f"``{self.wit}``", *self.text.splitlines(), *gap, *raises)


@final
class Functions:
    """The functions of one direction of a module, under the names that Python gets.

    Args:
        types: the types of the module.
        direction: whether the host or the guest implements them.
        entries: what the interface declares.
    """

    def __init__(self, types: Types, direction: Direction, entries: Mapping[str, Entry]) -> None:
        self._types = types
        self._direction = direction
        self._printer = TypePrinter(types.module.scope, types.module.types)
        self.all = [self._make(name, entry) for name, entry in entries.items() if isinstance(entry, FuncEntry)]

    def plain(self) -> list[Function]:
        """Return those that need no handle: functions, constructors, static functions."""
        return [function for function in self.all if function.member.kind != "method"]

    def methods(self, resource: str) -> list[Function]:
        """Return the methods of a resource."""
        return [f for f in self.all if f.member.kind == "method" and f.member.resource == resource]

    def _make(self, name: str, entry: FuncEntry) -> Function:
        member = Member.parse(name)
        skipped = 1 if member.kind == "method" else 0
        host = self._direction == "import"
        names = Names(_RESERVED_PARAMS)
        params = tuple(
            Parameter(
                names.claim(snake_name(param.name)),
                self._types.annotation(param.type, entry.scope, given=not host),
                param.type,
            )
            for param in entry.type.params[skipped:]
        )
        ok, err, fails, scope = self._outcome(entry)
        blocks = host and not entry.type.is_async and name in self._types.module.awaited
        return Function(
            wit_name=name,
            member=member,
            is_async=entry.type.is_async or blocks,
            blocks=blocks,
            params=params,
            result=self._types.annotation(ok, scope, given=host),
            ok=ok,
            err=err,
            fails=fails,
            error=self._types.annotation(err, scope),
            scope=scope,
            param_scope=entry.scope,
            wit=self._wit(member, entry),
            text=entry.doc,
        )

    def _outcome(self, entry: FuncEntry) -> tuple[ValTypeRef | None, ValTypeRef | None, bool, Scope]:
        """Return what calls return and raise, whether they raise, and where the indices of both count."""
        result = entry.type.result
        definition = self._types.definition(result, entry.scope)
        if isinstance(definition, ResultDef) and isinstance(result, int):
            return definition.ok, definition.err, True, self._types.entry(result, entry.scope).scope
        return result, None, False, entry.scope

    def _wit(self, member: Member, entry: FuncEntry) -> str:
        if member.kind == "constructor":
            return self._printer.constructor(entry)
        text = self._printer.func(entry, skip_self=member.kind == "method")
        return f"{member.label}: {'static ' if member.kind == 'static' else ''}{text}"


def body(function: Function, lines: list[str]) -> list[str]:
    """Return the docstring and the statements of a function."""
    return indented([*function.doc(), *lines])


__all__ = ["RESERVED_METHODS", "Function", "Functions", "Parameter", "body"]
