"""An instance of a service, as the pool has it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, final

from attrs import define

from weft import Err, LinkError, Store
from weft.wasi.http.errors import HttpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from weft import Accessor, Call, Component, Func, Instance, Linker, StoreLimits
    from weft.wasi.ctx import WasiCtx
    from weft.wasi.http.request import Request
    from weft.wasi.http.response import Response

HANDLERS: Final = ("wasi:http/handler@0.3.0", "wasi:http/incoming-handler@0.2.0")
"""What a service exports; the first that there is handles requests."""


@final
@define(eq=False)
class HttpInstance:
    """An instance of a service (`weft.wasi.http.worker.Service`).

    Attributes:
        store: where it lives, alone.
        ctx: what it is given of the world.
        handle: its handler.
        is_p2: whether that is the one of WASI 0.2.
    """

    store: Store
    ctx: WasiCtx
    handle: Func
    is_p2: bool
    _instance: Instance

    @property
    def is_reusable(self) -> bool:
        """Whether it expects to handle more than one request: guests of WASI 0.2 do not."""
        return not self.is_p2

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

    async def respond(self, request: Request, on_cancel: Callable[[Call], object]) -> Response:
        """Have the guest handle a request.

        Args:
            request: the request; the guest has it from now on.
            on_cancel: what to do with the call when this is cancelled.

        Raises:
            Err: the guest answered with an ``error-code``.
            Trap: it trapped before it answered.
        """
        if self.is_p2:
            return await self._respond_p2(request, on_cancel)
        response: Response = await self.handle.call_concurrent(self.store, request, on_cancel=on_cancel)
        return response

    async def _respond_p2(self, request: Request, on_cancel: Callable[[Call], object]) -> Response:
        from weft.wasi.p2.http import IncomingRequest, ResponseOutparam  # noqa: PLC0415 - which imports this package

        outparam = ResponseOutparam()
        call = self.handle.start_call_concurrent(self.store, IncomingRequest(request), outparam)
        try:
            response = await outparam.wait()
        except HttpError as error:
            if self.stopped is None:
                self._finish_p2(call)
                raise Err(error.code) from None
            await self.handle.finish_call_concurrent(self.store, call)
            raise
        except BaseException:
            on_cancel(call)
            raise
        self._finish_p2(call)
        return response

    def _finish_p2(self, call: Call) -> None:
        """Have the loop fail with what the call may still fail with, as it does with tasks that nobody waits for."""

        async def finish(_accessor: Accessor) -> None:
            await self.handle.finish_call_concurrent(self.store, call)

        self.store.spawn(finish)


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
        for interface in HANDLERS:
            handle = instance.find_func(interface, "handle")
            if handle is not None:
                break
        else:
            raise LinkError(f"the component is no HTTP service: it exports none of {', '.join(HANDLERS)}")
        yield HttpInstance(store, ctx, handle, interface is not HANDLERS[0], instance)


__all__ = ["HANDLERS", "HttpInstance", "open_instance"]
