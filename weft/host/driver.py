"""The driver: runs ready guests inside an event loop, and sleeps when there are none.

Source: DESIGN.md, "Life of a call".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self, TypeVar, final

import anyio
import anyio.lowlevel

from weft.host.groups import ungrouped
from weft.host.waiters import new_waiter, wake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from weft.host.calls import Call
    from weft.host.store import Store
    from weft.host.waiters import Waiter

T = TypeVar("T")

TURN_SECONDS = 0.002
"""How long guests may run before the event loop gets a turn, if they come to a point where they can stop."""


@final
class Driver:
    """Runs the guests of one store for the time of one `run_concurrent`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._state = store.state
        self._sleep_over: Waiter | None = None

    def __enter__(self) -> Self:
        self.store.set_driver(self)
        self.store.engine.start_ticking()
        self._state.scheduler.on_push = self.wake
        self._state.may_preempt = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._state.may_preempt = False
        self._state.scheduler.on_push = None
        self.store.engine.stop_ticking()
        self.store.set_driver(None)

    def wake(self) -> None:
        """Note that there may be work."""
        waiter, self._sleep_over = self._sleep_over, None
        if waiter is not None:
            wake(waiter)

    async def run(self, func: Callable[[], Awaitable[T]]) -> T:
        """Run `func` beside the guests and return what it returns."""
        async with ungrouped(), anyio.create_task_group() as group:
            group.start_soon(self._loop)
            result = await func()
            group.cancel_scope.cancel()
        return result  # pyright: ignore[reportReturnType, reportPossiblyUnboundVariable]

    async def run_call(self, call: Call) -> Any:
        """Run guests until the outcome of `call` is known, or nothing can run any more."""
        try:
            await self._run_until_resolved(call)
        except BaseException:
            if not call.resolved:
                call.abandon()
            raise
        return call.outcome()

    async def _run_until_resolved(self, call: Call) -> None:
        self.store.begin_turn()
        call.start_here()
        await self.run_until(lambda: call.resolved)

    async def run_until(self, done: Callable[[], bool]) -> None:
        """Run guests until `done`, or until nothing can run any more: then raise a DeadlockError."""
        while not done():
            if self._turn():
                await anyio.lowlevel.checkpoint()
            elif done():
                break
            elif not self.store.pending_host_tasks:
                raise self.store.deadlock()
            else:
                await self._sleep()

    async def _sleep(self) -> None:
        self._sleep_over = new_waiter()
        await self._sleep_over

    async def _loop(self) -> None:
        """Run guests for ever: a turn, then whatever else the event loop has, then the next turn."""
        while True:
            if self._turn():
                await anyio.lowlevel.checkpoint()
            else:
                await self._sleep()

    def _turn(self) -> bool:
        """Run ready guests for a while; False when none is left."""
        run_one = self._state.run_one
        scheduler = self._state.scheduler
        end = self.store.begin_turn()
        while True:
            yielding = scheduler.only_yielded()
            try:
                if not run_one():
                    return False
            except Exception as error:
                if not self.store.failures.settle(error):
                    raise
            if yielding or time.monotonic() > end:
                return True
