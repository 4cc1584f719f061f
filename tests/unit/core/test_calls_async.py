"""Calls that wait: many in one store, cancelled ones, ones that fail, and those that a program drives itself."""

from __future__ import annotations

import random
import traceback
from contextvars import ContextVar

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from core_guests import ADDER, ENGINE, NOTHING, exported, linker, load

from weft import core
from weft.errors import LowerError, StoreError, Trap, TrapCode

pytestmark = pytest.mark.anyio


class Gates:
    """A host function whose calls each wait until they are let go."""

    def __init__(self):
        self.waiting = {}

    async def enter(self, key):
        gate = self.waiting[key] = anyio.Event()
        try:
            await gate.wait()
        finally:
            del self.waiting[key]
        return key * 2

    def open(self, key):
        self.waiting[key].set()


async def test_a_guest_waits_for_a_coroutine_as_for_any_function():
    """call_async returns what the guest makes of an awaited result."""

    async def double(number):
        await checkpoint()
        return number * 2

    async with core.Store(ENGINE) as store:
        assert await load(store, ADDER, linker(double)).get_func("plus").call_async(20, 2) == 42


async def test_a_thousand_calls_resume_in_random_order():
    """1,000 calls of one store are in flight at once, go on in random order, and each gets its own result."""
    gates, results = Gates(), {}
    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, linker(gates.enter)).get_func("plus")

        async def one(key):
            results[key] = await plus.call_async(key, 7)

        async with anyio.create_task_group() as group:
            for key in range(1000):
                group.start_soon(one, key)
            await wait_all_tasks_blocked()
            assert len(gates.waiting) == 1000
            keys = list(range(1000))
            random.Random(5).shuffle(keys)
            for key in keys:
                gates.open(key)
                if key % 100 == 0:
                    await checkpoint()
    assert results == {key: key * 2 + 7 for key in range(1000)}


async def test_cancelling_unwinds_one_stack_only():
    """A cancelled await of call_async ends its host function and its guest; a call beside it goes on."""
    gates, results = Gates(), []
    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, linker(gates.enter)).get_func("plus")

        async def kept():
            results.append(await plus.call_async(1, 1))

        async def dropped(scope):
            with scope:
                await plus.call_async(2, 2)
                results.append("not cancelled")

        scope = anyio.CancelScope()
        async with anyio.create_task_group() as group:
            group.start_soon(kept)
            group.start_soon(dropped, scope)
            await wait_all_tasks_blocked()
            assert len(store.core.suspended) == 2
            scope.cancel()
            await wait_all_tasks_blocked()
            assert (set(gates.waiting), len(store.core.suspended)) == ({1}, 1)
            gates.open(1)
        assert results == [3]
        assert not store.core.suspended


async def test_a_cancelled_call_does_not_begin():
    """call_async in a cancelled scope runs nothing of the guest."""
    ran = []

    async def host(number):
        ran.append(number)

    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, linker(host)).get_func("plus")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await plus.call_async(1, 1)
        assert scope.cancelled_caught
        assert not ran


async def test_an_exception_surfaces_as_the_same_object_with_its_traceback():
    """What a coroutine raises comes out of call_async itself, and its traceback names the coroutine."""
    mine = KeyError("mine")

    async def failing(_number):
        await checkpoint()
        raise mine

    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, linker(failing)).get_func("plus")
        with pytest.raises(KeyError) as caught:
            await plus.call_async(1, 1)
        assert caught.value is mine
        assert "failing" in [frame.name for frame in traceback.extract_tb(mine.__traceback__)]
        assert not store.core.suspended


async def test_a_trap_after_waiting_has_frames():
    """A guest that traps after it waited raises a Trap that names its function; the store goes on."""

    async def same(number):
        return number

    async with core.Store(ENGINE) as store:
        instance = load(store, ADDER, linker(same))
        with pytest.raises(Trap) as caught:
            await instance.get_func("trap_after").call_async(1)
        assert caught.value.code is TrapCode.UNREACHABLE
        assert [index for _name, index, _offset in caught.value.frames] == [2]
        assert await instance.get_func("plus").call_async(1, 2) == 3


@pytest.mark.parametrize("bad", ["text", None, 1 << 32, 1.5])
async def test_a_result_that_does_not_fit_is_the_hosts_error(bad):
    """A coroutine whose result is no i32 ends the call with a LowerError that names the result."""

    async def wrong(_number):
        return bad

    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, linker(wrong)).get_func("plus")
        with pytest.raises(LowerError, match="result 0"):
            await plus.call_async(1, 1)


async def test_what_is_no_coroutine_function_fails_the_call():
    """A function that returns no awaitable, given as an asynchronous one, ends the call with a TypeError."""
    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, linker(lambda number: number)).get_func("plus")
        with pytest.raises(TypeError):
            await plus.call_async(1, 1)


async def test_a_coroutine_may_call_the_guest_again():
    """A host function that the guest waits for calls into the same store, as deep as it likes."""
    plus = None

    async def recursive(number):
        return 0 if number == 0 else await plus.call_async(number - 1, number)

    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, linker(recursive)).get_func("plus")
        assert await plus.call_async(50, 0) == sum(range(51))


async def test_host_functions_run_in_the_task_that_awaits():
    """Context variables of the caller hold for the host functions of its call."""
    variable = ContextVar("variable", default=0)

    async def read(number):
        await checkpoint()
        return variable.get() + number

    results = []
    async with core.Store(ENGINE) as store:
        plus = load(store, ADDER, linker(read)).get_func("plus")

        async def one(value):
            variable.set(value)
            results.append(await plus.call_async(1, 0))

        async with anyio.create_task_group() as group:
            for value in (10, 20, 30):
                group.start_soon(one, value)
    assert sorted(results) == [11, 21, 31]


async def test_a_call_outside_a_fiber_cannot_wait():
    """`call` of a guest that calls an asynchronous host function is a StoreError, also below another host function."""

    async def never(_number):
        raise AssertionError

    nest = '(module (import "host" "g" (func $g)) (func (export "f") (call $g)))'
    async with core.Store(ENGINE) as store:
        links = linker(never)
        plus = load(store, ADDER, links).get_func("plus")
        with pytest.raises(StoreError, match="call_async"):
            plus.call(1, 1)
        links.define_func("host", "g", NOTHING, lambda: plus.call(1, 1) and None)
        with pytest.raises(StoreError, match="call_async"):
            await load(store, nest, links).get_func("f").call_async()


async def test_closing_the_store_ends_calls_in_flight():
    """Who awaits a call of a store that is closed gets a StoreError, and the host function is cancelled."""
    gates, errors = Gates(), []
    store = core.Store(ENGINE)
    plus = load(store, ADDER, linker(gates.enter)).get_func("plus")

    async def one():
        with pytest.raises(StoreError, match="closed") as caught:
            await plus.call_async(1, 1)
        errors.append(caught.value)

    async with anyio.create_task_group() as group:
        group.start_soon(one)
        await wait_all_tasks_blocked()
        store.close()
    assert len(errors) == 1
    assert not gates.waiting
    with pytest.raises(StoreError, match="closed"):
        await plus.call_async(1, 1)


async def test_a_host_function_may_close_the_store_only_while_no_guest_runs():
    """Closing is refused to a function that a guest called, and ends the call whose coroutine does it."""
    store = core.Store(ENGINE)

    async def close(_number):
        store.close()
        return 1

    links = linker(close)
    links.define_func("host", "g", NOTHING, store.close)
    nest = '(module (import "host" "g" (func $g)) (func (export "f") (call $g)))'
    closing = load(store, nest, links).get_func("f")
    with pytest.raises(StoreError, match="running"):
        closing.call()
    with pytest.raises(StoreError, match="running"):
        await closing.call_async()
    with pytest.raises(StoreError, match="closed"):
        await load(store, ADDER, links).get_func("plus").call_async(1, 1)
    assert store.closed


async def test_a_start_function_may_wait():
    """instantiate_async runs a start function that calls a coroutine; instantiate refuses it."""
    text = """(module (import "host" "f" (func $f (param i32) (result i32)))
      (global $g (export "g") (mut i32) (i32.const 0))
      (start $s) (func $s (global.set $g (call $f (i32.const 4)))))"""

    async def negated(number):
        await checkpoint()
        return -number

    links, module = linker(negated), core.Module(ENGINE, text)
    async with core.Store(ENGINE) as store:
        instance = await links.instantiate_async(store, module)
        assert instance.get_global("g").value == -4
        with pytest.raises(StoreError, match="call_async"):
            links.instantiate(store, module)


async def test_a_cancelled_instantiation_is_unwound():
    """Cancelling instantiate_async ends the start function and leaves the store whole."""
    gates = Gates()
    text = """(module (import "host" "f" (func $f (param i32) (result i32)))
      (start $s) (func $s (drop (call $f (i32.const 1)))))"""
    async with core.Store(ENGINE) as store:
        async with anyio.create_task_group() as group:
            group.start_soon(linker(gates.enter).instantiate_async, store, core.Module(ENGINE, text))
            await wait_all_tasks_blocked()
            assert len(store.core.suspended) == 1
            group.cancel_scope.cancel()
        assert not store.core.suspended
        assert load(store, exported("(result i32) (i32.const 3)")).get_func("f").call() == 3


async def test_a_guest_waits_again_and_again():
    """A loop of 200 waits on one stack gives the sum of what each gave."""
    text = """(module (import "host" "f" (func $f (param i32) (result i32)))
      (func (export "f") (param $n i32) (result i32) (local $sum i32)
        (loop $again
          (local.set $sum (i32.add (local.get $sum) (call $f (local.get $n))))
          (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum)))"""

    async def same(number):
        return number

    async with core.Store(ENGINE) as store:
        assert await load(store, text, linker(same)).get_func("f").call_async(200) == 20_100


async def test_asynchronous_functions_of_every_shape():
    """Coroutines with no, one and several results and every number type get and give the right values."""
    text = """(module (import "host" "f" (func $f (param i32 i64 f32 f64) (result i64 f64 i32)))
      (import "host" "g" (func $g))
      (func (export "f") (param i32 i64 f32 f64) (result i64 f64 i32) (call $g)
        (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3))))"""
    seen = []

    async def several(*args):
        seen.append(args)
        return args[1], args[3], args[0]

    async def none():
        await checkpoint()

    links = linker(several, core.CoreSig(("i32", "i64", "f32", "f64"), ("i64", "f64", "i32")))
    links.define_async_func("host", "g", NOTHING, none)
    async with core.Store(ENGINE) as store:
        found = await load(store, text, links).get_func("f").call_async(-1, -2, 0.5, 1)
    assert found == (-2, 1.0, -1)
    assert seen == [(-1, -2, 0.5, 1.0)]


async def test_host_functions_belong_to_no_store():
    """One linker and one InstancePre serve two stores, whose calls are in flight together."""
    gates = Gates()
    pre = linker(gates.enter).instantiate_pre(core.Module(ENGINE, ADDER))
    results = []
    async with core.Store(ENGINE) as first, core.Store(ENGINE) as second, anyio.create_task_group() as group:

        async def one(store, key):
            instance = await pre.instantiate_async(store)
            results.append(await instance.get_func("plus").call_async(key, 0))

        for key, store in enumerate((first, second, first)):
            group.start_soon(one, store, key)
        await wait_all_tasks_blocked()
        for key in (2, 0, 1):
            gates.open(key)
            await wait_all_tasks_blocked()
    assert results == [4, 0, 2]


async def test_only_numbers_cross():
    """A host function with a vector parameter is refused when it is defined."""
    with pytest.raises(core.EngineError):
        core.Linker(ENGINE).define_async_func("host", "f", core.CoreSig(("v128",)), Gates().enter)


async def test_a_guest_with_exceptions_cannot_wait():
    """A guest that may hold references is not put aside: its call ends with an EngineError, and nothing is left."""
    text = """(module (tag $t) (import "host" "f" (func $f (param i32) (result i32)))
      (func (export "f") (result i32) (call $f (i32.const 1)))
      (func (export "throw") (throw $t)))"""

    async def never(_number):
        raise AssertionError

    async with core.Store(ENGINE) as store:
        instance = load(store, text, linker(never))
        with pytest.raises(core.EngineError, match="exceptions or garbage collection"):
            await instance.get_func("f").call_async()
        with pytest.raises(Trap) as caught:
            await instance.get_func("throw").call_async()
        assert caught.value.code is TrapCode.UNCAUGHT_EXCEPTION
        assert not store.core.suspended


async def test_one_failing_call_leaves_the_others():
    """Of 300 calls in flight a third trap, a third fail in the host, and a third are right; all end."""
    gates, ended = Gates(), {"ok": 0, "trap": 0, "host": 0}

    async def host(key):
        await gates.enter(key)
        if key % 3 == 1:
            raise OSError(key)
        return key

    async with core.Store(ENGINE) as store:
        instance = load(store, ADDER, linker(host))
        plus, trap = instance.get_func("plus"), instance.get_func("trap_after")

        async def one(key):
            try:
                assert await (trap.call_async(key) if key % 3 == 2 else plus.call_async(key, 1)) == key + 1
                ended["ok"] += 1
            except Trap:
                ended["trap"] += 1
            except OSError as error:
                ended["host"] += error.args == (key,)

        async with anyio.create_task_group() as group:
            for key in range(300):
                group.start_soon(one, key)
            await wait_all_tasks_blocked()
            for key in random.Random(6).sample(range(300), 300):
                gates.open(key)
        assert not store.core.suspended
    assert ended == {"ok": 100, "trap": 100, "host": 100}
