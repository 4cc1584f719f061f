"""Observers: what they are told of tasks and threads, in which order, and with which reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from fake_engine import FakeGuest

from weft.errors import Trap, TrapCode
from weft.runtime.observation import Observation
from weft.runtime.observer import (
    Observer,
    WaitsForSet,
    WaitsForThread,
    WaitsForTurn,
    WaitsToEnter,
)
from weft.runtime.waitable import WaitableSet

if TYPE_CHECKING:
    from collections.abc import Generator

    from weft.runtime.observer import Reason, TaskInfo, ThreadInfo


class Log(Observer):
    """Writes down what it is told of tasks and threads."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []
        self.tasks: dict[str, TaskInfo] = {}

    def task_created(self, task: TaskInfo) -> None:
        self.tasks[task.name] = task
        self.lines.append(("created", task.name))

    def task_started(self, task: TaskInfo) -> None:
        self.lines.append(("started", task.name))

    def task_returned(self, task: TaskInfo) -> None:
        self.lines.append(("returned", task.name))

    def task_cancelled(self, task: TaskInfo) -> None:
        self.lines.append(("cancelled", task.name))

    def task_failed(self, task: TaskInfo, error: BaseException) -> None:
        self.lines.append(("failed", task.name, type(error)))

    def task_exited(self, task: TaskInfo) -> None:
        self.lines.append(("exited", task.name))

    def thread_resumed(self, thread: ThreadInfo) -> None:
        self.lines.append(("runs", thread.task.name))

    def thread_stopped(self, thread: ThreadInfo, reason: Reason | None) -> None:
        self.lines.append(("stops", thread.task.name, reason))


def observed(seed: int | None = None) -> tuple[FakeGuest, Log]:
    guest, log = FakeGuest(seed), Log()
    guest.store.observation = Observation(log, raise_later=pytest.fail)
    return guest, log


Body: TypeAlias = "Generator[Any, Any, Any]"


def returns_at_once() -> Body:
    yield lambda: None
    return 1


def test_a_task_that_never_waits() -> None:
    """A task is created, runs, starts, returns and exits, and its thread stops for no reason."""
    guest, log = observed()
    guest.call(returns_at_once, "f")
    assert log.lines == [
        ("created", "f"),
        ("runs", "f"),
        ("started", "f"),
        ("returned", "f"),
        ("exited", "f"),
        ("stops", "f", None),
    ]


def suspended(guest: FakeGuest) -> object:
    return guest.thread().suspend(int, cancellable=False)


def on_set(guest: FakeGuest) -> object:
    return WaitableSet().wait_for_event(guest.thread(), lambda event: event, cancellable=False)


@pytest.mark.parametrize(
    ("wait", "reason", "text"),
    [
        (FakeGuest.yield_, WaitsForTurn(), "its turn"),
        (suspended, WaitsForThread(), "another thread"),
        (on_set, WaitsForSet(()), "set of nothing"),
    ],
)
def test_why_a_thread_stops(wait: Any, reason: Reason, text: str) -> None:
    """The reason is an object, equal to others of the same content, with a short text."""
    guest, log = observed()

    def body() -> Body:
        yield lambda: wait(guest)
        return 1

    guest.call(body)
    assert log.lines[-1] == ("stops", "f", reason)
    assert str(reason) == text


def test_a_thread_that_goes_on() -> None:
    """What waits is told to stop and, when it goes on, to run."""
    guest, log = observed()

    def body() -> Body:
        yield guest.yield_
        return 1

    guest.call(body)
    del log.lines[:]
    guest.run()
    assert log.lines == [("runs", "f"), ("returned", "f"), ("exited", "f"), ("stops", "f", None)]


def test_a_task_that_waits_to_enter_and_is_cancelled() -> None:
    """A task kept out by backpressure says so; cancelled before it started, it never starts."""
    guest, log = observed()
    guest.inst.backpressure = 2
    task, _ = guest.call(returns_at_once)
    task.request_cancellation()
    assert log.lines == [
        ("created", "f"),
        ("runs", "f"),
        ("stops", "f", WaitsToEnter(2)),
        ("runs", "f"),
        ("cancelled", "f"),
        ("stops", "f", None),
    ]


def test_a_trap_fails_every_task() -> None:
    """The task that traps fails, and so do those that wait in its component."""
    guest, log = observed()

    def waits() -> Body:
        yield guest.yield_

    def traps() -> Body:
        yield lambda: None
        raise Trap(TrapCode.UNREACHABLE)

    guest.call(waits, "waits")
    del log.lines[:]
    with pytest.raises(Trap):
        guest.call(traps, "traps")
    assert log.lines[-3:] == [("stops", "traps", None), ("failed", "waits", Trap), ("failed", "traps", Trap)]


def test_parents_and_instances() -> None:
    """A task knows who called it; tasks of one instance have equal infos of it; numbers grow."""
    guest, log = observed()

    def outer() -> Body:
        yield lambda: guest.call(returns_at_once, "inner") and None
        return 1

    guest.call(outer, "outer")
    inner, outer_info = log.tasks["inner"], log.tasks["outer"]
    assert inner.parent == outer_info.number < inner.number
    assert outer_info.parent is None
    assert inner.instance == outer_info.instance


def test_nothing_is_told_without_an_observer() -> None:
    """A store has no observation unless it is given one, and its tasks no infos."""
    guest = FakeGuest()
    task, _ = guest.call(returns_at_once)
    assert guest.store.observation is None
    assert task.info is None


@pytest.mark.parametrize("seed", range(20))
def test_threads_run_and_stop_in_turns(seed: int) -> None:
    """Under any schedule a thread runs and stops alternately, and every task is created once and exits once."""
    guest, log = observed(seed)

    def body() -> Body:
        for _ in range(3):
            yield guest.yield_
        return 1

    for n in range(4):
        guest.call(body, f"f{n}", exclusive=n % 2 == 0)
    guest.run()
    guest.assert_empty()
    for n in range(4):
        told = [line[0] for line in log.lines if line[1] == f"f{n}"]
        turns = [what for what in told if what in {"runs", "stops"}]
        assert turns == ["runs", "stops"] * (len(turns) // 2)
        assert [told.count(what) for what in ("created", "started", "returned", "exited")] == [1, 1, 1, 1]
