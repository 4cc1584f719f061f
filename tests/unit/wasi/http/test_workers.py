"""The pool of instances, with instances that only pretend."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from weft import StoreError, Trap, TrapCode
from weft.wasi.http.worker import PoolLimits
from weft.wasi.http.workers import OverloadedError, Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio


class FakeService:
    """An instance that is busy, traps and is done when the test says so."""

    def __init__(self) -> None:
        self.busy = False
        self.is_reusable = True
        self.stopped: Exception | None = None
        self.closed = self.gone = False
        self.trap: Exception | None = None
        self.changed = anyio.Event()
        self.quiet = anyio.Event()
        self.quiet.set()

    async def wait_ready(self) -> None:
        while self.busy:
            await self.changed.wait()
        if self.gone:
            raise StoreError("the store is closed")

    async def wait_quiet(self) -> None:
        await self.quiet.wait()

    async def run(self, main: Callable[[], Awaitable[object]]) -> None:
        async with anyio.create_task_group() as group:

            async def stop_when_trapped() -> None:
                while self.trap is None:
                    await self.changed.wait()
                group.cancel_scope.cancel()

            group.start_soon(stop_when_trapped)
            await main()
            group.cancel_scope.cancel()
        if self.trap is not None:
            raise self.trap

    def change(self, **attributes: object) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)
        changed, self.changed = self.changed, anyio.Event()
        changed.set()


class Fakes:
    """Makes instances, and keeps them; `hold` has them wait before they are there."""

    def __init__(self, **limits: Any) -> None:
        self.made: list[FakeService] = []
        self.error: Exception | None = None
        self.go = anyio.Event()
        self.go.set()
        self.pool = Pool(self.open, PoolLimits(**{"max_waiting": 100} | limits))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FakeService]:
        await self.go.wait()
        if self.error is not None:
            raise self.error
        service = FakeService()
        self.made.append(service)
        try:
            yield service
        finally:
            service.closed = True

    def hold(self) -> Self:
        self.go = anyio.Event()
        return self

    async def acquire_later(self, outcomes: list[object]) -> None:
        try:
            outcomes.append(await self.pool.acquire())
        except (OverloadedError, ValueError) as error:
            outcomes.append(error)


async def test_an_instance_is_made_with_the_first_request_and_shared() -> None:
    """Requests share an instance up to its limit, and then get another."""
    fakes = Fakes(max_concurrent_per_instance=2)
    async with fakes.pool.running() as pool:
        assert not fakes.made
        first, second, third = [await pool.acquire() for _ in range(3)]
        assert first is second
        assert third is not first
        assert len(fakes.made) == 2
        for worker in (first, second, third):
            pool.release(worker)
    assert all(service.closed for service in fakes.made)


async def test_a_burst_makes_only_the_instances_it_needs() -> None:
    """Requests that come while instances are being made count on these."""
    fakes = Fakes(max_concurrent_per_instance=4).hold()
    outcomes: list[Any] = []
    async with fakes.pool.running() as pool, anyio.create_task_group() as group:
        for _ in range(7):
            group.start_soon(fakes.acquire_later, outcomes)
        await wait_all_tasks_blocked()
        assert len(pool.workers) == 2
        fakes.go.set()
        await wait_all_tasks_blocked()
        assert len(outcomes) == 7
        for worker in outcomes:
            pool.release(worker)
    assert len(fakes.made) == 2


async def test_an_instance_is_replaced_after_so_many_requests() -> None:
    """One that has had its number of requests finishes them and goes."""
    fakes = Fakes(max_requests_per_instance=2)
    async with fakes.pool.running() as pool:
        first, second = await pool.acquire(), await pool.acquire()
        pool.release(second)
        third = await pool.acquire()
        assert first is second
        assert third is not first
        await wait_all_tasks_blocked()
        assert not fakes.made[0].closed
        pool.release(first)
        await wait_all_tasks_blocked()
        assert fakes.made[0].closed
        pool.release(third)


async def test_requests_queue_in_order_when_all_instances_are_full() -> None:
    """Who waits longest is served first."""
    fakes = Fakes(max_instances=1, max_concurrent_per_instance=1)
    order: list[int] = []

    async def request(number: int) -> None:
        worker = await fakes.pool.acquire()
        order.append(number)
        fakes.pool.release(worker)

    async with fakes.pool.running() as pool, anyio.create_task_group() as group:
        held = await pool.acquire()
        for number in range(5):
            group.start_soon(request, number)
            await wait_all_tasks_blocked()
        assert pool.waiting == 5
        pool.release(held)
    assert order == [0, 1, 2, 3, 4]


async def test_a_full_queue_refuses() -> None:
    """A request that finds the queue full fails at once, and harms no other."""
    fakes = Fakes(max_instances=1, max_concurrent_per_instance=1, max_waiting=1)
    outcomes: list[object] = []
    async with fakes.pool.running() as pool, anyio.create_task_group() as group:
        held = await pool.acquire()
        group.start_soon(fakes.acquire_later, outcomes)
        await wait_all_tasks_blocked()
        with pytest.raises(OverloadedError):
            await pool.acquire()
        pool.release(held)
        await wait_all_tasks_blocked()
        assert outcomes == [held]
        pool.release(held)


async def test_a_request_may_stop_waiting() -> None:
    """A request that is cancelled leaves the queue; an instance that was just found for it is not lost."""
    fakes = Fakes(max_instances=1, max_concurrent_per_instance=1)
    outcomes: list[Any] = []
    async with fakes.pool.running() as pool:
        held = await pool.acquire()
        with anyio.CancelScope() as gives_up:
            async with anyio.create_task_group() as group:
                group.start_soon(pool.acquire)
                await wait_all_tasks_blocked()
                gives_up.cancel()
        assert pool.waiting == 0
        with anyio.CancelScope() as too_late:
            async with anyio.create_task_group() as group:
                group.start_soon(fakes.acquire_later, outcomes)
                await wait_all_tasks_blocked()
                pool.release(held)
                too_late.cancel()
        assert held.in_flight == len(outcomes)
        for worker in outcomes:
            pool.release(worker)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_that_is_cancelled_when_it_was_served_keeps_nothing() -> None:
    """asyncio cancels a task that has its instance, but did not wake up yet: others get the instance."""
    fakes = Fakes(max_instances=1, max_concurrent_per_instance=1)
    async with fakes.pool.running() as pool:
        held = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await wait_all_tasks_blocked()
        pool.release(held)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert held.in_flight == 0
        pool.release(await pool.acquire())


async def test_requests_that_an_instance_is_made_for_do_not_count_as_waiting() -> None:
    """As many requests as the instances can take that are being made wait beside those that `max_waiting` is about."""
    fakes = Fakes(max_instances=1, max_concurrent_per_instance=2, max_waiting=1).hold()
    outcomes: list[Any] = []
    async with fakes.pool.running() as pool:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(fakes.acquire_later, outcomes)
            await wait_all_tasks_blocked()
            assert [type(outcome) for outcome in outcomes] == [OverloadedError]
            fakes.go.set()
            while len(outcomes) < 3:
                await wait_all_tasks_blocked()
            pool.release(outcomes[1])
        for worker in outcomes[2:]:
            pool.release(worker)


async def test_an_instance_that_lets_nobody_in_is_left_out_until_it_does() -> None:
    """A guest's own back-pressure counts as much as the limits."""
    fakes = Fakes(max_instances=2)
    outcomes: list[Any] = []
    async with fakes.pool.running() as pool, anyio.create_task_group() as group:
        first = await pool.acquire()
        fakes.made[0].busy = True
        second = await pool.acquire()
        assert second is not first
        fakes.made[1].busy = True
        group.start_soon(fakes.acquire_later, outcomes)
        await wait_all_tasks_blocked()
        assert not outcomes
        fakes.made[0].change(busy=False)
        await wait_all_tasks_blocked()
        assert outcomes == [first]
        for worker in (first, second, first):
            pool.release(worker)


async def test_an_instance_that_goes_while_it_lets_nobody_in_harms_nobody() -> None:
    """Who waits for an instance that is closed in the meantime gets another; the pool goes on."""
    fakes = Fakes(max_instances=1)
    outcomes: list[Any] = []
    async with fakes.pool.running() as pool, anyio.create_task_group() as group:
        first = await pool.acquire()
        fakes.made[0].busy = True
        group.start_soon(fakes.acquire_later, outcomes)
        await wait_all_tasks_blocked()
        first.retire()
        fakes.made[0].gone = True
        fakes.made[0].change(busy=False)
        pool.release(first)
        await wait_all_tasks_blocked()
        assert len(outcomes) == 1
        assert outcomes[0] is not first
        pool.release(outcomes[0])


async def test_an_instance_that_expects_no_more_handles_one_request() -> None:
    """An instance that cannot be used again gets no other request, even while it has room."""
    fakes = Fakes()
    async with fakes.pool.running() as pool:
        pool.release(await pool.acquire())
        fakes.made[0].is_reusable = False
        first, second = await pool.acquire(), await pool.acquire()
        assert first.service is fakes.made[0]
        assert second is not first
        for worker in (first, second):
            pool.release(worker)


async def test_a_bug_of_the_host_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """What fails in the host, and is no trap, ends the instance and can be found in the log."""
    fakes = Fakes()
    async with fakes.pool.running() as pool:
        worker = await pool.acquire()
        fakes.made[0].change(trap=ZeroDivisionError("a bug"))
        await wait_all_tasks_blocked()
        pool.release(worker)
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


async def test_a_trap_ends_one_instance_and_another_takes_its_place(caplog: pytest.LogCaptureFixture) -> None:
    """What traps is disposed of at once, with its error for its requests; the next request gets a fresh one."""
    fakes = Fakes()
    async with fakes.pool.running() as pool:
        first = await pool.acquire()
        trap = Trap(TrapCode.UNREACHABLE, "wasm `unreachable` instruction executed")
        fakes.made[0].change(trap=trap)
        await wait_all_tasks_blocked()
        assert first.error is trap
        assert fakes.made[0].closed
        second = await pool.acquire()
        assert second is not first
        for worker in (first, second):
            pool.release(worker)
    assert "unreachable" in caplog.text


async def test_a_trap_seen_by_a_request_ends_the_instance() -> None:
    """The request that learns of a trap says so; the instance gets no other, and goes without waiting."""
    fakes = Fakes()
    async with fakes.pool.running() as pool:
        first, other = await pool.acquire(), await pool.acquire()
        assert first is other
        first.fail(Trap(TrapCode.UNREACHABLE, "unreachable"))
        second = await pool.acquire()
        assert second is not first
        await wait_all_tasks_blocked()
        assert fakes.made[0].closed
        pool.release(second)


async def test_an_instance_that_stopped_gets_no_request() -> None:
    """What has trapped is not used again, even before its own loop has noticed."""
    fakes = Fakes()
    async with fakes.pool.running() as pool:
        first = await pool.acquire()
        fakes.made[0].stopped = Trap(TrapCode.UNREACHABLE, "unreachable")
        second = await pool.acquire()
        assert second is not first
        assert first.error is fakes.made[0].stopped
        for worker in (first, second):
            pool.release(worker)


async def test_what_prevents_an_instance_reaches_the_requests() -> None:
    """When no instance can be made, those who wait get the reason, and later ones may have more luck."""
    fakes = Fakes()
    fakes.error = ValueError("no such import")
    async with fakes.pool.running() as pool:
        with pytest.raises(ValueError, match="no such import"):
            await pool.acquire()
        fakes.error = None
        pool.release(await pool.acquire())


async def test_an_idle_instance_goes() -> None:
    """With no time to be idle, an instance goes after its last request in progress."""
    fakes = Fakes(idle_timeout=0)
    async with fakes.pool.running() as pool:
        first, second = await pool.acquire(), await pool.acquire()
        pool.release(first)
        await wait_all_tasks_blocked()
        assert not fakes.made[0].closed
        pool.release(second)
        await wait_all_tasks_blocked()
        assert fakes.made[0].closed
        assert not pool.workers


async def test_an_instance_goes_when_what_it_does_after_its_requests_is_done() -> None:
    """A retired instance has its time of grace for what is left to do."""
    fakes = Fakes(max_requests_per_instance=1)
    async with fakes.pool.running() as pool:
        worker = await pool.acquire()
        fakes.made[0].quiet = anyio.Event()
        pool.release(worker)
        await wait_all_tasks_blocked()
        assert not fakes.made[0].closed
        fakes.made[0].quiet.set()
        await wait_all_tasks_blocked()
        assert fakes.made[0].closed


async def test_the_end_waits_for_requests() -> None:
    """A pool that ends lets requests in progress finish, and takes no more."""
    fakes = Fakes(max_concurrent_per_instance=1, max_instances=1)
    ended = anyio.Event()
    outcomes: list[Any] = []

    async def run(ready: anyio.Event, end: anyio.Event) -> None:
        async with fakes.pool.running():
            ready.set()
            await end.wait()
        ended.set()

    async with anyio.create_task_group() as group:
        ready, end = anyio.Event(), anyio.Event()
        group.start_soon(run, ready, end)
        await ready.wait()
        worker = await fakes.pool.acquire()
        group.start_soon(fakes.acquire_later, outcomes)
        await wait_all_tasks_blocked()
        end.set()
        await wait_all_tasks_blocked()
        assert isinstance(outcomes[0], OverloadedError)
        assert not ended.is_set()
        with pytest.raises(OverloadedError):
            await fakes.pool.acquire()
        fakes.pool.release(worker)
        await ended.wait()


async def test_the_end_does_not_wait_for_ever() -> None:
    """With no time of grace, requests in progress lose their instance."""
    fakes = Fakes(shutdown_grace=0)
    async with fakes.pool.running() as pool:
        worker = await pool.acquire()
    assert fakes.made[0].closed
    pool.release(worker)


async def test_a_pool_that_does_not_run_makes_nothing() -> None:
    """Instances need the task group of a pool that runs."""
    with pytest.raises(RuntimeError, match="not running"):
        await Fakes().pool.acquire()
