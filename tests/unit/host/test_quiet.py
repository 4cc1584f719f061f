"""Waiting until guests are done, and until one would take a call at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from guests import POLLER, component, engine, linker, unused, waiter

import weft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

pytestmark = pytest.mark.anyio

# Returns from its first thread while another goes on; that one returns the value, if the first has not.
THREADED = """
(component
  (core func $return (canon task.return (result u32)))
  (core func $yield (canon thread.yield))
  (core module $Table
    (table (export "table") 2 funcref))
  (core instance $table (instantiate $Table))
  (core type $start (func (param i32)))
  (core func $new (canon thread.new-indirect $start (core table $table "table")))
  (core func $resume (canon thread.resume-later))
  (core module $Guest
    (import "" "return" (func $return (param i32)))
    (import "" "yield" (func $yield (result i32)))
    (import "" "new" (func $new (param i32 i32) (result i32)))
    (import "" "resume" (func $resume (param i32)))
    (import "" "table" (table 2 funcref))
    (elem (i32.const 0) $for-ever $late)
    (func $for-ever (param i32) (loop $again (drop (call $yield)) (br $again)))
    (func $late (param i32) (drop (call $yield)) (call $return (i32.const 5)))
    (func (export "for-ever")
      (call $resume (call $new (i32.const 0) (i32.const 0)))
      (call $return (i32.const 4)))
    (func (export "late") (call $resume (call $new (i32.const 1) (i32.const 0)))))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "return" (func $return))
    (export "yield" (func $yield))
    (export "new" (func $new))
    (export "resume" (func $resume))
    (export "table" (table $table "table"))))))
  (func (export "for-ever") async (result u32) (canon lift (core func $guest "for-ever") async))
  (func (export "late") async (result u32) (canon lift (core func $guest "late") async)))
"""


class Watch:
    """Whether something that is waited for has come."""

    def __init__(self, group: TaskGroup, wait: Callable[..., Awaitable[object]], *args: object) -> None:
        self.over = False
        self._wait = wait
        group.start_soon(self._run, *args)

    async def _run(self, *args: object) -> None:
        await self._wait(*args)
        self.over = True

    async def is_over(self) -> bool:
        await wait_all_tasks_blocked()
        return self.over


async def test_what_a_task_does_after_it_returned_counts() -> None:
    """A task is live from when it is queued until it has returned and is over."""
    released = anyio.Event()

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        await released.wait()
        return 0

    async with waiter(wait) as (store, instance):
        func = instance.get_func("return-then-wait")

        async def main(accessor: weft.Accessor) -> None:
            await accessor.wait_no_interesting_tasks()
            call = func.start_call_concurrent(accessor, 3)
            async with anyio.create_task_group() as group:
                quiet = Watch(group, accessor.wait_no_interesting_tasks)
                also = Watch(group, store.wait_no_interesting_tasks)
                assert await func.finish_call_concurrent(accessor, call) == 3
                assert not await quiet.is_over()
                released.set()
                assert await quiet.is_over()
                assert also.over

        await store.run_concurrent(main)


async def test_a_loop_until_no_task_is_live() -> None:
    """A loop of the store's own runs what a task does after it has returned, and calls that were queued before it."""
    waited: list[int] = []

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        await anyio.lowlevel.checkpoint()
        waited.append(n)
        return 0

    async with waiter(wait) as (store, instance):
        assert await instance.get_func("return-then-wait").call_async(store, 3) == 3
        call = instance.get_func("wait").start_call_concurrent(store, 4)
        await store.run_until_quiet()
        assert call.resolved
        assert sorted(waited) == [3, 4]
        await store.run_until_quiet()


async def test_a_loop_until_no_task_is_live_finds_deadlocks() -> None:
    """When a task can never go on, the loop says so."""
    async with waiter(unused) as (store, instance):
        instance.get_func("wait-on-empty-set").start_call_concurrent(store)
        with pytest.raises(weft.DeadlockError):
            await store.run_until_quiet()


@pytest.mark.parametrize("how", ["run", "cancel", "abort"])
async def test_a_queued_call_counts(how: str) -> None:
    """A call that was queued before the loop runs is live until it has run, or never will."""
    async with waiter(unused) as (store, instance):
        add = instance.get_func("add")
        call = add.start_call_concurrent(store, 1, 2)

        async def main(accessor: weft.Accessor) -> None:
            if how != "run":
                getattr(call, how)()
            await accessor.wait_no_interesting_tasks()
            assert call.resolved

        await store.run_concurrent(main)


@pytest.mark.parametrize("name", ["for-ever", "late"])
async def test_other_threads_count_only_for_their_value(name: str) -> None:
    """A task whose first thread has left is live until another returns its value, and no longer."""
    async with weft.Store(engine()) as store:
        func = (await linker().instantiate(store, component(THREADED))).get_func(name)

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor)
            await accessor.wait_no_interesting_tasks()
            assert call.resolved
            assert await func.finish_call_concurrent(accessor, call) == (4 if name == "for-ever" else 5)

        await store.run_concurrent(main)


async def test_tasks_that_wait_to_be_let_in_count() -> None:
    """A task held off by backpressure is live, and is not any more when it was cancelled."""
    async with waiter(unused) as (store, instance):
        func = instance.get_func("wait-stackful")
        instance.get_func("inc").call(store)

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor, 1)
            async with anyio.create_task_group() as group:
                quiet = Watch(group, accessor.wait_no_interesting_tasks)
                assert not await quiet.is_over()
                call.cancel()
                assert await quiet.is_over()
            with pytest.raises(weft.CallCancelledError):
                await func.finish_call_concurrent(accessor, call)

        await store.run_concurrent(main)


async def test_an_aborted_guest_is_quiet() -> None:
    """Nothing is left of a guest that was stopped."""
    async with waiter(lambda _accessor, _n: anyio.sleep_forever()) as (store, instance):
        func = instance.get_func("wait-stackful")

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor, 1)
            async with anyio.create_task_group() as group:
                quiet = Watch(group, accessor.wait_no_interesting_tasks)
                assert not await quiet.is_over()
                call.abort()
                assert await quiet.is_over()

        await store.run_concurrent(main)


async def test_whoever_stops_waiting_is_forgotten() -> None:
    """A cancelled wait leaves nothing behind that guests would call."""
    async with waiter(lambda _accessor, _n: anyio.sleep_forever()) as (store, instance):

        async def main(accessor: weft.Accessor) -> None:
            instance.get_func("wait-stackful").start_call_concurrent(accessor, 1)
            async with anyio.create_task_group() as group:
                quiet = Watch(group, accessor.wait_no_interesting_tasks)
                assert not await quiet.is_over()
                assert store.state.on_change is not None
                group.cancel_scope.cancel()
            assert store.state.on_change is None

        await store.run_concurrent(main)


async def test_waiting_needs_the_loop() -> None:
    """Outside `run_concurrent` nothing could come about, and both waits say so."""
    async with waiter(unused) as (store, instance):
        with pytest.raises(weft.StoreError, match="only inside `run_concurrent`"):
            await store.wait_no_interesting_tasks()
        with pytest.raises(weft.StoreError, match="only inside `run_concurrent`"):
            await store.accessor.ready_for_concurrent_call(instance.get_func("wait"))


# Ready for a call.


async def test_backpressure_keeps_calls_waiting() -> None:
    """A function is ready when its instance takes back its backpressure; sync functions do not care for it."""
    async with waiter(unused) as (store, instance):
        func, add = instance.get_func("wait-stackful"), instance.get_func("add")

        async def main(accessor: weft.Accessor) -> None:
            await accessor.ready_for_concurrent_call(func)
            instance.get_func("inc").call(store)
            assert func.would_queue
            assert not add.would_queue
            await accessor.ready_for_concurrent_call(add)
            async with anyio.create_task_group() as group:
                ready = Watch(group, accessor.ready_for_concurrent_call, func)
                assert not await ready.is_over()
                instance.get_func("dec").call(store)
                assert await ready.is_over()

        await store.run_concurrent(main)


async def test_a_task_that_has_its_instance_to_itself() -> None:
    """A function that needs the lock is ready when the task that holds it is over; one that does not, always."""
    released = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        await released.wait()
        return n

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait")

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor, 1)
            await wait_all_tasks_blocked()
            await accessor.ready_for_concurrent_call(instance.get_func("wait-stackful"))
            async with anyio.create_task_group() as group:
                ready = Watch(group, accessor.ready_for_concurrent_call, func)
                assert not await ready.is_over()
                released.set()
                assert await ready.is_over()
            assert await func.finish_call_concurrent(accessor, call) == 1

        await store.run_concurrent(main)


async def test_a_sync_call_that_takes_its_time() -> None:
    """An instance in the middle of a sync call takes no other, but from the host function that it waits for."""
    released = anyio.Event()
    funcs: list[weft.Func] = []

    async def poll(accessor: weft.Accessor, n: int) -> int:
        await accessor.ready_for_concurrent_call(funcs[0])
        await released.wait()
        return n

    async with weft.Store(engine()) as store:
        instance = await linker(blocking={"poll": poll}).instantiate(store, component(POLLER))
        func = instance.get_func("poll")
        funcs.append(instance.get_func("inside"))

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor, 1)
            async with anyio.create_task_group() as group:
                await wait_all_tasks_blocked()
                ready = Watch(group, accessor.ready_for_concurrent_call, func)
                assert not await ready.is_over()
                released.set()
                assert await ready.is_over()
            assert await func.finish_call_concurrent(accessor, call) == 2

        await store.run_concurrent(main)


async def test_a_guest_that_trapped_is_ready_to_say_so() -> None:
    """Nobody waits for an instance that can never be entered again: its calls trap at once."""
    async with waiter(unused) as (store, instance):
        func = instance.get_func("wait-stackful")
        instance.get_func("inc").call(store)

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                ready = Watch(group, accessor.ready_for_concurrent_call, func)
                assert not await ready.is_over()
                with pytest.raises(weft.Trap):
                    await instance.get_func("trap").call_concurrent(accessor)
                assert await ready.is_over()

        await store.run_concurrent(main)
