"""Hosts in trouble: callbacks that raise, Ctrl-C, cancellation at any point, stores closed at the wrong time, leaks."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from hostile import ENGINE, assert_quiet

import weft
from weft.errors import LowerError, StoreError, Trap, TrapCode

if TYPE_CHECKING:
    from collections.abc import Callable

GUEST = """(component
  (import "now" (func $now (param "x" u32) (result u32)))
  (import "blocking" (func $blocking (param "x" u32) (result u32)))
  (import "later" (func $later async (param "x" u32) (result u32)))
  (core module $Mem (memory (export "m") 1))
  (core instance $mem (instantiate $Mem))
  (core func $now' (canon lower (func $now)))
  (core func $blocking' (canon lower (func $blocking)))
  (core func $later' (canon lower (func $later)))
  (core func $start (canon lower (func $later) async (memory (core memory $mem "m"))))
  (core func $set-new (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $return (canon task.return (result u32)))
  (core module $M
    (import "mem" "m" (memory 1))
    (import "" "now" (func $now (param i32) (result i32)))
    (import "" "blocking" (func $blocking (param i32) (result i32)))
    (import "" "later" (func $later (param i32) (result i32)))
    (import "" "start" (func $start (param i32 i32) (result i32)))
    (import "" "set-new" (func $set_new (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "return" (func $return (param i32)))
    (func (export "now") (param i32) (result i32) (call $now (local.get 0)))
    (func (export "blocking") (param i32) (result i32) (call $blocking (local.get 0)))
    (func (export "later") (param i32) (result i32) (call $later (local.get 0)))
    (func (export "callback") (param i32) (result i32) (local $task i32) (local $set i32)
      (local.set $task (call $start (local.get 0) (i32.const 0)))
      (if (i32.eq (local.get $task) (i32.const 2))
        (then (call $return (i32.load (i32.const 0))) (return (i32.const 0))))
      (local.set $set (call $set_new))
      (call $join (i32.shr_u (local.get $task) (i32.const 4)) (local.get $set))
      (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))
    (func (export "event") (param i32 i32 i32) (result i32) (call $return (i32.load (i32.const 0))) (i32.const 0))
    (func (export "spin") (loop $again (br $again))))
  (core instance $m (instantiate $M
    (with "mem" (instance $mem))
    (with "" (instance
      (export "now" (func $now')) (export "blocking" (func $blocking')) (export "later" (func $later'))
      (export "start" (func $start)) (export "set-new" (func $set-new)) (export "join" (func $join))
      (export "return" (func $return))))))
  (func (export "now") (param "x" u32) (result u32) (canon lift (core func $m "now")))
  (func (export "now-async") async (param "x" u32) (result u32) (canon lift (core func $m "now")))
  (func (export "blocking") (param "x" u32) (result u32) (canon lift (core func $m "blocking")))
  (func (export "blocking-async") async (param "x" u32) (result u32) (canon lift (core func $m "blocking")))
  (func (export "later") async (param "x" u32) (result u32) (canon lift (core func $m "later")))
  (func (export "callback") async (param "x" u32) (result u32)
    (canon lift (core func $m "callback") async (callback (core func $m "event"))))
  (func (export "spin") (canon lift (core func $m "spin")))
  (func (export "spin-async") async (canon lift (core func $m "spin"))))"""

FUNCTIONS = ("now", "now-async", "blocking", "blocking-async", "later", "callback")
BACKENDS = ("asyncio", "trio")


class PlannedError(Exception):
    """A bug in a host function."""


class PlannedExit(BaseException):
    """What is no Exception, as KeyboardInterrupt is none."""


@pytest.fixture(scope="module")
def guest() -> weft.Component:
    return weft.Component(ENGINE, GUEST)


def make_linker(behave: Callable[[int], Any], *, engine: weft.Engine = ENGINE, pause: bool = True) -> weft.Linker:
    """Return a linker whose three kinds of host functions all do `behave`, the awaiting ones after a while."""
    linker = weft.Linker(engine)

    async def awaiting(_accessor: weft.Accessor, x: int) -> Any:
        if pause:
            await anyio.lowlevel.checkpoint()
        return behave(x)

    linker.root.func_wrap("now", lambda _store, x: behave(x))
    linker.root.func_wrap_async("blocking", awaiting)
    linker.root.func_wrap_concurrent("later", awaiting)
    return linker


def raising(error: BaseException) -> Callable[[int], int]:
    def behave(_x: int) -> int:
        raise error

    return behave


async def call_once(guest: weft.Component, linker: weft.Linker, name: str, concurrent: bool) -> Any:
    """Call one export in a new store, and check that it leaves nothing behind."""
    async with weft.Store(ENGINE) as store:
        func = (await linker.instantiate(store, guest)).get_func(name)
        try:
            if not concurrent:
                return await func.call_async(store, 1)
            return await store.run_concurrent(lambda accessor: func.call_concurrent(accessor, 1))
        finally:
            assert_quiet(store)
            assert not store.is_running


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_host_function_raises_reaches_the_caller(
    guest: weft.Component, name: str, pause: bool, backend: str
) -> None:
    """The very exception of a host function surfaces, with the host function in its traceback."""
    for error in (PlannedError("bug"), PlannedExit("exit"), MemoryError(), RecursionError()):
        for concurrent in (False, True):
            linker = make_linker(raising(error), pause=pause)
            with pytest.raises(type(error)) as raised:
                anyio.run(call_once, guest, linker, name, concurrent, backend=backend)
            assert raised.value is error
            assert "behave" in [entry.name for entry in raised.traceback]
            error.__traceback__ = None


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_spawned_task_raises_fails_the_loop(backend: str) -> None:
    """No exception of a background task is lost, not even one that is no Exception."""
    for error in (PlannedError(), PlannedExit()):

        async def fail(_accessor: weft.Accessor, error: BaseException = error) -> None:
            await anyio.lowlevel.checkpoint()
            raise error

        async def main(accessor: weft.Accessor, fail: Any = fail) -> None:
            accessor.spawn(fail)
            await anyio.sleep_forever()

        async def run(main: Any = main) -> None:
            async with weft.Store(ENGINE) as store:
                with anyio.fail_after(5):
                    await store.run_concurrent(main)

        with pytest.raises(type(error)) as raised:
            anyio.run(run, backend=backend)
        assert raised.value is error


@pytest.mark.parametrize("value", [None, "text", 1 << 40, -1, 1.5, True, object()])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_result_of_a_host_function_is_a_named_error(guest: weft.Component, name: str, value: Any) -> None:
    """A value that is none of the result type is a LowerError that says so."""
    linker = make_linker(lambda _x: value)
    with pytest.raises(LowerError, match=r"result: "):
        anyio.run(call_once, guest, linker, name, True)


def test_a_trap_that_a_host_function_swallows_stays(guest: weft.Component) -> None:
    """A host function may catch the trap of a call back into its caller; the instance stays stopped all the same."""
    found: dict[str, Any] = {}

    def behave(x: int) -> int:
        if x == 0:
            raise Trap(TrapCode.UNREACHABLE)
        with pytest.raises(Trap):
            found["now"].call(found["store"], 0)
        return 7

    with weft.Store(ENGINE) as store:
        instance = make_linker(behave).instantiate_sync(store, guest)
        found.update(now=instance.get_func("now"), store=store)
        with suppress(Trap):
            assert instance.get_func("now").call(store, 1) == 7
        assert_quiet(store)
        with pytest.raises(Trap) as trap:
            instance.get_func("now").call(store, 1)
        assert trap.value.code is TrapCode.CANNOT_ENTER_COMPONENT


# Closing.


@pytest.mark.parametrize("name", ["now", "now-async"])
def test_a_host_function_cannot_close_its_store(guest: weft.Component, name: str) -> None:
    """Closing a store from inside one of its guests is a StoreError; afterwards it can be closed."""
    with weft.Store(ENGINE) as store:
        linker = make_linker(lambda _x: store.close())
        func = linker.instantiate_sync(store, guest).get_func(name)
        with pytest.raises(StoreError, match="cannot be closed from inside"):
            func.call(store, 1)
        assert_quiet(store)


@pytest.mark.parametrize("backend", BACKENDS)
def test_closing_a_store_fails_who_waits(guest: weft.Component, backend: str) -> None:
    """Calls in progress end with a StoreError when the store is closed under them."""
    failed: list[str] = []

    async def wait(accessor: weft.Accessor, func: weft.Func) -> None:
        try:
            await func.call_concurrent(accessor, 1)
        except StoreError as error:
            failed.append(str(error))

    async def main() -> None:
        async def never(_accessor: weft.Accessor, _x: int) -> int:
            await anyio.sleep_forever()
            return 0

        linker = weft.Linker(ENGINE)
        linker.root.func_wrap("now", lambda _store, x: x)
        linker.root.func_wrap_async("blocking", never)
        linker.root.func_wrap_concurrent("later", never)
        async with weft.Store(ENGINE) as store:
            instance = await linker.instantiate(store, guest)

            async def body(accessor: weft.Accessor) -> None:
                async with anyio.create_task_group() as group:
                    group.start_soon(wait, accessor, instance.get_func("callback"))
                    group.start_soon(wait, accessor, instance.get_func("later"))
                    for _ in range(3):
                        await anyio.lowlevel.checkpoint()
                    store.close()

            with anyio.fail_after(5):
                await store.run_concurrent(body)
            assert not store.state.core.suspended

    anyio.run(main, backend=backend)
    assert len(failed) == 2


# Ctrl-C and cancellation.


@pytest.fixture(scope="module")
def slicing() -> weft.Engine:
    return weft.Engine(weft.Config(cache_dir=None, epoch_interval=0.005))


def interrupt_soon() -> None:
    threading.Timer(0.03, lambda: os.kill(os.getpid(), signal.SIGINT)).start()


@pytest.mark.parametrize("name", ["spin", "spin-async"])
def test_ctrl_c_stops_a_guest_that_spins(slicing: weft.Engine, name: str) -> None:
    """With epochs, Ctrl-C gets out of a guest that never returns; the store can be closed."""
    made = weft.Component(slicing, GUEST)
    with weft.Store(slicing) as store:
        func = make_linker(lambda x: x, engine=slicing).instantiate_sync(store, made).get_func(name)
        interrupt_soon()
        with pytest.raises(KeyboardInterrupt):
            func.call(store)
        assert_quiet(store)
    assert not store.state.core.suspended


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["spin", "spin-async"])
def test_a_timeout_gets_out_of_a_guest_that_spins(slicing: weft.Engine, name: str, backend: str) -> None:
    """With epochs, `move_on_after` works around a guest that never returns."""
    made = weft.Component(slicing, GUEST)

    async def main() -> None:
        async with weft.Store(slicing) as store:
            instance = await make_linker(lambda x: x, engine=slicing).instantiate(store, made)
            with anyio.move_on_after(0.03) as scope:
                await store.run_concurrent(instance.get_func(name).call_concurrent)
            assert scope.cancelled_caught
            assert_quiet(store)
        assert not store.state.core.suspended

    anyio.run(main, backend=backend)


async def cancel_after(scope: anyio.CancelScope, checkpoints: int) -> None:
    for _ in range(checkpoints):
        await anyio.lowlevel.checkpoint()
    scope.cancel()


async def run_cancelled(made: weft.Component, checkpoints: int, *, outside: bool) -> bool:
    """Cancel three calls after so many checkpoints, inside or around the store; say whether they finished."""
    scope = anyio.CancelScope()
    finished = False

    async def work(accessor: weft.Accessor, instance: weft.Instance) -> None:
        async with anyio.create_task_group() as group:
            for name in ("callback", "later", "now-async"):
                group.start_soon(instance.get_func(name).call_concurrent, accessor, 3)

    async def run(store: weft.Store) -> None:
        nonlocal finished
        instance = await make_linker(lambda x: x).instantiate(store, made)
        async with anyio.create_task_group() as group:
            with anyio.CancelScope() if outside else scope:
                group.start_soon(cancel_after, scope, checkpoints)
                await store.run_concurrent(work, instance)
                finished = True
            group.cancel_scope.cancel()
        assert_quiet(store)
        if not outside:
            assert await instance.get_func("now-async").call_async(store, 5) == 5

    with scope if outside else anyio.CancelScope():
        async with weft.Store(ENGINE) as store:
            await run(store)
    assert not store.state.core.suspended
    return finished


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("outside", [False, True])
def test_cancellation_at_every_checkpoint(guest: weft.Component, outside: bool, backend: str) -> None:
    """Wherever a loop is cancelled it ends, leaves no fiber, and, where it lives on, the store still works."""
    for checkpoints in range(60):
        if anyio.run(lambda n=checkpoints: run_cancelled(guest, n, outside=outside), backend=backend):
            return
    pytest.fail("the calls never finish")


# Leaks and threads.


def open_files() -> int:
    """Return the number of file descriptors, 0 where that cannot be known."""
    directory = Path("/proc/self/fd")
    return sum(1 for _ in directory.iterdir()) if directory.is_dir() else 0


def test_stores_leave_nothing_behind(guest: weft.Component) -> None:
    """After runs that return, raise, stay suspended or are not closed, no object, store or file is left."""

    def one(behave: Callable[[int], int], name: str, *, close: bool) -> weakref.ref[weft.Store]:
        store = weft.Store(ENGINE)
        instance = make_linker(behave).instantiate_sync(store, guest)
        with suppress(PlannedError, StoreError):
            instance.get_func(name).call(store, 1)
        if close:
            store.close()
        return weakref.ref(store)

    def round_() -> list[weakref.ref[weft.Store]]:
        return [
            one(lambda x: x, "now-async", close=True),
            one(raising(PlannedError()), "now-async", close=True),
            one(lambda x: x, "later", close=True),
            one(lambda x: x, "now-async", close=False),
        ]

    for _ in range(3):
        round_()
    gc.collect()
    objects, files = len(gc.get_objects()), open_files()
    stores = [store for _ in range(10) for store in round_()]
    gc.collect()
    assert [store() for store in stores] == [None] * len(stores)
    del stores
    gc.collect()
    assert len(gc.get_objects()) - objects < 50
    assert open_files() == files


def test_stores_on_two_threads_never_mix_their_errors(guest: weft.Component) -> None:
    """Each thread gets the exceptions of its own host functions, the same objects."""
    wrong: list[object] = []

    def work() -> None:
        for i in range(40):
            error = PlannedError(i)

            def behave(x: int, error: PlannedError = error) -> int:
                if x == 5:
                    raise error
                return x

            with weft.Store(ENGINE) as store:
                func = make_linker(behave).instantiate_sync(store, guest).get_func("now" if i % 2 else "now-async")
                results = [func.call(store, x) for x in (1, 2, 3)]
                try:
                    func.call(store, 5)
                except PlannedError as raised:
                    wrong.extend([] if raised is error and results == [1, 2, 3] else [raised])

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def run_script(text: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(text)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_faulthandler_that_is_enabled_too_late_is_a_named_error() -> None:
    """A crash handler over Wasmtime's would end the process at the next trap: stores refuse to be made."""
    done = run_script("""
        import faulthandler
        import weft
        engine = weft.Engine(weft.Config(cache_dir=None))
        faulthandler.enable()
        try:
            weft.Store(engine)
        except weft.WeftError as error:
            print(error)
        faulthandler.disable()
        weft.Store(engine).close()
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("faulthandler was enabled after the first engine was made")
