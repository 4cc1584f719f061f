"""Linkers: what components may import."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, Never, TypeVar, final, overload

from weft.component.instantiate import instantiate
from weft.component.items import ComponentItem, FuncItem, InstanceItem, ModuleItem
from weft.component.names import compatible
from weft.component.static import imports_of
from weft.errors import LinkError, Trap, TrapCode
from weft.host.destructors import ConcurrentDestructor, HostDestructor
from weft.host.functions import HostFunc, Kind
from weft.host.instance import Instance
from weft.host.module import Module
from weft.host.objects import drop_object, let_go_of_object
from weft.runtime.resource import ResourceType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from weft.host.accessor import Accessor
    from weft.host.component import Component
    from weft.host.config import Engine
    from weft.host.store import Store

F = TypeVar("F", bound="Callable[..., Any]")

_ITEMS: Final = (FuncItem, InstanceItem, ModuleItem, ComponentItem, ResourceType)


@final
class LinkerInstance:
    """The definitions under one import name, or at the top level.

    Functions may be registered by decoration (``@api.func_wrap("name")``) or directly (``api.func_wrap("name", f)``).
    A name can be defined once, unless the linker allows shadowing.
    """

    __slots__ = ("_definitions", "_linker", "_name")

    def __init__(self, linker: Linker, name: str, definitions: dict[str, Any]) -> None:
        self._linker = linker
        self._name = name
        self._definitions = definitions

    def _define(self, name: str, item: object) -> None:
        if name in self._definitions and not self._linker.allow_shadowing:
            raise LinkError(f"`{name}` is defined already{f' in {self._name}' if self._name else ''}")
        self._definitions[name] = item

    def _wrap(self, name: str, kind: Kind, func: Callable[..., Any] | None) -> Any:
        def decorate(decorated: F) -> F:
            if kind is Kind.SYNC and iscoroutinefunction(decorated):
                raise TypeError(f"`{name}` is an async def: register it with func_wrap_async or func_wrap_concurrent")
            self._define(name, HostFunc(decorated, kind))
            return decorated

        return decorate if func is None else decorate(func)

    @overload
    def func_wrap(self, name: str) -> Callable[[F], F]: ...
    @overload
    def func_wrap(self, name: str, func: F) -> F: ...
    def func_wrap(self, name: str, func: Callable[..., Any] | None = None) -> Any:
        """Define a function that returns at once: called as ``func(store, *args)``."""
        return self._wrap(name, Kind.SYNC, func)

    @overload
    def func_wrap_async(self, name: str) -> Callable[[F], F]: ...
    @overload
    def func_wrap_async(self, name: str, func: F) -> F: ...
    def func_wrap_async(self, name: str, func: Callable[..., Any] | None = None) -> Any:
        """Define an ``async def`` for a WIT function that is not async: the guest that calls it blocks.

        It is called as ``await func(accessor, *args)``. Other guests of the store go on meanwhile. A plain function
        that returns either the value or something to await will do as well: a call that need not wait then needs no
        event loop.
        """
        return self._wrap(name, Kind.ASYNC, func)

    @overload
    def func_wrap_concurrent(self, name: str) -> Callable[[F], F]: ...
    @overload
    def func_wrap_concurrent(self, name: str, func: F) -> F: ...
    def func_wrap_concurrent(self, name: str, func: Callable[..., Any] | None = None) -> Any:
        """Define an ``async def`` for a WIT ``async func``: called as ``await func(accessor, *args)``.

        It runs beside the guest, any number of times at once. When the guest cancels the call, it is cancelled; a
        value it returns from a shielded clean-up still reaches the guest. A plain function that returns either the
        value or something to await will do as well, as with `func_wrap_async`.
        """
        return self._wrap(name, Kind.CONCURRENT, func)

    def resource(self, name: str, destructor: Callable[[int], object] | None = None) -> ResourceType:
        """Define a resource type of the host's.

        Args:
            name: its name in WIT.
            destructor: called with the representation when a guest drops an owned handle.

        Returns:
            The type, for making handles: ``weft.Resource(type, rep)``.
        """
        rt = ResourceType(name, None, None if destructor is None else HostDestructor(destructor))
        self._define(name, rt)
        return rt

    def resource_concurrent(self, name: str, destructor: Callable[[Accessor, int], Awaitable[object]]) -> ResourceType:
        """Define a resource type of the host's, with a destructor that awaits.

        The guest that drops an owned handle goes on at once; the destructor runs in the background, beside others, as
        `Accessor.spawn` runs a task: it is cancelled when the store closes, and what it raises fails the store's loop.

        Args:
            name: its name in WIT.
            destructor: an ``async def``, called as ``await destructor(accessor, rep)``.

        Returns:
            The type, for making handles: ``weft.Resource(type, rep)``.
        """
        rt = ResourceType(name, None, ConcurrentDestructor(name, destructor))
        self._define(name, rt)
        return rt

    def resource_async(self, name: str, destructor: Callable[[Accessor, int], Awaitable[object]]) -> ResourceType:
        """Do what `resource_concurrent` does: here, unlike in Wasmtime, no guest waits for a destructor that awaits."""
        return self.resource_concurrent(name, destructor)

    def object_resource(self, name: str) -> ResourceType:
        """Define a resource type of the host's whose resources are Python objects.

        Host functions get and return the objects themselves. A guest that drops one it owns calls the object's method
        ``on_drop()``, when it has one; so does a guest that is stopped while it owns one, by a trap or with its store.
        That method cannot be an ``async def``: it would have to end before the store does.

        Args:
            name: its name in WIT.
        """
        rt = ResourceType(name, None, drop_object, let_go=let_go_of_object)
        self._define(name, rt)
        return rt

    def module(self, name: str, module: Module | bytes | str) -> None:
        """Define a core module, which the guest instantiates itself.

        Args:
            name: its name in WIT.
            module: a compiled module, or the binary form or text of one.

        Raises:
            ValidationError: when bytes or text are not a valid core module.
        """
        compiled = module if isinstance(module, Module) else Module(self._linker.engine, module)
        self._check_engine(compiled.engine, name)
        self._define(name, compiled.item)

    def component(self, name: str, component: Component) -> None:
        """Define a component, which the guest instantiates itself."""
        self._check_engine(component.engine, name)
        self._define(name, component.compiled.item)

    def define(self, name: str, item: object) -> None:
        """Define what an instance exports, as `Instance.get` returns it: a function, resource, module, component...

        Functions and the resources of guests can only be imported by instances of the same store. A
        `weft.component.items.FuncProvider` is taken, too.

        Raises:
            LinkError: when `item` is none of these, or the name is taken.
        """
        if isinstance(item, Instance):
            item = item.item
        if not (isinstance(item, _ITEMS) or hasattr(item, "bind")):
            raise LinkError(f"`{name}` cannot be defined as a {type(item).__name__}")
        self._define(name, item)

    def define_instance(self, name: str, instance: Instance | InstanceItem) -> None:
        """Let components import what `instance` exports, or an instance it exports, under `name`.

        Raises:
            LinkError: when the name is taken.
        """
        self.define(name, instance)

    def instance(self, name: str) -> LinkerInstance:
        """Return the definitions under `name`, which may be added to.

        Raises:
            LinkError: when `name` is defined as something else.
        """
        definitions = self._definitions.get(name)
        if not isinstance(definitions, dict):
            definitions = {}
            self._define(name, definitions)
        return LinkerInstance(self._linker, f"{self._name}#{name}" if self._name else name, definitions)

    def _check_engine(self, engine: Engine, name: str) -> None:
        if engine is not self._linker.engine:
            raise LinkError(f"`{name}` belongs to another engine than the linker")

    def define_traps(self, imports: Mapping[str, object], known: set[ResourceType] | None = None) -> None:
        """Define what is in `imports` and not here: functions that trap, and resources of the host's.

        Args:
            imports: items by name, of which only the types count. Nothing can stand in for modules and components.
            known: the resources among the imports before these, which others only refer to.
        """
        known = set() if known is None else known
        for name, item in imports.items():
            found = compatible(self._definitions, name)
            path = f"{self._name}#{name}" if self._name else name
            if isinstance(item, InstanceItem):
                if found is None or isinstance(self._definitions[found], dict):
                    self.instance(name if found is None else found).define_traps(item.exports, known)
            elif isinstance(item, ResourceType):
                if found is None and item not in known:
                    self._define(name, ResourceType(name, None))
                known.add(item)
            elif isinstance(item, FuncItem) and found is None:
                self._define(name, HostFunc(_Unknown(path), Kind.SYNC))


@final
class _Unknown:
    """A function that nobody defined."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, *_args: object) -> Never:
        raise Trap(TrapCode.OTHER, f"unknown import: `{self._path}` has not been defined")


@final
class Linker:
    """What components of one engine may import; can be used for any number of instantiations.

    Attributes:
        allow_shadowing: whether a later definition replaces an earlier one of the same name; if not, it is an error.
        root: the definitions at the top level.
    """

    __slots__ = ("_definitions", "allow_shadowing", "engine", "root")

    def __init__(self, engine: Engine, *, allow_shadowing: bool = False) -> None:
        self.engine = engine
        self.allow_shadowing = allow_shadowing
        self._definitions: dict[str, Any] = {}
        self.root = LinkerInstance(self, "", self._definitions)

    def instance(self, name: str) -> LinkerInstance:
        """Return the definitions for the import `name`, e.g. ``"ns:pkg/iface@0.2.9"``, which may be added to.

        A component that imports ``ns:pkg/iface@0.2.4`` is served by it too.
        """
        return self.root.instance(name)

    def define_instance(self, name: str, instance: Instance | InstanceItem) -> None:
        """Let components import what `instance` exports under `name`; they must be instantiated in its store.

        Raises:
            LinkError: when the name is taken.
        """
        self.root.define_instance(name, instance)

    def define_unknown_imports_as_traps(self, component: Component) -> None:
        """Define every function that `component` imports and this linker has not: a guest that calls one traps.

        Resources that are missing become resources of the host's. What is defined already stays. Modules and components
        that are missing stay so, and instantiation will say which.
        """
        self.root.define_traps(imports_of(component.compiled.item))

    def instantiate_sync(self, store: Store, component: Component) -> Instance:
        """Instantiate `component` without an event loop.

        Raises:
            LinkError: when an import is missing or does not fit; the text names it, with both types.
            Trap: when a start function traps.
        """
        store.check_open()
        if component.engine is not self.engine or store.engine is not self.engine:
            raise LinkError("the component, the store and the linker must be of the same engine")
        root, item = instantiate(component.compiled.item, store.state, self._definitions)
        return Instance(store, root, item)

    async def instantiate(self, store: Store, component: Component) -> Instance:
        """Instantiate `component`; works while the store's loop runs, too."""
        return self.instantiate_sync(store, component)
