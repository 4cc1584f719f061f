"""What index spaces hold at run time: the things that definitions of a plan become when they are instantiated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, final

from attrs import define, field, frozen

from weft.component.plan import Sort

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weft.canon.types import FuncType
    from weft.component.plan import ComponentPlan, ComponentTypeDef, CoreModuleType, InstanceTypeDef
    from weft.engine import CoreModule
    from weft.runtime.instance import RootInstance
    from weft.runtime.task import Callee


@final
@frozen(eq=False)
class FuncItem:
    """A component function: what to call, and its type."""

    callee: Callee
    type: FuncType


@final
@frozen(eq=False)
class InstanceItem:
    """A component instance: a bag of named items."""

    exports: Mapping[str, Item]


@final
@frozen(eq=False)
class ComponentItem:
    """A component that can be instantiated, in the scope that its outer aliases refer to."""

    plan: ComponentPlan
    modules: Mapping[int, CoreModule]
    scope: Scope | None = None


@final
@frozen(eq=False)
class ModuleItem:
    """A core module that can be instantiated."""

    module: CoreModule


@final
@frozen(eq=False)
class TypeClosure:
    """A component, instance or module type, in the scope that its outer aliases refer to."""

    definition: ComponentTypeDef | InstanceTypeDef | CoreModuleType
    scope: Scope


class FuncProvider(Protocol):
    """A host function before it is known at which type it will be imported."""

    def bind(self, root: RootInstance, name: str, func_type: FuncType) -> Callee:
        """Return the function for one import.

        Raises:
            LinkError: when it cannot be imported at that type.
        """
        ...


Namespace: TypeAlias = "Mapping[str, Item | FuncProvider | Namespace]"
"""What a host offers under the names of one interface."""

Item: TypeAlias = Any
"""A FuncItem, InstanceItem, ComponentItem, ModuleItem, or a type: a ValType, FuncType, ResourceType or TypeClosure."""


@final
@define(eq=False)
class Scope:
    """The index spaces of one component instance, or of one component or instance type.

    Attributes:
        parent: the scope that encloses the definition, for outer aliases.
    """

    parent: Scope | None = None
    spaces: dict[Sort, list[Any]] = field(factory=lambda: {sort: [] for sort in Sort})

    def get(self, sort: Sort, index: int) -> Any:
        """Return the item at `index` of the space of `sort`."""
        return self.spaces[sort][index]

    def add(self, sort: Sort, item: object) -> None:
        """Append `item` to the space of `sort`."""
        self.spaces[sort].append(item)

    def outer(self, count: int) -> Scope:
        """Return the scope `count` levels out."""
        scope = self
        for _ in range(count):
            assert scope.parent is not None
            scope = scope.parent
        return scope
