"""Coroutines that run in a context of their own, and that one may begin before it is known who goes on with them."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, final

from weft.errors import InternalError
from weft.host.call_stack import CALLED_FROM
from weft.host.calls import BLOCKED_CALLER

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from weft.host.call_stack import TaskId
    from weft.runtime.store import StoreState
    from weft.runtime.thread import Thread


@final
class Steps:
    """The steps of a coroutine, each made in the same context, which nothing else uses.

    To await this makes all of them, or those that are left after `begin`.

    Args:
        start: returns the coroutine.
        called_from: the store and the stack of guests' tasks that the coroutine is told it was called from.
        blocked: the guest's thread that waits until the coroutine is over, if one does.

    Attributes:
        error: what to raise in the coroutine where it waits, when this is awaited.
    """

    __slots__ = ("_context", "_coroutine", "_start", "_waits_for", "error")

    def __init__(
        self,
        start: Callable[[], Coroutine[Any, Any, object]],
        called_from: tuple[StoreState, tuple[TaskId, ...]],
        blocked: Thread | None,
    ) -> None:
        self._start = start
        self._coroutine: Coroutine[Any, Any, object] | None = None
        self._context = copy_context()
        self._context.run(_tell, called_from, blocked)
        self._waits_for: object = None
        self.error: BaseException | None = None

    @property
    def begun(self) -> bool:
        """Whether the first step was made."""
        return self._coroutine is not None

    def begin(self) -> None:
        """Make the first step.

        Raises:
            StopIteration: it was the only one; holds what the coroutine returned.
            BaseException: what the coroutine raised.
        """
        self._coroutine, self._start = self._start(), _begun
        self._waits_for = self._context.run(self._coroutine.send, None)

    def __await__(self) -> Generator[Any, Any, object]:
        error, self.error = self.error, None
        waits_for, self._waits_for = self._waits_for, None
        if self._coroutine is None:
            if error is not None:
                raise error
            self._coroutine, self._start = self._start(), _begun
        # Looked up anew for each step: ten thousand coroutines may wait here, and have as little as possible each.
        context, coroutine = self._context, self._coroutine
        sent: object = None
        # Who waits for nothing wants one turn of the event loop, and has had it.
        waits = waits_for is not None and error is None
        try:
            while True:
                if waits:
                    try:
                        sent = yield waits_for
                    except BaseException as raised:  # noqa: BLE001 - it is for the coroutine
                        error = raised
                waits_for = context.run(coroutine.send, sent) if error is None else context.run(coroutine.throw, error)
                waits, error = True, None
        except StopIteration as stop:
            return stop.value
        finally:
            error = None  # it would refer to itself, by its traceback


def _begun() -> Coroutine[Any, Any, object]:
    raise InternalError("a coroutine begins once")


def _tell(called_from: tuple[StoreState, tuple[TaskId, ...]], blocked: Thread | None) -> None:
    CALLED_FROM.set(called_from)
    BLOCKED_CALLER.set(blocked)


__all__ = ["Steps"]
