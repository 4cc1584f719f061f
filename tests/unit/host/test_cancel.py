"""Calls that the host cancels, which guests may obey or not, and calls that it aborts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from guests import WAITER, component, engine, linker, unused, waiter

import weft

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

# Waits for an event that never comes; asked to stop, it does what the name says.
CANCELLABLE = """
(component
  (import "poke" (func $poke))
  (core func $poke (canon lower (func $poke)))
  (core func $return (canon task.return (result u32)))
  (core func $cancel (canon task.cancel))
  (core func $set-new (canon waitable-set.new))
  (core module $Guest
    (import "" "return" (func $return (param i32)))
    (import "" "cancel" (func $cancel))
    (import "" "set-new" (func $set_new (result i32)))
    (import "" "poke" (func $poke))
    (func (export "wait") (result i32)
      (call $poke)
      (i32.or (i32.shl (call $set_new) (i32.const 4)) (i32.const 2)))
    (func (export "return-then-wait") (result i32)
      (call $return (i32.const 7))
      (i32.or (i32.shl (call $set_new) (i32.const 4)) (i32.const 2)))
    (func (export "obey") (param i32 i32 i32) (result i32)
      (if (i32.ne (local.get 0) (i32.const 6)) (then unreachable))
      (call $cancel)
      (i32.const 0))
    (func (export "return") (param i32 i32 i32) (result i32)
      (if (i32.ne (local.get 0) (i32.const 6)) (then unreachable))
      (call $return (i32.const 61))
      (i32.const 0))
    (func (export "trap") (param i32 i32 i32) (result i32) unreachable))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "poke" (func $poke))
    (export "return" (func $return))
    (export "cancel" (func $cancel))
    (export "set-new" (func $set-new))))))
  (type $func (func async (result u32)))
  (func (export "obey") (type $func) (canon lift (core func $guest "wait") async (callback (core func $guest "obey"))))
  (func (export "return-anyway") (type $func)
    (canon lift (core func $guest "wait") async (callback (core func $guest "return"))))
  (func (export "trap") (type $func) (canon lift (core func $guest "wait") async (callback (core func $guest "trap"))))
  (func (export "linger") (type $func)
    (canon lift (core func $guest "return-then-wait") async (callback (core func $guest "trap")))))
"""


async def stop(name: str, how: Callable[[weft.Call], None]) -> object:
    """Call an export of a CANCELLABLE, stop it by `how` when it waits, and return the outcome."""
    async with weft.Store(engine()) as store:
        instance = await linker(sync={"poke": lambda _store: None}).instantiate(store, component(CANCELLABLE))
        func = instance.get_func(name)

        async def main(accessor: weft.Accessor) -> object:
            call = func.start_call_concurrent(accessor)
            await wait_all_tasks_blocked()
            assert not call.resolved
            how(call)
            return await func.finish_call_concurrent(accessor, call)

        return await store.run_concurrent(main)


async def test_a_guest_that_obeys_has_no_result() -> None:
    """A guest that is told TASK_CANCELLED and acknowledges it leaves the call without a value: CallCancelledError."""
    with pytest.raises(weft.CallCancelledError, match="the call of obey was cancelled"):
        await stop("obey", weft.Call.cancel)


async def test_a_guest_may_return_all_the_same() -> None:
    """A guest that is asked to stop may return a value, which is then the outcome."""
    assert await stop("return-anyway", weft.Call.cancel) == 61


async def test_to_ask_twice_is_to_ask_once() -> None:
    """A second `cancel` does nothing: the guest is told once."""

    def twice(call: weft.Call) -> None:
        call.cancel()
        call.cancel()

    assert await stop("return-anyway", twice) == 61


async def test_a_guest_that_is_held_up_is_told_when_it_can_be() -> None:
    """A task that waits hears of it even if another one had the instance to itself when it was asked to stop."""
    go = anyio.Event()
    calls = 0

    async def poke(_accessor: weft.Accessor) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            await go.wait()

    async with weft.Store(engine()) as store:
        instance = await linker(blocking={"poke": poke}).instantiate(store, component(CANCELLABLE))
        obey = instance.get_func("obey")

        async def main(accessor: weft.Accessor) -> None:
            waits = obey.start_call_concurrent(accessor)
            await wait_all_tasks_blocked()
            holds = obey.start_call_concurrent(accessor)
            await wait_all_tasks_blocked()
            waits.cancel()
            await wait_all_tasks_blocked()
            assert not waits.resolved
            go.set()
            with pytest.raises(weft.CallCancelledError):
                await obey.finish_call_concurrent(accessor, waits)
            holds.cancel()
            with pytest.raises(weft.CallCancelledError):
                await obey.finish_call_concurrent(accessor, holds)

        await store.run_concurrent(main)


async def test_a_guest_that_traps_on_cancellation_fails_its_call() -> None:
    """`cancel` itself raises nothing: a trap of the guest that it wakes is the outcome of the call."""
    with pytest.raises(weft.Trap, match="unreachable"):
        await stop("trap", weft.Call.cancel)


async def test_cancelling_a_call_that_is_over_does_nothing() -> None:
    """A call that has its value keeps it, whatever is asked later."""
    async with waiter(unused) as (store, instance):
        add = instance.get_func("add")

        async def main(accessor: weft.Accessor) -> None:
            call = add.start_call_concurrent(accessor, 1, 2)
            assert await add.finish_call_concurrent(accessor, call) == 3
            call.cancel()
            call.abort()
            assert await add.finish_call_concurrent(accessor, call) == 3
            assert await add.call_concurrent(accessor, 2, 2) == 4

        await store.run_concurrent(main)


async def test_a_guest_that_cannot_be_told_goes_on() -> None:
    """A guest that waits where it cannot be told is left alone, and its value counts."""
    released = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        await released.wait()
        return n

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait-stackful")

        async def main(accessor: weft.Accessor) -> object:
            call = func.start_call_concurrent(accessor, 5)
            await wait_all_tasks_blocked()
            call.cancel()
            await wait_all_tasks_blocked()
            assert not call.resolved
            released.set()
            return await func.finish_call_concurrent(accessor, call)

        assert await store.run_concurrent(main) == 5


@pytest.mark.parametrize("on_cancel", ["detach", "cancel"])
async def test_what_a_cancelled_await_does(on_cancel: str) -> None:
    """`call_concurrent` that is cancelled leaves the task, or asks it to stop, as `on_cancel` says."""
    async with weft.Store(engine()) as store:
        instance = await linker(sync={"poke": lambda _store: None}).instantiate(store, component(CANCELLABLE))
        func = instance.get_func("obey")
        tasks = instance.root.instances[0].tasks

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:

                async def call() -> None:
                    await func.call_concurrent(accessor, on_cancel=on_cancel)  # type: ignore[arg-type]

                group.start_soon(call)
                await wait_all_tasks_blocked()
                assert len(tasks) == 1
                group.cancel_scope.cancel()
            await wait_all_tasks_blocked()
            assert len(tasks) == (on_cancel == "detach")

        await store.run_concurrent(main)


async def test_a_cancelled_await_may_leave_its_call_to_a_function() -> None:
    """A function given as `on_cancel` gets the call, and learns what became of it."""
    outcomes: list[object] = []
    async with weft.Store(engine()) as store:
        instance = await linker(sync={"poke": lambda _store: None}).instantiate(store, component(CANCELLABLE))
        func = instance.get_func("return-anyway")

        async def main(accessor: weft.Accessor) -> None:
            async def finish(call: weft.Call) -> None:
                outcomes.append(await func.finish_call_concurrent(accessor, call))

            def see_to_it(call: weft.Call) -> None:
                call.cancel()
                store.spawn(lambda _accessor: finish(call))

            async with anyio.create_task_group() as group:
                group.start_soon(lambda: func.call_concurrent(accessor, on_cancel=see_to_it))
                await wait_all_tasks_blocked()
                group.cancel_scope.cancel()
            await wait_all_tasks_blocked()

        await store.run_concurrent(main)
    assert outcomes == [61]


# Aborting.


async def test_abort_unwinds_the_guest() -> None:
    """An aborted guest is not asked: its stacks are gone, and the outcome is a CallAbortedError."""
    with pytest.raises(weft.CallAbortedError, match="the call of trap was aborted"):
        await stop("trap", weft.Call.abort)


async def test_abort_stops_the_whole_instantiation_and_no_other() -> None:
    """All calls into the instantiation fail, its host calls are cancelled, it cannot be entered; others go on."""
    cancelled: list[int] = []
    released = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        try:
            await released.wait()
        except anyio.get_cancelled_exc_class():
            cancelled.append(n)
            raise
        return n

    async with weft.Store(engine()) as store:
        made = linker(concurrent={"wait": wait})
        one, other = [await made.instantiate(store, component(WAITER)) for _ in range(2)]
        func, healthy = one.get_func("wait-stackful"), other.get_func("wait-stackful")

        async def main(accessor: weft.Accessor) -> None:
            calls = [func.start_call_concurrent(accessor, n) for n in (1, 2)]
            survivor = healthy.start_call_concurrent(accessor, 3)
            await wait_all_tasks_blocked()
            calls[0].abort()
            for call in calls:
                with pytest.raises(weft.CallAbortedError):
                    await func.finish_call_concurrent(accessor, call)
            await wait_all_tasks_blocked()
            assert sorted(cancelled) == [1, 2]
            with pytest.raises(weft.Trap) as caught:
                await one.get_func("add").call_concurrent(accessor, 1, 2)
            assert caught.value.code is weft.TrapCode.CANNOT_ENTER_COMPONENT
            released.set()
            assert await healthy.finish_call_concurrent(accessor, survivor) == 3

        await store.run_concurrent(main)


async def test_abort_stops_what_is_left_of_a_task_that_returned() -> None:
    """A call that returned keeps its value when it is aborted, and what its task still does is stopped."""
    async with weft.Store(engine()) as store:
        instance = await linker(sync={"poke": lambda _store: None}).instantiate(store, component(CANCELLABLE))
        func = instance.get_func("linger")

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor)
            assert await func.finish_call_concurrent(accessor, call) == 7
            assert instance.root.instances[0].tasks
            call.abort()
            assert not instance.root.instances[0].tasks
            assert await func.finish_call_concurrent(accessor, call) == 7

        await store.run_concurrent(main)


async def test_abort_before_the_start_harms_nobody() -> None:
    """A call aborted before it started never enters the guest, which serves other calls."""
    async with waiter(unused) as (store, instance):
        func = instance.get_func("wait")
        call = func.start_call_concurrent(store, 1)
        call.abort()
        with pytest.raises(weft.CallAbortedError):
            await store.run_concurrent(lambda accessor: func.finish_call_concurrent(accessor, call))
        assert await instance.get_func("add").call_async(store, 1, 2) == 3


async def test_abort_outside_the_loop() -> None:
    """`abort` works between two runs of the loop, and wakes a `call_async` that waits for the same guest."""
    async with waiter(lambda _accessor, _n: anyio.sleep_forever()) as (store, instance):
        func = instance.get_func("wait-stackful")
        call = func.start_call_concurrent(store, 1)

        async def wait_for_another() -> None:
            with pytest.raises(weft.CallAbortedError):
                await func.call_async(store, 2)

        async with anyio.create_task_group() as group:
            group.start_soon(wait_for_another)
            await wait_all_tasks_blocked()
            call.abort()
        with pytest.raises(weft.CallAbortedError):
            await store.run_concurrent(lambda accessor: func.finish_call_concurrent(accessor, call))


async def test_no_abort_from_inside_a_guest() -> None:
    """A plain host function cannot abort a call of its store: a guest is on the stack that runs it."""
    calls: list[weft.Call] = []

    def wait(_store: weft.Store, n: int) -> int:
        if n:
            calls[0].abort()
        return n

    async with weft.Store(engine()) as store:
        instance = await linker(sync={"wait": wait}).instantiate(store, component(WAITER))
        stuck, func = instance.get_func("wait-on-empty-set"), instance.get_func("wait-stackful")

        async def main(accessor: weft.Accessor) -> None:
            calls.append(stuck.start_call_concurrent(accessor))
            await wait_all_tasks_blocked()
            with pytest.raises(weft.StoreError, match="raise an exception instead"):
                await func.call_concurrent(accessor, 1)

        await store.run_concurrent(main)


async def test_a_call_cancelled_while_its_guest_runs_is_told_when_it_waits() -> None:
    """`cancel` from a host function that the guest itself calls reaches the guest when that waits."""
    calls: list[weft.Call] = []
    async with weft.Store(engine()) as store:
        made = linker(sync={"poke": lambda _store: calls[0].cancel()})
        func = (await made.instantiate(store, component(CANCELLABLE))).get_func("obey")

        async def main(accessor: weft.Accessor) -> None:
            calls.append(func.start_call_concurrent(accessor))
            with pytest.raises(weft.CallCancelledError):
                await func.finish_call_concurrent(accessor, calls[0])

        await store.run_concurrent(main)


async def test_abort_leaves_what_the_guest_called_elsewhere() -> None:
    """A call that the aborted guest made into another instantiation goes on; nobody gets its result."""
    cancelled = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        return n

    async with weft.Store(engine()) as store:
        inner = await linker(concurrent={"wait": wait}).instantiate(store, component(WAITER))
        outer = linker()
        outer.root.define("wait", inner.get("wait-stackful"))
        func = (await outer.instantiate(store, component(WAITER))).get_func("wait-stackful")

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor, 5)
            await wait_all_tasks_blocked()
            call.abort()
            with pytest.raises(weft.CallAbortedError):
                await func.finish_call_concurrent(accessor, call)
            await wait_all_tasks_blocked()
            assert len(inner.root.instances[0].tasks) == 1
            assert not cancelled.is_set()

        await store.run_concurrent(main)


async def test_abort_reaches_who_waits_for_the_guest() -> None:
    """A guest of another instantiation that waits for the aborted one can get no result: it is stopped, too."""
    async with waiter(lambda _accessor, _n: anyio.sleep_forever()) as (store, inner):
        outer = linker()
        outer.root.define("wait", inner.get("wait-stackful"))
        caller = (await outer.instantiate(store, component(WAITER))).get_func("wait-stackful")
        func = inner.get_func("wait-stackful")

        async def main(accessor: weft.Accessor) -> None:
            calls = [caller.start_call_concurrent(accessor, 1), func.start_call_concurrent(accessor, 2)]
            await wait_all_tasks_blocked()
            calls[1].abort()
            for call in calls:
                with pytest.raises(weft.CallAbortedError):
                    await func.finish_call_concurrent(accessor, call)

        await store.run_concurrent(main)
