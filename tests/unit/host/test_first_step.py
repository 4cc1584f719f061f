"""The first step of async host functions, which in asyncio is made inside the guest's call and needs no task."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from guests import POLLER, WAITER, component, engine, linker, waiter

import weft
from weft.engine.fiber import Fiber
from weft.host.host_calls import HostCall
from weft.runtime.observer import HostCallOutcome, Observer
from weft.runtime.subtask import Subtask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.runtime.observer import HostCallInfo

pytestmark = pytest.mark.anyio
ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])
STARTED, RETURNED = 1, 2

# `status` is how far a call came at once; `while` calls until that gives 0, and `while-sync` has a sync type.
LOOPER = """
(component
  (import "wait" (func $wait async (param "n" u32) (result u32)))
  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (core func $wait (canon lower (func $wait)))
  (core func $wait-async (canon lower (func $wait) async (memory (core memory $memory "memory"))))
  (core func $return (canon task.return (result u32)))
  (core module $Guest
    (import "" "wait" (func $wait (param i32) (result i32)))
    (import "" "wait-async" (func $wait_async (param i32 i32) (result i32)))
    (import "" "return" (func $return (param i32)))
    (func (export "status") (param i32)
      (call $return (i32.and (i32.const 15) (call $wait_async (local.get 0) (i32.const 16)))))
    (func $while (export "while-sync") (param i32) (result i32)
      (loop $again (br_if $again (call $wait (local.get 0))))
      (local.get 0))
    (func (export "while") (param i32) (call $return (call $while (local.get 0)))))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "wait" (func $wait)) (export "wait-async" (func $wait-async)) (export "return" (func $return))))))
  (func (export "status") async (param "n" u32) (result u32) (canon lift (core func $guest "status") async))
  (func (export "while") async (param "n" u32) (result u32) (canon lift (core func $guest "while") async))
  (func (export "while-sync") (param "n" u32) (result u32) (canon lift (core func $guest "while-sync"))))
"""

SYNC_LOOPER = """
(component
  (import "wait" (func $wait (param "n" u32) (result u32)))
  (core func $wait (canon lower (func $wait)))
  (core module $Guest
    (import "" "wait" (func $wait (param i32) (result i32)))
    (func (export "while-sync") (param i32) (result i32)
      (loop $again (br_if $again (call $wait (local.get 0))))
      (local.get 0)))
  (core instance $guest (instantiate $Guest (with "" (instance (export "wait" (func $wait))))))
  (func (export "while-sync") (param "n" u32) (result u32) (canon lift (core func $guest "while-sync"))))
"""


@pytest.fixture
def long_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no guest run for too long, however slow the machine is."""
    monkeypatch.setattr("weft.host.store.TURN_SECONDS", 60)


@pytest.fixture
def no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every guest run for too long."""
    monkeypatch.setattr("weft.host.store.TURN_SECONDS", -1)


async def call(wait: Callable[..., Any], *args: int, name: str = "while", guest: str = LOOPER) -> object:
    """Return what a function of a new instance returns whose import is `wait`."""
    async with weft.Store(engine()) as store:
        instance = await linker(concurrent={"wait": wait}).instantiate(store, component(guest))
        return await instance.get_func(name).call_async(store, *args)


# Without waiting.


@ASYNCIO
@pytest.mark.usefixtures("long_turns")
async def test_what_does_not_wait_needs_no_task() -> None:
    """Calls of a function that returns at once start no tasks, leave nothing pending and give the loop no turn."""
    seen: set[object] = set()
    turns: list[int] = []

    async def wait(accessor: weft.Accessor, n: int) -> int:
        seen.add(asyncio.current_task())
        assert not accessor.store.pending_host_tasks
        return n

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait")

        async def main(accessor: weft.Accessor) -> None:
            await func.call_concurrent(accessor, 0)
            before = asyncio.all_tasks()
            asyncio.get_running_loop().call_soon(turns.append, 1)
            for n in range(100):
                assert await func.call_concurrent(accessor, n) == n
            assert not turns
            assert asyncio.all_tasks() == before

        await store.run_concurrent(main)
    assert len(seen) == 1


@pytest.mark.usefixtures("long_turns")
async def test_the_guest_learns_that_the_call_is_over(anyio_backend_name: str) -> None:
    """In asyncio a call that needs no waiting is over when it returns to the guest; one that waits has started."""

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        if n:
            await checkpoint()
        return n

    assert await call(wait, 0, name="status") == (STARTED if anyio_backend_name == "trio" else RETURNED)
    assert await call(wait, 1, name="status") == STARTED


@pytest.mark.parametrize("waits", [False, True])
async def test_what_is_raised_surfaces(waits: bool) -> None:
    """What a function raises, at once or later, is raised from the call of the guest, and stops it."""

    class Interrupted(BaseException):
        pass

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        if waits:
            await checkpoint()
        raise Interrupted if n else ValueError("broken")

    async with waiter(wait) as (store, instance):
        with pytest.raises(ValueError, match="broken") as caught:
            await instance.get_func("wait").call_async(store, 0)
        assert caught.traceback[-1].name == "wait"
        with pytest.raises(weft.Trap):
            await instance.get_func("wait").call_async(store, 0)
    with pytest.raises(Interrupted):
        await call(wait, 1)


@ASYNCIO
async def test_a_cancellation_is_nobodys_result() -> None:
    """A function that raises a cancellation, at once or later, fails the call; who awaits it is not cancelled."""

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        if n:
            await checkpoint()
        raise asyncio.CancelledError

    for n in (0, 1):
        with pytest.raises(weft.StoreError, match="was cancelled from outside"):
            await call(wait, n)


@ASYNCIO
@pytest.mark.usefixtures("long_turns")
async def test_what_cancels_itself_and_returns_disturbs_no_other() -> None:
    """A cancellation that a function left behind does not meet the next function."""

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        task = asyncio.current_task()
        assert task is not None
        if n:
            await checkpoint()
        else:
            task.cancel()
        return n

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait")

        async def main(accessor: weft.Accessor) -> None:
            for n in (0, 1, 0, 1, 1, 0):
                assert await func.call_concurrent(accessor, n) == n
                await wait_all_tasks_blocked()

        await store.run_concurrent(main)


# The steps of one function belong together.

VARIABLE: ContextVar[int] = ContextVar("VARIABLE", default=0)


async def test_each_call_has_a_context_of_its_own() -> None:
    """A function sees the variables of who called the guest, what it sets itself in all its steps, and no other's."""
    found: list[list[int]] = []

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        values = [VARIABLE.get()]
        VARIABLE.set(n)
        for _ in range(3):
            await checkpoint()
            values.append(VARIABLE.get())
        found.append(values)
        return n

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait-stackful")

        async def main(accessor: weft.Accessor) -> None:
            VARIABLE.set(7)
            async with anyio.create_task_group() as group:
                for n in (1, 2, 3):
                    group.start_soon(func.call_concurrent, accessor, n)
            for n in (4, 5):
                await func.call_concurrent(accessor, n)
            assert VARIABLE.get() == 7

        await store.run_concurrent(main)
    assert sorted(found) == [[7, n, n, n] for n in (1, 2, 3, 4, 5)]


async def test_cancel_scopes_and_task_groups_span_the_steps() -> None:
    """What is opened before the function first waits is its own, and can be closed and cancelled afterwards."""
    ended: list[str] = []

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        with anyio.CancelScope() as outer:
            async with anyio.create_task_group() as group:
                with anyio.CancelScope() as inner:
                    group.start_soon(checkpoint)
                    inner.cancel()
                    await anyio.sleep_forever()
                ended.append("inner")
                await checkpoint()
                outer.cancel()
                await anyio.sleep_forever()
        assert outer.cancelled_caught
        with anyio.move_on_after(0):
            await anyio.sleep_forever()
        ended.append("timeout")
        await checkpoint()
        return n

    assert await call(wait, 0) == 0
    assert ended == ["inner", "timeout"]


@ASYNCIO
@pytest.mark.parametrize("turns", ["long_turns", "no_turns"])
async def test_asyncios_own_scopes_span_the_steps(turns: str, request: pytest.FixtureRequest) -> None:
    """`asyncio.timeout` and `asyncio.TaskGroup` work across the first wait, in one and the same task."""
    request.getfixturevalue(turns)

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        task = asyncio.current_task()
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await anyio.sleep_forever()
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        assert asyncio.current_task() is task
        assert task is not None
        assert not task.cancelling()
        return n

    for guest, name in ((LOOPER, "while"), (WAITER, "wait-stackful")):
        assert await call(wait, 0, name=name, guest=guest) == 0


async def test_a_function_and_guests_may_call_each_other_deeply() -> None:
    """A function that awaits a guest that calls the function, and so on, does not nest: each waits outside guests."""

    async def wait(accessor: weft.Accessor, n: int) -> int:
        return 1 + await func.call_concurrent(accessor, n - 1) if n else 0

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait-stackful")
        assert await func.call_async(store, 500) == 500


async def test_the_function_runs_outside_of_guests() -> None:
    """To an async function that has not waited yet no guest is running: it may abort the very call that led to it."""
    cancelled: list[int] = []

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        calls[0].abort()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(n)
        raise AssertionError

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait-stackful")
        calls: list[Any] = []

        async def main(accessor: weft.Accessor) -> None:
            calls.append(func.start_call_concurrent(accessor, 3))
            with pytest.raises(weft.CallAbortedError):
                await func.finish_call_concurrent(accessor, calls[0])
            await wait_all_tasks_blocked()

        await store.run_concurrent(main)
    assert cancelled == [3]


async def test_a_function_whose_caller_was_stopped_meanwhile_is_cancelled() -> None:
    """A trap in a call that the function makes in its first step stops the guest that called it, and so itself."""
    cancelled: list[int] = []

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        with pytest.raises(weft.Trap):
            instance.get_func("trap").call(store)
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(n)
        raise AssertionError

    async with waiter(wait) as (store, instance):
        with pytest.raises(weft.Trap):
            await instance.get_func("wait-stackful").call_async(store, 1)
        await wait_all_tasks_blocked()
        assert cancelled == [1]


async def test_observers_hear_of_each_call_once() -> None:
    """A call is told to begin and to end, whether it waits or not, and how it ended."""
    told: list[tuple[str, HostCallOutcome | None]] = []

    class Listener(Observer):
        def host_call_begun(self, call: HostCallInfo) -> None:
            told.append((call.name, None))

        def host_call_ended(self, call: HostCallInfo, outcome: HostCallOutcome) -> None:
            told.append((call.name, outcome))

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        if n & 1:
            await checkpoint()
        if n & 2:
            raise ValueError
        return n

    async with weft.Store(engine(), observer=Listener()) as store:
        for n in range(4):
            instance = await linker(concurrent={"wait": wait}).instantiate(store, component(WAITER))
            with suppress(ValueError):
                await instance.get_func("wait").call_async(store, n)
    returned, failed = ("wait", HostCallOutcome.RETURNED), ("wait", HostCallOutcome.FAILED)
    assert told == [("wait", None), returned] * 2 + [("wait", None), failed] * 2


# Others get their turns.


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_guest_that_calls_for_ever_lets_others_run(blocking: bool) -> None:
    """Tasks and timers of the host get their turns beside a guest that calls a function that never waits."""
    going = True

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        return int(going)

    async def stop(_accessor: weft.Accessor) -> None:
        nonlocal going
        with anyio.move_on_after(0.01):
            await anyio.sleep_forever()
        going = False

    async with weft.Store(engine()) as store:
        made, text, name = linker(concurrent={"wait": wait}), LOOPER, "while"
        if blocking:
            made, text, name = linker(blocking={"wait": wait}), SYNC_LOOPER, "while-sync"
        instance = await made.instantiate(store, component(text))

        async def main(accessor: weft.Accessor) -> None:
            accessor.spawn(stop)
            assert await instance.get_func(name).call_concurrent(accessor, 5) == 5

        await store.run_concurrent(main)
    assert not going


@ASYNCIO
@pytest.mark.parametrize("epoch_interval", [0.002])
async def test_epochs_preempt_a_guest_that_cannot_wait(epoch_interval: float) -> None:
    """A guest that may not wait calls on when its time is over; with epochs others get their turns all the same."""
    going = True

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        return int(going)

    async def stop(_accessor: weft.Accessor) -> None:
        nonlocal going
        going = False

    made_by = engine(epoch_interval)
    async with weft.Store(made_by) as store:
        instance = await linker(made_by, concurrent={"wait": wait}).instantiate(store, component(LOOPER, made_by))

        async def main(accessor: weft.Accessor) -> None:
            accessor.spawn(stop)
            with anyio.fail_after(20):
                assert await instance.get_func("while-sync").call_concurrent(accessor, 5) == 5

        await store.run_concurrent(main)


@ASYNCIO
@pytest.mark.usefixtures("no_turns")
async def test_whether_a_sync_call_traps_does_not_depend_on_the_time() -> None:
    """A guest that may not wait can call a function that does not wait, however long it has run already."""

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        return n

    assert await call(wait, 0, name="while-sync") == 0


@ASYNCIO
async def test_a_call_without_a_loop_never_begins_what_may_wait() -> None:
    """`Func.call` refuses async functions whether they would wait or not."""
    begun: list[int] = []

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        begun.append(n)
        return n

    async with waiter(wait) as (store, instance):
        with pytest.raises(weft.StoreError, match="needs an event loop"):
            instance.get_func("wait-stackful").call(store, 1)
        assert not begun


@ASYNCIO
@pytest.mark.parametrize("turns", ["long_turns", "no_turns"])
async def test_the_tasks_end_with_the_store(turns: str, request: pytest.FixtureRequest) -> None:
    """A store that is closed leaves no tasks behind: of functions that wait, that are over, or that have not begun."""
    request.getfixturevalue(turns)
    before = asyncio.all_tasks()

    async def poll(_accessor: weft.Accessor, n: int) -> int:
        if n == 2:
            await checkpoint()
        if n == 3:
            await anyio.sleep_forever()
        return n

    async with weft.Store(engine()) as store:
        made = linker(blocking={"poll": poll})
        for n in (1, 2, 3):
            instance = await made.instantiate(store, component(POLLER))
            with anyio.move_on_after(0):
                await instance.get_func("poll").call_async(store, n)
    assert asyncio.all_tasks() == before


@ASYNCIO
async def test_calls_that_are_over_are_freed_at_once() -> None:
    """No stack and no call of a host function waits for the garbage collector when it is over."""

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        await checkpoint()
        return n

    def remaining() -> int:
        return sum(isinstance(each, Fiber | HostCall | Subtask) for each in gc.get_objects())

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait-stackful")
        await func.call_async(store, 1)
        before = remaining()
        gc.disable()
        try:
            for n in range(5):
                await func.call_async(store, n)
            assert remaining() <= before
        finally:
            gc.enable()


# Plain functions that may return something to await.


async def test_a_plain_function_is_over_at_once_or_waits() -> None:
    """A call is over when it returns to the guest, on any event loop, unless there is something to await."""

    async def later(n: int) -> int:
        await checkpoint()
        return n

    def wait(_accessor: weft.Accessor, n: int) -> Awaitable[int] | int:
        return later(n) if n else n

    assert await call(wait, 0, name="status") == RETURNED
    assert await call(wait, 1, name="status") == STARTED


async def test_what_a_plain_function_raises_surfaces() -> None:
    """An exception is raised from the call of the guest, whether the function raised it or what it returned."""

    async def later(n: int) -> int:
        raise ValueError(n)

    def wait(_accessor: weft.Accessor, n: int) -> Awaitable[int]:
        if n:
            raise ValueError(n)
        return later(n)

    for n in (0, 1):
        with pytest.raises(ValueError, match=str(n)):
            await call(wait, n)


async def test_observers_hear_of_plain_functions() -> None:
    """Each call is told once, with how it ended."""
    told: list[HostCallOutcome] = []

    class Listener(Observer):
        def host_call_ended(self, _call: HostCallInfo, outcome: HostCallOutcome) -> None:
            told.append(outcome)

    async def later() -> int:
        return 0

    def wait(_accessor: weft.Accessor, n: int) -> Awaitable[int] | int:
        if n == 2:
            raise ValueError
        return later() if n else n

    async with weft.Store(engine(), observer=Listener()) as store:
        for n in range(3):
            instance = await linker(concurrent={"wait": wait}).instantiate(store, component(WAITER))
            with suppress(ValueError):
                await instance.get_func("wait").call_async(store, n)
    assert told == [HostCallOutcome.RETURNED, HostCallOutcome.RETURNED, HostCallOutcome.FAILED]


def test_a_plain_function_that_does_not_wait_needs_no_event_loop() -> None:
    """A sync function of a guest can be called without a loop as long as nothing has to be awaited."""
    with weft.Store(engine()) as store:
        made = linker(blocking={"wait": lambda _accessor, _n: 0})
        func = made.instantiate_sync(store, component(SYNC_LOOPER)).get_func("while-sync")
        assert func.call(store, 3) == 3
