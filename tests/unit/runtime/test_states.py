"""Tasks and subtasks: every state against every input."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fake_engine import FakeGuest

from weft.canon.builtins.subtasks import NOT_YET, canon_subtask_cancel, canon_subtask_drop
from weft.errors import Trap, TrapCode
from weft.runtime.resource import ResourceHandle, ResourceType
from weft.runtime.subtask import Subtask, SubtaskState
from weft.runtime.task import CANCELLED, Task, TaskState
from weft.runtime.waitable import EventCode, WaitableSet

if TYPE_CHECKING:
    from collections.abc import Callable

INITIAL, STARTED, PENDING, DELIVERED, RESOLVED = TaskState
TWICE, NOT_CANCELLED = TrapCode.TASK_CANCEL_OR_RETURN_TWICE, TrapCode.TASK_CANCEL_NOT_CANCELLED

# Tasks. The inputs a guest can give in each state, and the state or trap that follows.
TASK_TABLE: dict[str, dict[TaskState, TaskState | TrapCode]] = {
    "return": {STARTED: RESOLVED, PENDING: RESOLVED, DELIVERED: RESOLVED, RESOLVED: TWICE},
    "cancel": {STARTED: NOT_CANCELLED, PENDING: NOT_CANCELLED, DELIVERED: RESOLVED, RESOLVED: TWICE},
    "ask": {STARTED: PENDING, PENDING: PENDING, DELIVERED: DELIVERED, RESOLVED: RESOLVED},
    "cancellable wait": {STARTED: STARTED, PENDING: DELIVERED, DELIVERED: DELIVERED, RESOLVED: RESOLVED},
    "other wait": {STARTED: STARTED, PENDING: PENDING, DELIVERED: DELIVERED, RESOLVED: RESOLVED},
    "fail": dict.fromkeys((INITIAL, STARTED, PENDING, DELIVERED, RESOLVED), RESOLVED),
    "start": {INITIAL: STARTED},
}
TASK_INPUTS: dict[str, Callable[[Task], object]] = {
    "return": lambda task: task.return_("value"),
    "cancel": lambda task: task.cancel(),
    "ask": lambda task: task.request_cancellation(),
    "cancellable wait": lambda task: task.deliver_pending_cancel(cancellable=True),
    "other wait": lambda task: task.deliver_pending_cancel(cancellable=False),
    "fail": lambda task: task.fail(RuntimeError("poisoned")),
    "start": lambda task: task.start(),
}


@pytest.mark.parametrize(
    ("given", "state", "outcome"), [(name, state, row[state]) for name, row in TASK_TABLE.items() for state in row]
)
def test_task(given: str, state: TaskState, outcome: TaskState | TrapCode) -> None:
    """A task goes from state to state as the table says, and tells its caller exactly once how it ended."""
    task, caller = FakeGuest().task()
    task.state = state
    if isinstance(outcome, TrapCode):
        with pytest.raises(Trap) as caught:
            TASK_INPUTS[given](task)
        assert caught.value.code is outcome
        assert task.state is state
        assert not caller.log
        return
    TASK_INPUTS[given](task)
    assert task.state is outcome
    told = {"return": "value", "cancel": CANCELLED}
    if outcome is RESOLVED and state is not RESOLVED:
        assert len(caller.log) == 1
        assert caller.log[0] == told[given] if given in told else isinstance(caller.log[0], RuntimeError)
    else:
        assert caller.log == (["start"] if given == "start" else [])


@pytest.mark.parametrize(("state", "told"), [(STARTED, False), (PENDING, True), (DELIVERED, False), (RESOLVED, False)])
def test_cancellation_is_told_once(state: TaskState, *, told: bool) -> None:
    """Only a wait that can take it is told of a pending request, and only the first."""
    task, _ = FakeGuest().task()
    task.state = state
    assert task.deliver_pending_cancel(cancellable=False) is False
    assert task.deliver_pending_cancel(cancellable=True) is told
    assert task.deliver_pending_cancel(cancellable=True) is False


@pytest.mark.parametrize("how", ["return", "cancel"])
def test_borrows_keep_a_task_from_resolving(how: str) -> None:
    """A task with borrowed handles cannot resolve; once they are dropped it can."""
    task, caller = FakeGuest().task()
    task.state = DELIVERED
    task.num_borrows = 1
    with pytest.raises(Trap) as caught:
        TASK_INPUTS[how](task)
    assert caught.value.code is TrapCode.BORROW_HANDLES_REMAIN
    assert not caller.log
    task.num_borrows = 0
    TASK_INPUTS[how](task)
    assert len(caller.log) == 1


def test_cancel_finds_a_waiting_thread() -> None:
    """A request wakes a thread that waits cancellably, at once; one that waits otherwise is left alone."""
    guest = FakeGuest()
    task, _ = guest.task()
    told: list[bool] = []

    def run() -> None:
        task.start()
        task.implicit_thread.pause_until(lambda: False, told.append, cancellable=True)

    task.begin(run)
    task.request_cancellation()
    assert told == [True]
    assert task.state is DELIVERED
    deaf, caller = guest.call(lambda: (yield guest.wait_until(lambda: False)))
    deaf.request_cancellation()
    assert deaf.state is PENDING
    assert caller.log == ["start"]


def test_cancel_respects_the_lock() -> None:
    """The implicit thread of a task that needs the lock is not resumed while another holds it."""
    guest = FakeGuest()
    task, _ = guest.task(exclusive=True)
    told: list[bool] = []

    def run() -> None:
        task.start()
        guest.inst.release_exclusive()
        task.implicit_thread.pause_until(lambda: False, told.append, cancellable=True)

    task.begin(run)
    other, _ = guest.task(exclusive=True)
    guest.inst.exclusive_thread = other.implicit_thread
    task.request_cancellation()
    assert task.state is PENDING
    assert not told


# Subtasks.

STARTING, SUB_STARTED, RETURNED, NOT_STARTED, NOT_RETURNED = SubtaskState


class Lowered:
    """The caller's side of a call, in a guest."""

    name = "callee"

    def __init__(self, guest: FakeGuest) -> None:
        self.inst = guest.inst
        self.fail = False
        self.released: list[object] = []

    def lift_params(self, _subtask: Subtask, flat: tuple[object, ...]) -> tuple[object, ...]:
        if self.fail:
            raise Trap(TrapCode.INVALID_CHAR)
        return flat

    def lower_result(self, _subtask: Subtask, result: object, _flat: tuple[object, ...]) -> object:
        if self.fail:
            raise Trap(TrapCode.REALLOC_OUT_OF_BOUNDS)
        return result

    def release_result(self, result: object) -> None:
        self.released.append(result)


def subtask_in(state: SubtaskState, *, delivered: bool = False, handle: bool = True) -> tuple[FakeGuest, Subtask]:
    guest = FakeGuest()
    subtask = Subtask(Lowered(guest), (1, 2))
    if handle:
        subtask.index = guest.inst.handles.add(subtask)
    subtask.call = SimpleNamespace(request_cancellation=lambda: None)
    if state in (SUB_STARTED, RETURNED, NOT_RETURNED):
        assert subtask.on_start() == (1, 2)
    if state is RETURNED:
        subtask.on_resolve(7)
    elif state in (NOT_STARTED, NOT_RETURNED):
        subtask.on_resolve(CANCELLED)
    assert subtask.state is state
    if delivered:
        assert subtask.get_pending_event() == (EventCode.SUBTASK, subtask.index, state)
    return guest, subtask


@pytest.mark.parametrize("state", SubtaskState)
def test_subtask_event(state: SubtaskState) -> None:
    """Progress is one pending event, which tells the newest state; a call that waits to start has none."""
    _, subtask = subtask_in(state)
    assert subtask.has_pending_event() is (state is not STARTING)
    assert subtask.resolved() is (state >= RETURNED)
    assert not subtask.resolve_delivered()
    if subtask.has_pending_event():
        assert subtask.get_pending_event() == (EventCode.SUBTASK, 1, state)
        assert subtask.resolve_delivered() is subtask.resolved()
        assert not subtask.has_pending_event()


@pytest.mark.parametrize("state", SubtaskState)
def test_subtask_without_handle_has_no_event(state: SubtaskState) -> None:
    """Before the caller has a handle there is nothing to tell: it gets the state as a result."""
    _, subtask = subtask_in(state, handle=False)
    assert not subtask.has_pending_event()


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("state", SubtaskState)
def test_subtask_drop(state: SubtaskState, *, delivered: bool) -> None:
    """A subtask may be dropped only when the guest knows that it is over."""
    guest, subtask = subtask_in(state, delivered=delivered and state is not STARTING)
    if delivered and state >= RETURNED:
        canon_subtask_drop(guest.inst, subtask.index)
        assert not len(guest.inst.handles)
        return
    with pytest.raises(Trap) as caught:
        canon_subtask_drop(guest.inst, subtask.index)
    assert caught.value.code is TrapCode.SUBTASK_DROP_NOT_RESOLVED
    assert len(guest.inst.handles) == 1


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("state", SubtaskState)
def test_subtask_cancel(state: SubtaskState, *, delivered: bool) -> None:
    """A resolution that was not told is told now; one that was told is too late; else the callee is asked."""
    guest, subtask = subtask_in(state, delivered=delivered and state is not STARTING)
    asked: list[int] = []
    subtask.call = SimpleNamespace(request_cancellation=lambda: asked.append(1))
    if delivered and state >= RETURNED:
        with pytest.raises(Trap) as caught:
            canon_subtask_cancel(guest.inst, True, subtask.index)
        assert caught.value.code is TrapCode.SUBTASK_CANCEL_AFTER_TERMINAL
        assert not asked
    elif state >= RETURNED:
        assert canon_subtask_cancel(guest.inst, True, subtask.index) == state
        assert not asked
        assert subtask.resolve_delivered()
    else:
        assert canon_subtask_cancel(guest.inst, True, subtask.index) == NOT_YET
        assert asked == [1]
        with pytest.raises(Trap) as caught:
            canon_subtask_cancel(guest.inst, True, subtask.index)
        assert caught.value.code is TrapCode.SUBTASK_CANCEL_AFTER_TERMINAL


@pytest.mark.parametrize("state", [STARTING, SUB_STARTED])
def test_subtask_cancel_that_resolves_at_once(state: SubtaskState) -> None:
    """When the callee resolves while it is asked, the state is the result and nothing stays pending."""
    guest, subtask = subtask_in(state)
    subtask.call = SimpleNamespace(request_cancellation=lambda: subtask.on_resolve(CANCELLED))
    expected = NOT_STARTED if state is STARTING else NOT_RETURNED
    assert canon_subtask_cancel(guest.inst, True, subtask.index) == expected
    assert not subtask.has_pending_event()
    assert subtask.resolve_delivered()


def test_lenders_get_back_at_delivery() -> None:
    """What was lent stays lent until the guest is told of the resolution, however often it was lent."""
    handle = ResourceHandle(ResourceType("r", None), 1, own=True)
    _, subtask = subtask_in(SUB_STARTED)
    subtask.add_lender(handle)
    subtask.add_lender(handle)
    assert handle.num_lends == 2
    subtask.on_resolve(5)
    assert handle.num_lends == 2
    subtask.get_pending_event()
    assert handle.num_lends == 0


@pytest.mark.parametrize("moment", ["start", "resolve"])
def test_bad_values_poison_the_caller(moment: str) -> None:
    """A caller whose arguments cannot be lifted, or result not lowered, is out of use."""
    guest, subtask = subtask_in(STARTING)
    lowered: Any = subtask.lowered
    if moment == "start":
        lowered.fail = True
        with pytest.raises(Trap):
            subtask.on_start()
    else:
        subtask.on_start()
        lowered.fail = True
        with pytest.raises(Trap):
            subtask.on_resolve(1)
    assert isinstance(guest.root.poisoned, Trap)


def test_poisoned_caller_gets_nothing() -> None:
    """A result for a caller that was stopped is not lowered, since no code of it runs any more, but let go."""
    guest, subtask = subtask_in(SUB_STARTED)
    guest.root.poison(RuntimeError("stopped"))
    lowered: Any = subtask.lowered
    lowered.fail = True
    subtask.on_resolve(1)
    assert lowered.released == [1]


# Waitable sets.


def waitables(count: int) -> tuple[FakeGuest, WaitableSet, list[Subtask]]:
    guest = FakeGuest()
    wset = WaitableSet()
    made = []
    for _ in range(count):
        subtask = Subtask(Lowered(guest), ())
        subtask.index = guest.inst.handles.add(subtask)
        subtask.join(wset)
        made.append(subtask)
    return guest, wset, made


def test_set_delivers_oldest_first() -> None:
    """Events come in the order in which they happened, each once; a later one of the same waitable is merged."""
    _, wset, (a, b, c) = waitables(3)
    c.on_start()
    a.on_start()
    c.on_resolve(1)
    b.on_start()
    events = []
    while wset.has_pending_event():
        events.append(wset.get_pending_event())
    assert events == [(1, 3, RETURNED), (1, 1, SUB_STARTED), (1, 2, SUB_STARTED)]


def test_members_come_and_go() -> None:
    """A waitable is in one set at most, and takes its event along."""
    _, first, (a, _) = waitables(2)
    second = WaitableSet()
    a.on_start()
    a.join(second)
    assert not first.has_pending_event()
    assert second.has_pending_event()
    assert list(first.elems) != list(second.elems)
    a.join(None)
    assert not second.elems
    assert not second.has_pending_event()
    a.join(first)
    a.join(first)
    assert first.get_pending_event() == (1, 1, SUB_STARTED)


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_every_waiter_gets_an_event(count: int) -> None:
    """As many threads as events, all on one set: each gets one, none sleeps on."""
    guest, wset, made = waitables(count)
    got: list[object] = []

    def waiter() -> Any:
        event = yield lambda: wset.wait_for_event(guest.thread(), lambda event: event, cancellable=False)
        got.append(event)

    for _ in range(count):
        guest.call(waiter)
    with pytest.raises(Trap) as caught:
        wset.drop()
    assert caught.value.code is TrapCode.WAITABLE_SET_DROP_HAS_WAITERS
    for subtask in made[::-1]:
        subtask.on_start()
    guest.run()
    assert sorted(got) == [(1, index + 1, SUB_STARTED) for index in range(count)]  # type: ignore[type-var]
    assert wset.num_waiting == 0
    assert not wset.waiters
    assert guest.core.live() == 0


def test_event_that_was_there_before_the_wait() -> None:
    """A wait with an event pending does not block; poll without one does not either."""
    guest, wset, (a,) = waitables(1)
    log: list[object] = []

    def body() -> Any:
        log.append((yield lambda: wset.poll(guest.thread(), cancellable=False)))
        a.on_start()
        log.append((yield lambda: wset.wait_for_event(guest.thread(), lambda event: event, cancellable=False)))
        log.append((yield lambda: wset.poll(guest.thread(), cancellable=False)))

    guest.call(body)
    assert log == [(0, 0, 0), (1, 1, SUB_STARTED), (0, 0, 0)]
