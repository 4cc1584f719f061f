"""WIT text for what a component imports and exports.

The component becomes ``world root``, and every interface it names a definition after it, package by package, so that
the whole text parses as WIT. What WIT has no words for (core modules, components, values) becomes a comment.

Source: WIT.md; the names of imports and exports are in Explainer.md, "Import and Export Definitions".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from weft.component.externs import FuncEntry, InstanceEntry, OpaqueEntry, Scope, TypeEntry, read_externs
from weft.component.wit_types import TypePrinter, identifier, interface_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from weft.component.externs import Entry
    from weft.component.plan import ComponentPlan

_INTERFACE: Final = re.compile(r"(?P<package>[^/@]+(?::[^/@]+)+)/(?P<name>[^/@]+)(?:@(?P<version>.+))?")
_MEMBER: Final = re.compile(r"\[(?P<kind>constructor|method|static)\](?P<resource>[^.]+)(?:\.(?P<name>.+))?")


def component_wit(plan: ComponentPlan) -> str:
    """Return the WIT of a decoded component.

    Raises:
        ValidationError: the component is not valid, or too large to look through.
    """
    return _WorldPrinter(read_externs(plan)).text()


@final
class _WorldPrinter:
    def __init__(self, world: Scope) -> None:
        self.world = world
        named = [*world.imports.items(), *(item for item in world.exports.items() if item[0] not in world.imports)]
        self.printer = TypePrinter(world, {name: entry for name, entry in named if isinstance(entry, TypeEntry)})
        # Interfaces to define, by their id; those of other packages that are only used have no definition here.
        self.interfaces: dict[str, InstanceEntry] = {}

    def text(self) -> str:
        """Return the whole text."""
        imports = list(self._items("import", self.world.imports))
        exports = [*self._items("export", self.world.exports), *self.printer.used_lines()]
        gap = [""] if imports and exports else []
        lines = ["package root:component;", "", "world root {", *_indented([*imports, *gap, *exports]), "}"]
        for package, members in self._packages().items():
            lines += ["", f"package {package} {{", *_indented(members), "}"]
        return "\n".join(lines) + "\n"

    def _items(self, direction: str, entries: Mapping[str, Entry]) -> Iterator[str]:
        printer = self.printer
        for name, entry in entries.items():
            match entry:
                case InstanceEntry():
                    yield from self._instance(direction, name, entry)
                case TypeEntry() if direction == "import":
                    yield from _type_lines(printer, name, entry, entries)
                case TypeEntry():
                    yield from _commented(["exported type:", *printer.declaration(name, entry)])
                case FuncEntry() if _MEMBER.fullmatch(name) is None:
                    yield f"{direction} {identifier(name)}: {printer.func(entry)};"
                case FuncEntry():
                    pass
                case _:
                    sort = entry.sort.value if isinstance(entry, OpaqueEntry) else "component"
                    yield f"// {direction} {name}: {sort}"

    def _instance(self, direction: str, name: str, instance: InstanceEntry) -> Iterator[str]:
        if _INTERFACE.fullmatch(name):
            self.interfaces.setdefault(name, instance)
            yield f"{direction} {interface_path(name)};"
            return
        yield f"{direction} {identifier(name)}: interface {{"
        yield from _indented(list(_interface_lines(instance)))
        yield "}"

    def _packages(self) -> dict[str, list[str]]:
        """Return the interfaces as lines, by package."""
        packages: dict[str, list[str]] = {}
        for name, instance in self.interfaces.items():
            match = _INTERFACE.fullmatch(name)
            if match is None:
                continue
            version = f"@{match['version']}" if match["version"] else ""
            package = ":".join(map(identifier, match["package"].split(":"))) + version
            body = [f"interface {identifier(match['name'])} {{", *_indented(list(_interface_lines(instance))), "}"]
            members = packages.setdefault(package, [])
            members += [""] * bool(members) + body
        return packages


def _interface_lines(instance: InstanceEntry) -> Iterator[str]:
    """Yield what stands between the braces of an interface."""
    entries = instance.exports
    types = {name: entry for name, entry in entries.items() if isinstance(entry, TypeEntry)}
    printer = TypePrinter(instance.scope, types)
    body: list[str] = []
    for name, entry in entries.items():
        match entry:
            case TypeEntry():
                body += _type_lines(printer, name, entry, entries)
            case FuncEntry() if _MEMBER.fullmatch(name) is None:
                body.append(f"{identifier(name)}: {printer.func(entry)};")
            case FuncEntry():
                pass
            case _:
                body.append(f"// {name}: {entry.sort.value if isinstance(entry, OpaqueEntry) else 'instance'}")
    yield from printer.used_lines()
    yield from body


def _type_lines(printer: TypePrinter, name: str, entry: TypeEntry, siblings: Mapping[str, Entry]) -> list[str]:
    """Return a type's declaration; a resource's holds the functions among `siblings` that belong to it."""
    if not printer.is_resource(name, entry):
        return printer.declaration(name, entry)
    members = list(_member_lines(printer, name, siblings))
    if not members:
        return [f"resource {identifier(name)};"]
    return [f"resource {identifier(name)} {{", *_indented(members), "}"]


def _member_lines(printer: TypePrinter, resource: str, siblings: Mapping[str, Entry]) -> Iterator[str]:
    for name, entry in siblings.items():
        match = _MEMBER.fullmatch(name)
        if match is None or match["resource"] != resource or not isinstance(entry, FuncEntry):
            continue
        if match["kind"] == "constructor":
            yield printer.constructor(entry) + ";"
            continue
        text = printer.func(entry, skip_self=match["kind"] == "method")
        word = "static " if match["kind"] == "static" else ""
        yield f"{identifier(match['name'] or '')}: {word}{text};"


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


def _commented(lines: list[str]) -> list[str]:
    return [f"// {line}" for line in lines]


__all__ = ["component_wit"]
