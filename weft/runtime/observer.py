"""What can be seen of a store from outside: an `Observer` is told of what its tasks, copies and host calls do.

Everything told is a value: an observer never holds anything of the runtime's, and takes its own time stamps.
"""

from __future__ import annotations

import enum
from typing import Literal, Protocol, TypeAlias, final

from attrs import frozen


@final
@frozen
class InstanceInfo:
    """A component instance.

    Attributes:
        number: identifies it in this process.
        name: its name in the component that it is a part of; empty for what the embedder instantiated.
    """

    number: int
    name: str


@final
@frozen
class TaskInfo:
    """A call of a guest's function.

    Attributes:
        number: identifies it in this process; for a call that the host made it is `Call.task`.
        name: the function, as its caller or its component calls it; empty when neither has a name for it.
        instance: where it runs.
        parent: the number of the task that called, or None for a call by the host.
    """

    number: int
    name: str
    instance: InstanceInfo
    parent: int | None


@final
@frozen
class ThreadInfo:
    """A thread of a task.

    Attributes:
        task: the task.
        index: 0 for the thread that the task began with, else the thread's index in its instance.
    """

    task: TaskInfo
    index: int


# Why a thread stopped.


@final
@frozen
class WaitsForCall:
    """It waits for a call that it made.

    Attributes:
        name: the function called.
        of_host: whether that is a host function.
        state: how far the call has come, in the specification's words.
    """

    name: str
    of_host: bool
    state: str

    def __str__(self) -> str:
        return f"call of {'host function ' if self.of_host else ''}{self.name or '?'} ({self.state})"


@final
@frozen
class WaitsForCopy:
    """It waits for a read or a write.

    Attributes:
        transmit: what it reads or writes.
        transmit_number: identifies the stream or future in this process.
        direction: which of both it does.
    """

    transmit: Literal["stream", "future"]
    transmit_number: int
    direction: Literal["read", "write"]

    def __str__(self) -> str:
        return f"{self.direction} of {self.transmit} {self.transmit_number}"


@final
@frozen
class WaitsForSet:
    """It waits for an event of a waitable set.

    Attributes:
        members: what is in the set when the wait begins.
    """

    members: tuple[WaitsForCall | WaitsForCopy, ...]

    def __str__(self) -> str:
        return f"set of {', '.join(map(str, self.members)) or 'nothing'}"


@final
@frozen
class WaitsToEnter:
    """Its task waits to be let into the instance.

    Attributes:
        backpressure: the instance's backpressure counter; 0 when only others are before it.
    """

    backpressure: int

    def __str__(self) -> str:
        return f"backpressure ({self.backpressure})" if self.backpressure else "others in its instance"


@final
@frozen
class WaitsForTurn:
    """It let others run first, and goes on by itself."""

    def __str__(self) -> str:
        return "its turn"


@final
@frozen
class WaitsForThread:
    """It is suspended until another thread resumes it."""

    def __str__(self) -> str:
        return "another thread"


Reason: TypeAlias = WaitsForCall | WaitsForCopy | WaitsForSet | WaitsToEnter | WaitsForTurn | WaitsForThread


@final
@frozen
class CopyInfo:
    """Elements that went into or out of a guest's memory.

    A copy between two guests is told of twice: first for the writer, then for the reader.

    Attributes:
        task: the task that reads or writes.
        transmit: through what.
        transmit_number: identifies the stream or future in this process.
        direction: whether the task reads or writes.
        elements: how many.
        byte_length: how many bytes of the task's memory they take.
    """

    task: TaskInfo
    transmit: Literal["stream", "future"]
    transmit_number: int
    direction: Literal["read", "write"]
    elements: int
    byte_length: int


@final
class HostCallKind(enum.Enum):
    """How a host function runs."""

    SYNC = "sync"
    BLOCKING = "blocking"
    CONCURRENT = "concurrent"


@final
class HostCallOutcome(enum.Enum):
    """How a call of a host function ended."""

    RETURNED = "returned"
    CANCELLED = "cancelled"
    FAILED = "failed"


@final
@frozen
class HostCallInfo:
    """A guest's call of a host function.

    Attributes:
        number: identifies it in this process.
        name: the import.
        kind: how the function runs; a sync one is over before its task goes on.
        task: who calls; None where no task does, as in a start function.
    """

    number: int
    name: str
    kind: HostCallKind
    task: TaskInfo | None


class Observer(Protocol):
    """Is told what happens in a store, when it happens, on the store's thread.

    Derive from it and implement what is wanted. The methods must not call into the store. What one raises fails the
    store's loop, or else the end of the store, and not the guest; after that the observer is told nothing more.
    """

    # Each body returns, lest type checkers take the method for one that must be implemented.

    def task_created(self, task: TaskInfo) -> None:
        """Learn of a call; its function has not begun to run."""
        return

    def task_started(self, task: TaskInfo) -> None:
        """Learn that the instance took the task: its arguments are lowered now."""
        return

    def task_returned(self, task: TaskInfo) -> None:
        """Learn that the task has its result; it may go on to run."""
        return

    def task_cancelled(self, task: TaskInfo) -> None:
        """Learn that the task ended its call without a result, as it was asked to."""
        return

    def task_failed(self, task: TaskInfo, error: BaseException) -> None:
        """Learn that the task was stopped, by an error of its own or of another task of its component."""
        return

    def task_exited(self, task: TaskInfo) -> None:
        """Learn that the last thread of the task has ended, and nothing of it is left."""
        return

    def thread_resumed(self, thread: ThreadInfo) -> None:
        """Learn that a thread runs now; those that ran before wait inside a call until it stops."""
        return

    def thread_stopped(self, thread: ThreadInfo, reason: Reason | None) -> None:
        """Learn that a thread has stopped and why, or, with None, that it has ended."""
        return

    def copied(self, copy: CopyInfo) -> None:
        """Learn that elements of a stream, or the value of a future, were copied."""
        return

    def host_call_begun(self, call: HostCallInfo) -> None:
        """Learn that a guest calls a host function."""
        return

    def host_call_ended(self, call: HostCallInfo, outcome: HostCallOutcome) -> None:
        """Learn that the host function is done."""
        return


__all__ = [
    "CopyInfo",
    "HostCallInfo",
    "HostCallKind",
    "HostCallOutcome",
    "InstanceInfo",
    "Observer",
    "Reason",
    "TaskInfo",
    "ThreadInfo",
    "WaitsForCall",
    "WaitsForCopy",
    "WaitsForSet",
    "WaitsForThread",
    "WaitsForTurn",
    "WaitsToEnter",
]
