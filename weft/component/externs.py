"""What a component imports and exports, read off its plan with names kept: the input of the WIT printer.

The plan is interpreted: every definition adds an entry to an index space, and instantiating a nested component
interprets its plan with the arguments bound. No code runs and nothing is checked; run the validator first.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias, final

from attrs import define, field, frozen

from weft.component.plan import (
    AliasExport,
    AliasOuter,
    ComponentDesc,
    ComponentPlan,
    CoreModuleDesc,
    CoreRecGroup,
    CoreTypeDef,
    Definition,
    DefType,
    Export,
    ExportDecl,
    ExternDesc,
    FromExports,
    FuncDef,
    FuncDesc,
    Import,
    InstanceDesc,
    InstanceTypeDef,
    Instantiate,
    Lift,
    NestedComponent,
    Sort,
    SubResourceDesc,
    TypeDecl,
    TypeDef,
    TypeEqDesc,
    sort_added,
)
from weft.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFINITION_LIMIT: Final = 2_000_000
"""Instantiating inside instantiations can be exponential in the size of a component; this many steps are enough."""


_NO_DOCS: Final[Mapping[str, str]] = MappingProxyType({})


@define(eq=False)
class Scope:
    """The index spaces of a component, a component type or an instance type.

    Attributes:
        parent: the scope one level out.
        interface: what the things that this scope exports are known as outside, once that is known.
    """

    parent: Scope | None
    interface: str | None = None
    spaces: dict[Sort, list[Entry]] = field(factory=dict)
    imports: dict[str, Entry] = field(factory=dict)
    exports: dict[str, Entry] = field(factory=dict)

    def add(self, sort: Sort, entry: Entry) -> None:
        """Append to an index space."""
        self.spaces.setdefault(sort, []).append(entry)

    def get(self, sort: Sort, index: int) -> Entry:
        """Look up an index."""
        try:
            return self.spaces[sort][index]
        except (KeyError, IndexError):
            raise ValidationError(f"{sort.value} index {index} is out of range") from None

    def outer(self, count: int) -> Scope:
        """Return the scope `count` levels out."""
        scope: Scope | None = self
        for _ in range(count):
            scope = scope.parent if scope is not None else None
        if scope is None:
            raise ValidationError("an outer alias points beyond the outermost component")
        return scope


@final
@define(eq=False)
class TypeEntry:
    """A type: a definition in a scope, or a name for another entry.

    Attributes:
        scope: where the definition's indices count, and which interface `name` belongs to.
        definition: None for an abstract resource and for a name.
        name: what an import or export calls it.
        origin: what the name stands for.
        docs: what WIT text says of the type, under "", and of its fields, cases or labels; components say nothing.
    """

    scope: Scope
    definition: DefType | None = None
    name: str | None = None
    origin: TypeEntry | None = None
    docs: Mapping[str, str] = _NO_DOCS

    @property
    def root(self) -> TypeEntry:
        """The entry at the end of the chain of names."""
        entry = self
        while entry.origin is not None:
            entry = entry.origin
        return entry


@final
@frozen(eq=False)
class FuncEntry:
    """A function; `scope` is where the indices of its type count, `doc` what WIT text says of it."""

    type: FuncDef
    scope: Scope
    doc: str = ""


@final
@frozen(eq=False)
class InstanceEntry:
    """An instance. `scope.interface` is the name it is imported or exported by, `doc` what WIT text says of it."""

    scope: Scope
    exports: Mapping[str, Entry]
    doc: str = ""


@final
@frozen(eq=False)
class ComponentEntry:
    """A component; `plan` is None when it is imported."""

    plan: ComponentPlan | None
    scope: Scope


@final
@frozen(eq=False)
class OpaqueEntry:
    """Something that WIT has no word for: a core definition or a value."""

    sort: Sort


Entry: TypeAlias = TypeEntry | FuncEntry | InstanceEntry | ComponentEntry | OpaqueEntry


def read_externs(plan: ComponentPlan) -> Scope:
    """Interpret a component and return its scope, with `imports` and `exports` filled.

    Raises:
        ValidationError: an index is out of range, or the component is too large to look through.
    """
    return _Interpreter().component(plan, None, None)


@final
class _Interpreter:
    def __init__(self) -> None:
        self.budget = _DEFINITION_LIMIT

    def component(self, plan: ComponentPlan, parent: Scope | None, args: Mapping[str, Entry] | None) -> Scope:
        """Interpret a component. Its imports are `args`, or stand for themselves when that is None."""
        scope = Scope(parent)
        for definition in plan.definitions:
            self.define(scope, definition, args)
        return scope

    def define(self, scope: Scope, definition: Definition | TypeDecl, args: Mapping[str, Entry] | None) -> None:
        """Interpret one definition or declaration."""
        self.budget -= 1
        if self.budget < 0:
            raise ValidationError("the component is too large to inspect")
        sort = sort_added(definition)
        if sort is None:
            return
        if isinstance(definition, CoreTypeDef) and isinstance(definition.type, CoreRecGroup):
            for _ in definition.type.types:
                scope.add(sort, OpaqueEntry(sort))
            return
        scope.add(sort, self.entry(scope, definition, args, sort))

    def entry(
        self, scope: Scope, definition: Definition | TypeDecl, args: Mapping[str, Entry] | None, sort: Sort
    ) -> Entry:
        """Return what a definition adds to its index space."""
        match definition:
            case TypeDef(type=type_):
                return TypeEntry(scope, type_)
            case NestedComponent(plan=plan):
                return ComponentEntry(plan, scope)
            case Instantiate(component=index, args=given):
                bound = {arg.name: scope.get(arg.target.sort, arg.target.index) for arg in given}
                return self.instantiate(scope.get(Sort.COMPONENT, index), bound)
            case FromExports(exports=exports):
                entries = {export.name: scope.get(export.target.sort, export.target.index) for export in exports}
                return InstanceEntry(Scope(scope), entries)
            case AliasExport(instance=index, name=name):
                return self.exported(scope.get(Sort.INSTANCE, index), name, sort)
            case AliasOuter(count=count, index=index):
                return scope.outer(count).get(sort, index)
            case Lift(type=index):
                return self.func(scope, index)
            case Import(name=name, desc=desc):
                given_entry = None if args is None else args.get(name)
                scope.imports[name] = given_entry or self.described(scope, name, desc)
                return scope.imports[name]
            case ExportDecl(name=name, desc=desc):
                scope.exports[name] = self.described(scope, name, desc)
                return scope.exports[name]
            case Export():
                scope.exports[definition.name] = self.export(scope, definition)
                return scope.exports[definition.name]
            case _:
                return OpaqueEntry(sort)

    def export(self, scope: Scope, export: Export) -> Entry:
        """Return what an export of a component gives: the thing itself under its new name and type."""
        target = scope.get(export.target.sort, export.target.index)
        if isinstance(target, TypeEntry):
            return TypeEntry(scope, name=export.name, origin=target)
        if isinstance(target, InstanceEntry) and export.desc is None:
            if target.scope.interface is None:
                target.scope.interface = export.name
            return target
        return target if export.desc is None else self.described(scope, export.name, export.desc)

    def described(self, scope: Scope, name: str, desc: ExternDesc) -> Entry:
        """Return an entry of which only the type is known."""
        match desc:
            case FuncDesc(type=index):
                return self.func(scope, index)
            case TypeEqDesc(type=index):
                return TypeEntry(scope, name=name, origin=self.type(scope, index))
            case SubResourceDesc():
                return TypeEntry(scope, name=name)
            case InstanceDesc(type=index):
                type_ = self.type(scope, index).root
                inner = Scope(type_.scope, interface=name)
                if isinstance(type_.definition, InstanceTypeDef):
                    for decl in type_.definition.decls:
                        self.define(inner, decl, None)
                return InstanceEntry(inner, inner.exports)
            case ComponentDesc():
                return ComponentEntry(None, scope)
            case CoreModuleDesc():
                return OpaqueEntry(Sort.CORE_MODULE)
        return OpaqueEntry(Sort.VALUE)

    def instantiate(self, component: Entry, args: Mapping[str, Entry]) -> Entry:
        """Return the instance that a component gives for some arguments."""
        if not isinstance(component, ComponentEntry) or component.plan is None:
            return InstanceEntry(Scope(None), {})
        scope = self.component(component.plan, component.scope, args)
        return InstanceEntry(scope, scope.exports)

    @staticmethod
    def exported(instance: Entry, name: str, sort: Sort) -> Entry:
        """Return an export of an instance; unknown ones, of imported components, are opaque."""
        found = instance.exports.get(name) if isinstance(instance, InstanceEntry) else None
        return OpaqueEntry(sort) if found is None else found

    @staticmethod
    def type(scope: Scope, index: int) -> TypeEntry:
        """Look up a type."""
        entry = scope.get(Sort.TYPE, index)
        return entry if isinstance(entry, TypeEntry) else TypeEntry(scope)

    def func(self, scope: Scope, index: int) -> Entry:
        """Return a function of the type at `index`."""
        type_ = self.type(scope, index).root
        if isinstance(type_.definition, FuncDef):
            return FuncEntry(type_.definition, type_.scope)
        return OpaqueEntry(Sort.FUNC)


__all__ = [
    "ComponentEntry",
    "Entry",
    "FuncEntry",
    "InstanceEntry",
    "OpaqueEntry",
    "Scope",
    "TypeEntry",
    "read_externs",
]
