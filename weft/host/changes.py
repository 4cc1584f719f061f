"""Waiting for what guests do otherwise than by a result: that they are done, that they are free."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import anyio
import anyio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.runtime.store import StoreState


@final
class Changes:
    """Lets host code wait until something is true of the guests of a store.

    Invariant: the state calls back exactly while `_event` is set, on which everyone who waits then waits.
    """

    __slots__ = ("_event", "_state", "_waiters")

    def __init__(self, state: StoreState) -> None:
        self._state = state
        self._event: anyio.Event | None = None
        self._waiters = 0

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds`, which is asked again after every change; it is true when this returns."""
        await anyio.lowlevel.checkpoint()
        self._waiters += 1
        try:
            while not holds():
                if self._event is None:
                    self._event = anyio.Event()
                    self._state.on_change = self._note
                await self._event.wait()
        finally:
            self._waiters -= 1
            if not self._waiters:
                self._state.on_change = self._event = None

    def _note(self) -> None:
        event, self._event = self._event, None
        self._state.on_change = None
        if event is not None:
            event.set()


def is_quiet(state: StoreState) -> bool:
    """Whether no task of a guest is live: one that is not resolved, or whose first thread still runs."""
    instances = (inst for root in state.roots for inst in root.instances)
    return all(not inst.entering and all(task.is_over for task in inst.tasks) for inst in instances)


__all__ = ["Changes", "is_quiet"]
