"""What one task waits for and another sets: an `anyio.Event` for one task, at a fraction of the cost in asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias, final

import anyio

from weft.host.tasks import is_asyncio

if TYPE_CHECKING:
    from collections.abc import Generator

Waiter: TypeAlias = "asyncio.Future[None] | EventWaiter"
"""What a task awaits."""


@final
class EventWaiter:
    """A waiter where the event loop is not asyncio's."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def set(self) -> None:
        """Have the task go on."""
        self._event.set()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._event.wait().__await__()


def new_waiter() -> Waiter:
    """Return a waiter for the task that runs now."""
    return asyncio.get_running_loop().create_future() if is_asyncio() else EventWaiter()


def wake(waiter: Waiter) -> None:
    """Have the task that awaits `waiter`, or will, go on; do nothing when it has given up."""
    if isinstance(waiter, EventWaiter):
        waiter.set()
    elif not waiter.done():
        waiter.set_result(None)


__all__ = ["EventWaiter", "Waiter", "new_waiter", "wake"]
