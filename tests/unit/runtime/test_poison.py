"""What a trap does to everything around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fake_engine import FakeGuest

from weft.errors import Trap, TrapCode
from weft.runtime.task import TaskState

if TYPE_CHECKING:
    from collections.abc import Generator


def trapping(guest: FakeGuest) -> Generator[Any, Any, None]:
    yield guest.yield_
    raise Trap(TrapCode.UNREACHABLE)


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_everyone_in_the_tree_fails(seed: int | None) -> None:
    """Running, waiting, queued and returned tasks: callers without a result get the trap, stacks are unwound."""
    guest = FakeGuest(seed)
    other = FakeGuest(store=guest.store)
    closed: list[str] = []

    def waiting(name: str) -> Generator[Any, Any, None]:
        try:
            yield guest.wait_until(lambda: False)
        finally:
            closed.append(name)

    _, stuck = guest.call(lambda: waiting("stuck"))
    _, holder = guest.call(lambda: waiting("holder"), exclusive=True)
    _, queued = guest.call(lambda: waiting("never"), exclusive=True)
    _, fine = other.call(lambda: (yield other.yield_))
    task, culprit = guest.call(lambda: trapping(guest))
    with pytest.raises(Trap) as caught:
        guest.run()
    trap = caught.value
    assert sorted(closed) == ["holder", "stuck"]
    for caller in (stuck, holder, culprit):
        assert caller.log == ["start", trap]
    assert queued.log == [trap]
    assert task.state is TaskState.RESOLVED
    assert guest.root.poisoned is trap
    assert guest.core.live() == (0 if fine.log[1:] else 1)
    other.run()
    assert fine.log == ["start", 0]
    other.assert_empty()


def test_nobody_enters_any_more() -> None:
    """A poisoned tree cannot be entered; the reason is the cause of the new trap."""
    guest = FakeGuest()
    reason = RuntimeError("why")
    guest.root.poison(reason)
    guest.root.poison(ValueError("later"))
    with pytest.raises(Trap) as caught:
        guest.root.check_enter()
    assert caught.value.code is TrapCode.CANNOT_ENTER_COMPONENT
    assert caught.value.__cause__ is reason


def test_woken_after_poison() -> None:
    """A wake-up that was on its way when the tree trapped does nothing."""
    guest = FakeGuest()
    ready = False
    task, caller = guest.call(lambda: (yield guest.wait_until(lambda: ready)))
    ready = True
    task.implicit_thread.wake()
    guest.root.poison(RuntimeError("stopped"))
    assert guest.run() == 0
    assert len(caller.log) == 2
    task.implicit_thread.wake()
    assert guest.run() == 0


def test_last_thread_without_result() -> None:
    """A task whose last thread ends without a result traps."""
    guest = FakeGuest()
    task, caller = guest.task()

    def run() -> None:
        task.start()
        task.exit_implicit_thread()

    with pytest.raises(Trap) as caught:
        task.begin(run)
    assert caught.value.code is TrapCode.NO_ASYNC_RESULT
    assert caller.log == ["start", caught.value]


def test_exit_is_told() -> None:
    """Whoever asks hears when a task is gone for good, after its result."""
    guest = FakeGuest()
    exits: list[int] = []
    guest.root.on_exit = lambda: exits.append(1)
    _, caller = guest.call(lambda: (yield guest.yield_))
    assert not exits
    guest.run()
    assert caller.log == ["start", 0]
    assert exits == [1]
