"""Outcomes: what host code awaits of something that guests and producers bring about."""

from __future__ import annotations

from typing import final

import anyio


@final
class Outcome:
    """Something that happens once, well or badly.

    Attributes:
        done: whether it has happened.
        error: the exception it ended with, or None.
    """

    __slots__ = ("_event", "done", "error")

    def __init__(self) -> None:
        self.done = False
        self.error: BaseException | None = None
        self._event: anyio.Event | None = None

    @property
    def awaited(self) -> bool:
        """Whether somebody has begun to wait."""
        return self._event is not None

    def set(self, error: BaseException | None = None) -> None:
        """Let it happen; only the first time counts."""
        if not self.done:
            self.done = True
            self.error = error
            if self._event is not None:
                self._event.set()

    async def wait(self) -> None:
        """Wait until it has happened.

        Raises:
            BaseException: what it ended with.
        """
        if not self.done:
            if self._event is None:
                self._event = anyio.Event()
            await self._event.wait()
        if self.error is not None:
            raise self.error


__all__ = ["Outcome"]
