"""Pollables of WASI 0.2."""

from __future__ import annotations

import anyio
import pytest
from anyio import create_task_group, wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from attrs import define
from p2_fakes import FakeClock, FakeInput, engine

import weft
from weft.wasi.p2.io import Deadline, InputStream, Pollable
from weft.wasi.p2.io.poll import MOST_WAITS, TURN_WAITS, block, poll, ready

pytestmark = pytest.mark.anyio


@define(eq=False)
class Switch:
    """Something that is ready when it is told to be."""

    event: anyio.Event | None = None
    on: bool = False
    waiting: int = 0

    def is_ready(self) -> bool:
        return self.on

    def turn_on(self) -> None:
        self.on = True
        if self.event is not None:
            self.event.set()

    async def wait_ready(self) -> None:
        self.event = self.event or anyio.Event()
        self.waiting += 1
        try:
            await self.event.wait()
        finally:
            self.waiting -= 1


def pollables(*things: Switch) -> list[Pollable]:
    return [Pollable(thing) for thing in things]


async def test_an_empty_list_traps() -> None:
    """Polling nothing traps."""
    async with weft.Store(engine()) as store:
        with pytest.raises(weft.Trap, match="empty"):
            await poll(store.accessor, [])


async def test_all_that_are_ready_are_told_in_order() -> None:
    """`poll` gives the index of each that is ready, in order, also of one that is there twice."""
    off, on = Switch(), Switch(on=True)
    async with weft.Store(engine()) as store:
        assert await poll(store.accessor, pollables(off, on, off, on, on)) == [1, 3, 4]
        assert await ready(store.accessor, Pollable(on)) is True
        assert await ready(store.accessor, Pollable(off)) is False
    assert off.event is None


async def test_the_first_that_is_ready_wins() -> None:
    """`poll` returns when one is ready, and stops waiting for the others."""
    switches = [Switch() for _ in range(5)]
    got: list[list[int]] = []
    async with weft.Store(engine()) as store, create_task_group() as group:

        async def run() -> None:
            got.append(await poll(store.accessor, pollables(*switches, *switches)))

        group.start_soon(run)
        await wait_all_tasks_blocked()
        assert [switch.waiting for switch in switches] == [1] * 5
        switches[3].turn_on()
        await wait_all_tasks_blocked()
    assert got == [[3, 8]]
    assert [switch.waiting for switch in switches] == [0] * 5


async def test_one_wakes_in_vain() -> None:
    """A wait that ends too early is followed by another."""
    clock = FakeClock()
    source = FakeInput()
    async with weft.Store(engine()) as store, create_task_group() as group:
        group.start_soon(block, store.accessor, Pollable(InputStream(source)))
        group.start_soon(block, store.accessor, Pollable(Deadline(clock, 10)))
        await wait_all_tasks_blocked()
        source.change()
        clock.go_on(9)
        await wait_all_tasks_blocked()
        assert (source.waiting, clock.waiting) == (1, 1)
        source.feed(b"a")
        clock.go_on(1)


async def test_of_deadlines_the_first_is_waited_for() -> None:
    """Of many points in time only the first is waited for."""
    clock = FakeClock()
    deadlines = [Pollable(Deadline(clock, when)) for when in (30, 10, 20, 10, 2**64 - 1)]
    got: list[list[int]] = []
    async with weft.Store(engine()) as store, create_task_group() as group:

        async def run() -> None:
            got.append(await poll(store.accessor, deadlines))

        group.start_soon(run)
        await wait_all_tasks_blocked()
        assert clock.waiting == 1
        clock.go_on(10)
    assert got == [[1, 3]]


async def test_a_cancelled_poll_leaves_nothing_behind() -> None:
    """A guest that is stopped while it polls leaves no task behind."""
    switches = [Switch() for _ in range(100)]
    async with weft.Store(engine()) as store, create_task_group() as group:
        group.start_soon(poll, store.accessor, pollables(*switches))
        await wait_all_tasks_blocked()
        assert sum(switch.waiting for switch in switches) == 100
        group.cancel_scope.cancel()
    assert sum(switch.waiting for switch in switches) == 0


async def test_a_stream_dropped_before_its_pollable() -> None:
    """The pollable of a stream that is gone is ready, also for who waits for it already."""
    stream = InputStream(FakeInput())
    got: list[list[int]] = []
    async with weft.Store(engine()) as store, create_task_group() as group:

        async def run() -> None:
            got.append(await poll(store.accessor, [*pollables(Switch()), Pollable(stream)]))

        group.start_soon(run)
        await wait_all_tasks_blocked()
        stream.on_drop()
    assert got == [[1]]


async def test_ten_thousand_pollables() -> None:
    """Ten thousand pollables of which one is ready take no task; so many things that are not take one each."""
    switches = [Switch() for _ in range(10_000)]
    last = switches[-1]
    last.on = True
    async with weft.Store(engine()) as store:
        assert await poll(store.accessor, pollables(*switches)) == [9_999]
        assert not any(switch.event for switch in switches)


async def test_hundreds_of_waits() -> None:
    """A poll waits for hundreds of things, started in turns, and for no more than it should."""
    switches = [Switch() for _ in range(TURN_WAITS + 1)]
    async with weft.Store(engine()) as store:
        async with create_task_group() as group:
            group.start_soon(poll, store.accessor, pollables(*switches))
            await wait_all_tasks_blocked()
            switches[-1].turn_on()
        with pytest.raises(weft.Trap, match="at most"):
            await poll(store.accessor, pollables(*(Switch() for _ in range(MOST_WAITS + 1))))


async def test_the_start_of_many_waits_holds_nobody_up() -> None:
    """Others have a turn while a poll still begins to wait for all that it waits for."""
    switches = [Switch() for _ in range(3 * TURN_WAITS)]
    seen: set[int] = set()

    async def look() -> None:
        while switches[-1].event is None:
            seen.add(sum(switch.waiting for switch in switches))
            await checkpoint()
        switches[-1].turn_on()

    async with weft.Store(engine()) as store, create_task_group() as group:
        group.start_soon(look)
        await poll(store.accessor, pollables(*switches))
    assert any(0 < count < len(switches) for count in seen)


async def test_what_a_wait_raises_surfaces() -> None:
    """A bug in something that is waited for comes out as it is."""

    class Broken(Switch):
        async def wait_ready(self) -> None:
            raise ZeroDivisionError

    async with weft.Store(engine()) as store:
        with pytest.raises(ZeroDivisionError):
            await poll(store.accessor, pollables(Broken(), Switch()))
