"""Tasks of asyncio that begin in the middle of another task's step.

A host function that has its result at once shall cost no task. But a coroutine cannot change its task once it has
begun: cancel scopes and timeouts remember theirs. So the first step is made in the name of a task that has nothing to
do, and that task makes the others, if there are any.

Source: Wasmtime's ``first_poll`` of host functions; Python's documentation, "Extending", "Task lifetime support".
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from contextvars import copy_context
from types import coroutine
from typing import TYPE_CHECKING, Any, Protocol, final

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from weft.host.steps import Steps

_MOST_IDLE = 64


class Work(Protocol):
    """What a stepper does when a coroutine has more than one step."""

    steps: Steps
    """The coroutine."""

    async def run(self) -> None:
        """Await the steps; let no exception out but a cancellation."""


@final
class Stepper:
    """A task that makes the steps of one coroutine after another.

    Invariant: `_work` is set from when the rest of a coroutine is handed over until the task takes it.
    Invariant: `_woken` is None until the task has made its first step; then it is what an idle task waits for.
    """

    __slots__ = ("_loop", "_pool", "_scope", "_task", "_woken", "_work")

    def __init__(self, pool: Steppers) -> None:
        self._pool = pool
        self._loop = pool.loop
        self._scope = anyio.CancelScope()
        self._woken: asyncio.Future[None] | None = None
        self._work: Work | None = None
        running = self._run()
        self._task = asyncio.Task(running, loop=self._loop, context=pool.context)
        # Open the scope, so that it is outside of all that the coroutine opens. To the task this step is nobody's.
        self._in_task(running.send, None)

    @property
    def task(self) -> asyncio.Task[None]:
        """What `asyncio.current_task` gives in each step."""
        return self._task

    def begin(self, steps: Steps) -> None:
        """Make the first step.

        Raises:
            StopIteration: it was the only one; holds what the coroutine returned.
            BaseException: what the coroutine raised.
        """
        self._in_task(steps.begin)

    def _in_task(self, func: Callable[..., object], *args: object) -> None:
        loop, task = self._loop, self._task
        interrupted = asyncio.current_task(loop)
        try:
            _switch(loop, interrupted, task)
            func(*args)
        finally:  # wherever a signal handler raised
            _switch(loop, asyncio.current_task(loop), interrupted)

    def go_on(self, work: Work) -> None:
        """Have the task do `work`."""
        self._work = work
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def abort(self) -> None:
        """Cancel what the task does; it then serves no more."""
        self._scope.cancel()

    @property
    def is_fresh(self) -> bool:
        """Whether nobody asked the task to stop: that would meet the next coroutine."""
        return not self._task.cancelling() and (self._woken is None or not self._woken.done())

    async def _run(self) -> None:
        try:
            with self._scope:
                error = await _caught(_next_step())
                while self._work is not None or error is None:
                    if self._work is not None:
                        work, self._work = self._work, None
                        work.steps.error, error = error, None
                        await work.run()
                        if self._scope.cancel_called or self._task.cancelling() or not self._pool.add(self):
                            return
                        del work
                    self._woken = self._loop.create_future()
                    error = await _caught(self._woken)
                self._pool.discard(self)
                raise error
        finally:
            self._pool.remove(self)


def _switch(
    loop: asyncio.AbstractEventLoop, current: asyncio.Task[Any] | None, other: asyncio.Task[Any] | None
) -> None:
    """Have asyncio take `other` for the task that runs, and no more `current`."""
    if current is not other:
        if current is not None:
            _leave_task(loop, current)
        if other is not None:
            _enter_task(loop, other)


@coroutine
def _next_step() -> Generator[None, None, None]:
    yield


async def _caught(awaitable: Awaitable[object]) -> BaseException | None:
    try:
        await awaitable
    except BaseException as error:  # noqa: BLE001 - it is for what the task does next
        return error
    return None


@final
class Steppers:
    """The steppers of a store that is open in asyncio."""

    __slots__ = ("_all", "_closed", "_idle", "context", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.context = copy_context()
        self._closed = False
        self._idle: list[Stepper] = []
        self._all: dict[Stepper, None] = {}

    def take(self) -> Stepper:
        """Return a stepper that has nothing to do."""
        if self._idle:
            return self._idle.pop()
        stepper = Stepper(self)
        self._all[stepper] = None
        return stepper

    def give_back(self, stepper: Stepper) -> None:
        """Take back a stepper whose coroutine is over after the first step."""
        if stepper.is_fresh:
            self._idle.append(stepper)
        else:
            stepper.abort()

    def add(self, stepper: Stepper) -> bool:
        """Keep a stepper for later, unless there are many already."""
        if self._closed or len(self._idle) >= _MOST_IDLE:
            return False
        self._idle.append(stepper)
        return True

    def remove(self, stepper: Stepper) -> None:
        """Forget a stepper whose task makes its last step."""
        del self._all[stepper]

    def discard(self, stepper: Stepper) -> None:
        """Give `stepper` no more to do."""
        if stepper in self._idle:
            self._idle.remove(stepper)

    async def aclose(self) -> None:
        """Cancel everything, and wait until it has cleaned up."""
        self._closed = True
        for stepper in self._all:
            stepper.abort()
        if self._all:
            with anyio.CancelScope(shield=True):
                await asyncio.wait([stepper.task for stepper in self._all])


__all__ = ["Stepper", "Steppers"]
