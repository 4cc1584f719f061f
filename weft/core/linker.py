"""Linkers: names for what modules import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from weft.core.pre import HostFunc, InstancePre
from weft.engine import CoreSig, EngineError
from weft.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.core.externs import Extern
    from weft.core.instance import Instance
    from weft.core.module import EngineLike, Module
    from weft.core.pre import Definition
    from weft.core.store import Store
    from weft.engine import ExternType


@final
class Linker:
    """Host functions, and items of other instances, by the two names under which modules import them.

    Host functions belong to no store: one linker serves all stores of an engine.

    Args:
        engine: the engine of its modules.
        allow_shadowing: whether a second definition of a name replaces the first; else it is a LinkError.
    """

    def __init__(self, engine: EngineLike, *, allow_shadowing: bool = False) -> None:
        self.engine = engine
        self.allow_shadowing = allow_shadowing
        self._definitions: dict[tuple[str, str], Definition] = {}

    def _add(self, module: str, name: str, definition: Definition) -> None:
        key = (module, name)
        if key in self._definitions and not self.allow_shadowing:
            msg = f"{module!r} {name!r} is defined already"
            raise LinkError(msg)
        self._definitions[key] = definition

    def define_func(self, module: str, name: str, sig: CoreSig, fn: Callable[..., Any]) -> None:
        """Define a function that calls ``fn(*args)``, which returns None, the value, or a tuple of several.

        What `fn` raises unwinds the guest and surfaces, the same object, from the call into it; what it returns that
        does not fit `sig` surfaces as a LowerError. `fn` may call other functions of the store.

        Raises:
            LinkError: the name is defined already.
            EngineError: `sig` has a type that is no number.
        """
        self._add(module, name, HostFunc(_numeric(sig), fn, is_async=False))

    def define_async_func(self, module: str, name: str, sig: CoreSig, async_fn: Callable[..., Awaitable[Any]]) -> None:
        """Define a function that awaits ``async_fn(*args)``; to the guest it looks like one that blocks.

        The guest's stack is put aside meanwhile, and the coroutine runs in the task that awaits the call; other calls
        into the store, and the coroutine's own, go on. Results and exceptions are as for `define_func`.

        Only guests on stacks of their own can wait: those in `Func.call_async` and `InstancePre.instantiate_async`,
        with no other host function between.

        Raises:
            LinkError: the name is defined already.
            EngineError: `sig` has a type that is no number.
        """
        self._add(module, name, HostFunc(_numeric(sig), async_fn, is_async=True))

    def define(self, module: str, name: str, item: Extern) -> None:
        """Define an item of an instance; only modules in the store of that instance can import it.

        Raises:
            LinkError: the name is defined already.
        """
        self._add(module, name, item)

    def define_instance(self, module: str, instance: Instance) -> None:
        """Define everything that `instance` exports, under the names of its exports.

        Raises:
            LinkError: a name is defined already.
            StoreError: the store of the instance is closed.
        """
        for name, item in instance.items():
            self._add(module, name, item)

    def instantiate_pre(self, module: Module) -> InstancePre:
        """Look up the imports of `module` once, for any number of instances.

        Definitions that are added later do not change it.

        Raises:
            LinkError: an import is missing, or a host function has another type; or the module has another engine.
        """
        if module.engine is not self.engine:
            msg = "the linker and the module belong to different engines"
            raise LinkError(msg)
        return InstancePre(module, tuple(self._find(each.module, each.name, each.type) for each in module.imports))

    def _find(self, module: str, name: str, wanted: ExternType) -> Definition:
        found = self._definitions.get((module, name))
        if found is None:
            msg = f"import {module!r} {name!r} is not defined"
            raise LinkError(msg)
        if isinstance(found, HostFunc) and found.sig != wanted:
            msg = f"import {module!r} {name!r} is a {wanted}, and the host function is a {found.sig}"
            raise LinkError(msg)
        return found

    def instantiate(self, store: Store, module: Module) -> Instance:
        """Make an instance at once; its start function must not wait.

        Raises:
            LinkError: an import is missing or does not fit.
            Trap: the start function, or a data or element segment, trapped.
            StoreError: the store is closed, or the start function called an asynchronous host function.
            EngineError: a limit of the store or of Wasmtime was exceeded.
            BaseException: what a host function raised, the same object.
        """
        return self.instantiate_pre(module).instantiate(store)

    async def instantiate_async(self, store: Store, module: Module) -> Instance:
        """Make an instance, whose start function may call asynchronous host functions, and yield.

        Raises:
            LinkError: an import is missing or does not fit.
            Trap: the start function, or a data or element segment, trapped.
            StoreError: the store is or was closed.
            EngineError: a limit of the store or of Wasmtime was exceeded.
            BaseException: what a host function raised, the same object.
        """
        return await self.instantiate_pre(module).instantiate_async(store)


def _numeric(sig: CoreSig) -> CoreSig:
    if not sig.callable:
        msg = f"a function of type {sig} cannot be implemented in Python"
        raise EngineError(msg)
    return sig


__all__ = ["Linker"]
