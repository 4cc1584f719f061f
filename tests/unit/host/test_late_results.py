"""Results of host functions for guests that were stopped in the meantime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

import weft
from weft import producers

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

    def instantiate(self, store: weft.Store) -> weft.Func:
        linker = weft.Linker(store.engine)
        api = linker.instance("api")
        api.object_resource("thing")
        api.func_wrap_concurrent("make", self.make)
        return linker.instantiate_sync(store, weft.Component(store.engine, GUEST)).get_func("run")

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
