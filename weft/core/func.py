"""Functions of an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from weft.core.externs import Extern
from weft.core.future import CallFuture
from weft.core.values import codec
from weft.engine import EngineError
from weft.errors import StoreError

if TYPE_CHECKING:
    from weft.core.store import Store
    from weft.engine import CoreFunc, CoreSig


@final
class Func(Extern):
    """A function that guests export, or one in a table.

    Arguments are ints for i32 and i64, signed or unsigned, and floats or ints for f32 and f64. Ints come back signed.
    """

    __slots__ = ("_codec",)

    core: CoreFunc

    def __init__(self, store: Store, core: CoreFunc) -> None:
        super().__init__(store, core)
        self._codec = codec(core.sig) if core.sig.callable else None

    @property
    def sig(self) -> CoreSig:
        """Its type."""
        return self.core.sig

    def _lowered(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.store.closed:
            msg = "the store is closed"
            raise StoreError(msg)
        if self._codec is None:
            msg = f"a function of type {self.core.sig} cannot be called from Python"
            raise EngineError(msg)
        return self._codec.lower_args(args)

    def call(self, *args: Any) -> Any:
        """Run the function at once, and return None, the value, or a tuple of several.

        What it runs must not wait: an asynchronous host function that it calls raises StoreError.

        Raises:
            LowerError: an argument is of the wrong type or range, or there are too many or too few.
            Trap: the guest trapped; `Trap.frames` says where.
            StoreError: the store is closed, or the guest called an asynchronous host function.
            EngineError: the function has a parameter or result that is no number.
            BaseException: what a host function raised, the same object.
        """
        result = self.core.call(*self._lowered(args))
        assert self._codec is not None
        return self._codec.lift_results(result if isinstance(result, tuple) else (result,))

    async def call_async(self, *args: Any) -> Any:
        """Run the function on a stack of its own, and return None, the value, or a tuple of several.

        Any number of calls may be in flight in one store, each in a task of its own. Asynchronous host functions run in
        this task while the guest is suspended. Cancelling it unwinds this guest's stack, and no other.

        Raises:
            LowerError: an argument is of the wrong type or range, or there are too many or too few.
            Trap: the guest trapped; `Trap.frames` says where.
            StoreError: the store is or was closed.
            EngineError: the function has a parameter or result that is no number, no stack was left, or the guest uses
                exceptions or garbage collection and cannot be suspended.
            BaseException: what a host function raised, the same object.
        """
        return await self.start_call(*args).wait()

    def start_call(self, *args: Any) -> CallFuture[Any]:
        """Return the call as a future, which has not begun: poll it, or await it.

        Raises:
            LowerError: an argument is of the wrong type or range, or there are too many or too few.
            StoreError: the store is closed.
            EngineError: the function has a parameter or result that is no number.
        """
        flat = self._lowered(args)
        assert self._codec is not None
        return CallFuture(self.store, self.store.core.fiber(self.core, *flat), self._codec.lift_results)


__all__ = ["Func"]
