"""Functions that guests export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, final

import anyio

from weft.canon.lift import LiftedFunc
from weft.canon.types import ResultType
from weft.errors import StoreError
from weft.host.accessor import as_store
from weft.host.calls import BLOCKED_CALLER, Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.types import FuncType
    from weft.component.items import FuncItem
    from weft.host.accessor import StoreLike
    from weft.host.store import Store


@final
class Func:
    """An exported function of an instance.

    All ways to call it take the store, or an accessor of it, and the arguments; they return the lifted result. For a
    function whose result is a ``result<T, E>`` that is the value, and an error is raised as `weft.Err`.
    """

    __slots__ = ("_arity", "_direct", "_item", "_store", "name")

    def __init__(self, store: Store, item: FuncItem, name: str) -> None:
        self._store = store
        self._item = item
        self._arity = len(item.type.params)
        callee = item.callee
        self._direct: Callable[[tuple[object, ...]], Any] | None = None
        if isinstance(callee, LiftedFunc) and callee.runs_to_its_end and not isinstance(item.type.result, ResultType):
            self._direct = callee.call_direct
        self.name = name

    def __repr__(self) -> str:
        return f"<weft.Func {self.name}>"

    @property
    def type(self) -> FuncType:
        """The function's type."""
        return self._item.type

    def _own_store(self, store: StoreLike) -> Store:
        own = as_store(store)
        if own is not self._store:
            raise StoreError(f"{self.name} belongs to another store: pass the one that its instance was made in")
        own.check_open()
        return own

    def call(self, store: StoreLike, *args: object) -> Any:
        """Call without an event loop, and return the result.

        Raises:
            LowerError: when an argument does not fit.
            Trap: when the guest traps; DeadlockError when it waits for something that cannot come.
            StoreError: when it waits for a host function that awaits; the guest's task is left waiting.
            BaseException: what a host function raised.
        """
        if store is not self._store:
            self._own_store(store)
        if self._direct is None or len(args) != self._arity or self._store.closed:
            return self._run(self._store, args)
        try:
            return self._direct(args)
        except BaseException as error:
            self._store.failures.take(error)
            raise

    def call_blocking(self, *args: object) -> Any:
        """Call as `call` does, in the function's own store."""
        self._store.check_open()
        return self._run(self._store, args)

    def _run(self, store: Store, args: tuple[object, ...]) -> Any:
        store.check_open()
        call = Call(store, self._item, self.name, args)
        store.engine.start_ticking()
        outer, store.in_blocking_call = store.in_blocking_call, True
        try:
            call.start_here()
            if not call.resolved:
                store.run_until(lambda: call.resolved)
        except BaseException:
            if not call.resolved:
                call.abandon()
            raise
        finally:
            store.in_blocking_call = outer
            store.engine.stop_ticking()
        return call.outcome()

    async def call_async(self, store: StoreLike, *args: object) -> Any:
        """Call with the event loop of the store running just for this call.

        Raises:
            DeadlockError: when nothing can run any more and no host function is pending; it says who waits for what.
            Trap: when the guest traps.
            StoreError: when the store's loop is running already: use `call_concurrent` there.
        """
        own = self._own_store(store)
        return await own.run_call(Call(own, self._item, self.name, args))

    async def call_concurrent(
        self,
        store: StoreLike,
        *args: object,
        on_cancel: Literal["detach", "cancel"] | Callable[[Call], object] = "detach",
    ) -> Any:
        """Call inside `Store.run_concurrent`, concurrently with other calls.

        To stop a call whatever becomes of an await, use `start_call_concurrent`, and `Call.cancel` or `Call.abort`.

        Args:
            store: the store, or an accessor of it.
            args: one Python value for each parameter.
            on_cancel: what a cancellation of this await, by a timeout say, does to the guest's task. ``"detach"`` lets
                it run on; ``"cancel"`` asks it to stop, as `Call.cancel` does, without waiting until it has. A function
                is given the call, to do that and to see to what may still come of it.

        Raises:
            LowerError: when an argument does not fit.
            Trap: when the guest traps.
            StoreError: outside `run_concurrent`.
        """
        own = self._own_store(store)
        call = Call(own, self._item, self.name, args)
        self._check_running(own)
        await own.give_way()
        call.start_here()
        try:
            await call.wait()
        except anyio.get_cancelled_exc_class():
            if on_cancel == "cancel":
                call.cancel()
            elif on_cancel != "detach":
                on_cancel(call)
            raise
        return call.outcome()

    def start_call_concurrent(self, store: StoreLike, *args: object) -> Call:
        """Queue a call and return at once; the guest runs when the store's loop does.

        Returns:
            The call, for `finish_call_concurrent`; `Call.cancel` and `Call.abort` stop it.
        """
        own = self._own_store(store)
        call = Call(own, self._item, self.name, args)
        call.enqueue()
        return call

    async def finish_call_concurrent(self, store: StoreLike, call: Call) -> Any:
        """Wait for the result of a started call; what it raised is kept until then.

        Raises:
            Trap: when the guest trapped.
            CallCancelledError: when the call was cancelled, and the guest acknowledged that.
            CallAbortedError: when it was aborted.
            StoreError: outside `run_concurrent`.
        """
        own = self._own_store(store)
        self._check_running(own)
        await call.wait()
        return call.outcome()

    @property
    def would_queue(self) -> bool:
        """Whether a call made now would have to wait until its instance lets it in.

        An instance does not when it asked for backpressure, when another task has it to itself, when it is in the
        middle of a sync call that takes its time, and when other calls wait already. One that trapped lets nothing
        wait.
        """
        callee = self._item.callee
        if not isinstance(callee, LiftedFunc):
            return False
        blocked = BLOCKED_CALLER.get()
        return callee.inst.would_queue(callee, None if blocked is None else blocked.task)

    async def wait_ready(self, store: StoreLike) -> None:
        """Wait until a call would not have to wait to be let in; see `would_queue`.

        Others may come before the caller does; then its call waits as any other.

        Raises:
            StoreError: outside `run_concurrent`.
        """
        own = self._own_store(store)
        self._check_running(own)
        await own.changes.wait_until(lambda: own.closed or not self.would_queue)
        own.check_open()

    def _check_running(self, store: Store) -> None:
        if not store.is_running:
            raise StoreError(f"{self.name} can make progress only inside `run_concurrent`: use it, or `call_async`")
