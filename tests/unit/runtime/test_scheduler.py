"""Which thread runs next: order, repeatability, and no lost wake-up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from fake_engine import FakeGuest
from hypothesis import given
from hypothesis import strategies as st

from weft.runtime.task import CANCELLED, Task, TaskState

if TYPE_CHECKING:
    from collections.abc import Generator


def order_of(seed: int | None, count: int = 12, rounds: int = 3) -> list[tuple[int, int]]:
    """Return the order in which `count` guests that yield make their steps."""
    guest = FakeGuest(seed)
    log: list[tuple[int, int]] = []

    def body(number: int) -> Generator[Any, Any, int]:
        for step in range(rounds):
            log.append((number, step))
            yield guest.yield_
        return number

    callers = [guest.call(lambda number=number: body(number))[1] for number in range(count)]
    guest.run()
    assert [caller.log for caller in callers] == [["start", number] for number in range(count)]
    guest.assert_empty()
    return log


def test_first_in_first_out() -> None:
    """Without a seed, threads that yield take turns."""
    assert order_of(None, 3, 2) == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]


@given(st.integers(0, 2**32))
def test_seed_repeats(seed: int) -> None:
    """The same seed gives the same order, and every order runs everything."""
    first = order_of(seed)
    assert first == order_of(seed)
    assert sorted(first) == [(number, step) for number in range(12) for step in range(3)]


def test_seeds_differ() -> None:
    """Seeds give different orders: that is what they are for."""
    assert len({tuple(order_of(seed)) for seed in range(20)}) > 15


def test_woken_before_yielded() -> None:
    """A thread that something happened to goes before one that only yielded."""
    guest = FakeGuest()
    log: list[str] = []
    ready = False

    def yielder() -> Generator[Any, Any, None]:
        yield guest.yield_
        log.append("yielded")

    def waiter() -> Generator[Any, Any, None]:
        yield guest.wait_until(lambda: ready)
        log.append("woken")

    guest.call(yielder)
    task, _ = guest.call(waiter)
    ready = True
    task.implicit_thread.wake()
    guest.run()
    assert log == ["woken", "yielded"]


def test_woken_too_early_waits_on() -> None:
    """A thread that was woken, but whose condition no longer holds, stays as it was; a later wake counts."""
    guest = FakeGuest()
    ready = False
    task, caller = guest.call(lambda: (yield guest.wait_until(lambda: ready, "late")))
    ready = True
    task.implicit_thread.wake()
    ready = False
    guest.run()
    assert caller.log == ["start"]
    ready = True
    task.implicit_thread.wake()
    task.implicit_thread.wake()
    guest.run()
    assert caller.log == ["start", "late"]
    guest.assert_empty()


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_jobs(seed: int | None) -> None:
    """Jobs of the host run in order, and whoever is idle hears of new work."""
    guest = FakeGuest(seed)
    scheduler = guest.store.scheduler
    heard: list[int] = []
    log: list[int] = []
    scheduler.on_push = lambda: heard.append(1)
    for number in range(5):
        scheduler.push_job(lambda number=number: log.append(number))
    assert scheduler
    guest.run()
    assert log == list(range(5))
    assert heard
    assert not scheduler


# Backpressure and the exclusive lock, with many tasks.


def queue(guest: FakeGuest, count: int, *, exclusive: bool) -> tuple[list[Any], list[int], list[int]]:
    """Start `count` calls that block once each; return callers, the order of starts, and a count of active ones."""
    started: list[int] = []
    active = [0, 0]

    def body(number: int) -> Generator[Any, Any, int]:
        started.append(number)
        active[0] += 1
        active[1] = max(active)
        yield guest.yield_
        active[0] -= 1
        return number

    callers = [guest.call(lambda number=number: body(number), exclusive=exclusive)[1] for number in range(count)]
    return callers, started, active


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("exclusive", [False, True])
def test_backpressure_lets_all_in(seed: int | None, *, exclusive: bool) -> None:
    """A thousand queued tasks all get in when the counter is back at zero, in the order they came."""
    guest = FakeGuest(seed)
    guest.inst.backpressure = 1
    callers, started, active = queue(guest, 1000, exclusive=exclusive)
    assert not guest.run()
    assert not started
    guest.inst.backpressure = 0
    guest.inst.wake_entering()
    guest.run()
    assert started == list(range(1000))
    assert all(caller.log == ["start", number] for number, caller in enumerate(callers))
    assert (active[1] == 1) is exclusive
    guest.assert_empty()


@pytest.mark.parametrize("seed", [None, 3])
def test_lock_lets_one_in(seed: int | None) -> None:
    """Of tasks that need the lock one runs at a time, though each blocks while it holds it; nobody is forgotten."""
    guest = FakeGuest(seed)
    callers, started, active = queue(guest, 1000, exclusive=True)
    guest.run()
    assert started == list(range(1000))
    assert active == [0, 1]
    assert all(caller.log[-1] == number for number, caller in enumerate(callers))
    guest.assert_empty()


def test_mixed_queue_overtakes_the_lock() -> None:
    """Tasks that need no lock go past those that wait for it, once backpressure is gone."""
    guest = FakeGuest()
    done = False
    log: list[str] = []

    def holder() -> Generator[Any, Any, None]:
        yield guest.wait_until(lambda: done)
        log.append("holder")

    def plain(name: str) -> Generator[Any, Any, None]:
        log.append(name)
        yield lambda: None

    task, _ = guest.call(holder, exclusive=True)
    guest.inst.backpressure = 1
    for number in range(4):
        guest.call(lambda number=number: plain(f"locked {number}"), exclusive=True)
        guest.call(lambda number=number: plain(f"free {number}"))
    guest.inst.backpressure = 0
    guest.inst.wake_entering()
    guest.run()
    assert log == [f"free {number}" for number in range(4)]
    done = True
    task.implicit_thread.wake()
    guest.run()
    assert log[4:] == ["holder", *(f"locked {number}" for number in range(4))]
    guest.assert_empty()


@pytest.mark.parametrize("victim", [0, 1, 500, 999])
def test_cancelled_in_the_queue(victim: int) -> None:
    """A task that is cancelled while it queues resolves without having started, and the others still get in."""
    guest = FakeGuest()
    guest.inst.backpressure = 1
    made = [guest.call(lambda: (yield guest.yield_), exclusive=True) for _ in range(1000)]
    task, caller = made[victim]
    task.request_cancellation()
    assert caller.log == [CANCELLED]
    assert task.state is TaskState.RESOLVED
    guest.inst.backpressure = 0
    guest.inst.wake_entering()
    guest.run()
    assert sum(len(caller.log) == 2 for _, caller in made) == 999
    guest.assert_empty()


def checks_of_the_queue(monkeypatch: pytest.MonkeyPatch, count: int, *, exclusive: bool) -> int:
    """Return how often anyone looked whether a task may enter."""
    looks = 0
    original = Task.has_backpressure

    def counted(self: Task) -> bool:
        nonlocal looks
        looks += 1
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(Task, "has_backpressure", counted)
        guest = FakeGuest()
        guest.inst.backpressure = 1
        queue(guest, count, exclusive=exclusive)
        guest.inst.backpressure = 0
        guest.inst.wake_entering()
        guest.run()
        guest.assert_empty()
    return looks


@pytest.mark.parametrize("exclusive", [False, True])
def test_queue_cost_is_linear(monkeypatch: pytest.MonkeyPatch, *, exclusive: bool) -> None:
    """Each task that enters costs a few looks at the queue, however long the queue is."""
    start = time.perf_counter()
    assert checks_of_the_queue(monkeypatch, 200, exclusive=exclusive) < 200 * 10
    assert checks_of_the_queue(monkeypatch, 2000, exclusive=exclusive) < 2000 * 10
    assert time.perf_counter() - start < 5
