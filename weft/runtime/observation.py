"""Observation: what a store that is observed tells its observers.

A store that nobody observes has none, and then nothing here runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final
from weakref import WeakKeyDictionary

from weft.runtime.buffer import GuestBuffer
from weft.runtime.ends import CopyEnd, ReadableEnd
from weft.runtime.instance import ComponentInstance
from weft.runtime.observer import (
    CopyInfo,
    HostCallInfo,
    InstanceInfo,
    TaskInfo,
    ThreadInfo,
    WaitsForCall,
    WaitsForCopy,
    WaitsForSet,
    WaitsForThread,
    WaitsForTurn,
    WaitsToEnter,
)
from weft.runtime.subtask import Subtask
from weft.runtime.task import Task, next_number
from weft.runtime.thread import ThreadState
from weft.runtime.waitable import WaitableSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weft.runtime.observer import HostCallKind, HostCallOutcome, Observer, Reason
    from weft.runtime.thread import Thread
    from weft.runtime.waitable import Waitable


@final
class Observation:
    """Turns what happens in the runtime into values, and tells the observers.

    Invariant: a task has `Task.info` exactly when its creation was told.

    Args:
        observers: whom to tell.
        raise_later: takes what an observer raised.
    """

    __slots__ = ("_instances", "_observers", "_raise_later", "_transmits")

    def __init__(self, *observers: Observer, raise_later: Callable[[Exception], None]) -> None:
        self._observers = observers
        self._raise_later = raise_later
        self._instances: dict[ComponentInstance, InstanceInfo] = {}
        self._transmits: WeakKeyDictionary[object, int] = WeakKeyDictionary()

    def _tell(self, method: str, *args: object) -> None:
        """Call a method of each observer; what one raises shall not unwind a guest, and it is told nothing more."""
        for observer in self._observers:
            try:
                getattr(observer, method)(*args)
            except Exception as error:  # noqa: BLE001 - the store raises it
                self._observers = tuple(other for other in self._observers if other is not observer)
                self._raise_later(error)

    # Tasks.

    def task_created(self, task: Task) -> None:
        """Tell of a task that begins."""
        task.number = getattr(task.caller, "number", 0) or task.number or next_number()
        info = task.info = TaskInfo(task.number, _name(task), self._instance(task.inst), _parent(task))
        self._tell("task_created", info)

    def task_started(self, task: Task) -> None:
        """Tell of a task that takes its arguments."""
        if task.info is not None:
            self._tell("task_started", task.info)

    def task_returned(self, task: Task) -> None:
        """Tell of a task that has its result."""
        if task.info is not None:
            self._tell("task_returned", task.info)

    def task_cancelled(self, task: Task) -> None:
        """Tell of a task that resolved without a result."""
        if task.info is not None:
            self._tell("task_cancelled", task.info)

    def task_failed(self, task: Task, error: BaseException) -> None:
        """Tell of a task that is stopped."""
        if task.info is not None:
            self._tell("task_failed", task.info, error)

    def task_exited(self, task: Task) -> None:
        """Tell of a task without threads."""
        if task.info is not None:
            self._tell("task_exited", task.info)

    def _instance(self, inst: ComponentInstance) -> InstanceInfo:
        info = self._instances.get(inst)
        if info is None:
            info = self._instances[inst] = InstanceInfo(next_number(), inst.name)
        return info

    # Threads.

    def thread_resumed(self, thread: Thread) -> None:
        """Tell of a thread that runs."""
        info = _thread(thread)
        if info is not None:
            self._tell("thread_resumed", info)

    def thread_stopped(self, thread: Thread) -> None:
        """Tell of a thread that has stopped."""
        info = _thread(thread)
        if info is not None:
            reason = self._reason(thread)
            self._tell("thread_stopped", info, reason)

    def _reason(self, thread: Thread) -> Reason | None:
        if thread.state is ThreadState.SUSPENDED:
            return WaitsForThread()
        if thread.state is not ThreadState.WAITING:
            return None
        reason = thread.reason
        if isinstance(reason, WaitableSet):
            members = (self._waitable(waitable) for waitable in reason.elems)
            return WaitsForSet(tuple(member for member in members if member is not None))
        if isinstance(reason, ComponentInstance):
            return WaitsToEnter(reason.backpressure)
        return self._waitable(reason) or WaitsForTurn()

    def _waitable(self, waitable: Waitable | object) -> WaitsForCall | WaitsForCopy | None:
        if isinstance(waitable, Subtask):
            state = waitable.state.name.lower().replace("_", " ")
            return WaitsForCall(waitable.lowered.name, not isinstance(waitable.call, Task), state)
        if isinstance(waitable, CopyEnd):
            return WaitsForCopy(_transmit(waitable), self._transmit_number(waitable), _direction(waitable))
        return None

    # Copies.

    def start_copy(self, end: CopyEnd, inst: ComponentInstance, buffer: GuestBuffer) -> None:
        """Start a copy as `CopyEnd.copy` does, and tell what it copies."""
        current = inst.store.current
        task = None if current is None else _nearest(current.task)
        if task is not None:
            buffer = _ObservedBuffer(buffer, self, end, task)
        end.copy(inst, buffer)

    def copied(self, end: CopyEnd, task: TaskInfo, elements: int, element_size: int) -> None:
        """Tell of elements copied."""
        number = self._transmit_number(end)
        copy = CopyInfo(task, _transmit(end), number, _direction(end), elements, elements * element_size)
        self._tell("copied", copy)

    def _transmit_number(self, end: CopyEnd) -> int:
        shared: object = getattr(end, "shared", end)
        number = self._transmits.get(shared)
        if number is None:
            number = self._transmits[shared] = next_number()
        return number

    # Host functions.

    def host_call_begun(self, name: str, kind: HostCallKind, caller: Thread | None) -> HostCallInfo:
        """Tell of a call by the thread `caller`; what is returned is for `host_call_ended`."""
        call = HostCallInfo(next_number(), name, kind, None if caller is None else _nearest(caller.task))
        self._tell("host_call_begun", call)
        return call

    def host_call_ended(self, call: HostCallInfo, outcome: HostCallOutcome) -> None:
        """Tell that the call is over."""
        self._tell("host_call_ended", call, outcome)


@final
class _ObservedBuffer(GuestBuffer):
    """A buffer in a guest that tells what is copied to or from it."""

    __slots__ = ("_end", "_observation", "_task")

    def __init__(self, buffer: GuestBuffer, observation: Observation, end: CopyEnd, task: TaskInfo) -> None:
        super().__init__(buffer.payload, buffer.cx, buffer.ptr, buffer.length)
        self._observation = observation
        self._end = end
        self._task = task

    def _tell(self, count: int) -> None:
        if count:
            element_size = 0 if self.payload is None else self.payload.size
            self._observation.copied(self._end, self._task, count, element_size)

    def read(self, count: int) -> Sequence[object]:
        """As `GuestBuffer.read`."""
        values = super().read(count)
        self._tell(len(values))
        return values

    def write(self, values: Sequence[object]) -> None:
        """As `GuestBuffer.write`."""
        super().write(values)
        self._tell(len(values))

    def advance(self, count: int) -> None:
        """As `GuestBuffer.advance`."""
        super().advance(count)
        self._tell(count)


def _name(task: Task) -> str:
    """Return what a task runs: as the host looked it up, else as its component or its caller calls it."""
    caller = task.caller
    looked_up = getattr(caller, "name", None)
    if isinstance(looked_up, str):
        return looked_up
    if not task.lifted.name and isinstance(caller, Subtask):
        return caller.lowered.name
    return task.lifted.name


def _nearest(task: Task | None) -> TaskInfo | None:
    """Return the task, or what called it where it only serves a call of ``realloc`` and the like."""
    while task is not None and task.info is None:
        task = task.parent
    return None if task is None else task.info


def _parent(task: Task) -> int | None:
    parent = _nearest(task.parent)
    return None if parent is None else parent.number


def _thread(thread: Thread) -> ThreadInfo | None:
    task = thread.task
    if task.info is None:
        return None
    return ThreadInfo(task.info, 0 if thread is task.implicit_thread else thread.index)


def _transmit(end: CopyEnd) -> Literal["stream", "future"]:
    return "future" if end.kind == "future" else "stream"


def _direction(end: CopyEnd) -> Literal["read", "write"]:
    return "read" if isinstance(end, ReadableEnd) else "write"


__all__ = ["Observation"]
