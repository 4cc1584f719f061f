"""Stores: where instances of core modules live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, final
from weakref import WeakKeyDictionary

from weft.engine import CoreStore
from weft.errors import InternalError, StoreError

if TYPE_CHECKING:
    from types import TracebackType

    from weft.core.externs import Extern
    from weft.core.future import CallFuture
    from weft.core.module import EngineLike
    from weft.engine import CoreExtern, CoreInstancePre, StoreLimits


@final
class Store:
    """Instances, and the calls into them that are in flight.

    ``async with Store(engine) as store`` closes it at the end; ``with`` does too. One thread at a time may use it, and
    its calls are awaited in one event loop. Each call runs in the task that awaits it, and so do the asynchronous host
    functions it calls: cancel scopes, timeouts and context variables of that task hold for them. There is no queue and
    no scheduler in between, so a call waits for nothing but what its own guest waits for.

    The engine's epochs advance while a store is open in a ``with``. Once a module that uses exceptions or garbage
    collection was linked, the guests of the store neither yield nor wait: the engine could not find the references on a
    stack that is put aside.

    Args:
        engine: the engine of its modules.
        fuel: what guests may burn in all, before they trap with OUT_OF_FUEL; None for no end. It needs
            ``weft.Config(fuel=True)``.
        limits: how much memory and how many instances guests may have.
        fuel_async_yield_interval: fuel after which a guest lets the event loop run.
        epoch_deadline_async_yield_and_update: epochs after which a guest lets the event loop run, where the engine has
            epochs (`weft.Config.epoch_interval`); None for never, and then `set_epoch_deadline` makes guests trap.

    Attributes:
        engine: the engine.

    Raises:
        EngineError: fuel is asked for, and the engine does not count it.
        StoreError: the engine is closed.
    """

    def __init__(
        self,
        engine: EngineLike,
        *,
        fuel: int | None = None,
        limits: StoreLimits | None = None,
        fuel_async_yield_interval: int | None = None,
        epoch_deadline_async_yield_and_update: int | None = 1,
    ) -> None:
        self.engine = engine
        self.core = CoreStore(
            engine.core,
            limits,
            fuel=fuel,
            fuel_yield_interval=fuel_async_yield_interval,
            epoch_yield=epoch_deadline_async_yield_and_update if engine.core.config.epochs else None,
        )
        self.core.on_finish = self._finish
        # The calls that run now by their fibers, and those whose host function is being awaited.
        self.polled: dict[Any, CallFuture[Any]] = {}
        self.awaiting: set[CallFuture[Any]] = set()
        self.externs: dict[CoreExtern, Extern] = {}
        self.bound: dict[Any, CoreExtern] = {}
        self.prepared: WeakKeyDictionary[Any, CoreInstancePre] = WeakKeyDictionary()
        self._ticking = False

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.core.closed

    def current_call(self) -> CallFuture[Any]:
        """Return the call whose guest runs now.

        Raises:
            StoreError: there is none that could be suspended.
        """
        running = self.core.running
        if not running or running[-1] is None:
            msg = "an asynchronous host function was called by a guest that cannot be suspended: use call_async"
            raise StoreError(msg)
        return self.polled[running[-1]]

    def _finish(self) -> object:
        return self.current_call().take_answer()

    # Fuel and epochs

    @property
    def fuel(self) -> int:
        """The fuel that is left; set it to refuel.

        Raises:
            EngineError: the engine does not count fuel.
            StoreError: the store is closed.
        """
        return self.core.get_fuel()

    @fuel.setter
    def fuel(self, fuel: int) -> None:
        self.core.set_fuel(fuel)

    def set_epoch_deadline(self, ticks: int) -> None:
        """Let guests run until `ticks` more epochs have passed; then they yield, or trap with INTERRUPT.

        Raises:
            StoreError: the store is closed.
        """
        self.core.set_epoch_deadline(ticks)

    # The end

    def close(self) -> None:
        """End every call in flight and free everything. Idempotent.

        Host functions that are being awaited are cancelled; who awaits their calls gets a StoreError.

        Raises:
            StoreError: one of its guests is running: a host function cannot close the store that called it.
        """
        try:
            self.core.close()
        except InternalError as error:
            raise StoreError(*error.args) from None
        for call in tuple(self.awaiting):
            call.delete()
        self.externs.clear()
        self.bound.clear()
        self.prepared.clear()
        if self._ticking:
            self._ticking = False
            self.engine.stop_ticking()

    def __enter__(self) -> Self:
        if self.closed:
            msg = "the store is closed"
            raise StoreError(msg)
        if not self._ticking:
            self.engine.start_ticking()
            self._ticking = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["Store"]
