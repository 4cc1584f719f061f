"""The world of a component, laid out as Python modules: which module declares which type, under which name.

A module is made for each imported and each exported interface, and one, the package itself, for the world. A type
belongs to the module that declares it; the others import it from there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from attrs import define, field, frozen

from weft.canon.names import camel_name, snake_name
from weft.component.externs import FuncEntry, InstanceEntry, TypeEntry
from weft.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from weft.component.externs import Entry, Scope

Direction: TypeAlias = Literal["import", "export"]

_MEMBER: Final = re.compile(r"\[(?P<kind>constructor|method|static)\](?P<resource>[^.]+)(?:\.(?P<name>.+))?")

BUILTINS: Final = ("bool", "bytes", "dict", "float", "int", "list", "str", "tuple")
"""What annotations use without an import."""

MODULE_NAMES: Final = (
    *("Any", "ClassVar", "Final", "Literal", "Mapping", "Protocol", "Sequence", "TypeAlias"),
    *("BytesLike", "Exports", "FutureLike", "INTERFACE", "StreamLike"),
)
"""What generated modules import by these names."""


@final
class Names:
    """The names taken in one Python scope."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def claim(self, *wanted: str) -> str:
        """Return the first of `wanted` that is free, or else the last one with underscores after it.

        Raises:
            ValidationError: a name has characters that no label has.
        """
        if not all(name.isidentifier() for name in wanted):
            raise ValidationError(f"{wanted[0]!r} cannot be a name")
        name = next((name for name in wanted if name not in self._taken), wanted[-1])
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


@final
@frozen
class Member:
    """A function's place: in an interface, or in one of its resources.

    Attributes:
        kind: what it is to the resource.
        resource: the label of the resource, None for a plain function.
        label: its own label; of a constructor the resource's.
    """

    kind: Literal["function", "constructor", "method", "static"]
    resource: str | None
    label: str

    @classmethod
    def parse(cls, name: str) -> Member:
        """Take the name of an export apart."""
        match = _MEMBER.fullmatch(name)
        if match is None:
            return cls("function", None, _interface_label(name))  # a function may be named like an interface
        if match["kind"] == "constructor":
            return cls("constructor", match["resource"], match["resource"])
        kind: Literal["method", "static"] = "method" if match["kind"] == "method" else "static"
        return cls(kind, match["resource"], match["name"] or "")

    @property
    def python_name(self) -> str:
        """What the function is called where it stands."""
        if self.kind == "constructor":
            return snake_name(f"new-{self.label}")
        if self.kind == "static":
            return snake_name(f"{self.resource}-{self.label}")
        return snake_name(self.label)


@final
@define(eq=False)
class Module:
    """A Python module to write.

    Attributes:
        name: what Python calls it; the package itself has no name.
        interface: the name of the import or export; None for the world.
        scope: the scope its types are seen from.
        elsewhere: the module that has it already, by its full name, and is imported instead of written; or None.
        imported, exported: what it declares, by direction; one of them is empty except for the world.
        doc: what WIT text says of the interface.
        awaited: functions that are not async in WIT, which the host implements with an ``async def`` all the same.
        names: what is taken at the top level.
    """

    name: str
    interface: str | None
    scope: Scope
    elsewhere: str | None = None
    imported: Mapping[str, Entry] = field(factory=dict)
    exported: Mapping[str, Entry] = field(factory=dict)
    doc: str = ""
    awaited: frozenset[str] = frozenset()
    names: Names = field(factory=lambda: Names(MODULE_NAMES))

    @property
    def path(self) -> str:
        """What other modules of the package import from."""
        return self.elsewhere or f".{self.name}"

    @property
    def types(self) -> dict[str, TypeEntry]:
        """The types it names."""
        entries = [*self.imported.items(), *self.exported.items()]
        return {name: entry for name, entry in entries if isinstance(entry, TypeEntry)}

    @property
    def directions(self) -> tuple[tuple[Direction, Mapping[str, Entry]], ...]:
        """What it declares in each direction."""
        return ("import", self.imported), ("export", self.exported)

    @property
    def class_label(self) -> str:
        """The label that the class for its functions is called after."""
        return _interface_label(self.interface or "")


@final
@frozen(eq=False)
class Owner:
    """Where a type is declared.

    Attributes:
        class_name: its name there.
        direction: whose type it is: of a resource, whether the host or the guest implements it.
    """

    module: Module
    label: str
    class_name: str
    direction: Direction


@final
class World:
    """The modules of a component.

    Args:
        scope: what the component imports and exports.
        elsewhere: the modules that there are already, by the names of the interfaces.
        awaited: which functions get `Module.awaited`: all of an interface, or ``interface#function``.

    Raises:
        ValidationError: the component imports no such interface or function.

    Attributes:
        root: the package itself.
        modules: the interfaces, imports first.
        owners: where types are declared, by the id() of the entry at the end of their chain of names.
    """

    def __init__(self, scope: Scope, elsewhere: Mapping[str, str] | None = None, awaited: Collection[str] = ()) -> None:
        self.root = Module("", None, scope, None, _plain(scope.imports), _plain(scope.exports))
        self.modules: list[Module] = []
        self.owners: dict[int, Owner] = {}
        taken = Names()
        known = dict(elsewhere or {})
        for name, entry in scope.imports.items():
            if isinstance(entry, InstanceEntry):
                module_name = _module_name(taken, name)
                found = known.pop(name, None)
                self.modules.append(Module(module_name, name, entry.scope, found, entry.exports, doc=entry.doc))
        for name, entry in scope.exports.items():
            if isinstance(entry, InstanceEntry):
                module_name = _module_name(taken, name, is_again=name in scope.imports)
                self.modules.append(Module(module_name, name, entry.scope, exported=entry.exports, doc=entry.doc))
        for name, path in known.items():
            raise ValidationError(f"{path} cannot stand for {name!r}, which is not imported")
        for name in awaited:
            self._await(name)
        named: dict[int, tuple[TypeEntry, Module, str, Direction]] = {}
        for module in [*self.modules, self.root]:
            for direction, entries in module.directions:
                for name, entry in entries.items():
                    if isinstance(entry, TypeEntry):
                        named.setdefault(id(entry), (entry, module, name, direction))
        for entry, *_ in list(named.values()):
            if id(entry.root) not in self.owners:
                # The name nearest to the definition is the declaration; those before it are uses of it.
                *_, (_, module, name, direction) = (named[id(step)] for step in _chain(entry) if id(step) in named)
                class_name = module.names.claim(camel_name(name))
                self.owners[id(entry.root)] = Owner(module, name, class_name, direction)

    def _await(self, name: str) -> None:
        """Enter a function, or all of an interface, into `Module.awaited`."""
        interface, _, function = name.rpartition("#") if "#" in name else (name, "", "")
        for module in [*self.modules, self.root]:
            if (module.interface or "") == interface:
                found = {n for n, e in module.imported.items() if isinstance(e, FuncEntry) and function in {"", n}}
                if found:
                    module.awaited |= found
                    return
        raise ValidationError(f"{name!r} is no function that is imported, nor an interface of some")


def _chain(entry: TypeEntry) -> Iterator[TypeEntry]:
    step: TypeEntry | None = entry
    while step is not None:
        yield step
        step = step.origin


def _plain(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    return {name: entry for name, entry in entries.items() if isinstance(entry, TypeEntry | FuncEntry)}


def _interface_label(name: str) -> str:
    return name.partition("@")[0].rpartition("/")[2]


def _module_name(taken: Names, interface: str, *, is_again: bool = False) -> str:
    """Return a name that tells interfaces apart: by the interface, the package, and whether it is imported as well."""
    label = _interface_label(interface)
    package = interface.partition("@")[0].rpartition("/")[0].replace(":", "-")
    wanted = [label, f"{package}-{label}" if package else label]
    return taken.claim(*(snake_name(f"exported-{name}" if is_again else name) for name in wanted))


__all__ = ["BUILTINS", "Direction", "Member", "Module", "Names", "Owner", "World"]
