"""Host functions: sync, blocking and concurrent; their results, and their cancellation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from guests import ASKER, DESTROYER, POLLER, REENTRANT, STARTER, WAITER, component, engine, linker, unused, waiter

import weft

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

RETURNED, CANCELLED = 2, 4


def asker(kind: str, func: Callable[..., Any]) -> weft.Linker:
    """Return a linker that has `func` for every import of an ASKER, as a plain or a blocking function."""

    async def later(_accessor: weft.Accessor, *args: int) -> object:
        await checkpoint()
        return func(*args)

    def now(_store: weft.Store, *args: int) -> object:
        return func(*args)

    names = ("nothing", "number", "maybe")
    if kind == "sync":
        return linker(sync=dict.fromkeys(names, now))
    return linker(blocking=dict.fromkeys(names, later))


KINDS = pytest.mark.parametrize("kind", ["sync", "blocking"])


@KINDS
async def test_results_of_every_kind(kind: str) -> None:
    """A value is the result; `Ok` and `Err` may be returned, `Err` raised, and a bare value is `Ok`."""

    def func(n: int = 0) -> object:
        if n == 1:
            return weft.Ok(10)
        if n == 2:
            return weft.Err(20)
        if n == 3:
            raise weft.Err(30)
        return n or None

    async with weft.Store(engine()) as store:
        instance = await asker(kind, func).instantiate(store, component(ASKER))
        assert await instance.get_func("nothing").call_async(store) is None
        assert await instance.get_func("number").call_async(store, 7) == 7
        maybe = instance.get_func("maybe")
        assert await maybe.call_async(store, 1) == 10
        assert await maybe.call_async(store, 4) == 4
        for n in (2, 3):
            with pytest.raises(weft.Err) as caught:
                await maybe.call_async(store, n)
            assert caught.value.value == n * 10


@KINDS
@pytest.mark.parametrize(
    ("name", "result", "reason"),
    [
        ("nothing", 5, "expected None"),
        ("number", None, "expected"),
        ("number", "5", "expected"),
        ("number", -1, "u32"),
        ("maybe", "5", "expected"),
        ("number", weft.Err(1), "number.*has no `result` type|expected int .u32., got Err"),
    ],
)
async def test_a_result_that_does_not_fit_is_the_hosts_mistake(
    kind: str, name: str, result: object, reason: str
) -> None:
    """A host function whose result has the wrong type fails the call with a LowerError, and stops the instance."""
    async with weft.Store(engine()) as store:
        instance = await asker(kind, lambda *_: result).instantiate(store, component(ASKER))
        func = instance.get_func(name)
        args = () if name == "nothing" else (1,)
        with pytest.raises(weft.LowerError, match=reason):
            await func.call_async(store, *args)
        with pytest.raises(weft.Trap):
            await func.call_async(store, *args)


@KINDS
async def test_raising_err_needs_a_result_type(kind: str) -> None:
    """`Err` raised in a function whose WIT type has no error is the host's mistake, and not an error for the caller."""

    def func(*_: int) -> object:
        raise weft.Err(1)

    async with weft.Store(engine()) as store:
        instance = await asker(kind, func).instantiate(store, component(ASKER))
        with pytest.raises(weft.LowerError, match="has no `result` type"):
            await instance.get_func("number").call_async(store, 1)


async def test_the_kind_must_fit_the_type() -> None:
    """An async import takes a concurrent function only, a sync one a plain or a blocking function."""
    with weft.Store(engine()) as store:
        with pytest.raises(weft.LinkError, match="register it with func_wrap_concurrent"):
            linker(blocking={"wait": unused}).instantiate_sync(store, component(WAITER))
        with pytest.raises(weft.LinkError, match="func_wrap_async to block"):
            linker(concurrent={"poll": unused}).instantiate_sync(store, component(POLLER))


async def test_a_plain_function_serves_an_async_import() -> None:
    """A plain function may implement an async import: it is over at once."""
    async with weft.Store(engine()) as store:
        made = linker(sync={"wait": lambda _store, n: n + 1})
        instance = await made.instantiate(store, component(WAITER))
        assert await instance.get_func("wait").call_async(store, 1) == 2


async def test_an_async_def_is_no_plain_function() -> None:
    """`func_wrap` refuses an ``async def``, which it would never await."""
    with pytest.raises(TypeError, match="func_wrap_async"):
        linker(sync={"wait": unused})


# Cancellation by the guest.


async def test_a_guest_cancels_a_host_call() -> None:
    """`subtask.cancel` cancels the function where it waits, and the guest learns that there is no value."""
    begun, cancelled = anyio.Event(), anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        if n == 2:
            await begun.wait()
            return n
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    async with waiter(wait) as (store, instance):
        assert await instance.get_func("start-and-cancel").call_async(store, 1) == CANCELLED
        assert cancelled.is_set()


async def test_a_host_call_cancelled_at_once_does_not_go_on(anyio_backend_name: str) -> None:
    """A function that the guest cancels at once goes no further than to where it waits; in trio it never begins."""
    steps: list[str] = []

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        steps.append("begun")
        await checkpoint()
        raise AssertionError

    async with waiter(wait) as (store, instance):
        assert await instance.get_func("start-and-cancel").call_async(store, 5) == CANCELLED
    assert steps == ([] if anyio_backend_name == "trio" else ["begun"])


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_host_call_may_still_end_otherwise(fails: bool) -> None:
    """What a function returns or raises in a shielded clean-up after it was cancelled counts."""
    begun = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        if n == 2:
            await begun.wait()
            return n
        begun.set()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await wait_all_tasks_blocked()
            if fails:
                raise ValueError("cleaning up") from None
        return n

    async with waiter(wait) as (store, instance):
        func = instance.get_func("start-and-cancel")
        if fails:
            with pytest.raises(ValueError, match="cleaning up"):
                await func.call_async(store, 1)
        else:
            assert await func.call_async(store, 1) == RETURNED | 1 << 8


async def test_a_trap_cancels_the_host_calls_of_the_guest() -> None:
    """Host functions that a guest waited for when it trapped are cancelled: nobody wants their results."""
    cancelled, asked = anyio.Event(), anyio.Event()

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    async with waiter(wait) as (store, instance):

        async def main(accessor: weft.Accessor) -> None:
            call = instance.get_func("wait-stackful").start_call_concurrent(accessor, 1)
            await asked.wait()
            with pytest.raises(weft.Trap):
                await instance.get_func("trap").call_concurrent(accessor)
            await cancelled.wait()
            assert call.resolved

        await store.run_concurrent(main)


# Sync functions that await.


async def test_a_sync_import_may_await() -> None:
    """A guest whose import and export are sync blocks on its own stack; a hundred instances do so at once."""
    waiting: list[int] = []
    all_there = anyio.Event()

    async def poll(_accessor: weft.Accessor, n: int) -> int:
        waiting.append(n)
        if len(waiting) == 100:
            all_there.set()
        await all_there.wait()
        return n

    results: list[int] = []
    async with weft.Store(engine()) as store:
        made = linker(blocking={"poll": poll})
        instances = [await made.instantiate(store, component(POLLER)) for _ in range(100)]

        async def call(accessor: weft.Accessor, n: int) -> None:
            results.append(await instances[n].get_func("poll").call_concurrent(accessor, n))

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                for n in range(100):
                    group.start_soon(call, accessor, n)

        await store.run_concurrent(main)
    assert sorted(results) == list(range(1, 101))


async def test_calls_of_one_instance_that_block_wait_for_each_other() -> None:
    """While a sync call blocks, nobody else enters its instance, whose one stack in memory it is using."""
    inside: list[int] = []

    async def poll(_accessor: weft.Accessor, n: int) -> int:
        assert not inside
        inside.append(n)
        await wait_all_tasks_blocked()
        inside.remove(n)
        return n

    results: list[int] = []
    async with weft.Store(engine()) as store:
        instance = await linker(blocking={"poll": poll}).instantiate(store, component(POLLER))

        async def call(accessor: weft.Accessor, n: int) -> None:
            results.append(await instance.get_func("poll").call_concurrent(accessor, n))
            assert await instance.get_func("inside").call_concurrent(accessor) == 0

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                for n in range(10):
                    group.start_soon(call, accessor, n)

        await store.run_concurrent(main)
    assert sorted(results) == list(range(1, 11))


@pytest.mark.parametrize("fails", [False, True])
async def test_a_sync_import_may_await_behind_other_components(fails: bool) -> None:
    """Blocking passes through components that call each other; so does what the host function raises."""
    released = anyio.Event()

    async def poll(_accessor: weft.Accessor, n: int) -> int:
        await released.wait()
        if fails:
            raise ValueError(n)
        return n

    async with weft.Store(engine()) as store:
        inner = await linker(blocking={"poll": poll}).instantiate(store, component(POLLER))
        made = weft.Linker(engine())
        made.root.define("poll", inner.get("poll"))
        outer = await made.instantiate(store, component(POLLER))
        func = outer.get_func("poll")

        async def main(accessor: weft.Accessor) -> list[int]:
            calls = [func.start_call_concurrent(accessor, n) for n in (1, 2)]
            await wait_all_tasks_blocked()
            released.set()
            return [await func.finish_call_concurrent(accessor, call) for call in calls]

        if fails:
            with pytest.raises(ValueError, match="1"):
                await store.run_concurrent(main)
            with pytest.raises(weft.Trap):
                await func.call_async(store, 1)
        else:
            assert await store.run_concurrent(main) == [3, 4]


async def test_a_blocking_function_may_call_its_caller_back() -> None:
    """An async host function may call the very instance that is blocked in it, though others are kept out."""

    async def poll(accessor: weft.Accessor, n: int) -> int:
        async with anyio.create_task_group() as group:
            group.start_soon(instance.get_func("inside").call_concurrent, accessor)
        call = instance.get_func("inside").start_call_concurrent(accessor)
        inside = await instance.get_func("inside").finish_call_concurrent(accessor, call)
        assert isinstance(inside, int)
        return n + 10 * inside

    async with weft.Store(engine()) as store:
        instance = await linker(blocking={"poll": poll}).instantiate(store, component(POLLER))
        with anyio.fail_after(5):
            assert await instance.get_func("poll").call_async(store, 1) == 12


@pytest.mark.parametrize("epoch_interval", [None, 0.005])
async def test_a_blocked_caller_lets_its_callee_back_in(epoch_interval: float | None) -> None:
    """An instance that waits for a call takes calls that this call makes, and no others meanwhile."""

    async def poll(_accessor: weft.Accessor, n: int) -> int:
        await wait_all_tasks_blocked()
        return n

    made_by = engine(epoch_interval)
    async with weft.Store(made_by) as store:
        instance = await linker(made_by, blocking={"poll": poll}).instantiate(store, component(REENTRANT, made_by))
        func = instance.get_func("run")

        async def main(accessor: weft.Accessor) -> list[int]:
            calls = [func.start_call_concurrent(accessor, n) for n in (1, 2)]
            return [await func.finish_call_concurrent(accessor, call) for call in calls]

        with anyio.fail_after(5):
            assert await store.run_concurrent(main) == [2, 4]


async def test_destructors_and_start_functions_cannot_wait_for_the_host() -> None:
    """What must be over when the built-in or the instantiation that runs it returns traps when it would block."""
    cancelled: list[int] = []

    async def poll(_accessor: weft.Accessor, n: int) -> int:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(n)
        raise AssertionError

    async with weft.Store(engine()) as store:
        made = linker(blocking={"poll": poll})
        instance = await made.instantiate(store, component(DESTROYER))
        with pytest.raises(weft.Trap) as caught:
            await instance.get_func("run").call_async(store)
        assert caught.value.code is weft.TrapCode.CANNOT_BLOCK_SYNC_TASK
        with pytest.raises(weft.Trap) as caught:
            await made.instantiate(store, component(STARTER))
        assert caught.value.code is weft.TrapCode.CANNOT_BLOCK_SYNC_TASK


async def test_a_timeout_leaves_a_blocked_guest_that_can_be_closed() -> None:
    """Who gives up on a blocked sync call gets away; the store closes, and the function is cancelled."""
    cancelled: list[bool] = []

    async def poll(_accessor: weft.Accessor, _n: int) -> int:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)
        raise AssertionError

    async with weft.Store(engine()) as store:
        instance = await linker(blocking={"poll": poll}).instantiate(store, component(POLLER))
        with anyio.move_on_after(0.01) as scope:
            await instance.get_func("poll").call_async(store, 1)
        assert scope.cancelled_caught
    assert cancelled
