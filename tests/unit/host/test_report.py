"""Deadlock reports: one line for each blocked task, with what it waits for."""

from __future__ import annotations

import anyio
import pytest
from guests import POLLER, WAITER, component, engine, linker, unused, waiter

import weft

pytestmark = pytest.mark.anyio

STUCK = "task of `stuck` waits for an event of a waitable set, in which there is nothing"

READS = (
    "task of `read-own-stream` waits for its read of a stream "
    "(handle 1; the other end is handle 2 of the same instance, idle)"
)


async def report(store: weft.Store, func: weft.Func, *args: int) -> list[str]:
    with pytest.raises(weft.DeadlockError) as caught:
        await func.call_async(store, *args)
    assert caught.value.code is weft.TrapCode.ASYNC_DEADLOCK
    assert str(caught.value).splitlines()[1:] == [f"  {line}" for line in caught.value.report]
    return list(caught.value.report)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("stuck", STUCK),
        ("suspend", "task of `suspend` is suspended until another thread resumes it"),
        ("read-own-stream", READS),
    ],
)
async def test_a_task_that_waits_by_itself(name: str, line: str) -> None:
    """An empty set, a suspended thread, a read of a stream that nobody writes."""
    async with waiter(unused) as (store, instance):
        func = instance.get_func(name)
        assert await report(store, func, *[1] * len(func.type.params)) == [line]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("wait", "its call of `stuck` (started)"),
        ("wait-stackful", "its call of `stuck` (started)"),
        ("wait-on-set", "an event of a waitable set, in which there is its call of `stuck` (started)"),
        ("start-and-cancel", "its call of `stuck` (started, asked to stop)"),
    ],
)
async def test_a_task_that_waits_for_a_call_of_another_guest(name: str, what: str) -> None:
    """A call, alone or in a set, with how far it has come; the line of the called task says what that waits for."""
    async with weft.Store(engine()) as store:
        inner = await linker(concurrent={"wait": unused}).instantiate(store, component(WAITER))
        made = weft.Linker(engine())
        made.root.define("wait", inner.get("stuck"))
        outer = await made.instantiate(store, component(WAITER))
        assert sorted(await report(store, outer.get_func(name), 5)) == sorted(
            [STUCK, f"task of `{name}` waits for {what}"]
        )


async def test_a_task_that_is_not_let_in() -> None:
    """Backpressure, and a task that has the instance to itself, keep others out; the report says which."""
    async with waiter(unused) as (store, instance):
        instance.get_func("inc").call(store)
        line = "task of `wait` waits to be let in: its instance asked for backpressure (counter 1)"
        assert await report(store, instance.get_func("wait"), 1) == [line]
    async with waiter(unused) as (store, instance):
        assert await report(store, instance.get_func("stuck"), 1) == [STUCK]
        line = "task of `wait` waits to be let in: the task of `stuck` has its instance to itself"
        assert await report(store, instance.get_func("wait"), 1) == [STUCK, line]


async def test_a_task_kept_out_by_a_call_that_waits_for_the_host() -> None:
    """A sync call that waits for the host keeps others out of its instance, and the report names it."""

    async def poll(_accessor: weft.Accessor, _n: int) -> int:
        await anyio.sleep_forever()
        raise AssertionError

    async with weft.Store(engine()) as store:
        instance = await linker(blocking={"poll": poll}).instantiate(store, component(POLLER))

        async def main(accessor: weft.Accessor) -> tuple[str, ...]:
            async with anyio.create_task_group() as group:
                group.start_soon(instance.get_func("poll").call_concurrent, accessor, 1)
                await anyio.wait_all_tasks_blocked()
                group.start_soon(instance.get_func("inside").call_concurrent, accessor)
                await anyio.wait_all_tasks_blocked()
                found = store.deadlock().report
                group.cancel_scope.cancel()
            return found

        assert await store.run_concurrent(main) == (
            "task of `poll` waits for its call of host function `poll` (started)",
            "task of `inside` waits to be let in: its instance is in the middle of a call of `poll`",
        )


async def test_the_store_goes_on_after_a_deadlock() -> None:
    """A deadlock concerns the call that cannot end; others of the store can be called."""
    async with waiter(unused) as (store, instance):
        await report(store, instance.get_func("suspend"))
        assert await instance.get_func("add").call_async(store, 1, 2) == 3


def test_call_without_event_loop_reports_too() -> None:
    """`Func.call` raises the same report."""
    with weft.Store(engine()) as store:
        instance = linker(concurrent={"wait": unused}).instantiate_sync(store, component(WAITER))
        with pytest.raises(weft.DeadlockError) as caught:
            instance.get_func("stuck").call(store, 1)
        assert caught.value.report == (STUCK,)
