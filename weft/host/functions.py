"""Host functions: Python functions that guests import.

Source: concurrency of host functions follows Wasmtime's ``func_wrap``, ``func_wrap_async`` and
``func_wrap_concurrent``.
"""

from __future__ import annotations

import enum
from functools import partial
from typing import TYPE_CHECKING, Any, final

from attrs import define, frozen

from weft.canon.types import ResultType
from weft.canon.values import Err, Ok
from weft.errors import LinkError, LowerError, StoreError
from weft.host.call_stack import CALLED_FROM, current_stack
from weft.host.calls import BLOCKED_CALLER
from weft.host.tasks import is_cancellation
from weft.runtime.observer import HostCallKind, HostCallOutcome
from weft.runtime.subtask import Subtask
from weft.runtime.task import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.types import FuncType
    from weft.host.call_stack import TaskId
    from weft.host.store import Store
    from weft.host.tasks import JoinHandle
    from weft.runtime.instance import RootInstance
    from weft.runtime.observer import HostCallInfo
    from weft.runtime.store import StoreState
    from weft.runtime.task import Caller, Cancel
    from weft.runtime.thread import Thread


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
    """

    name: str
    func: Callable[..., Any]
    kind: Kind
    type: FuncType
    store: Any

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
        """Start a call."""
        store: Store = self.store.owner
        args = caller.on_start()
        if self.kind is Kind.SYNC:
            caller.on_resolve(self._call(store, args))
            return None
        root = caller.lowered.inst.root if isinstance(caller, Subtask) else None
        blocked = self.store.current if self.kind is Kind.ASYNC else None
        call = _ConcurrentCall(self, caller, root, blocked, current_stack(self.store))
        call.handle = store.spawn_host_task(call.run, store, args)
        observation = self.store.observation
        if observation is not None:
            kind = HostCallKind.BLOCKING if self.kind is Kind.ASYNC else HostCallKind.CONCURRENT
            call.info = observation.host_call_begun(self.name, kind, self.store.current)
        if root is not None:
            root.host_calls[call] = None
        return call

    def _call(self, store: Store, args: tuple[object, ...]) -> object:
        try:
            return self.convert(self.func(store, *args))
        except Err as error:
            return self.convert(error)

    def convert(self, result: object) -> object:
        """Return what a host function returned or raised as a value of the result type."""
        if not isinstance(self.type.result, ResultType):
            if isinstance(result, Err):
                raise LowerError(f"the function has no `result` type to return {result!r} as", (self.name,)) from result
            return result
        return result if isinstance(result, Ok | Err) else Ok(result)


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


@final
@define(eq=False)
class _ConcurrentCall:
    """A call of an async host function, running as a task of the store's.

    Attributes:
        root: the instances whose trap cancels the call: those of the guest that made it.
        blocked: the thread of the guest that waits for a sync function.
        stack: the tasks of guests that led here, youngest first.
        info: what observers call it.
    """

    callee: HostCallee
    caller: Caller
    root: RootInstance | None
    blocked: Thread | None
    stack: tuple[TaskId, ...]
    handle: JoinHandle | None = None
    cancelled: bool = False
    info: HostCallInfo | None = None

    async def run(self, store: Store, args: tuple[object, ...]) -> None:
        """Run the function, then resolve the call from the scheduler."""
        resolve: Callable[[], None] = partial(self._stopped, store)
        token = BLOCKED_CALLER.set(self.blocked)
        stack_token = CALLED_FROM.set((store.state, self.stack))
        outcome = HostCallOutcome.CANCELLED
        try:
            value = CANCELLED if self.cancelled else await self._value(store, args)
            resolve = partial(self.caller.on_resolve, value)
            outcome = HostCallOutcome.CANCELLED if value is CANCELLED else HostCallOutcome.RETURNED
        except BaseException as error:  # whatever it is, it goes to the caller
            if is_cancellation(error):
                raise
            resolve = partial(self._fail, error)
            outcome = HostCallOutcome.FAILED
        finally:
            CALLED_FROM.reset(stack_token)
            BLOCKED_CALLER.reset(token)
            if self.root is not None:
                self.root.host_calls.pop(self, None)
            store.state.scheduler.push_job(resolve)
            self._tell_end(store.state, outcome)

    async def _value(self, store: Store, args: tuple[object, ...]) -> object:
        try:
            result = await self.callee.func(store.accessor, *args)
        except Err as error:
            result = error
        return self.callee.convert(result)

    def _tell_end(self, store: StoreState, outcome: HostCallOutcome) -> None:
        if self.info is not None and store.observation is not None:
            store.observation.host_call_ended(self.info, outcome)

    def _stopped(self, store: Store) -> None:
        if self.cancelled or store.closed:
            self.caller.on_resolve(CANCELLED)
        else:
            self._fail(StoreError(f"the host function {self.callee.name} was cancelled from outside"))

    def _fail(self, error: BaseException) -> None:
        self.caller.on_fail(error)
        raise error

    def request_cancellation(self) -> None:
        """Cancel the function's scope; what it returns from a shielded clean-up still counts."""
        self.cancelled = True
        if self.handle is not None:
            self.handle.abort()
