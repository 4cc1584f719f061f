"""What an embedder gives for the imports of a component, checked and brought into the form that instances have.

Source: Explainer.md, "Import and Export Definitions"; Linking.md.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from attrs import define

from weft.canon.lift import LiftedFunc
from weft.canon.types import FuncType
from weft.component import plan as p
from weft.component.core_match import module_mismatch
from weft.component.describe import describe, describe_func
from weft.component.items import ComponentItem, FuncItem, InstanceItem, ModuleItem, Scope, TypeClosure
from weft.component.names import InterfaceName, compatible, parse_name
from weft.component.plan import Sort
from weft.component.static import declare, exports_of, item_of, type_parts
from weft.component.typing import named
from weft.errors import LinkError
from weft.runtime.resource import ResourceType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from weft.component.items import Item
    from weft.runtime.instance import RootInstance
    from weft.runtime.store import StoreState

_MOST_NAMES: Final = 8
"""How many names a message lists."""


def find_import(offered: Mapping[str, Any], name: str) -> Any:
    """Return what is offered for an import, also under a compatible version; None when there is nothing."""
    found = compatible(offered, name)
    return None if found is None else offered[found]


def _nearest(offered: Iterable[str], name: str) -> str:
    """Return the names on offer, those first that could have been meant."""
    names = sorted(offered)
    wanted = parse_name(name)
    near: list[str] = []
    if isinstance(wanted, InterfaceName):
        near = [other for other in names if other.partition("@")[0] == name.partition("@")[0]]
    near += [other for other in get_close_matches(name, names, _MOST_NAMES, 0.7) if other not in near]
    near += [other for other in names if other not in near]
    more = f" and {len(near) - _MOST_NAMES} more" if len(near) > _MOST_NAMES else ""
    return ", ".join(f"`{other}`" for other in near[:_MOST_NAMES]) + more or "nothing"


@define(eq=False)
class Binder:
    """Fits offered things to the descriptions of imports.

    Attributes:
        root: the instantiation that imports.
    """

    root: RootInstance

    def bind_import(self, scope: Scope, wanted: p.Import, offered: Mapping[str, Any]) -> Item:
        """Return the item for an import of the root component.

        Args:
            scope: the scope of the root component.
            wanted: the import.
            offered: what there is, by name.

        Raises:
            LinkError: when nothing has the name, or what has it does not fit.
        """
        found = find_import(offered, wanted.name)
        if found is None and not _needs_nothing(scope, wanted.desc):
            raise LinkError(
                f"import `{wanted.name}` is missing: it was not found in the linker, which has "
                f"{_nearest(offered, wanted.name)}"
            )
        return self.bind(scope, wanted.desc, found, wanted.name)

    def bind(self, scope: Scope, desc: p.ExternDesc, offered: Any, path: str) -> Item:
        """Return the item for one import.

        Args:
            scope: the scope the description stands in.
            desc: what is wanted.
            offered: an item, a host function, a mapping of such, or None when there is nothing.
            path: how messages call the import.

        Raises:
            LinkError: when `offered` does not fit.
        """
        match desc:
            case p.FuncDesc(type=index):
                return self._func(scope.get(Sort.TYPE, index), offered, path)
            case p.InstanceDesc(type=index):
                if offered is None and _needs_nothing(scope, desc):
                    offered = {}
                return self._instance(scope.get(Sort.TYPE, index), offered, path)
            case p.TypeEqDesc(type=index):
                return self._type_eq(scope.get(Sort.TYPE, index), offered, path)
            case p.SubResourceDesc():
                return self._resource(offered, path)
            case p.ComponentDesc(type=index):
                return self._component(scope.get(Sort.TYPE, index), offered, path)
            case p.CoreModuleDesc(type=index):
                return self._module(scope.get(Sort.CORE_TYPE, index), offered, path)
            case p.ValueDesc() | p.ValueEqDesc():
                raise LinkError(f"import `{path}`: values cannot be imported")

    def _func(self, wanted: FuncType, offered: Any, path: str) -> FuncItem:
        if isinstance(offered, FuncItem):
            if offered.type != wanted:
                raise LinkError(_different(path, describe_func(wanted), describe_func(offered.type)))
            self._check_store(_store_of(offered), path)
            return offered
        if not hasattr(offered, "bind"):
            raise LinkError(_wrong_kind(path, f"`{describe_func(wanted)}`", "function", offered))
        return FuncItem(offered.bind(self.root, path, wanted), wanted)

    def _type_eq(self, wanted: Any, offered: Any, path: str) -> Any:
        if offered is None or isinstance(wanted, TypeClosure) or offered == wanted:
            return wanted
        if isinstance(wanted, ResourceType) and isinstance(offered, ResourceType):
            raise LinkError(
                f"import `{path}` has mismatched resource types: it must be the same as `{wanted.name}`, "
                f"but another {offered.kind} `{offered.name}` is offered"
            )
        raise LinkError(_different(path, _what_type(wanted), _what_type(offered)))

    def _resource(self, offered: Any, path: str) -> ResourceType:
        if not isinstance(offered, ResourceType):
            raise LinkError(_wrong_kind(path, "a resource", "resource", offered))
        if offered.impl is not None:
            self._check_store(offered.impl.store, path)
        return offered

    def _instance(self, closure: TypeClosure, offered: Any, path: str) -> InstanceItem:
        if offered is None or not (isinstance(offered, InstanceItem) or _is_namespace(offered)):
            raise LinkError(_wrong_kind(path, "an instance", "instance", offered))
        exports: Mapping[str, Any] = offered.exports if isinstance(offered, InstanceItem) else offered
        assert isinstance(closure.definition, p.InstanceTypeDef)
        return InstanceItem(self._exports(Scope(closure.scope), closure.definition.decls, exports, path))

    def _exports(
        self, scope: Scope, decls: Iterable[p.TypeDecl], exports: Mapping[str, Any], path: str
    ) -> dict[str, Item]:
        found: dict[str, Item] = {}
        for decl in decls:
            if isinstance(decl, p.ExportDecl):
                item = self.bind(scope, decl.desc, exports.get(decl.name), f"{path}#{decl.name}")
                item = found[decl.name] = named(item, decl.name)
                scope.add(p.sort_of_desc(decl.desc), item)
            elif not isinstance(decl, p.Import):
                declare(scope, decl)
        return found

    def _module(self, wanted: TypeClosure, offered: Any, path: str) -> Item:
        if not _is_module(offered):
            raise LinkError(_wrong_kind(path, "a core module", "module", offered))
        if (reason := module_mismatch(wanted, offered)) is not None:
            raise LinkError(f"import `{path}`: {reason}")
        return offered

    def _component(self, wanted: TypeClosure, offered: Any, path: str) -> Item:
        """Check a component: given what its type says that it imports, it must export what the type says.

        Source: Explainer.md, "Type Checking": imports are contravariant, exports covariant.
        """
        if not _is_component(offered):
            raise LinkError(_wrong_kind(path, "a component", "component", offered))
        assert isinstance(wanted.definition, p.ComponentTypeDef)
        given, scope = type_parts(wanted)
        exports = exports_of(offered, given, self.bind, path)
        for decl in wanted.definition.decls:
            if isinstance(decl, p.Import):
                scope.add(p.sort_of_desc(decl.desc), given[decl.name])
            else:
                self._exports(scope, (decl,), exports, path)
        return offered

    def _check_store(self, store: StoreState | None, path: str) -> None:
        if store is not None and store is not self.root.store:
            raise LinkError(f"import `{path}`: what is linked there belongs to another store")


def _needs_nothing(scope: Scope, desc: p.ExternDesc) -> bool:
    """Whether an import can do without anything given: equal types, and instances of nothing else."""
    if not isinstance(desc, p.InstanceDesc):
        return isinstance(desc, p.TypeEqDesc)
    closure = scope.get(Sort.TYPE, desc.type)
    inner = Scope(closure.scope)
    for decl in closure.definition.decls:
        if not isinstance(decl, p.ExportDecl):
            declare(inner, decl)
        elif not _needs_nothing(inner, decl.desc):
            return False
        else:
            inner.add(p.sort_of_desc(decl.desc), item_of(inner, decl.desc, decl.name))
    return True


def _store_of(item: FuncItem) -> StoreState | None:
    """Return the store in which a function can be called; None when that can be any."""
    if isinstance(item.callee, LiftedFunc):
        return item.callee.inst.store
    return getattr(item.callee, "store", None)


def _is_namespace(offered: Any) -> bool:
    return hasattr(offered, "get") and not isinstance(offered, ComponentItem)


def _is_module(offered: Any) -> bool:
    return isinstance(offered, ModuleItem) or (
        isinstance(offered, TypeClosure) and isinstance(offered.definition, p.CoreModuleType)
    )


def _is_component(offered: Any) -> bool:
    return isinstance(offered, ComponentItem) or (
        isinstance(offered, TypeClosure) and isinstance(offered.definition, p.ComponentTypeDef)
    )


def _different(path: str, wanted: str, offered: str) -> str:
    return f"import `{path}` has type `{wanted}`, but what is offered has type `{offered}`"


def _wrong_kind(path: str, wanted: str, expected: str, offered: Any) -> str:
    if offered is None:
        return f"import `{path}` is {wanted}, which was not found: nothing is offered there"
    found = f"{_what(offered)} is offered there: expected {expected} found {_kind(offered)}"
    return f"import `{path}` is {wanted}, but {found}"


def _what(offered: Any) -> str:
    if isinstance(offered, FuncItem):
        return f"`{describe_func(offered.type)}`"
    kind = _kind(offered)
    return {"instance": "an instance", "module": "a core module"}.get(kind, f"a {kind}")


def _kind(offered: Any) -> str:
    if isinstance(offered, FuncItem) or hasattr(offered, "bind"):
        return "function"
    if isinstance(offered, ResourceType):
        return "resource"
    if _is_module(offered):
        return "module"
    if _is_component(offered):
        return "component"
    return "instance" if isinstance(offered, InstanceItem) or _is_namespace(offered) else "type"


def _what_type(item: Any) -> str:
    if isinstance(item, FuncType):
        return describe_func(item)
    if isinstance(item, ResourceType):
        return f"resource {item.name}"
    kind = _kind(item)
    return describe(item) if kind == "type" and not isinstance(item, TypeClosure) else kind


__all__ = ["Binder", "find_import"]
