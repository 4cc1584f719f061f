"""Instantiation: walk a plan and make what it defines, in order.

Source: Explainer.md, "Instance Definitions"; CanonicalABI.md, "Component Instances".
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from attrs import define, evolve

from weft.canon.compile import ValueOptions
from weft.canon.context import LiftLowerContext, helper_thread
from weft.canon.lift import LiftedFunc
from weft.canon.types import FuncType, Param, Prim
from weft.component import plan as p
from weft.component.bind import Binder
from weft.component.core_funcs import Definer, check_sig
from weft.component.core_links import calls_nothing, can_always_leave
from weft.component.items import ComponentItem, FuncItem, InstanceItem, Scope
from weft.component.plan import Sort
from weft.component.static import Wiring, define_wiring
from weft.component.typing import evaluate_type, named
from weft.engine import CoreSig
from weft.errors import LinkError, Trap, TrapCode
from weft.runtime.instance import ComponentInstance, RootInstance
from weft.runtime.resource import ResourceType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from weft.component.items import Item
    from weft.engine import CoreExtern, CoreFunc, CoreModule
    from weft.runtime.store import StoreState


def instantiate(
    component: ComponentItem, store: StoreState, offered: Mapping[str, Any]
) -> tuple[RootInstance, InstanceItem]:
    """Instantiate a component for an embedder.

    Args:
        component: what to instantiate.
        store: where.
        offered: items, host functions and mappings of them, by import name.

    Returns:
        The root of the new tree of instances, and its exports.

    Raises:
        LinkError: when an import is missing or does not fit.
        Trap: when a start function or an initialiser traps.
    """
    root = RootInstance(store)
    binder = Binder(root)

    def find(scope: Scope, definition: p.Import) -> Item:
        return binder.bind_import(scope, definition, offered)

    try:
        return root, _Instantiation(root, component, find).run()
    except BaseException as error:
        root.poison(error)
        raise


@final
class _Instantiation:
    """One component instance in the making."""

    def __init__(
        self, root: RootInstance, component: ComponentItem, find: Callable[[Scope, p.Import], Item], name: str = ""
    ) -> None:
        self.root = root
        self.component = component
        self.find = find
        self.scope = Scope(component.scope)
        yields = root.store.core.yields
        self.inst = ComponentInstance(root, name, can_block=yields, may_outlast=yields)
        self.inst.is_leaf = calls_nothing(component.plan)
        self.definer = Definer(self.inst, self.scope, can_always_leave(component.plan))
        self.exports: dict[str, Item] = {}
        self.lifted_names = _export_names(component.plan)

    def run(self) -> InstanceItem:
        for definition in self.component.plan.definitions:
            self._define(definition)
        return InstanceItem(self.exports)

    def _define(self, definition: p.Definition) -> None:
        scope = self.scope
        if isinstance(definition, Wiring):
            define_wiring(scope, self.component, definition)
            return
        match definition:
            case p.CoreInstantiate():
                scope.add(Sort.CORE_INSTANCE, self._instantiate_core(definition))
            case p.CoreFromExports(exports=exports):
                scope.add(Sort.CORE_INSTANCE, {e.name: scope.get(e.target.sort, e.target.index) for e in exports})
            case p.Instantiate():
                scope.add(Sort.INSTANCE, self._instantiate(definition))
            case p.AliasCoreExport(sort=sort, instance=instance, name=name):
                scope.add(sort, scope.get(Sort.CORE_INSTANCE, instance)[name])
            case p.TypeDef(type=definition_type):
                scope.add(Sort.TYPE, self._type(definition_type))
            case p.Lift():
                name = self.lifted_names.get(len(scope.spaces[Sort.FUNC]), "")
                scope.add(Sort.FUNC, self.definer.lift(definition, name))
            case p.Import():
                scope.add(p.sort_of_desc(definition.desc), self.find(scope, definition))
            case p.Export():
                self._export(definition)
            case p.Start() | p.Value():
                raise LinkError("values and start functions of components are not supported")
            case _:
                scope.add(Sort.CORE_FUNC, self.definer.core_func(definition))

    def _export(self, definition: p.Export) -> None:
        target = definition.target
        item = named(self.scope.get(target.sort, target.index), definition.name)
        if isinstance(definition.desc, p.FuncDesc):
            item = retyped(item, self.scope.get(Sort.TYPE, definition.desc.type))
        self.exports[definition.name] = item
        self.scope.add(target.sort, item)

    def _type(self, definition: p.DefType) -> Any:
        if not isinstance(definition, p.ResourceDef):
            return evaluate_type(self.scope, definition)
        dtor = None
        if definition.dtor is not None:
            dtor = GuestDestructor.of(self.inst, self.scope.get(Sort.CORE_FUNC, definition.dtor), definition.rep)
        index = len(self.scope.spaces[Sort.TYPE])
        name = self.component.plan.names.definitions.get((Sort.TYPE, index), f"#{index}")
        return ResourceType(name, self.inst, dtor, definition.rep == "i64")

    def _instantiate(self, definition: p.Instantiate) -> InstanceItem:
        component: ComponentItem = self.scope.get(Sort.COMPONENT, definition.component)
        args = {arg.name: self.scope.get(arg.target.sort, arg.target.index) for arg in definition.args}

        def find(_scope: Scope, wanted: p.Import) -> Item:
            return args[wanted.name]

        index = len(self.scope.spaces[Sort.INSTANCE])
        name = self.component.plan.names.definitions.get((Sort.INSTANCE, index), "")
        return _Instantiation(self.root, component, find, name).run()

    def _instantiate_core(self, definition: p.CoreInstantiate) -> Mapping[str, CoreExtern]:
        module: CoreModule = self.scope.get(Sort.CORE_MODULE, definition.module).module
        args = {arg.name: self.scope.get(Sort.CORE_INSTANCE, arg.target.index) for arg in definition.args}
        imports = [args[wanted.module][wanted.name] for wanted in module.imports]
        if module.allocates:
            self.inst.is_leaf = False  # an exception must not get out of a component
        with start_function_thread(self.inst):
            return self.root.store.core.instantiate(module, imports).exports


def retyped(item: FuncItem, func_type: FuncType) -> FuncItem:
    """Return a function at the type it is exported with: an equal one, but one that knows the names of its types."""
    if isinstance(item.callee, LiftedFunc):
        return FuncItem(evolve(item.callee, type=func_type), func_type)
    return FuncItem(item.callee, func_type)


@contextmanager
def start_function_thread(inst: ComponentInstance) -> Iterator[None]:
    """Run core start functions on a thread of a sync task, which may not block."""
    store = inst.store
    previous = store.current
    store.current = helper_thread(inst)
    try:
        with store.pin():
            yield
    finally:
        store.current = previous


@final
@define(eq=False)
class GuestDestructor:
    """The destructor of a guest's resource type: a sync call into the guest.

    Source: CanonicalABI.md, "`canon resource.drop`".
    """

    func: LiftedFunc

    @classmethod
    def of(cls, inst: ComponentInstance, core_func: CoreFunc, rep: str) -> GuestDestructor:
        """Lift the core function `core_func`."""
        check_sig(core_func, CoreSig((rep,), ()), "a destructor")
        param = Param("rep", Prim.U64 if rep == "i64" else Prim.U32)
        cx = LiftLowerContext(inst, ValueOptions("utf8", memory64=False))
        return cls(LiftedFunc("[dtor]", FuncType((param,), None), cx, core_func))

    def __call__(self, _store: StoreState | None, rep: int, /) -> None:
        """Destroy the representation `rep`; a `Trap` when that takes longer than a call may."""
        inst = self.func.inst
        with inst.store.pin():
            unresolved = self.func.invoke(_DestructorCaller(rep))
        if unresolved is not None:
            trap = Trap(TrapCode.CANNOT_BLOCK_SYNC_TASK)
            inst.root.poison(trap)
            raise trap


@final
@define(eq=False)
class _DestructorCaller:
    rep: int

    def on_start(self) -> tuple[object, ...]:
        return (self.rep,)

    def on_resolve(self, result: object) -> None:
        del result

    def on_fail(self, error: BaseException) -> None:
        del error  # it is on its way up the stack


def _export_names(plan: p.ComponentPlan) -> dict[int, str]:
    """Return, for function indices, the name they are exported by: messages call lifted functions so."""
    return {d.target.index: d.name for d in plan.definitions if isinstance(d, p.Export) and d.target.sort is Sort.FUNC}
