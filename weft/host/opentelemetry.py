"""Tasks and host calls as OpenTelemetry spans, for ``pip install weft[otel]``.

Import this module only where it is wanted: nothing else of weft does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from weft.runtime.observer import HostCallOutcome, Observer

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from weft.runtime.observer import CopyInfo, HostCallInfo, Reason, TaskInfo, ThreadInfo


@final
class OpenTelemetryObserver(Observer):
    """Makes a span of each task, from its creation to its outcome, and of each host call in it.

    A task that a guest called has its caller's span as parent; one that the host called, the span that is current when
    the call begins. Waits and copies are events of a task's span. Pass it as ``Store(observer=...)``.

    Args:
        tracer: makes the spans; by default the one that the global provider has for weft.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = trace.get_tracer("weft") if tracer is None else tracer
        self._tasks: dict[int, Span] = {}
        self._host_calls: dict[int, Span] = {}

    def task_created(self, task: TaskInfo) -> None:
        """Start the span of the task."""
        attributes: dict[str, str | int] = {
            "weft.task": task.number,
            "weft.instance": task.instance.name or str(task.instance.number),
        }
        context = self._inside(task.parent)
        self._tasks[task.number] = self._tracer.start_span(task.name or "?", context, attributes=attributes)

    def task_returned(self, task: TaskInfo) -> None:
        """End the span of the task."""
        self._end(task, "returned")

    def task_cancelled(self, task: TaskInfo) -> None:
        """End the span of the task."""
        self._end(task, "cancelled")

    def task_failed(self, task: TaskInfo, error: BaseException) -> None:
        """End the span of the task as an error, unless it has its result."""
        span = self._tasks.get(task.number)
        if span is not None:
            span.record_exception(error)
            span.set_status(Status(StatusCode.ERROR, str(error)))
            self._end(task, "failed")

    def thread_stopped(self, thread: ThreadInfo, reason: Reason | None) -> None:
        """Note what the task waits for."""
        span = self._tasks.get(thread.task.number)
        if span is not None and reason is not None:
            span.add_event("waits", {"weft.reason": str(reason)})

    def copied(self, copy: CopyInfo) -> None:
        """Note how much was copied."""
        span = self._tasks.get(copy.task.number)
        if span is not None:
            attributes = {"weft.elements": copy.elements, "weft.bytes": copy.byte_length}
            span.add_event(f"{copy.direction} {copy.transmit}", attributes)

    def host_call_begun(self, call: HostCallInfo) -> None:
        """Start the span of the call."""
        context = self._inside(None if call.task is None else call.task.number)
        attributes = {"weft.kind": call.kind.value}
        self._host_calls[call.number] = self._tracer.start_span(call.name, context, attributes=attributes)

    def host_call_ended(self, call: HostCallInfo, outcome: HostCallOutcome) -> None:
        """End the span of the call."""
        span = self._host_calls.pop(call.number)
        span.set_attribute("weft.outcome", outcome.value)
        if outcome is HostCallOutcome.FAILED:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def _inside(self, task: int | None) -> Context | None:
        """Return the context of a task's span; None, for the present one, when there is none or it has ended."""
        span = None if task is None else self._tasks.get(task)
        return None if span is None else trace.set_span_in_context(span)

    def _end(self, task: TaskInfo, outcome: str) -> None:
        span = self._tasks.pop(task.number)
        span.set_attribute("weft.outcome", outcome)
        span.end()


__all__ = ["OpenTelemetryObserver"]
