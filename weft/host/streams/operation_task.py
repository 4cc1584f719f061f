"""One long-lived task for all the operations of a producer or consumer that awaits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import anyio
from attrs import frozen

from weft.host.streams.outcomes import Outcome
from weft.host.streams.transmits import PENDING, Pending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.host.streams.transmits import PayloadType, TaskHandle
    from weft.host.streams.wakers import Waker


@final
@frozen
class Interrupted:
    """What an operation gives that was interrupted before it had ended."""


INTERRUPTED: Final = Interrupted()
_NOTHING: Final = object()


@final
@frozen
class _Raised:
    error: Exception


@final
class OperationTask:
    """Runs operations one after the other in a task of the store, which starts with the first one.

    Invariant: at most one of `_wanted`, `_running` and `_result` is set: an operation that the task will start, one
    that it runs, and what the last one gave.
    """

    __slots__ = (
        "_at_end",
        "_closed",
        "_closing",
        "_handle",
        "_idle",
        "_result",
        "_running",
        "_scope",
        "_waker",
        "_wanted",
    )

    def __init__(self, at_end: Callable[[], Awaitable[None]] | None = None) -> None:
        self._at_end = at_end
        self._waker: Waker | None = None
        self._handle: TaskHandle | None = None
        self._wanted: Callable[[], Awaitable[Any]] | None = None
        self._running = False
        self._result: object = _NOTHING
        self._scope: anyio.CancelScope | None = None
        self._idle: anyio.Event | None = None
        self._closing = False
        self._closed = Outcome()

    def opened(self, waker: Waker, payload: PayloadType) -> None:
        """Note who polls."""
        del payload
        self._waker = waker

    def poll(self, waker: Waker, operation: Callable[[], Awaitable[Any]]) -> Any | Pending:
        """Start `operation` unless one is in progress; return the result of the last one, once, or PENDING.

        Raises:
            Exception: what the operation raised.
            StoreError: the store has no event loop to run a task in.
        """
        self._waker = waker
        result, self._result = self._result, _NOTHING
        if result is not _NOTHING:
            if isinstance(result, _Raised):
                raise result.error
            return result
        if not self._running and self._wanted is None:
            self._wanted = operation
            if self._handle is None:
                self._spawn()
            elif self._idle is not None:
                self._idle.set()
        return PENDING

    def interrupt(self) -> None:
        """Cancel the operation in progress; its result is INTERRUPTED, unless it ends all the same."""
        if self._wanted is not None:
            self._wanted = None
            self._result = INTERRUPTED
        elif self._scope is not None:
            self._scope.cancel()

    def close(self) -> None:
        """End the task, interrupting what it does, and run what is to be run at the end."""
        self._closing = True
        self._wanted = None
        if self._handle is None:
            if self._at_end is None:
                self._closed.set()
            else:
                self._spawn()
        elif self._running:
            self._handle.cancel()
        elif self._idle is not None:
            self._idle.set()

    async def wait_closed(self) -> None:
        """Wait until everything has been run after `close`.

        Raises:
            Exception: what was raised at the end.
        """
        await self._closed.wait()

    def _spawn(self) -> None:
        assert self._waker is not None
        store = self._waker.store
        self._handle = store.spawn_host_task(self._run)
        # Whether anything is pending depends on the operation, which is counted, and not on this task.
        store.pending_host_tasks -= 1

    async def _run(self) -> None:
        assert self._waker is not None
        error: Exception | None = None
        try:
            await self._serve()
        finally:
            try:
                if self._at_end is not None:
                    with anyio.CancelScope(shield=True):
                        await self._at_end()
            except Exception as raised:  # noqa: BLE001 - who waits until this is closed gets it
                error = raised
            self._waker.store.pending_host_tasks += 1
            self._closed.set(error)

    async def _serve(self) -> None:
        while not self._closing:
            operation, self._wanted = self._wanted, None
            if operation is None:
                self._idle = anyio.Event()
                await self._idle.wait()
                self._idle = None
            else:
                await self._perform(operation)

    async def _perform(self, operation: Callable[[], Awaitable[Any]]) -> None:
        self._running = True
        result: object = INTERRUPTED
        try:
            with anyio.CancelScope() as self._scope:
                result = await operation()
        except Exception as error:  # noqa: BLE001 - the next poll raises it
            result = _Raised(error)
        finally:
            self._running = False
            self._scope = None
        self._result = result
        assert self._waker is not None
        self._waker.wake()


__all__ = ["INTERRUPTED", "Interrupted", "OperationTask"]
