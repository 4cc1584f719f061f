"""Calls in flight, and how host functions suspend them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, final

import anyio
from anyio.lowlevel import checkpoint

from weft.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from weft.core.store import Store
    from weft.engine import Fiber

T = TypeVar("T")

_NOTHING: Final = object()


@final
class CallFuture(Generic[T]):
    """A call, or an instantiation, on a stack of its own: what `Func.start_call` returns.

    Await it, or drive it: `poll` runs the guest until it ends or waits, and `ready` runs the host function that it
    waits for. One that was polled and is neither awaited nor polled to the end keeps its stack until `delete`, or
    until the store is closed.

    Invariant: the guest waits for a host function exactly while ``_host`` is not None, and its answer is there as soon
    as ``_answer`` is not `_NOTHING` or ``_failure`` is not None.
    """

    __slots__ = (
        "__weakref__",
        "_answer",
        "_awaited",
        "_error",
        "_failure",
        "_fiber",
        "_host",
        "_lift",
        "_lower",
        "_polling",
        "_scope",
        "_store",
        "_value",
        "done",
    )

    def __init__(self, store: Store, fiber: Fiber, lift: Callable[[tuple[Any, ...]], T]) -> None:
        self._store = store
        self._fiber = fiber
        self._lift = lift
        self._host: Callable[[], Awaitable[Any]] | None = None
        self._lower: Callable[[Any], Any] = _same
        self._answer: Any = _NOTHING
        self._failure: Exception | None = None
        self._scope: anyio.CancelScope | None = None
        self._polling = False
        self._awaited = False
        self._error: BaseException | None = None
        self._value: Any = _NOTHING
        self.done = False
        """Whether it ended, in whatever way."""

    # Driving

    @property
    def waiting(self) -> bool:
        """Whether the guest waits for a host function that has not finished: then `poll` does nothing."""
        return self._host is not None and self._answer is _NOTHING and self._failure is None

    def poll(self) -> bool:
        """Run the guest until it ends (True), waits for a host function or yields (False); never wait.

        What the guest ended with is for `result` to return or raise.

        Raises:
            StoreError: it is running, and this is a host function that it called.
            BaseException: what a host function raised that is no Exception, such as KeyboardInterrupt; the call ended.
        """
        if self.done:
            return True
        if self._polling:
            msg = "cannot poll a call that is running"
            raise StoreError(msg)
        if self._store.closed:
            self._end(StoreError("the store was closed"))
        elif not self.waiting:
            self._run()
        return self.done

    def _run(self) -> None:
        fiber, polled = self._fiber, self._store.polled
        self._polling = True
        polled[fiber] = self
        try:
            if fiber.resume():
                self._value = self._lift(fiber.results)
                self._end(None)
        except BaseException as error:
            fiber.cancel()
            self._end(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._polling = False
            polled.pop(fiber, None)

    def _end(self, error: BaseException | None) -> None:
        self.done = True
        self._error = error
        self._host = self._failure = None
        self._answer = _NOTHING

    def result(self) -> T:
        """Return what the call returned: for a function None, the value, or a tuple of several.

        Raises:
            Trap: the guest trapped.
            StoreError: the call has not ended, was deleted, or its store was closed.
            Exception: what a host function raised, the same object.
        """
        if self._error is not None:
            raise self._error
        if not self.done:
            msg = "the call has not ended"
            raise StoreError(msg)
        return self._value  # type: ignore[no-any-return]

    def delete(self) -> None:
        """Unwind this guest's stack without running any more of it, and cancel the host function it waits for.

        Nothing else in the store changes. Who awaits the call gets a StoreError. Idempotent, and does nothing to a call
        that has ended.

        Raises:
            StoreError: it is running, and this is a host function that it called.
        """
        if self._polling:
            msg = "cannot delete a call that is running"
            raise StoreError(msg)
        if self.done:
            return
        self._end(StoreError("the store was closed" if self._store.closed else "the call was deleted"))
        self._fiber.cancel()
        if self._scope is not None:
            self._scope.cancel()

    # Waiting

    async def ready(self) -> None:
        """Wait until `poll` can go on: run the host function that the guest waits for, in this task.

        Where there is none, let other tasks run once. Cancelling it deletes the call, for its guest could never go on.

        Raises:
            StoreError: another task does so already.
        """
        host = self._host
        if host is None or not self.waiting:
            await checkpoint()
            return
        if self._scope is not None:
            msg = "another task runs the host function of this call"
            raise StoreError(msg)
        self._scope = anyio.CancelScope()
        self._store.awaiting.add(self)
        try:
            with self._scope:
                await self._answered(host)
        except BaseException:
            self.delete()
            raise
        finally:
            self._scope = None
            self._store.awaiting.discard(self)

    async def _answered(self, host: Callable[[], Awaitable[Any]]) -> None:
        try:
            answer = await host()
        except Exception as error:
            if self.done:
                # Its guest is gone, so this is the only way up.
                raise
            self._failure = error
        else:
            if not self.done:
                self._answer = answer

    def __await__(self) -> Generator[Any, Any, T]:
        return self.wait().__await__()

    async def wait(self) -> T:
        """Run the call to its end and return its result; `await` does the same.

        Cancelling it unwinds this guest's stack, and no other; so does every other way to leave early.

        Raises:
            Trap: the guest trapped.
            StoreError: the call was deleted, its store was closed, or another task awaits it.
            BaseException: what a host function raised, the same object.
        """
        if self._awaited:
            msg = "another task awaits this call"
            raise StoreError(msg)
        self._awaited = True
        try:
            await checkpoint()
            while not self.poll():
                await self.ready()
        except BaseException:
            self.delete()
            raise
        finally:
            self._awaited = False
        return self.result()

    # The host function's side

    def suspend_for(self, host: Callable[[], Awaitable[Any]], lower: Callable[[Any], Any]) -> None:
        """Note, while the guest runs, that it is about to wait for `host`, whose result `lower` makes fit."""
        self._host = host
        self._lower = lower

    def take_answer(self) -> Any:
        """Return the result of the host function to the guest that goes on.

        Raises:
            LowerError: it does not fit the function's type.
            Exception: what the host function raised.
        """
        answer, failure = self._answer, self._failure
        self._host = self._failure = None
        self._answer = _NOTHING
        try:
            if failure is not None:
                raise failure
        finally:
            # The traceback refers to this frame: keep no circle.
            del failure
        return self._lower(answer)

    def __repr__(self) -> str:
        state = "done" if self.done else "running" if self._polling else "waiting" if self.waiting else "ready"
        return f"<CallFuture {state}>"


def _same(value: Any) -> Any:
    return value


__all__ = ["CallFuture"]
