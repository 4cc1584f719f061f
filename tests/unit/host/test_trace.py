"""Traces: the spans, slices and arrows of what guests did, as a viewer finds them."""

from __future__ import annotations

import itertools
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from guests import ASKER, POLLER, WAITER, component, engine, linker

import weft
from weft.runtime.observer import CopyInfo, HostCallInfo, HostCallKind, HostCallOutcome, TaskInfo

if TYPE_CHECKING:
    from pathlib import Path

Events = list[dict[str, Any]]

# Two components: the first makes a stream of bytes and writes 5 of them, the second reads it.
PIPE = """
(component
  (component $Writer
    (type $bytes (stream u8))
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core func $new (canon stream.new $bytes))
    (core func $write (canon stream.write $bytes async (memory (core memory $memory "memory"))))
    (core func $return (canon task.return (result $bytes)))
    (core func $set-new (canon waitable-set.new))
    (core func $set-wait (canon waitable-set.wait (memory (core memory $memory "memory"))))
    (core func $join (canon waitable.join))
    (core module $Guest
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32 i32) (result i32)))
      (import "" "return" (func $return (param i32)))
      (import "" "set-new" (func $set_new (result i32)))
      (import "" "set-wait" (func $set_wait (param i32 i32) (result i32)))
      (import "" "join" (func $join (param i32 i32)))
      (func (export "give")
        (local $ends i64) (local $writable i32) (local $set i32)
        (local.set $ends (call $new))
        (local.set $writable (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (call $return (i32.wrap_i64 (local.get $ends)))
        (drop (call $write (local.get $writable) (i32.const 64) (i32.const 5)))
        (local.set $set (call $set_new))
        (call $join (local.get $writable) (local.get $set))
        (drop (call $set_wait (local.get $set) (i32.const 32)))))
    (core instance $guest (instantiate $Guest (with "" (instance
      (export "new" (func $new))
      (export "write" (func $write))
      (export "return" (func $return))
      (export "set-new" (func $set-new))
      (export "set-wait" (func $set-wait))
      (export "join" (func $join))))))
    (func (export "give") async (result $bytes) (canon lift (core func $guest "give") async)))
  (component $Reader
    (type $bytes (stream u8))
    (import "give" (func $give async (result $bytes)))
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core func $give (canon lower (func $give)))
    (core func $read (canon stream.read $bytes (memory (core memory $memory "memory"))))
    (core func $return (canon task.return (result u32)))
    (core module $Guest
      (import "" "give" (func $give (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      (import "" "return" (func $return (param i32)))
      (func (export "take") (call $return (call $read (call $give) (i32.const 64) (i32.const 16)))))
    (core instance $guest (instantiate $Guest (with "" (instance
      (export "give" (func $give))
      (export "read" (func $read))
      (export "return" (func $return))))))
    (func (export "take") async (result u32) (canon lift (core func $guest "take") async)))
  (instance $writer (instantiate $Writer))
  (instance $reader (instantiate $Reader (with "give" (func $writer "give"))))
  (export "give" (func $writer "give"))
  (export "take" (func $reader "take")))
"""


# Two components: the second calls a sync function of the first, where nobody need know of it.
NESTED = """
(component
  (component $Adder
    (core module $Guest
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
    (core instance $guest (instantiate $Guest))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $guest "add"))))
  (component $Twice
    (import "add" (func $add (param "a" u32) (param "b" u32) (result u32)))
    (core func $add (canon lower (func $add)))
    (core module $Guest
      (import "" "add" (func $add (param i32 i32) (result i32)))
      (func (export "twice") (param i32) (result i32) (call $add (local.get 0) (local.get 0))))
    (core instance $guest (instantiate $Guest (with "" (instance (export "add" (func $add))))))
    (func (export "twice") (param "n" u32) (result u32) (canon lift (core func $guest "twice"))))
  (instance $adder (instantiate $Adder))
  (instance $twice (instantiate $Twice (with "add" (func $adder "add"))))
  (export "twice" (func $twice "twice")))
"""


@pytest.fixture
def trace(tmp_path: Path) -> weft.TraceWriter:
    """Return a writer whose clock goes on by one microsecond whenever it is read."""
    ticks = itertools.count(step=1000)
    return weft.TraceWriter(tmp_path / "trace.json", clock=lambda: next(ticks))


def events(trace: weft.TraceWriter) -> Events:
    found: Events = json.loads(trace.path.read_text())
    return found


def chosen(found: Events, **wanted: object) -> Events:
    return [event for event in found if all(event.get(key) == value for key, value in wanted.items())]


async def nap(_accessor: weft.Accessor, n: int) -> int:
    await anyio.lowlevel.checkpoint()
    return n


@pytest.mark.anyio
async def test_three_tasks(trace: weft.TraceWriter) -> None:
    """Each of three concurrent calls has a span from creation to result, and slices that do not overlap."""
    async with weft.Store(engine(), trace=trace) as store:
        instance = await linker(concurrent={"wait": nap}).instantiate(store, component(WAITER))
        func = instance.get_func("wait-on-set")

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                for n in range(3):
                    group.start_soon(func.call_concurrent, accessor, n)

        await store.run_concurrent(main)
    found = events(trace)
    begins, ends = chosen(found, ph="b", cat="task"), chosen(found, ph="e", cat="task")
    assert len({begin["id"] for begin in begins}) == len(begins) == 3
    assert [end["args"] for end in ends] == [{"outcome": "returned"}] * 3
    for begin in begins:
        slices = sorted(chosen(found, ph="X", tid=begin["tid"]), key=lambda event: event["ts"])
        assert [each["cat"] for each in slices] == ["running", "waiting", "running"]
        assert slices[1]["name"] == "waits for set of call of host function wait (started)"
        for before, after in itertools.pairwise(slices):
            assert before["ts"] + before["dur"] <= after["ts"]
    hosts = chosen(found, ph="e", cat="host")
    assert [host["args"] for host in hosts] == [{"kind": "concurrent", "outcome": "returned"}] * 3


def test_sync_calls(trace: weft.TraceWriter) -> None:
    """Calls that otherwise need no task have a span too, and the host function inside is a slice inside."""
    with weft.Store(engine(), trace=trace) as store:
        made = linker(sync={"nothing": lambda _: None, "number": lambda _, n: n, "maybe": lambda _, n: n})
        instance = made.instantiate_sync(store, component(ASKER))
        assert instance.get_func("number").call(store, 7) == 7
        assert instance.get_func("maybe").call(store, 8) == 8
    found = events(trace)
    for name in ("number", "maybe"):
        (guest,) = chosen(found, ph="X", cat="running", name=name)
        (host,) = chosen(found, ph="X", cat="host", name=name)
        assert guest["tid"] == host["tid"]
        assert guest["ts"] < host["ts"] < host["ts"] + host["dur"] < guest["ts"] + guest["dur"]
        assert host["args"] == {"kind": "sync", "outcome": "returned"}


def test_sync_calls_between_guests(trace: weft.TraceWriter) -> None:
    """A sync call of another guest has a span too, with its caller as parent, and runs inside the caller's slice."""
    with weft.Store(engine(), trace=trace) as store:
        assert linker().instantiate_sync(store, component(NESTED)).get_func("twice").call(store, 21) == 42
    found = events(trace)
    outer, inner = chosen(found, ph="b")
    assert (outer["name"], inner["name"], inner["args"]) == ("twice", "add", {"parent": outer["tid"]})
    (twice,), (add,) = (chosen(found, ph="X", name=name) for name in ("twice", "add"))
    assert twice["pid"] != add["pid"]
    assert twice["ts"] < add["ts"] < add["ts"] + add["dur"] < twice["ts"] + twice["dur"]


def test_a_refused_argument_and_a_trap(trace: weft.TraceWriter) -> None:
    """Calls that fail raise what they raise unobserved, and their spans end as failed."""
    with weft.Store(engine(), trace=trace) as store:
        instance = linker(concurrent={"wait": nap}).instantiate_sync(store, component(WAITER))
        with pytest.raises(weft.LowerError):
            instance.get_func("add").call(store, 1, -1)
        assert instance.get_func("add").call(store, 1, 1) == 2
        with pytest.raises(weft.Trap):
            instance.get_func("trap").call(store)
        with pytest.raises(weft.Trap) as caught:
            instance.get_func("add").call(store, 1, 1)
        assert caught.value.code is weft.TrapCode.CANNOT_ENTER_COMPONENT
    outcomes = [end["args"]["outcome"] for end in chosen(events(trace), ph="e")]
    assert outcomes == ["failed", "returned", "failed"]


@pytest.mark.anyio
async def test_host_functions_that_fail_or_are_cancelled(trace: weft.TraceWriter) -> None:
    """The end of a host call says how it ended."""

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        if n == 5:
            raise ZeroDivisionError
        await anyio.sleep_forever()
        raise AssertionError

    async with weft.Store(engine(), trace=trace) as store:
        instance = await linker(concurrent={"wait": wait}).instantiate(store, component(WAITER))
        await instance.get_func("start-and-cancel").call_async(store, 0)
        with pytest.raises(ZeroDivisionError):
            await instance.get_func("wait").call_async(store, 5)
    found = events(trace)
    assert [end["args"]["outcome"] for end in chosen(found, ph="e", cat="host")] == ["cancelled", "failed"]
    assert [end["args"]["outcome"] for end in chosen(found, ph="e", cat="task")] == ["returned", "failed"]


@pytest.mark.anyio
async def test_blocking_host_functions(trace: weft.TraceWriter) -> None:
    """A sync call that waits for the host shows the wait, and the host's part as a span."""
    async with weft.Store(engine(), trace=trace) as store:
        instance = await linker(blocking={"poll": nap}).instantiate(store, component(POLLER))
        assert await instance.get_func("poll").call_async(store, 1) == 2
    found = events(trace)
    assert [end["args"]["kind"] for end in chosen(found, ph="e", cat="host")] == ["blocking"]
    assert [each["name"] for each in chosen(found, cat="waiting")] == ["waits for call of host function poll (started)"]


def test_a_stream_between_guests(trace: weft.TraceWriter) -> None:
    """A copy is marked on both sides with its elements and bytes, and an arrow leads from writer to reader."""
    with weft.Store(engine(), trace=trace) as store:
        instance = linker().instantiate_sync(store, component(PIPE))
        assert instance.get_func("take").call(store) == 5 << 4
    found = events(trace)
    write, read = chosen(found, ph="i")
    assert (write["name"], read["name"]) == ("write stream", "read stream")
    assert write["args"] == read["args"]
    assert (write["args"]["elements"], write["args"]["bytes"]) == (5, 5)
    (start,), (finish,) = chosen(found, ph="s"), chosen(found, ph="f")
    assert start["id"] == finish["id"]
    assert (start["pid"], finish["pid"]) == (write["pid"], read["pid"])
    assert start["ts"] <= finish["ts"]
    names = {event["args"]["name"] for event in chosen(found, ph="M", name="process_name")}
    assert names == {"instance writer", "instance reader"}


@pytest.mark.anyio
async def test_streams_of_the_host(trace: weft.TraceWriter) -> None:
    """What a guest writes to the host is marked once, without an arrow."""
    async with weft.Store(engine(), trace=trace) as store:
        instance = await linker().instantiate(store, component(PIPE))

        async def main(accessor: weft.Accessor) -> bytes:
            reader = await instance.get_func("give").call_concurrent(accessor)
            data: bytes = await reader.read(accessor, 16)
            reader.close(accessor)
            return data

        assert await store.run_concurrent(main) == bytes(5)
    found = events(trace)
    assert [event["args"]["bytes"] for event in chosen(found, ph="i")] == [5]
    assert not chosen(found, ph="s")


def test_what_is_unfinished_at_the_end(trace: weft.TraceWriter) -> None:
    """Closing the store ends every span and slice, and leaves a whole JSON document."""
    with weft.Store(engine(), trace=trace) as store:
        instance = linker(concurrent={"wait": nap}).instantiate_sync(store, component(WAITER))
        with pytest.raises(weft.DeadlockError):
            instance.get_func("stuck").call(store, 1)
    found = events(trace)
    assert [end["args"]["outcome"] for end in chosen(found, ph="e")] == ["failed"]
    assert [each["name"] for each in chosen(found, cat="waiting")] == ["waits for set of nothing"]


def test_a_writer_closed_early(trace: weft.TraceWriter) -> None:
    """A writer may be closed before its store: what is open ends, and what comes later is not written."""
    with weft.Store(engine(), trace=trace) as store:
        instance = linker(concurrent={"wait": nap}).instantiate_sync(store, component(WAITER))
        with pytest.raises(weft.DeadlockError):
            instance.get_func("stuck").call(store, 1)
        trace.close()
        assert [end["args"]["outcome"] for end in chosen(events(trace), ph="e")] == ["unfinished"]
        assert instance.get_func("add").call(store, 1, 1) == 2
    assert len(chosen(events(trace), ph="b")) == 1


def test_an_empty_trace(trace: weft.TraceWriter) -> None:
    """A store in which nothing happened gives an empty list; closing twice is fine."""
    with trace:
        weft.Store(engine(), trace=trace).close()
    assert events(trace) == []


def test_traces_of_an_engine(tmp_path: Path) -> None:
    """`Config.trace` gives each store of the engine a file of its own."""
    made = weft.Engine(weft.Config(cache_dir=None, trace=tmp_path / "out.json"))
    for _ in range(2):
        with weft.Store(made) as store:
            instance = linker(made, concurrent={"wait": nap}).instantiate_sync(store, component(WAITER, made))
            instance.get_func("add").call(store, 1, 1)
    for name in ("out.json", "out-2.json"):
        assert len(chosen(json.loads((tmp_path / name).read_text()), ph="b")) == 1


class Counter(weft.Observer):
    def __init__(self) -> None:
        self.created: list[TaskInfo] = []
        self.copies: list[CopyInfo] = []
        self.calls: list[tuple[HostCallInfo, HostCallOutcome]] = []

    def task_created(self, task: TaskInfo) -> None:
        self.created.append(task)

    def copied(self, copy: CopyInfo) -> None:
        self.copies.append(copy)

    def host_call_ended(self, call: HostCallInfo, outcome: HostCallOutcome) -> None:
        self.calls.append((call, outcome))


def test_an_observer_of_ones_own(trace: weft.TraceWriter) -> None:
    """An observer beside a trace is told the same; it implements what it wants."""
    counter = Counter()
    with weft.Store(engine(), observer=counter, trace=trace) as store:
        made = linker(sync={"nothing": lambda _: None, "number": lambda _, n: n, "maybe": lambda _, n: n})
        made.instantiate_sync(store, component(ASKER)).get_func("number").call(store, 7)
        linker().instantiate_sync(store, component(PIPE)).get_func("take").call(store)
    assert [task.name for task in counter.created] == ["number", "take", "give"]
    assert counter.created[2].parent == counter.created[1].number
    ((call, outcome),) = counter.calls
    assert (call.name, call.kind, call.task) == ("number", HostCallKind.SYNC, counter.created[0])
    assert outcome is HostCallOutcome.RETURNED
    assert [(copy.direction, copy.elements) for copy in counter.copies] == [("write", 5), ("read", 5)]
    assert len(chosen(events(trace), ph="b")) == 3


class Broken(weft.Observer):
    """An observer whose method `name` raises, and what it was told."""

    def __init__(self, name: str) -> None:
        self.told: list[str] = []
        for method in ("task_created", "thread_resumed", "thread_stopped", "host_call_begun", "task_exited"):
            setattr(self, method, partial(self._learn, method, fails=method == name))

    def _learn(self, method: str, *_args: object, fails: bool) -> None:
        self.told.append(method)
        if fails:
            raise ZeroDivisionError


BROKEN = pytest.mark.parametrize(
    "name", ["task_created", "thread_resumed", "thread_stopped", "host_call_begun", "task_exited"]
)


@BROKEN
@pytest.mark.anyio
async def test_what_an_observer_raises_fails_the_loop_and_no_guest(name: str) -> None:
    """The loop raises the error, once; the guest has its result all the same, and the observer hears no more."""
    broken = Broken(name)
    results: list[int] = []

    async def sleep(accessor: weft.Accessor) -> None:
        results.append(await func.call_concurrent(accessor, 5))
        await anyio.sleep_forever()

    async with weft.Store(engine(), observer=broken) as store:
        instance = await linker(concurrent={"wait": nap}).instantiate(store, component(WAITER))
        func = instance.get_func("wait-stackful")
        with pytest.raises(ZeroDivisionError):
            await store.run_concurrent(sleep)
        assert broken.told[-1] == name
        told = len(broken.told)
        assert await func.call_async(store, 6) == 6
        assert len(broken.told) == told


@BROKEN
def test_what_an_observer_raises_comes_at_the_end_without_a_loop(name: str) -> None:
    """Where no loop runs any more, the end of the store raises the error."""
    results: list[int] = []

    def run(store: weft.Store) -> None:
        with store:
            instance = linker(sync={"wait": lambda _store, n: n}).instantiate_sync(store, component(WAITER))
            results.append(instance.get_func("wait-stackful").call(store, 5))

    with pytest.raises(ZeroDivisionError):
        run(weft.Store(engine(), observer=Broken(name)))
    assert results == [5]


def test_a_full_disk(trace: weft.TraceWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that takes nothing more does not disturb the guests; the end of the store says so."""
    store = weft.Store(engine(), trace=trace)
    instance = linker(concurrent={"wait": nap}).instantiate_sync(store, component(WAITER))

    def full(_text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trace, "_put", full)
    assert instance.get_func("add").call(store, 1, 1) == 2
    with pytest.raises(OSError, match="No space"):
        store.close()
    assert store.closed
