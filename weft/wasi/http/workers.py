"""A pool of instances of one service: made when requests come, shared by several at once, replaced when they trap.

Source: the proxy handler of Wasmtime, for the rules of when instances are reused.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Generic, final

import anyio
from attrs import define, field

from weft import StoreError, Trap
from weft.wasi.http.worker import S, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskGroup

    from weft.wasi.http.worker import PoolLimits

logger: Final = logging.getLogger("weft.wasi.http")


@final
class OverloadedError(Exception):
    """No instance has room, and too many requests wait already; or the pool is closing."""


@final
@define(eq=False)
class _Waiter(Generic[S]):
    """A request without an instance. Invariant: `ready` is set exactly when `worker` or `error` is."""

    ready: anyio.Event = field(factory=anyio.Event)
    worker: Worker[S] | None = None
    error: BaseException | None = None


@final
class Pool(Generic[S]):
    """Instances of one service.

    Args:
        open_service: makes an instance, and disposes of it.
        limits: how they are used.
    """

    def __init__(self, open_service: Callable[[], AbstractAsyncContextManager[S]], limits: PoolLimits) -> None:
        self.limits = limits
        self._open_service = open_service
        self._workers: list[Worker[S]] = []
        self._waiting: deque[_Waiter[S]] = deque()
        self._group: TaskGroup | None = None
        self._closing = False
        self._gone = anyio.Event()

    @property
    def workers(self) -> tuple[Worker[S], ...]:
        """The instances there are, or will be in a moment; also those that only finish what they do."""
        return tuple(self._workers)

    @property
    def waiting(self) -> int:
        """How many requests wait for an instance."""
        return len(self._waiting)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pool[S]]:
        """Have instances from here to the end, which gives requests in progress their time of grace."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield self
                await self._close()
            finally:
                self._group = None
                self._closing = True
                group.cancel_scope.cancel()

    async def _close(self) -> None:
        self._closing = True
        self._fail_waiting(OverloadedError("the service shuts down"))
        for worker in self._workers:
            worker.retire()
        with anyio.move_on_after(self.limits.shutdown_grace):
            while self._workers:
                self._gone = anyio.Event()
                await self._gone.wait()

    # For requests.

    async def acquire(self) -> Worker[S]:
        """Return an instance for one request, which is to be given back by `release`.

        Raises:
            OverloadedError: none has room, and the queue is full; or the pool is closing.
            Exception: what prevented an instance from being made.
        """
        return self.acquire_nowait() or await self._wait_for_worker()

    def acquire_nowait(self) -> Worker[S] | None:
        """Return an instance as `acquire` does, if one is there and nobody waits for it."""
        if self._closing or self._waiting:
            return None
        worker = self._free_worker()
        if worker is not None:
            worker.take()
        return worker

    def release(self, worker: Worker[S]) -> None:
        """Give an instance back."""
        worker.give_back()
        if self._waiting:
            self._dispatch()

    def _free_worker(self) -> Worker[S] | None:
        """Return the oldest instance with room: the younger ones go when they are not needed any more."""
        for worker in self._workers:
            service = worker.service
            if service is None or not worker.has_room:
                continue
            if service.stopped is not None:
                worker.fail(service.stopped)  # before its loop has come to say so
            elif not service.busy:
                return worker
        return None

    async def _wait_for_worker(self) -> Worker[S]:
        if self._closing:
            raise OverloadedError("the service shuts down")
        waiter: _Waiter[S] = _Waiter()
        self._waiting.append(waiter)
        self._dispatch()
        if not waiter.ready.is_set() and len(self._waiting) > self.limits.max_waiting + self._coming:
            self._waiting.remove(waiter)
            raise OverloadedError(f"{self.limits.max_waiting} requests wait already")
        try:
            await waiter.ready.wait()
        except BaseException:
            self._abandon(waiter)
            raise
        if waiter.error is not None:
            raise waiter.error
        assert waiter.worker is not None
        return waiter.worker

    def _abandon(self, waiter: _Waiter[S]) -> None:
        if waiter.worker is not None:
            self.release(waiter.worker)
        elif waiter in self._waiting:
            self._waiting.remove(waiter)

    # Instances.

    def _dispatch(self) -> None:
        """Give those who wait what there is, and make more instances if that is not enough."""
        while self._waiting:
            worker = self._free_worker()
            if worker is None:
                break
            worker.take()
            waiter = self._waiting.popleft()
            waiter.worker = worker
            waiter.ready.set()
        while len(self._waiting) > self._coming and len(self._workers) < self.limits.max_instances:
            self._start_worker()
        if self._waiting:
            self._watch_busy()

    @property
    def _coming(self) -> int:
        """How many requests the instances can take that are being made."""
        starting = sum(worker.service is None and not worker.retired for worker in self._workers)
        return starting * self.limits.max_concurrent_per_instance

    async def prepare(self) -> None:
        """Make one more instance, and wait until it is there.

        Raises:
            Exception: what prevents that.
        """
        worker = self._start_worker()
        await worker.opened.wait()
        if worker.error is not None:
            raise worker.error

    def _start_worker(self) -> Worker[S]:
        if self._group is None:
            raise RuntimeError("the pool is not running")
        worker: Worker[S] = Worker(self.limits)
        self._workers.append(worker)
        self._group.start_soon(self._run, worker)
        return worker

    async def _run(self, worker: Worker[S]) -> None:
        try:
            await self._run_service(worker)
        except Trap as trap:
            worker.fail(trap)
        except Exception as error:
            worker.fail(error)
            if worker.service is not None:
                logger.exception("an instance failed in the host")
        finally:
            self._forget(worker)

    async def _run_service(self, worker: Worker[S]) -> None:
        async with self._open_service() as service:
            worker.service = service
            worker.opened.set()
            if self._closing:
                worker.retire()
            self._dispatch()
            await service.run(worker.serve)

    def _forget(self, worker: Worker[S]) -> None:
        worker.retired = True
        worker.opened.set()
        self._workers.remove(worker)
        self._gone.set()
        if worker.error is not None and worker.service is not None:
            logger.error("an instance is replaced: %s", worker.error)
        if worker.service is not None:
            if not self._closing:
                self._dispatch()
        elif worker.error is not None and not self._workers:
            self._fail_waiting(worker.error)

    def _fail_waiting(self, error: BaseException) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            waiter.error = error
            waiter.ready.set()

    def _watch_busy(self) -> None:
        """Look again when an instance that has room, but lets nobody in, does so."""
        assert self._group is not None
        for worker in self._workers:
            if worker.has_room and not worker.watched:
                worker.watched = True
                self._group.start_soon(self._watch, worker)

    async def _watch(self, worker: Worker[S]) -> None:
        assert worker.service is not None
        try:
            await worker.service.wait_ready()
        except StoreError:  # closed meanwhile, which `_forget` learns
            return
        finally:
            worker.watched = False
        self._dispatch()


__all__ = ["OverloadedError", "Pool", "logger"]
