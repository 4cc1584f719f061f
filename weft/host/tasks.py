"""Background work of the host, in the task group of a store."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, final

import anyio
import anyio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from anyio.abc import TaskGroup


@final
class JoinHandle:
    """A background task of a store; dropping the handle lets the task go on.

    Attributes:
        done: whether the task is over.
    """

    __slots__ = ("_error", "_joiners", "_scope", "done")

    def __init__(self) -> None:
        self._scope = anyio.CancelScope()
        self._error: BaseException | None = None
        self._joiners: anyio.Event | None = None
        self.done = False

    async def run(self, func: Callable[[], Awaitable[object]]) -> BaseException | None:
        """Run the task, which the store does; return an exception of it that nobody waits for."""
        try:
            with self._scope:
                await func()
        except BaseException as error:  # `join` or the store's loop raises it
            if is_cancellation(error):
                raise
            self._error = error
        finally:
            self.done = True
            if self._joiners is not None:
                self._joiners.set()
        return None if self._joiners is not None else self._error

    def abort(self) -> None:
        """Cancel the task; does nothing when it is over. One that did not begin to run never does."""
        self._scope.cancel()

    cancel = abort

    @property
    def aborted(self) -> bool:
        """Whether `abort` was called."""
        return self._scope.cancel_called

    async def join(self) -> None:
        """Wait until the task is over, or was aborted and has cleaned up.

        Raises:
            Exception: what the task raised.
        """
        if not self.done:
            self._joiners = self._joiners or anyio.Event()
            await self._joiners.wait()
        if self._error is not None:
            raise self._error

    def __await__(self) -> Generator[Any, Any, None]:
        return self.join().__await__()


def is_cancellation(error: BaseException) -> bool:
    """Whether `error` ends a coroutine from outside: no task may keep it to itself, and all others must be kept."""
    return isinstance(error, (anyio.get_cancelled_exc_class(), GeneratorExit))


_MOST_IDLE = 64


def is_asyncio() -> bool:
    """Whether the caller runs in asyncio; trio can run inside of it, so trio is asked."""
    trio = sys.modules.get("trio")
    return trio is None or not trio.lowlevel.in_trio_task()


@final
class Workers:
    """Tasks that each run one piece of work after another: to wake one costs less than to start one.

    Where the event loop is asyncio's they are bare tasks of it, which cost a fifth of what a task group asks for one;
    then this class sees to it that none outlives the store.
    """

    __slots__ = ("_closed", "_group", "_idle", "_is_asyncio", "_tasks", "_working")

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._closed = False
        self._idle: list[_Idle] = []
        self._is_asyncio = is_asyncio()
        self._tasks: set[asyncio.Task[None]] = set()
        self._working: set[JoinHandle] = set()

    def start(self, handle: JoinHandle, work: Callable[[], Awaitable[object]]) -> None:
        """Run `work`, which `handle` can cancel, in the background; it must not let an exception out."""
        self._working.add(handle)
        if self._idle:
            idle = self._idle.pop()
            idle.work = handle, work
            idle.woken.set()
        elif self._is_asyncio:
            task = asyncio.get_running_loop().create_task(self._run(handle, work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._group.start_soon(self._run, handle, work)

    async def _run(self, handle: JoinHandle, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            finally:
                self._working.discard(handle)
            if self._closed or len(self._idle) >= _MOST_IDLE:
                return
            idle = _Idle()
            self._idle.append(idle)
            del handle, work  # what they refer to is free now
            await idle.woken.wait()
            assert idle.work is not None
            handle, work = idle.work

    async def aclose(self) -> None:
        """Cancel everything, and wait until it has cleaned up."""
        self._closed = True
        idle, self._idle = self._idle, []
        for handle in self._working:
            handle.abort()
        for worker in idle:
            worker.work = JoinHandle(), anyio.lowlevel.checkpoint
            worker.woken.set()
        if self._tasks:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(self._tasks)


@final
class _Idle:
    """A worker without work."""

    __slots__ = ("woken", "work")

    def __init__(self) -> None:
        self.woken = anyio.Event()
        self.work: tuple[JoinHandle, Callable[[], Awaitable[object]]] | None = None
