"""The OpenTelemetry bridge: which spans calls make, and how they hang together."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from guests import WAITER, component, engine, linker

import weft

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from weft.host.opentelemetry import OpenTelemetryObserver

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


async def nap(_accessor: weft.Accessor, n: int) -> int:
    await anyio.lowlevel.checkpoint()
    return n


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def observer(exporter: InMemorySpanExporter) -> OpenTelemetryObserver:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return OpenTelemetryObserver(provider.get_tracer("test"))


def outcomes(spans: tuple[ReadableSpan, ...]) -> list[tuple[str, object]]:
    return [(span.name, (span.attributes or {})["weft.outcome"]) for span in spans]


@pytest.mark.anyio
async def test_a_call_and_what_it_calls(observer: OpenTelemetryObserver, exporter: InMemorySpanExporter) -> None:
    """A task's span contains that of the host function it calls, and an event for the wait."""
    async with weft.Store(engine(), observer=observer) as store:
        instance = await linker(concurrent={"wait": nap}).instantiate(store, component(WAITER))
        assert await instance.get_func("wait").call_async(store, 3) == 3
    host, task = exporter.get_finished_spans()
    assert outcomes((host, task)) == [("wait", "returned")] * 2
    assert host.parent is not None
    assert task.context is not None
    assert host.parent.span_id == task.context.span_id
    assert [(event.name, dict(event.attributes or {})) for event in task.events] == [
        ("waits", {"weft.reason": "call of host function wait (started)"})
    ]


@pytest.mark.anyio
async def test_guests_that_call_guests(observer: OpenTelemetryObserver, exporter: InMemorySpanExporter) -> None:
    """A task of another guest has its caller's span as parent."""
    async with weft.Store(engine(), observer=observer) as store:
        inner = await linker(concurrent={"wait": nap}).instantiate(store, component(WAITER))
        made = weft.Linker(engine())
        made.root.define("wait", inner.get("wait-stackful"))
        outer = await made.instantiate(store, component(WAITER))
        assert await outer.get_func("wait").call_async(store, 3) == 3

    parents = {span.context.span_id: span.parent for span in exporter.get_finished_spans() if span.context}
    assert sorted(parent is None for parent in parents.values()) == [False, False, True]


def test_a_trap(observer: OpenTelemetryObserver, exporter: InMemorySpanExporter) -> None:
    """A trap is an error of the span, with the exception as an event."""
    with weft.Store(engine(), observer=observer) as store:
        instance = linker(concurrent={"wait": nap}).instantiate_sync(store, component(WAITER))
        with pytest.raises(weft.Trap):
            instance.get_func("trap").call(store)
    (span,) = exporter.get_finished_spans()
    assert outcomes((span,)) == [("trap", "failed")]
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]


def test_it_is_imported_only_when_asked_for() -> None:
    """`import weft` does not import OpenTelemetry."""
    code = "import sys, weft; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
