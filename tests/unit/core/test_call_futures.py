"""CallFuture in the hands of who drives it: poll, ready, result, delete."""

from __future__ import annotations

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from core_guests import ADDER, ENGINE, FUELLED, NOTHING, SPINNER, exported, linker, load, sync_linker

from weft import core
from weft.errors import StoreError, Trap, TrapCode

pytestmark = pytest.mark.anyio


async def same(number):
    """Return the number, later."""
    await checkpoint()
    return number


async def test_poll_runs_the_guest_until_it_waits():
    """poll never waits; ready runs the host function; poll then ends the call and result returns."""
    async with core.Store(ENGINE) as store:
        call = load(store, ADDER, linker(same)).get_func("plus").start_call(3, 4)
        with pytest.raises(StoreError, match="not ended"):
            call.result()
        assert not call.waiting
        assert [call.poll(), call.poll(), call.waiting] == [False, False, True]
        await call.ready()
        assert not call.waiting
        assert [call.poll(), call.poll(), call.done] == [True, True, True]
        assert call.result() == 7
        assert await call == 7


def test_a_call_that_waits_for_nothing_needs_no_event_loop():
    """poll alone runs a guest to its end, results and traps included."""
    with core.Store(ENGINE) as store:
        call = load(store, exported("(result i32 i64) (i32.const -1) (i64.const 5)")).get_func("f").start_call()
        assert call.poll()
        assert call.result() == (-1, 5)
        trapping = load(store, exported("unreachable")).get_func("f").start_call()
        assert trapping.poll()
        for _ in range(2):
            with pytest.raises(Trap) as caught:
                trapping.result()
            assert caught.value.code is TrapCode.UNREACHABLE


def test_poll_returns_at_each_yield():
    """A guest that runs out of a slice of fuel leaves poll with nothing to wait for."""
    with core.Store(FUELLED, fuel=10_000, fuel_async_yield_interval=20) as store:
        turns = iter(range(200))
        links = sync_linker(lambda _: next(turns) < 100, engine=FUELLED)
        call = load(store, SPINNER, links).get_func("spin").start_call()
        polls = 1
        while not call.poll():
            polls += 1
            assert not call.waiting
        assert polls > 3
        assert call.result() is None


async def test_delete_unwinds_and_leaves_the_rest():
    """delete ends one call, before and after it began, and is idempotent; others go on."""
    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, linker(same)).get_func("plus")
        fresh, begun, kept = (plus.start_call(number, 0) for number in (1, 2, 3))
        assert not begun.poll()
        assert not kept.poll()
        for call in (fresh, begun, begun):
            call.delete()
            assert call.poll()
            with pytest.raises(StoreError, match="deleted"):
                call.result()
        assert len(store.core.suspended) == 1
        assert await kept == 3
        kept.delete()
        assert kept.result() == 3


async def test_delete_by_another_task_cancels_the_host_function():
    """Who awaits a call that another task deletes gets a StoreError; its coroutine was cancelled."""
    ended = []

    async def forever(_number):
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    async with core.Store(ENGINE) as store:
        call = load(store, ADDER, linker(forever)).get_func("plus").start_call(1, 1)

        async def waiter():
            with pytest.raises(StoreError, match="deleted"):
                await call
            ended.append("raised")

        async with anyio.create_task_group() as group:
            group.start_soon(waiter)
            await wait_all_tasks_blocked()
            call.delete()
    assert ended == [True, "raised"]


async def test_what_a_deleted_coroutine_raises_is_not_lost():
    """An exception that a coroutine raises when it is cancelled comes up where the call is awaited."""

    async def stubborn(_number):
        try:
            await anyio.sleep_forever()
        finally:
            raise OSError("on the way out")

    async with core.Store(ENGINE) as store:
        call = load(store, ADDER, linker(stubborn)).get_func("plus").start_call(1, 1)

        async def waiter():
            with pytest.raises(OSError, match="on the way out"):
                await call

        async with anyio.create_task_group() as group:
            group.start_soon(waiter)
            await wait_all_tasks_blocked()
            call.delete()


async def test_cancelling_ready_deletes_the_call():
    """A call whose host function was cancelled cannot go on: it is deleted."""
    async with core.Store(ENGINE) as store:
        call = load(store, ADDER, linker(lambda _number: anyio.sleep_forever())).get_func("plus").start_call(1, 1)
        assert not call.poll()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await call.ready()
        assert scope.cancelled_caught
        assert call.done
        assert not store.core.suspended


async def test_two_tasks_cannot_await_one_call():
    """A second awaiter gets a StoreError, and the first its result."""
    gate, results = anyio.Event(), []

    async def wait(number):
        await gate.wait()
        return number

    async with core.Store(ENGINE) as store:
        call = load(store, ADDER, linker(wait)).get_func("plus").start_call(1, 1)

        async def first():
            results.append(await call)

        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await wait_all_tasks_blocked()
            with pytest.raises(StoreError, match="another task"):
                await call
            with pytest.raises(StoreError, match="another task"):
                await call.ready()
            gate.set()
    assert results == [2]


def test_a_running_call_cannot_be_polled_or_deleted():
    """A host function that polls or deletes the very call it serves gets a StoreError."""
    calls, errors = [], []

    def meddle():
        for act in (calls[0].poll, calls[0].delete):
            with pytest.raises(StoreError, match="running") as caught:
                act()
            errors.append(caught.value)

    nest = '(module (import "host" "f" (func $f)) (func (export "f") (call $f)))'
    with core.Store(ENGINE) as store:
        calls.append(load(store, nest, sync_linker(meddle, NOTHING)).get_func("f").start_call())
        assert calls[0].poll()
        calls[0].result()
    assert len(errors) == 2


async def test_a_host_function_may_poll_other_calls():
    """A function that a guest on one stack called starts, polls and ends calls on other stacks."""
    inner = []

    def start():
        call = plus.start_call(5, 6)
        assert not call.poll()
        inner.append(call)

    nest = '(module (import "host" "g" (func $g)) (func (export "f") (call $g)))'
    links = linker(same)
    links.define_func("host", "g", NOTHING, start)
    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, links).get_func("plus")
        await load(store, nest, links).get_func("f").call_async()
        assert await inner[0] == 11


def test_keyboard_interrupt_leaves_at_once():
    """KeyboardInterrupt in a host function comes out of poll itself, and the call has ended."""

    def interrupt():
        raise KeyboardInterrupt

    nest = '(module (import "host" "f" (func $f)) (func (export "f") (call $f)))'
    with core.Store(ENGINE) as store:
        call = load(store, nest, sync_linker(interrupt, NOTHING)).get_func("f").start_call()
        with pytest.raises(KeyboardInterrupt):
            call.poll()
        assert call.done


def test_a_future_outlives_its_store():
    """poll after the store was closed ends the call with a StoreError, whether it had begun or not."""
    store = core.Store(ENGINE)
    plus = load(store, ADDER, linker(same)).get_func("plus")
    fresh, begun = plus.start_call(1, 1), plus.start_call(2, 2)
    assert not begun.poll()
    store.close()
    for call in (fresh, begun):
        assert call.poll()
        with pytest.raises(StoreError, match="closed"):
            call.result()
