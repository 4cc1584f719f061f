"""Our own checks on a plan: what a skeleton's stand-ins lose, and rules the validating engine does not know.

They run after the skeleton was found valid, so an index that leads nowhere cannot be a component's; it is let pass.

Source: CanonicalABI.md, "Canonical Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, final

from attrs import define, field

from weft.component.plan import (
    AliasExport,
    AliasOuter,
    ComponentDesc,
    ComponentTypeDef,
    ContextBuiltin,
    CoreFuncType,
    CoreOtherType,
    CoreRecGroup,
    CoreTypeDef,
    ErrorContextBuiltin,
    Export,
    ExportDecl,
    FromExports,
    FuncDef,
    Import,
    InstanceDesc,
    InstanceTypeDef,
    Instantiate,
    NestedComponent,
    ResourceDef,
    Sort,
    ThreadNewIndirect,
    TypeDef,
    TypeEqDesc,
    sort_added,
)
from weft.component.sizes import Layout, layout_of
from weft.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from weft.component.plan import CanonOptions, ComponentPlan, Definition, DefType, ExternDesc, TypeDecl

Entity: TypeAlias = "Layout | CoreFuncType | CoreOtherType | Mapping[str, Entity] | None"
"""What a check needs to know of a definition: a value type's layout, a core type, or the exports of an instance,
component or their types; None for everything else."""

_NOTHING: Final = Layout(0, 1)
_THREAD_START: Final = CoreFuncType(("i32",), ())


def check(plan: ComponentPlan) -> None:
    """Check a plan whose skeleton is valid.

    Raises:
        ValidationError: it breaks a rule.
    """
    _Scope(None).define_all(plan.definitions)


@final
@define(eq=False)
class _Scope:
    """The index spaces of a component, component type or instance type."""

    parent: _Scope | None
    spaces: dict[Sort, list[Entity]] = field(factory=lambda: {sort: [] for sort in Sort})
    exports: dict[str, Entity] = field(factory=dict)
    context_type: str | None = None

    def get(self, sort: Sort, index: int) -> Entity:
        """Return what is known of a definition."""
        space = self.spaces[sort]
        return space[index] if index < len(space) else None

    def define_all(self, definitions: Iterable[Definition | TypeDecl]) -> Mapping[str, Entity]:
        """Check and add definitions in order; return the exports among them."""
        for definition in definitions:
            self.define(definition)
        return self.exports

    def define(self, definition: Definition | TypeDecl) -> None:
        """Check one definition and add it to its index space."""
        match definition:
            case CoreTypeDef(type=CoreRecGroup(types=types)):
                self.spaces[Sort.CORE_TYPE] += types
            case ThreadNewIndirect() | ContextBuiltin() | ErrorContextBuiltin():
                self._check_builtin(definition)
                self.spaces[Sort.CORE_FUNC].append(None)
            case Export(name=name) | ExportDecl(name=name):
                entity = self._entity(definition)
                self.exports[name] = entity
                self._add(definition, entity)
            case _:
                self._add(definition, self._entity(definition))

    def _add(self, definition: Definition | ExportDecl, entity: Entity) -> None:
        if (sort := sort_added(definition)) is not None:
            self.spaces[sort].append(entity)

    def _entity(self, definition: Definition | TypeDecl) -> Entity:
        match definition:
            case NestedComponent(plan=plan):
                return _Scope(self).define_all(plan.definitions)
            case Instantiate(component=component):
                return self.get(Sort.COMPONENT, component)
            case FromExports(exports=exports):
                return {export.name: self.get(export.target.sort, export.target.index) for export in exports}
            case AliasExport(instance=instance, name=name):
                return _member(self.get(Sort.INSTANCE, instance), name)
            case AliasOuter(sort=sort, count=count, index=index):
                scope = self._outer(count)
                return None if scope is None else scope.get(sort, index)
            case TypeDef(type=defined):
                return self._type(defined)
            case Export(target=target, desc=desc):
                return self.get(target.sort, target.index) if desc is None else self._described(desc)
            case Import(desc=desc) | ExportDecl(desc=desc):
                return self._described(desc)
            case _:
                return None

    def _outer(self, count: int) -> _Scope | None:
        scope: _Scope | None = self
        while count and scope is not None:
            scope, count = scope.parent, count - 1
        return scope

    def _described(self, desc: ExternDesc) -> Entity:
        match desc:
            case TypeEqDesc(type=index) | InstanceDesc(type=index) | ComponentDesc(type=index):
                return self.get(Sort.TYPE, index)
            case _:
                return None

    def _type(self, defined: DefType) -> Entity:
        match defined:
            case ComponentTypeDef(decls=decls) | InstanceTypeDef(decls=decls):
                return _Scope(self).define_all(decls)
            case FuncDef() | ResourceDef():
                return None
            case _:
                return layout_of(defined, self._layout_at)

    def _layout_at(self, index: int) -> Layout:
        found = self.get(Sort.TYPE, index)
        return found if isinstance(found, Layout) else _NOTHING

    def _check_builtin(self, builtin: ThreadNewIndirect | ContextBuiltin | ErrorContextBuiltin) -> None:
        match builtin:
            case ThreadNewIndirect(type=type_index, table=table):
                self._check_bounds("table", Sort.CORE_TABLE, table)
                self._check_bounds("type", Sort.CORE_TYPE, type_index)
                if self.get(Sort.CORE_TYPE, type_index) != _THREAD_START:
                    raise ValidationError(
                        "the start function of `thread.new-indirect` must be of type (func (param i32))"
                    )
            case ContextBuiltin(type=slot_type):
                if self.context_type not in {None, slot_type}:
                    raise ValidationError("all `context.get` and `context.set` of a component must have the same type")
                self.context_type = slot_type
            case ErrorContextBuiltin(name=name, options=options):
                self._check_error_context(name, options)

    def _check_error_context(self, name: str, options: CanonOptions) -> None:
        if options.is_async or options.callback is not None or options.post_return is not None:
            raise ValidationError(f"`{name}` takes no `async`, `callback` or `post-return` option")
        if options.memory is None:
            raise ValidationError(f"canonical option `memory` is required for `{name}`")
        self._check_bounds("memory", Sort.CORE_MEMORY, options.memory)
        if options.realloc is not None:
            self._check_bounds("function", Sort.CORE_FUNC, options.realloc)
        elif name == "error-context.debug-message":
            raise ValidationError(f"canonical option `realloc` is required for `{name}`")

    def _check_bounds(self, what: str, sort: Sort, index: int) -> None:
        if index >= len(self.spaces[sort]):
            raise ValidationError(f"unknown {what} {index}: {what} index out of bounds")


def _member(entity: Entity, name: str) -> Entity:
    if entity is None or isinstance(entity, (Layout, CoreFuncType, CoreOtherType)):
        return None
    return entity.get(name)


__all__ = ["check"]
