"""Reads and writes that may hold up the event loop, such as those of files, and that outlast who asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Transfer: TypeAlias = Callable[[memoryview], int]
    """`ByteInput.read_into` or `ByteOutput.write_from`."""

    RunBlocking: TypeAlias = Callable[[Transfer, memoryview], Awaitable[int]]
    """Calls the first with the second where it may block; it is not cancelled. `WasiCtx.run_blocking` is one."""


@final
class Lease:
    """What a stream has of a source or sink: releases it once, when the guest has dropped it and nothing uses it.

    A guest that is stopped drops its streams while a thread still reads for it, or something is still being written.

    Args:
        release: must not raise.

    Attributes:
        ended: whether the guest dropped it.
    """

    __slots__ = ("_release", "_uses", "ended")

    def __init__(self, release: Callable[[], object] | None) -> None:
        self._release = release
        self._uses = 0
        self.ended = False

    def take(self) -> None:
        """Begin a use."""
        self._uses += 1

    def give_back(self) -> None:
        """End a use."""
        self._uses -= 1
        self._release_unused()

    def end(self) -> None:
        """Note that the guest dropped it."""
        self.ended = True
        self._release_unused()

    def _release_unused(self) -> None:
        if self.ended and not self._uses and self._release is not None:
            release, self._release = self._release, None
            release()

    async def call(self, run_blocking: RunBlocking | None, transfer: Transfer, view: memoryview) -> int:
        """Return ``transfer(view)``, made here if it never blocks.

        Raises:
            OSError: as `transfer` does.
        """
        if run_blocking is None:
            return transfer(view)
        self.take()
        try:
            return await run_blocking(transfer, view)
        finally:
            self.give_back()


__all__ = ["Lease"]
