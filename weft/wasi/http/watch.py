"""Looking after what takes longer than usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

import anyio

if TYPE_CHECKING:
    from anyio.abc import TaskGroup


class Watchable(Protocol):
    """Something that is over soon, as a rule."""

    def watch(self) -> None:
        """Prepare for its taking long."""
        ...


@final
class Watch:
    """Has whatever is not over after some time prepare for taking long: what is, never pays for that.

    Args:
        group: where to wait.
        seconds: how much time; the double at the most. With 0, everything prepares at once.
    """

    __slots__ = ("_group", "_new", "_old", "_running", "_seconds")

    def __init__(self, group: TaskGroup, seconds: float) -> None:
        self._group = group
        self._seconds = seconds
        self._new: set[Watchable] = set()
        self._old: set[Watchable] = set()
        self._running = False

    def add(self, watchable: Watchable) -> None:
        """Look after something from now on."""
        if not self._seconds:
            watchable.watch()
            return
        self._new.add(watchable)
        if not self._running:
            self._running = True
            self._group.start_soon(self._run)

    def discard(self, watchable: Watchable) -> None:
        """Look after it no more."""
        self._new.discard(watchable)
        self._old.discard(watchable)

    async def _run(self) -> None:
        while self._new or self._old:
            await anyio.sleep(self._seconds)
            for watchable in tuple(self._old):
                watchable.watch()
            self._old, self._new = self._new, set()
        self._running = False


__all__ = ["Watch", "Watchable"]
