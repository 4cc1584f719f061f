"""Modules with their imports resolved, and host functions before they belong to a store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, final

from attrs import define

from weft.core.externs import Extern
from weft.core.future import CallFuture
from weft.core.instance import Instance
from weft.core.values import codec
from weft.engine import BLOCKED
from weft.engine.fiber import Fiber
from weft.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.core.module import Module
    from weft.core.store import Store
    from weft.engine import CoreExtern, CoreInstancePre, CoreSig


@final
@define(eq=False)
class HostFunc:
    """A host function of a linker.

    Attributes:
        sig: its type.
        fn: what runs.
        is_async: whether `fn` returns an awaitable, for which the guest is suspended.
    """

    sig: CoreSig
    fn: Callable[..., Any]
    is_async: bool

    def bind(self, store: Store) -> CoreExtern:
        """Return the function of `store` that runs it, made once a store."""
        found = store.bound.get(self)
        if found is None:
            make = self._blocking if self.is_async else self._plain
            found = store.bound[self] = make(store)
        return found

    def _plain(self, store: Store) -> CoreExtern:
        lift, lower, fn = codec(self.sig).lift_args, codec(self.sig).lower_result, self.fn

        def run(*flat: Any) -> Any:
            return lower(fn(*lift(flat)))

        return store.core.host_func(self.sig, run)

    def _blocking(self, store: Store) -> CoreExtern:
        lift, lower, fn = codec(self.sig).lift_args, codec(self.sig).lower_result, self.fn

        def begin(*flat: Any) -> object:
            # The coroutine is made by who awaits it: a guest that is unwound first leaves none behind.
            store.current_call().suspend_for(partial(fn, *lift(flat)), lower)
            return BLOCKED

        return store.core.blocking_func(self.sig, begin)


Definition: TypeAlias = HostFunc | Extern


@final
class InstancePre:
    """A module whose imports were looked up and checked once, to be instantiated any number of times.

    Where all of them are host functions it serves any number of stores of its engine. Made by `Linker.instantiate_pre`.

    Attributes:
        module: the module.
    """

    __slots__ = ("__weakref__", "_definitions", "module")

    def __init__(self, module: Module, definitions: tuple[Definition, ...]) -> None:
        self.module = module
        self._definitions = definitions

    def _prepared(self, store: Store) -> CoreInstancePre:
        found = store.prepared.get(self)
        if found is None:
            if store.engine is not self.module.engine:
                msg = "the store and the module belong to different engines"
                raise LinkError(msg)
            imports = [given.bind(store) if isinstance(given, HostFunc) else given.core for given in self._definitions]
            found = store.prepared[self] = store.core.instance_pre(self.module.core, imports)
        return found

    def instantiate(self, store: Store) -> Instance:
        """Make an instance at once; its start function must not wait.

        Raises:
            LinkError: an import belongs to another store, or does not fit; or the store has another engine.
            Trap: the start function, or a data or element segment, trapped.
            StoreError: the store is closed, or the start function called an asynchronous host function.
            EngineError: a limit of the store or of Wasmtime was exceeded.
            BaseException: what a host function raised, the same object.
        """
        return Instance(store, self._prepared(store).instantiate())

    async def instantiate_async(self, store: Store) -> Instance:
        """Make an instance, whose start function may call asynchronous host functions, and yield.

        Raises:
            LinkError: an import belongs to another store, or does not fit; or the store has another engine.
            Trap: the start function, or a data or element segment, trapped.
            StoreError: the store is or was closed.
            EngineError: a limit of the store or of Wasmtime was exceeded.
            BaseException: what a host function raised, the same object.
        """
        return await self.start_instantiate(store).wait()

    def start_instantiate(self, store: Store) -> CallFuture[Instance]:
        """Return the instantiation as a future, which has not begun: poll it, or await it.

        Raises:
            LinkError: an import belongs to another store, or does not fit; or the store has another engine.
            StoreError: the store is closed.
        """

        def made(results: tuple[Any, ...]) -> Instance:
            return Instance(store, results[0])

        return CallFuture(store, Fiber(self._prepared(store), ()), made)


__all__ = ["Definition", "HostFunc", "InstancePre"]
