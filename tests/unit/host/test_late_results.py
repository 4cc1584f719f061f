"""Values that nobody takes: results for guests that were stopped, arguments of calls that never began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

import weft
from weft import producers
from weft.runtime.subtask import SubtaskState

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

GUEST = """
(component
  (import "api" (instance $api
    (export "thing" (type $t (sub resource)))
    (type $bytes (stream u8))
    (type $record (record (field "the-thing" (own $t)) (field "bytes" $bytes)))
    (export "parts" (type $p (eq $record)))
    (export "make" (func async (result (result (list (tuple (option $p) (own $t))) (error string)))))))
  (core module $libc (memory (export "m") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $libc (instantiate $libc))
  (core func $make (canon lower (func $api "make")
    (memory (core memory $libc "m")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "" "make" (func $make (param i32)))
    (func (export "run") (call $make (i32.const 0))))
  (core instance $i (instantiate $m (with "" (instance (export "make" (func $make))))))
  (func (export "run") async (canon lift (core func $i "run"))))
"""


class Thing:
    def __init__(self) -> None:
        self.drops = 0

    def on_drop(self) -> None:
        self.drops += 1


class Bytes(producers.NonblockingProducer):
    closed = False

    def finished(self) -> None:
        self.closed = True


class Host:
    """Has `make` wait, whoever cancels it, until it is told to return everything that can be in a result."""

    def __init__(self) -> None:
        self.things = Thing(), Thing(), Thing()
        self.bytes = Bytes()
        self.waits = anyio.Event()
        self.goes_on = anyio.Event()

    async def make(self, _accessor: weft.Accessor) -> object:
        first, second, third = self.things
        with anyio.CancelScope(shield=True):
            self.waits.set()
            await self.goes_on.wait()
        return [({"the-thing": first, "bytes": self.bytes}, second), (None, third)]

    def instantiate(self, store: weft.Store, guest: str = GUEST) -> weft.Func:
        linker = weft.Linker(store.engine)
        api = linker.instance("api")
        api.object_resource("thing")
        api.func_wrap_concurrent("make", self.make)
        return linker.instantiate_sync(store, weft.Component(store.engine, guest)).get_func("run")

    @property
    def drops(self) -> list[int]:
        return [thing.drops for thing in self.things]


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_a_guest_that_was_stopped() -> None:
    """What a result holds for a guest whose call was aborted is let go of."""
    host = Host()
    async with weft.Store(weft.Engine()) as store:
        run = host.instantiate(store)

        async def main(accessor: weft.Accessor) -> None:
            call = run.start_call_concurrent(accessor)
            await until(host.waits.is_set)
            call.abort()
            host.goes_on.set()
            await until(lambda: host.drops == [1, 1, 1] and host.bytes.closed)

        await store.run_concurrent(main)
    assert host.drops == [1, 1, 1]


async def test_a_store_that_was_closed() -> None:
    """What a result holds for a guest whose store is closed before it gets it is let go of."""
    host = Host()
    async with weft.Store(weft.Engine()) as store:
        run = host.instantiate(store)

        async def main(accessor: weft.Accessor) -> None:
            run.start_call_concurrent(accessor)
            await until(host.waits.is_set)

        await store.run_concurrent(main)
        host.goes_on.set()
    assert host.drops == [1, 1, 1]
    assert host.bytes.closed


async def test_an_error_holds_nothing() -> None:
    """The error case of a result is no value of its ok case."""
    host = Host()

    async def fail(accessor: weft.Accessor) -> object:
        await Host.make(host, accessor)
        raise weft.Err("no")

    host.make = fail  # type: ignore[method-assign]
    async with weft.Store(weft.Engine()) as store:
        run = host.instantiate(store)

        async def main(accessor: weft.Accessor) -> None:
            call = run.start_call_concurrent(accessor)
            await until(host.waits.is_set)
            call.abort()
            host.goes_on.set()
            await accessor.wait_no_interesting_tasks()

        await store.run_concurrent(main)
    assert host.drops == [0, 0, 0]


CANCELS = """
(component
  (import "api" (instance $api
    (export "thing" (type $t (sub resource)))
    (export "make" (func (result (own $t))))
    (export "take" (func async (param "t" (own $t)) (param "bytes" (stream u8))))))
  (alias export $api "thing" (type $t))
  (type $bytes (stream u8))
  (core func $make (canon lower (func $api "make")))
  (core func $take (canon lower (func $api "take") async))
  (core func $cancel (canon subtask.cancel))
  (core func $new (canon stream.new $bytes))
  (core module $m
    (import "" "make" (func $make (result i32)))
    (import "" "take" (func $take (param i32 i32) (result i32)))
    (import "" "cancel" (func $cancel (param i32) (result i32)))
    (import "" "new" (func $new (result i64)))
    (func (export "run") (result i32)
      (call $cancel (i32.shr_u
        (call $take (call $make) (i32.wrap_i64 (call $new)))
        (i32.const 4)))))
  (core instance $i (instantiate $m (with "" (instance
    (export "make" (func $make)) (export "take" (func $take)) (export "cancel" (func $cancel))
    (export "new" (func $new))))))
  (func (export "run") async (result u32) (canon lift (core func $i "run"))))
"""


async def test_a_call_that_is_cancelled_before_it_begins() -> None:
    """Either a function gets its arguments, or they are let go of; in both cases the guest learns of the end."""
    thing = Thing()
    got: list[tuple[Thing, weft.StreamReader]] = []

    async def take(accessor: weft.Accessor, thing: Thing, data: weft.StreamReader) -> None:
        got.append((thing, data))
        try:
            await anyio.sleep_forever()
        finally:
            data.close(accessor)
            thing.on_drop()

    async with weft.Store(weft.Engine()) as store:
        linker = weft.Linker(store.engine)
        api = linker.instance("api")
        api.object_resource("thing")
        api.func_wrap("make", lambda _store: thing)
        api.func_wrap_concurrent("take", take)
        run = linker.instantiate_sync(store, weft.Component(store.engine, CANCELS)).get_func("run")
        with anyio.fail_after(10):
            assert await run.call_async(store) == SubtaskState.CANCELLED_BEFORE_RETURNED
        assert thing.drops == 1


@pytest.mark.parametrize(
    ("room", "none"),
    [("(call $make (i32.const 0))", "(call $make (i32.const -8))"), ("(i32.const 64)", "(i32.const -8)")],
    ids=["result", "list"],
)
async def test_a_guest_without_room_for_a_result(room: str, none: str) -> None:
    """A guest that traps since its pointers lead nowhere leaves nothing of the result behind."""
    host = Host()
    host.goes_on.set()
    async with weft.Store(weft.Engine()) as store:
        run = host.instantiate(store, GUEST.replace(room, none))
        with pytest.raises(weft.Trap, match=r"out.of.bounds"):
            await run.call_async(store)
        assert host.drops == [1, 1, 1]
        assert host.bytes.closed
    assert host.drops == [1, 1, 1]
