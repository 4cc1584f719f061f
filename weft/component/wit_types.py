"""WIT text of types, as one interface or world sees them: by name where it has one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from weft.canon.types import Prim
from weft.component.externs import Scope, TypeEntry
from weft.component.plan import (
    BorrowDef,
    EnumDef,
    FlagsDef,
    FutureDef,
    ListDef,
    MapDef,
    OptionDef,
    OwnDef,
    RecordDef,
    ResourceDef,
    ResultDef,
    Sort,
    StreamDef,
    TupleDef,
    ValTypeRef,
    VariantDef,
)
from weft.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weft.component.externs import FuncEntry
    from weft.component.plan import DefType

_MAX_DEPTH: Final = 100
_MAX_STRUCTURES: Final = 100_000
_KEYWORD: Final = re.compile(
    "as|async|bool|borrow|char|constructor|enum|error-context|export|f32|f64|flags|from|func|future|import|include|"
    "interface|list|map|option|own|package|record|resource|result|s16|s32|s64|s8|static|stream|string|tuple|type|"
    "u16|u32|u64|u8|use|variant|with|world"
)


def identifier(name: str) -> str:
    """Return a name as WIT text: keywords get a ``%``."""
    return f"%{name}" if _KEYWORD.fullmatch(name) else name


def interface_path(interface: str, home: str | None = None) -> str:
    """Return the id of an interface as WIT text, as the interface `home` has to write it.

    Inside one package that is the bare name.
    """
    head, mark, version = interface.partition("@")
    package, _, name = head.rpartition("/")
    home_head, _, home_version = (home or "").partition("@")
    if package and (home_head.rpartition("/")[0], home_version) == (package, version):
        return identifier(name)
    return re.sub(r"[^:/]+", lambda match: identifier(match[0]), head) + mark + version


@final
class TypePrinter:
    """Prints types inside one interface or world.

    Args:
        scope: the scope of the interface or world.
        types: the types that it names itself.
    """

    def __init__(self, scope: Scope, types: Mapping[str, TypeEntry]) -> None:
        self.scope = scope
        self.names: dict[int, str] = {}
        for name, entry in types.items():
            self.names.setdefault(id(entry), name)
        for name, entry in types.items():
            self.names.setdefault(id(entry.root), name)
        # Names of other interfaces that this one uses without giving them a name of its own.
        self.used: dict[tuple[str, str], None] = {}
        self._depth = 0
        self._left = _MAX_STRUCTURES

    def is_resource(self, name: str, entry: TypeEntry) -> bool:
        """Whether the type `name` is a resource that is declared here."""
        root = entry.root
        if self._foreign(entry) is not None or self.names.get(id(root)) != name:
            return False
        return root.definition is None or isinstance(root.definition, ResourceDef)

    def used_lines(self) -> list[str]:
        """Return the ``use`` items that everything printed so far needs, besides those it declares."""
        return [self._use(interface, identifier(name)) for interface, name in self.used]

    def _use(self, interface: str, names: str) -> str:
        return f"use {interface_path(interface, self.scope.interface)}.{{{names}}};"

    def declaration(self, name: str, entry: TypeEntry) -> list[str]:
        """Return the lines that declare a type: a ``use``, an alias or a definition."""
        foreign = self._foreign(entry)
        if foreign is not None:
            renamed = "" if foreign[1] == name else f" as {identifier(name)}"
            return [self._use(foreign[0], identifier(foreign[1]) + renamed)]
        origin = entry.origin
        while origin is not None:
            known = self.names.get(id(origin))
            if known not in {None, name}:
                return [f"type {identifier(name)} = {identifier(str(known))};"]
            origin = origin.origin
        root = entry.root
        return self._definition(identifier(name), root.definition, root.scope)

    def _foreign(self, entry: TypeEntry) -> tuple[str, str] | None:
        """Return the interface and the name that a type comes from, when that is not this interface."""
        origin: TypeEntry | None = entry
        while origin is not None:
            interface = origin.scope.interface
            if origin.name is not None and origin.scope is not self.scope and interface is not None:
                return None if interface == self.scope.interface else (interface, origin.name)
            origin = origin.origin
        return None

    def _definition(self, name: str, definition: DefType | None, scope: Scope) -> list[str]:
        match definition:
            case RecordDef(fields=fields):
                body = [f"  {identifier(field.name)}: {self.ref(field.type, scope)}," for field in fields]
                return [f"record {name} {{", *body, "}"]
            case VariantDef(cases=cases):
                payloads = ["" if case.type is None else f"({self.ref(case.type, scope)})" for case in cases]
                body = [f"  {identifier(case.name)}{text}," for case, text in zip(cases, payloads, strict=True)]
                return [f"variant {name} {{", *body, "}"]
            case EnumDef(labels=labels) | FlagsDef(labels=labels):
                word = "enum" if isinstance(definition, EnumDef) else "flags"
                return [f"{word} {name} {{", *(f"  {identifier(label)}," for label in labels), "}"]
            case None | ResourceDef():
                return [f"resource {name};"]
        return [f"type {name} = {self._structure(definition, scope)};"]

    def func(self, func: FuncEntry, *, skip_self: bool = False) -> str:
        """Return a function type; `skip_self` leaves out the first parameter."""
        params = func.type.params[1:] if skip_self else func.type.params
        inner = ", ".join(f"{identifier(param.name)}: {self.ref(param.type, func.scope)}" for param in params)
        result = "" if func.type.result is None else f" -> {self.ref(func.type.result, func.scope)}"
        return f"{'async ' if func.type.is_async else ''}func({inner}){result}"

    def constructor(self, func: FuncEntry) -> str:
        """Return a constructor; its result is written only when it can fail."""
        text = self.func(func).removeprefix("func")
        params, _, result = text.partition(" -> ")
        return f"constructor{params}" + (f" -> {result}" if result.startswith("result<") else "")

    def ref(self, ref: ValTypeRef | None, scope: Scope) -> str:
        """Return a reference to a type: its name here, its name elsewhere, or its structure."""
        if ref is None:
            return "_"
        if isinstance(ref, Prim):
            return ref.value
        entry = scope.get(Sort.TYPE, ref)
        if not isinstance(entry, TypeEntry):
            return "/* unknown */"
        return self._named(entry) or self._unnamed(entry.root)

    def _unnamed(self, entry: TypeEntry) -> str:
        """Return the structure of a type. Types that hold each other twice over could make a text without end."""
        self._depth += 1
        self._left -= 1
        if self._depth > _MAX_DEPTH or self._left < 0:
            raise ValidationError("a type is too deep or too large to print")
        text = self._structure(entry.definition, entry.scope)
        self._depth -= 1
        return text

    def _named(self, entry: TypeEntry) -> str | None:
        here = self._name_here(entry)
        if here is not None:
            return identifier(here)
        foreign = self._foreign(entry)
        if foreign is None:
            return identifier(entry.name) if entry.name is not None else None
        self.used[foreign] = None
        return identifier(foreign[1])

    def _name_here(self, entry: TypeEntry) -> str | None:
        step: TypeEntry | None = entry
        while step is not None:
            if id(step) in self.names:
                return self.names[id(step)]
            step = step.origin
        return None

    def _structure(self, definition: DefType | None, scope: Scope) -> str:
        match definition:
            case Prim():
                return definition.value
            case ListDef(element=element, length=length):
                return f"list<{self.ref(element, scope)}{'' if length is None else f', {length}'}>"
            case TupleDef(types=types):
                return f"tuple<{', '.join(self.ref(type_, scope) for type_ in types)}>"
            case OptionDef(payload=payload):
                return f"option<{self.ref(payload, scope)}>"
            case ResultDef(ok=None, err=None):
                return "result"
            case ResultDef(ok=ok, err=None):
                return f"result<{self.ref(ok, scope)}>"
            case ResultDef(ok=ok, err=err):
                return f"result<{self.ref(ok, scope)}, {self.ref(err, scope)}>"
            case MapDef(key=key, value=value):
                return f"map<{self.ref(key, scope)}, {self.ref(value, scope)}>"
            case StreamDef(payload=payload) | FutureDef(payload=payload):
                word = "stream" if isinstance(definition, StreamDef) else "future"
                return word if payload is None else f"{word}<{self.ref(payload, scope)}>"
            case OwnDef(resource=resource):
                return self.ref(resource, scope)
            case BorrowDef(resource=resource):
                return f"borrow<{self.ref(resource, scope)}>"
            case RecordDef() | VariantDef() | EnumDef() | FlagsDef():
                return " ".join(self._definition("/* unnamed */", definition, scope))
        return "/* unnamed */"


__all__ = ["TypePrinter", "identifier", "interface_path"]
