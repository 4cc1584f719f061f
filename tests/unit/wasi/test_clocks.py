"""Clocks: waiting until a time, and what guests see of the system's."""

from __future__ import annotations

import time

import anyio
import pytest
from wasi_guests import command

import weft
from weft import wasi
from weft.wasi.clocks import LONG_SECONDS, SystemMonotonicClock, SystemWallClock

U64_MAX = (1 << 64) - 1


@pytest.mark.anyio
async def test_past_deadline() -> None:
    """A deadline that is over is over at once."""
    clock = SystemMonotonicClock()
    with anyio.fail_after(10):
        await clock.wait_until_ns(0)
        await clock.wait_until_ns(clock.now_ns())


@pytest.mark.anyio
async def test_wait_is_never_too_short() -> None:
    """After a wait, the clock shows the deadline or later."""
    clock = SystemMonotonicClock()
    deadline_ns = clock.now_ns() + 2_000_000
    await clock.wait_until_ns(deadline_ns)
    assert clock.now_ns() >= deadline_ns


@pytest.mark.anyio
async def test_early_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event loop that wakes too early is asked again, with what is left."""
    clock, now_ns, slept = SystemMonotonicClock(), [1000], []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds * 1e9))
        now_ns[0] += max(1, slept[-1] // 2)

    monkeypatch.setattr(SystemMonotonicClock, "now_ns", lambda _: now_ns[0])
    monkeypatch.setattr("weft.wasi.clocks.anyio.sleep", sleep)
    await clock.wait_until_ns(1008)
    assert slept == [8, 4, 2, 1]


@pytest.mark.anyio
@pytest.mark.parametrize("deadline_ns", [U64_MAX, 2 * U64_MAX, round(LONG_SECONDS * 2e9)])
async def test_far_deadline(deadline_ns: int) -> None:
    """What event loops cannot count to is waited for without end, and can be cancelled."""
    over = []

    async def wait() -> None:
        await SystemMonotonicClock().wait_until_ns(deadline_ns)
        over.append(True)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert not over


def test_system_clocks() -> None:
    """The monotonic clock starts near zero, and hides how long the host is up; resolutions are whole and positive."""
    monotonic, wall = SystemMonotonicClock(), SystemWallClock()
    assert 0 <= monotonic.now_ns() <= monotonic.now_ns() < 60 * 10**9
    assert abs(wall.now_ns() - time.time_ns()) < 60 * 10**9
    assert monotonic.resolution_ns() >= 1
    assert wall.resolution_ns() >= 1


class Clock:
    """A monotonic clock that only passes while somebody waits, and then at once."""

    def __init__(self) -> None:
        self.at_ns = 5

    def now_ns(self) -> int:
        return self.at_ns

    def resolution_ns(self) -> int:
        return 1

    async def wait_until_ns(self, deadline_ns: int) -> None:
        await anyio.lowlevel.checkpoint()
        self.at_ns = max(self.at_ns, deadline_ns)


@pytest.mark.anyio
async def test_guest_waits_by_the_clock_it_is_given() -> None:
    """A guest waits for the context's clock, here for the end of time."""
    engine = weft.Engine(weft.Config(cache_dir=None, opt_level="none"))
    linker = weft.Linker(engine)
    wasi.add_to_linker(linker)
    component = weft.Component(engine, command(f"(call $wait_until (i64.const {U64_MAX})) (i32.const 0)"))
    clock = Clock()
    async with weft.Store(engine, data=wasi.WasiCtx(monotonic_clock=clock)) as store:
        with anyio.fail_after(10):
            assert await wasi.run_command(store, await linker.instantiate(store, component)) == 0
    assert clock.at_ns == U64_MAX
