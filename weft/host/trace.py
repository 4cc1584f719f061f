"""Traces: a timeline of tasks, copies and host calls, for Perfetto or chrome://tracing.

A component instance is a process and each thread of a task a track in it. A track has a slice for each time the thread
ran, and one for each wait, named by what it waited for. The call as such, from its creation to its result, is a span
above the tracks. Copies are instants, and an arrow goes from who wrote to who read.

Source: the Trace Event Format of Chrome's trace viewer, JSON.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, final

from weft.runtime.observer import HostCallKind, HostCallOutcome, Observer, ThreadInfo

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from types import TracebackType

    from weft.runtime.observer import CopyInfo, HostCallInfo, InstanceInfo, Reason, TaskInfo

_HOST = 0
"""The process of host calls that no task made."""


@final
class _Track:
    """A track, and the slice that is open on it."""

    __slots__ = ("args", "category", "name", "since", "tid")

    def __init__(self, tid: int) -> None:
        self.tid = tid
        self.since: float | None = None
        self.name = ""
        self.category = ""
        self.args: dict[str, Any] = {}


@final
class TraceWriter(Observer):
    """Writes a trace while a store runs; the file is complete after `close`, which the store does that was given it.

    Should the file not take what is written, the guests go on, and `close` raises the error.

    Args:
        path: the file to write, which is replaced.
        clock: gives the time in nanoseconds; only differences matter.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self.path = Path(path)
        self._clock = clock
        self._file: IO[str] | None = self.path.open("w", encoding="utf-8")
        self._put: Callable[[str], int] = self._file.write
        self._error: OSError | None = None
        self._separator = "[\n"
        self._start_ns = clock()
        self._pids: dict[int, int] = {}
        self._tids: dict[tuple[int, int], int] = {}
        self._tracks: dict[tuple[int, int], _Track] = {}
        self._spans: dict[int, TaskInfo] = {}
        self._host_calls: dict[int, tuple[int, float]] = {}
        self._num_host_calls = 0
        self._written: dict[int, tuple[float, int, int]] = {}
        self._flows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is still open as ending now, and complete the file. Closing twice is fine.

        Raises:
            OSError: something could not be written, now or before.
        """
        if self._file is None:
            return
        now = self._now()
        for task in list(self._spans.values()):
            self._end_span(task, "unfinished", now)
            self._forget(task, now)
        self._write_text("\n]\n" if self._separator == ",\n" else "[]\n")
        file, self._file = self._file, None
        try:
            file.close()
        except OSError as error:
            self._error = self._error or error
        if self._error is not None:
            raise self._error

    # `Observer`.

    def task_created(self, task: TaskInfo) -> None:
        """Begin the span of the call."""
        pid = self._pid(task.instance)
        tid = self._tids[task.number, 0] = len(self._tids) + 1
        name = task.name or "?"
        self._spans[task.number] = task
        self._metadata("thread_name", pid, tid, f"{name} #{tid}")
        args = {} if task.parent is None else {"parent": self._tids.get((task.parent, 0))}
        self._span(task, "b", self._now(), args=args)

    def task_started(self, task: TaskInfo) -> None:
        """Mark the start in the span."""
        pid, tid = self._place(task)
        self._event("n", "started", "task", self._now(), pid, tid, id=f"task-{tid}")

    def task_returned(self, task: TaskInfo) -> None:
        """End the span of the call."""
        self._end_span(task, "returned", self._now())

    def task_cancelled(self, task: TaskInfo) -> None:
        """End the span of the call."""
        self._end_span(task, "cancelled", self._now())

    def task_failed(self, task: TaskInfo, error: BaseException) -> None:
        """End the span of the call and whatever its threads were at."""
        now = self._now()
        self._end_span(task, "failed", now, error=f"{type(error).__name__}: {error}")
        self._forget(task, now)

    def task_exited(self, task: TaskInfo) -> None:
        """Note nothing: the slices tell how long the threads ran."""

    def thread_resumed(self, thread: ThreadInfo) -> None:
        """End the slice of a wait and begin one of running."""
        now = self._now()
        track = self._track(thread)
        self._end_slice(thread.task, track, now)
        track.since, track.name, track.category, track.args = now, thread.task.name or "?", "running", {}

    def thread_stopped(self, thread: ThreadInfo, reason: Reason | None) -> None:
        """End the slice of running and, but at the end of a thread, begin one of waiting."""
        now = self._now()
        track = self._track(thread)
        self._end_slice(thread.task, track, now)
        if reason is None:
            del self._tracks[thread.task.number, thread.index]
        else:
            track.since, track.name, track.category = now, f"waits for {reason}", "waiting"
            track.args = {"reason": type(reason).__name__}

    def copied(self, copy: CopyInfo) -> None:
        """Mark the copy; with the other side's, draw an arrow."""
        now, pid, tid = self._now(), *self._place(copy.task)
        what = f"{copy.direction} {copy.transmit}"
        args = {"elements": copy.elements, "bytes": copy.byte_length, copy.transmit: copy.transmit_number}
        self._event("i", what, "copy", now, pid, tid, s="t", args=args)
        if copy.direction == "write":
            self._written[copy.transmit_number] = now, pid, tid
        elif (written := self._written.pop(copy.transmit_number, None)) is not None:
            self._flows += 1
            self._event("s", copy.transmit, "copy", *written, id=self._flows)
            self._event("f", copy.transmit, "copy", now, pid, tid, id=self._flows, bp="e")

    def host_call_begun(self, call: HostCallInfo) -> None:
        """Begin a slice of the task, or a span beside it."""
        now = self._now()
        self._num_host_calls += 1
        self._host_calls[call.number] = self._num_host_calls, now
        if call.kind is not HostCallKind.SYNC:
            self._host_span(call, "b", now, self._num_host_calls)

    def host_call_ended(self, call: HostCallInfo, outcome: HostCallOutcome) -> None:
        """End it."""
        now = self._now()
        number, since = self._host_calls.pop(call.number)
        args = {"kind": call.kind.value, "outcome": outcome.value}
        if call.kind is HostCallKind.SYNC:
            self._slice(call.name, "host", since, now, self._place(call.task), args)
        else:
            self._host_span(call, "e", now, number, args=args)

    # Spans and slices.

    def _span(self, task: TaskInfo, phase: str, now: float, **more: Any) -> None:
        pid, tid = self._place(task)
        self._event(phase, task.name or "?", "task", now, pid, tid, id=f"task-{tid}", **more)

    def _host_span(self, call: HostCallInfo, phase: str, now: float, number: int, **more: Any) -> None:
        self._event(phase, call.name, "host", now, *self._place(call.task), id=f"host-{number}", **more)

    def _end_span(self, task: TaskInfo, outcome: str, now: float, **args: str) -> None:
        if self._spans.pop(task.number, None) is not None:
            self._span(task, "e", now, args={"outcome": outcome, **args})

    def _slice(
        self, name: str, category: str, since: float, now: float, place: tuple[int, int], args: dict[str, Any]
    ) -> None:
        self._event("X", name, category, since, *place, dur=round(now - since, 3), args=args)

    def _end_slice(self, task: TaskInfo, track: _Track, now: float) -> None:
        if track.since is not None:
            place = self._pid(task.instance), track.tid
            self._slice(track.name, track.category, track.since, now, place, track.args)
            track.since = None

    def _forget(self, task: TaskInfo, now: float) -> None:
        for key in [key for key in self._tracks if key[0] == task.number]:
            self._end_slice(task, self._tracks.pop(key), now)

    # Where things go.

    def _now(self) -> float:
        """Return the time in microseconds, the unit of the format."""
        return (self._clock() - self._start_ns) / 1000

    def _pid(self, instance: InstanceInfo) -> int:
        pid = self._pids.get(instance.number)
        if pid is None:
            pid = self._pids[instance.number] = len(self._pids) + 1
            self._metadata("process_name", pid, 0, f"instance {instance.name or pid}")
        return pid

    def _place(self, task: TaskInfo | None) -> tuple[int, int]:
        return (_HOST, 0) if task is None else (self._pid(task.instance), self._tids[task.number, 0])

    def _track(self, thread: ThreadInfo) -> _Track:
        key = thread.task.number, thread.index
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = _Track(self._tid(thread, key))
        return track

    def _tid(self, thread: ThreadInfo, key: tuple[int, int]) -> int:
        tid = self._tids.get(key)
        if tid is None:
            pid, of_task = self._place(thread.task)
            tid = self._tids[key] = len(self._tids) + 1
            name = f"{thread.task.name or '?'} #{of_task}, thread {thread.index}"
            self._metadata("thread_name", pid, tid, name)
        return tid

    def _metadata(self, name: str, pid: int, tid: int, value: str) -> None:
        self._write({"ph": "M", "name": name, "pid": pid, "tid": tid, "args": {"name": value}})

    def _event(self, phase: str, name: str, category: str, ts: float, pid: int, tid: int, **more: Any) -> None:
        self._write({"ph": phase, "name": name, "cat": category, "ts": ts, "pid": pid, "tid": tid, **more})

    def _write(self, event: dict[str, Any]) -> None:
        self._write_text(self._separator + json.dumps(event))
        self._separator = ",\n"

    def _write_text(self, text: str) -> None:
        if self._file is None or self._error is not None:
            return
        try:
            self._put(text)
        except OSError as error:
            self._error = error


__all__ = ["TraceWriter"]
