"""Components as ASGI applications.

Source: the ASGI specification, version 3: its HTTP and lifespan protocols, and its extension for trailers.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, final

import anyio
from attrs import define, field

from weft import Component, Config, Engine, Linker, Trap
from weft.wasi.http.asgi_exchange import Exchange, refuse
from weft.wasi.http.instance import HttpInstance, open_instance
from weft.wasi.http.watch import Watch
from weft.wasi.http.worker import PoolLimits
from weft.wasi.http.workers import OverloadedError, Pool, logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from os import PathLike
    from types import TracebackType

    from weft import StoreLimits
    from weft.wasi.ctx import WasiCtx
    from weft.wasi.http.asgi_body import Receive
    from weft.wasi.http.asgi_exchange import Scope, Send
    from weft.wasi.http.worker import Worker

Source: TypeAlias = "Component | str | PathLike[str] | bytes"

EPOCH_INTERVAL: Final = 0.02
"""Seconds for which a guest may compute before the event loop has a turn, in engines made here."""

WATCH_SECONDS: Final = 0.05
"""Seconds after which a request is watched: most are over before that, and cost less for it."""


def asgi(
    component: Source,
    *,
    engine: Engine | None = None,
    linker: Linker | None = None,
    ctx: Callable[[], WasiCtx] | None = None,
    store_limits: StoreLimits | None = None,
    max_instances: int = 16,
    max_concurrent_per_instance: int = 16,
    max_requests_per_instance: int = 10_000,
    max_waiting: int = 1000,
    idle_timeout: float = 60.0,
    request_timeout: float | None = 60.0,
    shutdown_grace: float = 10.0,
) -> Application:
    """Make an ASGI application of a component that exports ``wasi:http/handler``, or ``incoming-handler`` of WASI 0.2.

    It works under any ASGI server, and mounted in any ASGI framework. Instances are made when requests come, or at the
    server's start-up if it has the lifespan protocol; each handles several requests at once, and many one after
    another. One that traps is replaced; only its own requests fail, with status 500.

    Args:
        component: the component, its path, or its bytes.
        engine: compiles it; by default, one whose guests give way to others every `EPOCH_INTERVAL`.
        linker: what it may import; by default, all of WASI.
        ctx: makes what WASI gives to an instance, called once for each; by default, `weft.wasi.WasiCtx` itself.
        store_limits: how much memory an instance may have.
        max_instances: how many instances there may be at once.
        max_concurrent_per_instance: how many requests one may handle at once.
        max_requests_per_instance: how many one may handle before another takes its place; those of WASI 0.2, which
            expect no more, handle one.
        max_waiting: how many requests may wait for an instance; more are answered with 503.
        idle_timeout: seconds after which an instance without requests goes.
        request_timeout: seconds that a guest may take until it responds; then it is cancelled, and the answer is 504.
            None for ever.
        shutdown_grace: seconds that requests in progress have at the end.
    """
    compiled = _compiled(component, engine)
    limits = PoolLimits(
        max_instances=max_instances,
        max_concurrent_per_instance=max_concurrent_per_instance,
        max_requests_per_instance=max_requests_per_instance,
        max_waiting=max_waiting,
        idle_timeout=idle_timeout,
        shutdown_grace=shutdown_grace,
    )
    wasi = _wasi()
    if linker is None:
        linker = Linker(compiled.engine)
        wasi.add_to_linker(linker)
    imports, make_ctx = linker, ctx or wasi.WasiCtx

    def open_service() -> AbstractAsyncContextManager[HttpInstance]:
        return open_instance(compiled, imports, make_ctx(), store_limits)

    return Application(open_service, limits, request_timeout)


def _compiled(component: Source, engine: Engine | None) -> Component:
    if isinstance(component, Component):
        return component
    if engine is None:
        engine = Engine(Config(epoch_interval=EPOCH_INTERVAL))
    if isinstance(component, bytes):
        return Component.from_bytes(engine, component)
    return Component.from_file(engine, component)


def _wasi() -> Any:
    """Return `weft.wasi`, whose modules import this one."""
    from weft import wasi  # noqa: PLC0415

    return wasi


@final
@define(eq=False)
class _Life:
    """From a start to an end of an application.

    Attributes:
        pool: the instances.
        watch: looks after requests; there once `started` is set.
        started: set when requests can come.
        end: set when it is to end.
        over: set when it has ended.
        task: what has to be kept as long as it goes on.
    """

    pool: Pool[HttpInstance]
    watch: Watch | None = None
    started: anyio.Event = field(factory=anyio.Event)
    end: anyio.Event = field(factory=anyio.Event)
    over: anyio.Event = field(factory=anyio.Event)
    task: object = None


@final
class Application:
    """An ASGI application; made by `asgi`.

    Servers with the lifespan protocol start and end it. Others start it with the first request; what runs it can end it
    with `aclose`, or use it as an ``async with``.

    Attributes:
        watch_after: seconds after which a request in progress is watched: for its client's going, for taking too long.
        limits: how instances are used.
    """

    def __init__(
        self,
        open_service: Callable[[], AbstractAsyncContextManager[HttpInstance]],
        limits: PoolLimits,
        request_timeout: float | None,
    ) -> None:
        self._open_service = open_service
        self.limits = limits
        self._request_timeout = request_timeout
        self._life: _Life | None = None
        self.watch_after = WATCH_SECONDS

    @property
    def pool(self) -> Pool[HttpInstance] | None:
        """The instances; None when it does not run."""
        return None if self._life is None else self._life.pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI has it."""
        kind = scope["type"]
        if kind == "http":
            await self._serve(scope, receive, send)
        elif kind == "lifespan":
            await self._live(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            raise ValueError(f"ASGI has no scope of type {kind!r} that weft knows")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        life = self._life
        if life is None or life.watch is None:
            life = await self._begin()
        pool, watch = life.pool, life.watch
        assert watch is not None
        worker = pool.acquire_nowait() or await self._wait_for_worker(pool)
        if isinstance(worker, int):
            await refuse(send, worker)
            return
        exchange = Exchange(pool, worker, scope, receive, send, self._request_timeout)
        watch.add(exchange)
        try:
            await exchange.run()
        finally:
            watch.discard(exchange)

    async def _wait_for_worker(self, pool: Pool[HttpInstance]) -> Worker[HttpInstance] | int:
        """Return an instance, or the status for that there is none."""
        try:
            with anyio.fail_after(self._request_timeout):
                return await pool.acquire()
        except (OverloadedError, TimeoutError):
            return 503
        except Trap as trap:
            logger.error("the service does not start: %s", trap)
            return 500

    # Lifespan.

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:  # noqa: BLE001 - the server is told, and ends
            logger.exception("the service did not start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Start, with one instance that is ready.

        Raises:
            Exception: what prevents an instance from being made.
        """
        life = await self._begin()
        try:
            await life.pool.prepare()
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End: requests in progress have their time of grace, new ones are answered with 503."""
        life = self._life
        if life is not None:
            life.end.set()
            await life.over.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _begin(self) -> _Life:
        """Begin, unless another request has done that, and wait until requests can come."""
        life = self._life
        if life is None:
            self._life = life = _Life(Pool(self._open_service, self.limits))
            life.task = _start_task(self._live_on, life)
        await life.started.wait()
        return life

    async def _live_on(self, life: _Life) -> None:
        try:
            async with anyio.create_task_group() as group:
                async with life.pool.running():
                    life.watch = Watch(group, self.watch_after)
                    life.started.set()
                    await life.end.wait()
                group.cancel_scope.cancel()
        finally:
            self._life = None
            life.over.set()


def _start_task(func: Callable[..., Awaitable[None]], *args: object) -> object:
    """Run ``func(*args)`` beside all that the caller belongs to: an instance outlives the request it is made for.

    Returns:
        What has to be kept for as long as it runs.
    """
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return trio.lowlevel.spawn_system_task(func, *args)

    async def run() -> None:
        await func(*args)

    return asyncio.get_running_loop().create_task(run())


__all__ = ["EPOCH_INTERVAL", "Application", "asgi"]
