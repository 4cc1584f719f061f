"""Host functions: Python functions that guests import.

Source: concurrency of host functions follows Wasmtime's ``func_wrap``, ``func_wrap_async`` and
``func_wrap_concurrent``.
"""

from __future__ import annotations

import enum
from functools import partial
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import TYPE_CHECKING, Any, final

from attrs import define, field, frozen

from weft.canon.release import release
from weft.canon.types import ResultType
from weft.canon.values import Err, Ok
from weft.errors import LinkError, LowerError
from weft.host.host_calls import start_host_call
from weft.runtime.observer import HostCallKind, HostCallOutcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.canon.types import FuncType
    from weft.host.store import Store
    from weft.runtime.instance import RootInstance
    from weft.runtime.store import StoreState
    from weft.runtime.task import Caller, Cancel


@final
class Kind(enum.Enum):
    """How a host function runs; the value is the method that registers it."""

    SYNC = "func_wrap"
    ASYNC = "func_wrap_async"
    CONCURRENT = "func_wrap_concurrent"


@final
@frozen(eq=False)
class HostFunc:
    """A Python function offered to guests (`weft.component.items.FuncProvider`)."""

    func: Callable[..., Any]
    kind: Kind

    def bind(self, root: RootInstance, name: str, func_type: FuncType) -> HostCallee:
        """Return the function for one import.

        Raises:
            LinkError: when an ``async func`` is not concurrent, or a plain ``func`` is.
        """
        if func_type.is_async and self.kind is Kind.ASYNC:
            raise LinkError(f"import `{name}` is an async func: register it with func_wrap_concurrent")
        if not func_type.is_async and self.kind is Kind.CONCURRENT:
            raise LinkError(
                f"import `{name}` is not an async func: register it with func_wrap, or with func_wrap_async to block"
            )
        func = self.func
        if root.store.observation is not None and self.kind is Kind.SYNC:
            func = observed(root.store, name, func)
        return HostCallee(name, func, self.kind, func_type, root.store)


@final
@define(eq=False)
class HostCallee:
    """A host function at one import.

    Attributes:
        store: the state of the store.
        is_async_def: whether each call is a coroutine, of which nothing runs before it is awaited.
    """

    name: str
    func: Callable[..., Any]
    kind: Kind
    type: FuncType
    store: Any
    is_async_def: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.is_async_def = iscoroutinefunction(self.func)

    @property
    def blocks(self) -> bool:
        """Whether it is an async function that a guest calls as a sync one, and so waits for."""
        return self.kind is Kind.ASYNC

    @property
    def may_block(self) -> bool:
        """Whether a call can outlast itself though the type is sync: then the guest's stack must be a fiber."""
        return self.kind is Kind.ASYNC

    @property
    def call_values(self) -> Callable[..., object] | None:
        """What a sync call comes down to: from lifted arguments to the value to lower; None when it can take time."""
        if self.kind is not Kind.SYNC:
            return None
        store: Store = self.store.owner
        if isinstance(self.type.result, ResultType):
            return lambda *args: self._call(store, args)
        return partial(self.func, store)

    def invoke(self, caller: Caller) -> Cancel | None:
        """Start a call; it is over at once where the function does not wait."""
        store: Store = self.store.owner
        args = caller.on_start()
        if self.kind is Kind.SYNC:
            caller.on_resolve(self._call(store, args))
            return None
        if self.is_async_def:
            return start_host_call(store, self, caller, args)
        return self._call_and_see(store, caller, args)

    def _call_and_see(self, store: Store, caller: Caller, args: tuple[object, ...]) -> Cancel | None:
        """Call a plain function, which returns a value or something to await."""
        try:
            result = self.func(store.accessor, *args)
        except Err as error:
            result = error
        except BaseException:
            self._tell(HostCallOutcome.FAILED)
            raise
        if isawaitable(result):
            return start_host_call(store, _Begun(self, result), caller, args)
        self._tell(HostCallOutcome.RETURNED)
        caller.on_resolve(self.convert(result))
        return None

    def _tell(self, outcome: HostCallOutcome) -> None:
        """Tell observers of a call that was over at once."""
        observation = self.store.observation
        if observation is not None:
            kind = HostCallKind.BLOCKING if self.blocks else HostCallKind.CONCURRENT
            observation.host_call_ended(observation.host_call_begun(self.name, kind, self.store.current), outcome)

    def _call(self, store: Store, args: tuple[object, ...]) -> object:
        try:
            return self.convert(self.func(store, *args))
        except Err as error:
            return self.convert(error)

    async def value(self, store: Store, args: tuple[object, ...]) -> object:
        """Call an ``async def`` and return the value to lower."""
        try:
            result = await self.func(store.accessor, *args)
        except Err as error:
            result = error
        return self.convert(result)

    def release_args(self, args: tuple[object, ...]) -> None:
        """Let go of what is in arguments that the function will not get."""
        for param, arg in zip(self.type.params, args, strict=True):
            release(self.store, param.type, arg)

    def convert(self, result: object) -> object:
        """Return what a host function returned or raised as a value of the result type."""
        if not isinstance(self.type.result, ResultType):
            if isinstance(result, Err):
                raise LowerError(f"the function has no `result` type to return {result!r} as", (self.name,)) from result
            return result
        return result if isinstance(result, Ok | Err) else Ok(result)


@final
@frozen(eq=False)
class _Begun:
    """A call of a function that returned something to await (`weft.host.host_calls.AsyncFunc`)."""

    callee: HostCallee
    awaitable: Awaitable[object]

    @property
    def name(self) -> str:
        """What messages call the function."""
        return self.callee.name

    @property
    def blocks(self) -> bool:
        """Whether the guest waits until the call is over."""
        return self.callee.blocks

    async def value(self, store: Store, args: tuple[object, ...]) -> object:
        """Await what the function returned and return the value to lower."""
        del store, args
        try:
            result = await self.awaitable
        except Err as error:
            result = error
        return self.callee.convert(result)

    def release_args(self, args: tuple[object, ...]) -> None:
        """Let go of what nobody will await, and of the arguments."""
        if iscoroutine(self.awaitable):
            self.awaitable.close()
        self.callee.release_args(args)


def observed(store: StoreState, name: str, func: Callable[..., Any]) -> Callable[..., Any]:
    """Return a sync host function that tells when it is called, for a store that is observed."""
    observation = store.observation
    assert observation is not None

    def call(*args: object) -> Any:
        info = observation.host_call_begun(name, HostCallKind.SYNC, store.current)
        outcome = HostCallOutcome.FAILED
        try:
            result = func(*args)
            outcome = HostCallOutcome.RETURNED
        except Err:
            outcome = HostCallOutcome.RETURNED
            raise
        finally:
            observation.host_call_ended(info, outcome)
        return result

    return call
