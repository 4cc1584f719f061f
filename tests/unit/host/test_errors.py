"""Errors: whose they are, who gets which, and what the messages say to do."""

from __future__ import annotations

import signal
import threading
import traceback
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from guests import ASKER, WAITER, component, engine, linker, unused, waiter

import weft

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


class MineError(Exception):
    """An error of the host's own."""


async def sleep_forever(_accessor: weft.Accessor, *_args: object) -> int:
    await anyio.sleep_forever()
    raise AssertionError


# What callers do wrong.


async def test_the_number_of_arguments_is_checked() -> None:
    """Too few or too many arguments are a TypeError that names the function, in every way to call."""
    async with waiter(unused) as (store, instance):
        add, wait = instance.get_func("add"), instance.get_func("wait")
        with pytest.raises(TypeError, match="add takes 2 arguments, 1 given"):
            add.call(store, 1)
        with pytest.raises(TypeError, match="wait takes 1 argument, 0 given"):
            await wait.call_async(store)
        with pytest.raises(TypeError, match="wait takes 1 argument, 2 given"):
            wait.start_call_concurrent(store, 1, 2)


@pytest.mark.parametrize("name", ["add", "wait", "wait-stackful"])
async def test_a_value_that_does_not_fit_is_refused_before_the_guest_runs(name: str) -> None:
    """A LowerError says which argument; the instance can be called again."""
    async with waiter(echo) as (store, instance):
        func = instance.get_func(name)
        bad, good = ((1, -1), (1, 2)) if name == "add" else ((-1,), (1,))
        with pytest.raises(weft.LowerError) as caught:
            await func.call_async(store, *bad)
        assert caught.value.path[0] == ("argument 'b'" if name == "add" else "argument 'n'")
        assert await func.call_async(store, *good) == sum(good)


async def echo(_accessor: weft.Accessor, n: int) -> int:
    await checkpoint()
    return n


async def test_a_foreign_store_is_refused() -> None:
    """A function is called with the store, or an accessor of the store, that its instance is in."""
    async with waiter(unused) as (_, instance), weft.Store(engine()) as other:
        add = instance.get_func("add")
        with pytest.raises(weft.StoreError, match="add belongs to another store: pass the one"):
            add.call(other, 1, 2)
        with pytest.raises(weft.StoreError, match="another store"):
            add.start_call_concurrent(other.accessor, 1, 2)
        with pytest.raises(weft.StoreError, match="another store"):
            await add.call_async(other, 1, 2)


async def test_a_concurrent_call_needs_the_loop() -> None:
    """`call_concurrent` outside `run_concurrent` would wait for ever, so it says what to use."""
    async with waiter(unused) as (store, instance):
        func = instance.get_func("wait")
        with pytest.raises(weft.StoreError, match="inside `run_concurrent`: use it, or `call_async`"):
            await func.call_concurrent(store, 1)
        with pytest.raises(weft.StoreError, match="run_concurrent"):
            await func.finish_call_concurrent(store, func.start_call_concurrent(store, 1))


async def test_loops_do_not_nest() -> None:
    """A second `run_concurrent`, or `call_async`, inside a loop says what to use instead; the loop goes on."""
    async with waiter(unused) as (store, instance):

        async def main(accessor: weft.Accessor) -> int:
            with pytest.raises(weft.StoreError, match="running already: use `call_concurrent`"):
                await store.run_concurrent(sleep_forever)
            with pytest.raises(weft.StoreError, match="running already: use `call_concurrent`"):
                await instance.get_func("add").call_async(store, 1, 2)
            return await instance.get_func("add").call_concurrent(accessor, 1, 2)

        assert await store.run_concurrent(main) == 3


async def test_a_store_without_event_loop_says_so() -> None:
    """`run_concurrent` and `spawn` need a store opened with `async with`."""
    with weft.Store(engine()) as store:
        with pytest.raises(weft.StoreError, match="open the store with `async with`"):
            await store.run_concurrent(sleep_forever)
        with pytest.raises(weft.StoreError, match="open the store with `async with`"):
            store.spawn(sleep_forever)


@pytest.mark.parametrize("name", ["add", "wait"])
async def test_a_closed_store_says_so(name: str) -> None:
    """Nothing can be called in a closed store, and nothing instantiated."""
    async with waiter(unused) as (store, instance):
        func = instance.get_func(name)
    args = (1, 2) if name == "add" else (1,)
    with pytest.raises(weft.StoreError, match="closed: make another"):
        func.call(store, *args)
    with pytest.raises(weft.StoreError, match="closed"):
        await func.call_async(store, *args)
    with pytest.raises(weft.StoreError, match="closed"):
        func.start_call_concurrent(store, *args)
    with pytest.raises(weft.StoreError, match="closed"):
        await store.run_concurrent(sleep_forever)
    with pytest.raises(weft.StoreError, match="closed"):
        await linker(concurrent={"wait": unused}).instantiate(store, component(WAITER))
    with pytest.raises(weft.StoreError, match="closed"):
        async with store:
            pass


def test_a_guest_cannot_close_its_store() -> None:
    """`close` from a host function says that the guests must return first."""

    def close(store: weft.Store) -> None:
        store.close()

    with weft.Store(engine()) as store:
        instance = linker(sync={"nothing": close, "number": close, "maybe": close}).instantiate_sync(
            store, component(ASKER)
        )
        with pytest.raises(weft.StoreError, match="from inside one of its guests"):
            instance.get_func("nothing").call(store)


# What guests do wrong.


async def test_a_trap_fails_every_call_of_its_instance() -> None:
    """The call that trapped raises the trap itself; others that wait on the instance raise one caused by it."""
    async with waiter(sleep_forever) as (store, instance):
        traps: list[weft.Trap] = []

        async def wait(accessor: weft.Accessor) -> None:
            with pytest.raises(weft.Trap) as caught:
                await instance.get_func("wait-stackful").call_concurrent(accessor, 1)
            traps.append(caught.value)

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(wait, accessor)
                group.start_soon(wait, accessor)
                await wait_all_tasks_blocked()
                with pytest.raises(weft.Trap) as caught:
                    await instance.get_func("trap").call_concurrent(accessor)
                traps.append(caught.value)
            with pytest.raises(weft.Trap) as refused:
                await instance.get_func("add").call_concurrent(accessor, 1, 2)
            assert refused.value.code is weft.TrapCode.CANNOT_ENTER_COMPONENT
            assert refused.value.__cause__ is traps[0]

        await store.run_concurrent(main)
        assert [trap.code for trap in traps] == [weft.TrapCode.UNREACHABLE] * 3
        assert traps[0].__cause__ is None
        assert traps[1].__cause__ is traps[2].__cause__ is traps[0]


async def test_other_instances_go_on_after_a_trap() -> None:
    """A trap stops the instance it happened in, and no other of the store, not even one that waits."""
    released = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        await released.wait()
        return n

    async with waiter(wait) as (store, instance):
        other = await linker(concurrent={"wait": wait}).instantiate(store, component(WAITER))

        async def main(accessor: weft.Accessor) -> int:
            call = other.get_func("wait").start_call_concurrent(accessor, 6)
            await wait_all_tasks_blocked()
            with pytest.raises(weft.Trap) as trap:
                await instance.get_func("trap").call_concurrent(accessor)
            assert instance.stopped is trap.value
            assert other.stopped is None
            released.set()
            return await other.get_func("wait").finish_call_concurrent(accessor, call)

        assert await store.run_concurrent(main) == 6


async def test_a_trap_of_a_task_that_nobody_waits_for_fails_the_loop() -> None:
    """A task that traps after it returned, or after its caller went away, fails `run_concurrent`."""
    released = anyio.Event()

    async def wait(_accessor: weft.Accessor, n: int) -> int:
        await released.wait()
        return n

    async with waiter(wait) as (store, instance):

        async def main(accessor: weft.Accessor) -> None:
            assert await instance.get_func("return-then-wait").call_concurrent(accessor, 1) == 1
            released.set()
            await anyio.sleep_forever()

        with pytest.raises(weft.Trap) as caught:
            await store.run_concurrent(main)
        assert caught.value.code is weft.TrapCode.UNREACHABLE


async def test_an_error_of_an_abandoned_call_fails_the_loop() -> None:
    """When whoever awaited a call was cancelled, what the call raises later fails `run_concurrent`."""
    released, asked = anyio.Event(), anyio.Event()

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        asked.set()
        await released.wait()
        raise MineError

    async with waiter(wait) as (store, instance):

        async def main(accessor: weft.Accessor) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(instance.get_func("wait").call_concurrent, accessor, 1)
                await asked.wait()
                group.cancel_scope.cancel()
            released.set()
            await anyio.sleep_forever()

        with pytest.raises(MineError):
            await store.run_concurrent(main)


async def test_the_error_of_a_started_call_waits_for_who_finishes_it() -> None:
    """A queued call that fails before anybody waits keeps its error for `finish_call_concurrent`."""

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        raise MineError

    async with waiter(wait) as (store, instance):
        func = instance.get_func("wait")

        async def main(accessor: weft.Accessor) -> None:
            call = func.start_call_concurrent(accessor, 1)
            await wait_all_tasks_blocked()
            assert call.resolved
            with pytest.raises(MineError):
                await func.finish_call_concurrent(accessor, call)

        await store.run_concurrent(main)


async def test_a_trap_right_after_the_value_is_raised_to_who_ran_the_guest() -> None:
    """A guest that traps in the same breath in which it returned does not go unnoticed."""
    async with waiter(unused) as (store, instance):
        with pytest.raises(weft.Trap):
            await instance.get_func("return-then-trap").call_async(store, 1)


# What host functions raise.


@pytest.mark.parametrize("name", ["wait", "wait-stackful", "wait-on-set"])
async def test_the_error_of_an_async_host_function_is_the_very_one(name: str) -> None:
    """What an async host function raises reaches the guest's caller: the same object, with the function's frame."""
    error = MineError()

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        await checkpoint()
        return raise_it()

    def raise_it() -> int:
        raise error

    async with waiter(wait) as (store, instance):
        func = instance.get_func(name)

        async def main(accessor: weft.Accessor) -> None:
            with pytest.raises(MineError) as caught:
                await func.call_concurrent(accessor, 1)
            assert caught.value is error
            assert caught.value.__cause__ is None
            frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
            assert frames[-2:] == ["wait", "raise_it"]

        await store.run_concurrent(main)


async def test_the_error_of_a_sync_host_function_is_the_very_one() -> None:
    """What a plain host function raises passes through the guest unchanged, with the function's frame."""
    error = MineError()

    def number(_store: weft.Store, _n: int) -> int:
        raise error

    with weft.Store(engine()) as store:
        instance = linker(sync={"nothing": number, "number": number, "maybe": number}).instantiate_sync(
            store, component(ASKER)
        )
        with pytest.raises(MineError) as caught:
            instance.get_func("number").call(store, 1)
        assert caught.value is error
        assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "number"


async def test_an_error_of_the_closure_comes_out_as_it_is() -> None:
    """What the closure of `run_concurrent` raises is not wrapped; a group that it raised itself is not unwrapped."""
    error = MineError()

    async def raise_it(_accessor: weft.Accessor, error: Exception) -> None:
        raise error

    async with weft.Store(engine()) as store:
        with pytest.raises(MineError) as caught:
            await store.run_concurrent(raise_it, error)
        assert caught.value is error
        with pytest.raises(ExceptionGroup) as group:
            await store.run_concurrent(raise_it, ExceptionGroup("mine", [error]))
        assert group.value.message == "mine"
        assert group.value.exceptions == (error,)


async def test_errors_keep_their_cause() -> None:
    """The cause of an error survives its way out of the loop and of the store."""
    cause = ValueError()

    async def raise_it(_accessor: weft.Accessor) -> None:
        raise MineError from cause

    with pytest.raises(MineError) as caught:
        async with weft.Store(engine()) as store:
            await store.run_concurrent(raise_it)
    assert caught.value.__cause__ is cause


@BACKENDS
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_gets_out_at_once(backend: str, kind: type[BaseException]) -> None:
    """KeyboardInterrupt and SystemExit of a host function leave the loop and the store, ungrouped."""

    def number(_store: weft.Store, _n: int) -> int:
        raise kind

    async def main() -> None:
        async with weft.Store(engine()) as store:
            instance = await linker(sync={"nothing": number, "number": number, "maybe": number}).instantiate(
                store, component(ASKER)
            )

            async def call(accessor: weft.Accessor) -> None:
                await instance.get_func("number").call_concurrent(accessor, 1)

            await store.run_concurrent(call)

    with pytest.raises(kind):
        anyio.run(main, backend=backend)


@BACKENDS
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_gets_out_of_async_functions(backend: str, kind: type[BaseException]) -> None:
    """KeyboardInterrupt and SystemExit of an async host function leave the loop and the store, ungrouped."""

    async def wait(_accessor: weft.Accessor, _n: int) -> int:
        await checkpoint()
        raise kind

    async def main() -> None:
        async with waiter(wait) as (store, instance):
            await instance.get_func("wait").call_async(store, 1)

    with pytest.raises(kind):
        anyio.run(main, backend=backend)


@BACKENDS
@pytest.mark.parametrize("name", ["spin-for-ever", "spin-for-ever-outside"])
def test_ctrl_c_stops_a_guest_that_computes(backend: str, name: str, interrupt: Callable[[], None]) -> None:
    """With an epoch interval, Ctrl-C gets out of a guest that never waits."""
    from guests import SPINNER

    spinning = engine(0.005)

    async def main() -> None:
        async with weft.Store(spinning) as store:
            instance = await linker(spinning).instantiate(store, component(SPINNER, spinning))
            interrupt()
            await instance.get_func(name).call_async(store)

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main, backend=backend)


def test_ctrl_c_stops_a_guest_without_event_loop(interrupt: Callable[[], None]) -> None:
    """With an epoch interval, Ctrl-C gets out of `Func.call`, too."""
    from guests import SPINNER

    spinning = engine(0.005)
    with weft.Store(spinning) as store:
        instance = linker(spinning).instantiate_sync(store, component(SPINNER, spinning))
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            instance.get_func("spin-for-ever").call(store)


@pytest.fixture
def interrupt() -> Callable[[], None]:
    """Return what sends the main thread a Ctrl-C in a moment."""
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    return threading.Timer(0.05, signal.pthread_kill, (main_thread, signal.SIGINT)).start
