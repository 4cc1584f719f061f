"""An instance of a service, as the pool has it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, final

from attrs import define

from weft import LinkError, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from weft import Accessor, Component, Func, Instance, Linker, StoreLimits
    from weft.wasi.ctx import WasiCtx

HANDLER = "wasi:http/handler@0.3.0"


@final
@define(eq=False)
class HttpInstance:
    """An instance of ``wasi:http/service`` (`weft.wasi.http.workers.Service`).

    Attributes:
        store: where it lives, alone.
        ctx: what it is given of the world.
        handle: its handler.
    """

    store: Store
    ctx: WasiCtx
    handle: Func
    _instance: Instance

    @property
    def stopped(self) -> BaseException | None:
        """What it trapped with, if it has."""
        return self._instance.stopped

    @property
    def busy(self) -> bool:
        """Whether a call made now would have to wait until the guest lets it in."""
        return self.handle.would_queue

    async def wait_ready(self) -> None:
        """Wait until it is not `busy`."""
        await self.handle.wait_ready(self.store)

    async def run(self, main: Callable[[], Awaitable[object]]) -> None:
        """Run the loop of the store for the time of ``main()``."""

        async def run(_accessor: Accessor) -> None:
            await main()

        await self.store.run_concurrent(run)

    async def wait_quiet(self) -> None:
        """Wait until no task of the guest is live."""
        await self.store.wait_no_interesting_tasks()


@asynccontextmanager
async def open_instance(
    component: Component, linker: Linker, ctx: WasiCtx, limits: StoreLimits | None
) -> AsyncIterator[HttpInstance]:
    """Instantiate a service in a store of its own, which is closed in the end.

    Raises:
        LinkError: it imports what is not there, or is no service.
        Trap: it traps when it starts.
    """
    async with Store(component.engine, data=ctx, limits=limits) as store:
        instance = await linker.instantiate(store, component)
        handle = instance.find_func(HANDLER, "handle")
        if handle is None:
            raise LinkError(f"the component is no HTTP service: it does not export {HANDLER}")
        yield HttpInstance(store, ctx, handle, instance)


__all__ = ["HANDLER", "HttpInstance", "open_instance"]
