"""Waiting for one thing from several tasks, where the event loop allows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@final
class SharedWait:
    """Awaits ``wait()`` once for all who wait at the time; when the task that does is cancelled, another takes over.

    Args:
        wait: waits; nobody minds if it returns too early.
    """

    __slots__ = ("_over", "_wait")

    def __init__(self, wait: Callable[[], Awaitable[object]]) -> None:
        self._wait = wait
        self._over: _Over | None = None

    async def __call__(self) -> None:
        """Wait, or wait for who waits.

        Raises:
            Exception: what ``wait()`` raised, in the task that awaits it.
        """
        while self._over is not None:
            over = self._over
            await over.event.wait()
            if over.succeeded:
                return
        self._over = over = _Over()
        try:
            await self._wait()
            over.succeeded = True
        finally:
            self._over = None
            over.event.set()


@final
class _Over:
    __slots__ = ("event", "succeeded")

    def __init__(self) -> None:
        self.event = anyio.Event()
        self.succeeded = False


__all__ = ["SharedWait"]
