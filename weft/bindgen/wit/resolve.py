"""Names in WIT looked up: a world as the scope of a component that has its imports and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from attrs import define, evolve, field

from weft.bindgen.wit.declare import Declarations
from weft.bindgen.wit.tree import Extern, FuncTree, Include, InterfaceTree, Path, TypeTree, Use, WorldTree
from weft.component.externs import InstanceEntry, Scope
from weft.errors import WitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.bindgen.wit.tree import PackageTree

WorldItem: TypeAlias = TypeTree | Use | Extern


@final
@define(eq=False)
class Packages:
    """Packages by name and version."""

    all: dict[tuple[str, str | None], PackageTree] = field(factory=dict)

    def add(self, package: PackageTree) -> None:
        """Add a package, or a part of one."""
        known = self.all.setdefault((package.name, package.version), package)
        if known is not package:
            self.merge(known, package)

    @staticmethod
    def merge(package: PackageTree, part: PackageTree) -> None:
        """Add what a part of a package declares."""
        twice = (package.interfaces.keys() & part.interfaces.keys()) | (package.worlds.keys() & part.worlds.keys())
        if twice:
            raise WitError(f"package {package.name} declares `{min(twice)}` twice")
        package.interfaces.update(part.interfaces)
        package.worlds.update(part.worlds)

    def find(self, path: Path) -> tuple[PackageTree, str]:
        """Return the package that a path leads to, and the label in it."""
        if path.package is None:
            used = path.context.uses.get(path.name)
            if used is not None and used is not path:
                return self.find(used)
            return self.all[path.context.package or "", path.context.version], path.name
        name, version = path.package, path.version
        if version is None and path.package == path.context.package:
            version = path.context.version
        found = [tree for key, tree in self.all.items() if key[0] == name and version in {None, key[1]}]
        if len(found) != 1:
            what = "there is no" if not found else "there is more than one"
            raise WitError(f"{path.place}: {what} package `{name}{f'@{version}' if version else ''}`")
        return found[0], path.name

    def interface(self, path: Path) -> tuple[str, InterfaceTree]:
        """Return an interface and its id."""
        package, label = self.find(path)
        if label not in package.interfaces:
            raise WitError(f"{path.place}: `{package.name}` has no interface `{label}`")
        return interface_id(package, label), package.interfaces[label]

    def world(self, path: Path) -> WorldTree:
        """Return a world."""
        package, label = self.find(path)
        if label not in package.worlds:
            raise WitError(f"{path.place}: `{package.name}` has no world `{label}`")
        return package.worlds[label]


def interface_id(package: PackageTree, label: str) -> str:
    """Return the name that components import an interface by."""
    return f"{package.name}/{label}{f'@{package.version}' if package.version else ''}"


@final
class Worlds:
    """Reads worlds into scopes."""

    def __init__(self, packages: Packages) -> None:
        self._packages = packages

    def read(self, package: PackageTree, label: str | None) -> Scope:
        """Return the scope of a world.

        Raises:
            WitError: a name is unknown.
        """
        if not package.worlds and not package.interfaces:
            raise WitError(f"package {package.name} is empty")
        if label is None and not package.worlds:
            reader = _Reader(self._packages, ())
            for name, interface in package.interfaces.items():
                reader.imported(interface_id(package, name), interface)
            return reader.scope
        if label is None and len(package.worlds) == 1:
            (label,) = package.worlds
        if label is None or label not in package.worlds:
            raise WitError(f"choose a world of {package.name}: {', '.join(sorted(package.worlds)) or 'it has none'}")
        return _Reader(self._packages, tuple(self._items(package.worlds[label], ()))).read()

    def _items(self, world: WorldTree, inside: tuple[WorldTree, ...]) -> Iterator[WorldItem]:
        """Return what a world has, with what it includes."""
        if world in inside:
            raise WitError(f"world `{world.name}` includes itself")
        for item in world.items:
            if isinstance(item, Include):
                names = dict(item.names)
                for included in self._items(self._packages.world(item.path), (*inside, world)):
                    yield _renamed(included, names)
            else:
                yield item


def _renamed(item: WorldItem, names: dict[str, str]) -> WorldItem:
    match item:
        case Extern(direction=direction, what=FuncTree() as what):
            name = names.get(what.name, what.name)
            return Extern(direction, evolve(what, name=name))
        case Extern(direction=direction, what=InterfaceTree() as what):
            return Extern(direction, evolve(what, name=names.get(what.name, what.name)))
    return item


@final
class _Reader:
    """Reads one world.

    Attributes:
        scope: what it has so far.
    """

    def __init__(self, packages: Packages, items: tuple[WorldItem, ...]) -> None:
        self.scope = Scope(None)
        self._packages = packages
        self._items = items
        externs = [item for item in items if isinstance(item, Extern) and item.direction == "export"]
        self._exports = {packages.interface(e.what)[0] for e in externs if isinstance(e.what, Path)}
        self._reading: set[str] = set()

    def read(self) -> Scope:
        """Read all of it."""
        own = [item for item in self._items if not isinstance(item, Extern)]
        types = Declarations(self.scope, self.scope.imports, tuple(own), self._use_imported)
        externs = [item for item in self._items if isinstance(item, Extern)]
        for extern in externs:  # imports first: what is exported may use their types
            if extern.direction == "import":
                self._import(extern.what, types)
        types.declare()
        for extern in externs:
            if extern.direction == "export":
                self._export(extern.what, types)
        return self.scope

    def _import(self, what: Path | FuncTree | InterfaceTree, types: Declarations) -> None:
        match what:
            case Path():
                self.imported(*self._packages.interface(what))
            case FuncTree():
                self.scope.imports[what.name] = types.func(what)
            case InterfaceTree():
                self.scope.imports[what.name] = self._instance(what.name, what, exported=False)

    def _export(self, what: Path | FuncTree | InterfaceTree, types: Declarations) -> None:
        match what:
            case Path():
                self._exported(*self._packages.interface(what))
            case FuncTree():
                self.scope.exports[what.name] = types.func(what)
            case InterfaceTree():
                self.scope.exports[what.name] = self._instance(what.name, what, exported=True)

    def imported(self, name: str, interface: InterfaceTree) -> InstanceEntry:
        """Return an interface that the world imports, be it because another one uses it."""
        found = self.scope.imports.get(name)
        if not isinstance(found, InstanceEntry):
            found = self._instance(name, interface, exported=False)
            self.scope.imports[name] = found
        return found

    def _exported(self, name: str, interface: InterfaceTree) -> InstanceEntry:
        found = self.scope.exports.get(name)
        if not isinstance(found, InstanceEntry):
            found = self._instance(name, interface, exported=True)
            self.scope.exports[name] = found
        return found

    def _instance(self, name: str, interface: InterfaceTree, *, exported: bool) -> InstanceEntry:
        if name in self._reading:
            raise WitError(f"interface `{name}` uses itself")
        self._reading.add(name)
        scope = Scope(self.scope, interface=name)
        use = self._use_exported if exported else self._use_imported
        Declarations(scope, scope.exports, interface.items, use).declare()
        self._reading.remove(name)
        return InstanceEntry(scope, scope.exports, interface.doc)

    def _use_imported(self, path: Path) -> InstanceEntry:
        return self.imported(*self._packages.interface(path))

    def _use_exported(self, path: Path) -> InstanceEntry:
        """Return the interface that an exported one uses: the exported one where there is one."""
        name, interface = self._packages.interface(path)
        return self._exported(name, interface) if name in self._exports else self.imported(name, interface)


__all__ = ["Packages", "Worlds", "interface_id"]
