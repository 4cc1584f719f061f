"""The clocks that guests see. A program can hand others to a `weft.wasi.WasiCtx`: a fixed time, a fake one in tests."""

from __future__ import annotations

import time
from typing import Final, Protocol, final

import anyio

LONG_SECONDS: Final = 1e9
"""Whoever waits longer than this waits for ever; event loops cannot count as far as guests can."""


class WallClock(Protocol):
    """The time of day."""

    def now_ns(self) -> int:
        """Return the nanoseconds since 1970-01-01 00:00 UTC."""
        ...

    def resolution_ns(self) -> int:
        """Return how far apart two times are that it can tell apart, in nanoseconds."""
        ...


class MonotonicClock(Protocol):
    """A clock that never goes back, for measuring and waiting."""

    def now_ns(self) -> int:
        """Return the nanoseconds since some time in the past."""
        ...

    def resolution_ns(self) -> int:
        """Return how far apart two times are that it can tell apart, in nanoseconds."""
        ...

    async def wait_until_ns(self, deadline_ns: int) -> None:
        """Return when `now_ns` is `deadline_ns` or later."""
        ...


@final
class SystemWallClock:
    """The system's time of day."""

    def now_ns(self) -> int:
        """Return the nanoseconds since 1970-01-01 00:00 UTC."""
        return time.time_ns()

    def resolution_ns(self) -> int:
        """Return the system's resolution in nanoseconds."""
        return max(1, round(time.get_clock_info("time").resolution * 1e9))


@final
class SystemMonotonicClock:
    """The system's monotonic clock, from when this object was made: guests learn nothing about the host's uptime."""

    __slots__ = ("_start_ns",)

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Return the nanoseconds since this object was made."""
        return time.monotonic_ns() - self._start_ns

    def resolution_ns(self) -> int:
        """Return the system's resolution in nanoseconds."""
        return max(1, round(time.get_clock_info("monotonic").resolution * 1e9))

    async def wait_until_ns(self, deadline_ns: int) -> None:
        """Sleep; an event loop may wake a little early, so look again."""
        while (left_ns := deadline_ns - self.now_ns()) > 0:
            seconds = left_ns / 1e9
            if seconds > LONG_SECONDS:
                await anyio.sleep_forever()
            await anyio.sleep(seconds)


__all__ = ["LONG_SECONDS", "MonotonicClock", "SystemMonotonicClock", "SystemWallClock", "WallClock"]
