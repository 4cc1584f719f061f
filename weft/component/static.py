"""What a component exports, found without running anything: instantiation with types in place of things.

Functions have a type and nothing to call, every resource type is a fresh one, and of core WebAssembly only modules
and types are kept. It serves to compare components with component types, and to see what imports a component has.

Source: Explainer.md, "Instance Definitions" and "Type Checking".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypeAlias, final

from attrs import define, field

from weft.component import plan as p
from weft.component.items import ComponentItem, FuncItem, InstanceItem, ModuleItem, Scope, TypeClosure
from weft.component.plan import Sort
from weft.component.typing import evaluate_type, named
from weft.errors import LinkError
from weft.runtime.resource import ResourceType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from weft.component.items import Item
    from weft.runtime.task import Caller

ComponentLike: TypeAlias = ComponentItem | TypeClosure

Wiring: TypeAlias = p.CoreModule | p.NestedComponent | p.FromExports | p.CoreTypeDef | p.AliasExport | p.AliasOuter
"""Definitions that make no instance and run nothing."""

_STEP_LIMIT: Final = 2_000_000
"""Instantiating inside instantiations can be exponential in the size of a component; this many steps are enough."""


class Bind(Protocol):
    """Checks one import against what is given for it, and returns the item."""

    def __call__(self, scope: Scope, desc: p.ExternDesc, offered: Any, path: str, /) -> Item:
        """Return the item for one import; see `weft.component.bind.Binder.bind`."""


@final
class _NotCallable:
    """Stands where the callee of a function would be."""

    name = ""
    may_block = False

    def invoke(self, caller: Caller) -> NoReturn:
        """Fail: only the type of the function is known."""
        raise AssertionError(caller)


_NOT_CALLABLE: Final = _NotCallable()


def declare(scope: Scope, decl: p.TypeDecl) -> None:
    """Evaluate a declaration of a component or instance type that is neither import nor export."""
    match decl:
        case p.TypeDef(type=definition):
            scope.add(Sort.TYPE, evaluate_type(scope, definition))
        case p.AliasOuter(sort=sort, count=count, index=index):
            scope.add(sort, scope.outer(count).get(sort, index))
        case p.AliasExport(sort=sort, instance=instance, name=name):
            scope.add(sort, scope.get(Sort.INSTANCE, instance).exports[name])
        case p.CoreTypeDef(type=definition):
            add_core_types(scope, definition)
        case p.Import() | p.ExportDecl():
            raise AssertionError("imports and exports need something to bind to")


def add_core_types(scope: Scope, definition: p.CoreRecGroup | p.CoreModuleType) -> None:
    """Add the types of a core type definition to `scope`."""
    if isinstance(definition, p.CoreModuleType):
        scope.add(Sort.CORE_TYPE, TypeClosure(definition, scope))
    else:
        for core_type in definition.types:
            scope.add(Sort.CORE_TYPE, core_type)


def define_wiring(scope: Scope, component: ComponentItem, definition: Wiring) -> None:
    """Add to `scope` what a definition makes of things that are there, without making an instance."""
    match definition:
        case p.CoreModule():
            scope.add(Sort.CORE_MODULE, ModuleItem(component.modules[id(definition)]))
        case p.NestedComponent(plan=plan):
            scope.add(Sort.COMPONENT, ComponentItem(plan, component.modules, scope))
        case p.FromExports(exports=exports):
            items = {e.name: named(scope.get(e.target.sort, e.target.index), e.name) for e in exports}
            scope.add(Sort.INSTANCE, InstanceItem(items))
        case p.CoreTypeDef() | p.AliasExport() | p.AliasOuter():
            declare(scope, definition)


def imports_of(component: ComponentItem) -> dict[str, Item]:
    """Return what a component imports, by name, as items that only have types."""
    found: dict[str, Item] = {}

    def make(scope: Scope, desc: p.ExternDesc, offered: Any, path: str, /) -> Item:
        if offered is not None:
            return offered  # an argument of a component inside
        item = found[path] = item_of(scope, desc, path)
        return item

    _Static(make).walk(component, {})
    return found


def exports_of(component: ComponentLike, args: Mapping[str, Item], bind: Bind, path: str) -> Mapping[str, Item]:
    """Return what instances of a component export when it is given `args`, as items that only have types.

    Args:
        component: the component, or a component type in its scope.
        args: items for its imports, by name.
        bind: checks each of `args`.
        path: how messages call the component.

    Raises:
        LinkError: when `args` do not fit the component's imports.
    """
    return _Static(bind).exports(component, args, path)


def item_of(scope: Scope, desc: p.ExternDesc, name: str) -> Item:
    """Return an item that has the type `desc` describes, and nothing else."""
    match desc:
        case p.FuncDesc(type=index):
            return FuncItem(_NOT_CALLABLE, scope.get(Sort.TYPE, index))
        case p.InstanceDesc(type=index):
            closure = scope.get(Sort.TYPE, index)
            return InstanceItem(_declared_exports(closure.definition.decls, Scope(closure.scope)))
        case p.TypeEqDesc(type=index) | p.ComponentDesc(type=index):
            return scope.get(Sort.TYPE, index)
        case p.SubResourceDesc():
            return ResourceType(name, None)
        case p.CoreModuleDesc(type=index):
            return scope.get(Sort.CORE_TYPE, index)
        case p.ValueDesc() | p.ValueEqDesc():
            raise LinkError(f"`{name}` is a value, and values are not supported")


def type_parts(closure: TypeClosure) -> tuple[dict[str, Item], Scope]:
    """Return items for the imports of a component type, and a scope for its declarations."""
    assert isinstance(closure.definition, p.ComponentTypeDef)
    imports: dict[str, Item] = {}
    _declared_exports(closure.definition.decls, Scope(closure.scope), imports)
    return imports, Scope(closure.scope)


def _declared_exports(
    decls: Iterable[p.TypeDecl], scope: Scope, imports: dict[str, Item] | None = None
) -> dict[str, Item]:
    exports: dict[str, Item] = {}
    for decl in decls:
        if isinstance(decl, p.Import | p.ExportDecl):
            found = named(item_of(scope, decl.desc, decl.name), decl.name)
            scope.add(p.sort_of_desc(decl.desc), found)
            if isinstance(decl, p.ExportDecl):
                exports[decl.name] = found
            elif imports is not None:
                imports[decl.name] = found
        else:
            declare(scope, decl)
    return exports


@final
@define(eq=False)
class _Static:
    """A walk over definitions that makes items with types only."""

    bind: Bind
    steps: int = field(default=0)

    def exports(self, component: ComponentLike, args: Mapping[str, Item], path: str) -> dict[str, Item]:
        if isinstance(component, ComponentItem):
            return self.walk(component, args, path)
        return self._exports_of_type(component, args, path)

    def _exports_of_type(self, closure: TypeClosure, args: Mapping[str, Item], path: str) -> dict[str, Item]:
        scope = Scope(closure.scope)
        exports: dict[str, Item] = {}
        assert isinstance(closure.definition, p.ComponentTypeDef)
        for decl in closure.definition.decls:
            self._step()
            match decl:
                case p.Import(name=name, desc=desc):
                    scope.add(p.sort_of_desc(desc), self._import(scope, decl, args, path))
                case p.ExportDecl(name=name, desc=desc):
                    item = exports[name] = named(item_of(scope, desc, name), name)
                    scope.add(p.sort_of_desc(desc), item)
                case _:
                    declare(scope, decl)
        return exports

    def walk(self, component: ComponentItem, args: Mapping[str, Item], path: str = "") -> dict[str, Item]:
        scope = Scope(component.scope)
        exports: dict[str, Item] = {}
        for definition in component.plan.definitions:
            self._step()
            match definition:
                case p.Import(desc=desc):
                    scope.add(p.sort_of_desc(desc), self._import(scope, definition, args, path))
                case p.Export(name=name, target=target):
                    item = exports[name] = named(scope.get(target.sort, target.index), name)
                    scope.add(target.sort, item)
                case p.Instantiate():
                    scope.add(Sort.INSTANCE, self._instantiate(scope, definition, path))
                case _ if isinstance(definition, Wiring):
                    define_wiring(scope, component, definition)
                case _:
                    self._define(scope, definition)
        return exports

    def _instantiate(self, scope: Scope, definition: p.Instantiate, path: str) -> InstanceItem:
        args = {arg.name: scope.get(arg.target.sort, arg.target.index) for arg in definition.args}
        return InstanceItem(self.exports(scope.get(Sort.COMPONENT, definition.component), args, path))

    def _define(self, scope: Scope, definition: p.Definition) -> None:
        match definition:
            case p.TypeDef(type=p.ResourceDef(rep=rep)):
                scope.add(Sort.TYPE, ResourceType("resource", None, None, rep == "i64"))
            case p.TypeDef(type=definition_type):
                scope.add(Sort.TYPE, evaluate_type(scope, definition_type))
            case p.Lift(type=index):
                scope.add(Sort.FUNC, FuncItem(_NOT_CALLABLE, scope.get(Sort.TYPE, index)))
            case _ if (sort := p.sort_added(definition)) is not None:
                scope.add(sort, None)
            case _:
                raise LinkError("values and start functions of components are not supported")

    def _import(self, scope: Scope, wanted: p.Import, args: Mapping[str, Item], path: str) -> Item:
        name = f"{path}#{wanted.name}" if path else wanted.name
        return self.bind(scope, wanted.desc, args.get(wanted.name), name)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > _STEP_LIMIT:
            raise LinkError("the component instantiates too much inside itself to be checked")


__all__ = [
    "Bind",
    "ComponentLike",
    "Wiring",
    "add_core_types",
    "declare",
    "define_wiring",
    "exports_of",
    "imports_of",
    "item_of",
    "type_parts",
]
