"""Guests of a few lines, in component text, and what opens a store for one."""

from __future__ import annotations

import functools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import weft

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

# Imports an async function; waits for it in every way, also after having returned, and cancels it.
WAITER = """
(component
  (import "wait" (func $wait async (param "n" u32) (result u32)))
  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (core func $wait (canon lower (func $wait)))
  (core func $wait-async (canon lower (func $wait) async (memory (core memory $memory "memory"))))
  (core func $return (canon task.return (result u32)))
  (core func $cancel (canon subtask.cancel))
  (core func $drop (canon subtask.drop))
  (core func $set-new (canon waitable-set.new))
  (core func $set-wait (canon waitable-set.wait (memory (core memory $memory "memory"))))
  (core func $join (canon waitable.join))
  (core func $inc (canon backpressure.inc))
  (core func $dec (canon backpressure.dec))
  (core func $suspend (canon thread.suspend))
  (type $bytes (stream u8))
  (core func $stream-new (canon stream.new $bytes))
  (core func $stream-read (canon stream.read $bytes (memory (core memory $memory "memory"))))
  (core module $Guest
    (import "" "memory" (memory 1))
    (import "" "wait" (func $wait (param i32) (result i32)))
    (import "" "wait-async" (func $wait_async (param i32 i32) (result i32)))
    (import "" "return" (func $return (param i32)))
    (import "" "cancel" (func $cancel (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "set-new" (func $set_new (result i32)))
    (import "" "set-wait" (func $set_wait (param i32 i32) (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "inc" (func $inc))
    (import "" "dec" (func $dec))
    (import "" "suspend" (func $suspend (result i32)))
    (import "" "stream-new" (func $stream_new (result i64)))
    (import "" "stream-read" (func $stream_read (param i32 i32 i32) (result i32)))
    (func (export "wait") (param i32) (result i32) (call $wait (local.get 0)))
    (func (export "wait-stackful") (param i32) (call $return (call $wait (local.get 0))))
    ;; Returns, waits, and traps when what it waited for is not 0.
    (func (export "return-then-wait") (param i32)
      (call $return (local.get 0))
      (if (call $wait (local.get 0)) (then unreachable)))
    (func (export "return-then-trap") (param i32) (call $return (local.get 0)) unreachable)
    ;; The state that the cancelled call ended in, and 256 times its result. In between, another call if it is for 1.
    (func (export "start-and-cancel") (param i32)
      (local $status i32)
      (local.set $status (call $wait_async (local.get 0) (i32.const 16)))
      (if (i32.ne (i32.and (local.get $status) (i32.const 15)) (i32.const 1)) (then unreachable))
      (local.set $status (i32.shr_u (local.get $status) (i32.const 4)))
      (if (i32.eq (local.get 0) (i32.const 1)) (then (drop (call $wait (i32.const 2)))))
      (call $return (i32.add
        (call $cancel (local.get $status))
        (i32.shl (i32.load (i32.const 16)) (i32.const 8))))
      (call $drop (local.get $status)))
    (func (export "wait-on-set") (param i32)
      (local $set i32)
      (local.set $set (call $set_new))
      (call $join
        (i32.shr_u (call $wait_async (local.get 0) (i32.const 16)) (i32.const 4))
        (local.get $set))
      (drop (call $set_wait (local.get $set) (i32.const 32)))
      (call $return (i32.load (i32.const 16))))
    (func (export "wait-on-empty-set") (drop (call $set_wait (call $set_new) (i32.const 32))))
    (func (export "stuck") (param i32) (result i32)
      (call $set_wait (call $set_new) (i32.const 32)))
    (func (export "suspend") (drop (call $suspend)))
    (func (export "read-own-stream")
      (drop (call $stream_read (i32.wrap_i64 (call $stream_new)) (i32.const 64) (i32.const 16))))
    (func (export "inc") (call $inc))
    (func (export "dec") (call $dec))
    (func (export "trap") unreachable)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "memory" (memory $memory "memory"))
    (export "wait" (func $wait))
    (export "wait-async" (func $wait-async))
    (export "return" (func $return))
    (export "cancel" (func $cancel))
    (export "drop" (func $drop))
    (export "set-new" (func $set-new))
    (export "set-wait" (func $set-wait))
    (export "join" (func $join))
    (export "inc" (func $inc))
    (export "dec" (func $dec))
    (export "suspend" (func $suspend))
    (export "stream-new" (func $stream-new))
    (export "stream-read" (func $stream-read))))))
  (type $waits (func async (param "n" u32) (result u32)))
  (func (export "wait") (type $waits) (canon lift (core func $guest "wait")))
  (func (export "stuck") (type $waits) (canon lift (core func $guest "stuck")))
  (func (export "suspend") async (canon lift (core func $guest "suspend") async))
  (func (export "wait-stackful") (type $waits) (canon lift (core func $guest "wait-stackful") async))
  (func (export "return-then-wait") (type $waits) (canon lift (core func $guest "return-then-wait") async))
  (func (export "return-then-trap") (type $waits) (canon lift (core func $guest "return-then-trap") async))
  (func (export "start-and-cancel") (type $waits) (canon lift (core func $guest "start-and-cancel") async))
  (func (export "wait-on-set") (type $waits) (canon lift (core func $guest "wait-on-set") async))
  (func (export "wait-on-empty-set") async (canon lift (core func $guest "wait-on-empty-set") async))
  (func (export "read-own-stream") async (canon lift (core func $guest "read-own-stream") async))
  (func (export "inc") (canon lift (core func $guest "inc")))
  (func (export "dec") (canon lift (core func $guest "dec")))
  (func (export "trap") (canon lift (core func $guest "trap")))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $guest "add"))))
"""

# Its exports and imports are sync, as those of WASI 0.2 are.
POLLER = """
(component
  (import "poll" (func $poll (param "n" u32) (result u32)))
  (core func $poll (canon lower (func $poll)))
  (core module $Guest
    (import "" "poll" (func $poll (param i32) (result i32)))
    (global $depth (mut i32) (i32.const 0))
    ;; Traps when another call is inside: the stack of most guests is in their memory, and not made for that.
    (func (export "run") (param i32) (result i32)
      (if (global.get $depth) (then unreachable))
      (global.set $depth (i32.const 1))
      (local.set 0 (i32.add (i32.const 1) (call $poll (local.get 0))))
      (global.set $depth (i32.const 0))
      (local.get 0))
    (func (export "inside") (result i32) (global.get $depth)))
  (core instance $guest (instantiate $Guest (with "" (instance (export "poll" (func $poll))))))
  (func (export "poll") (param "n" u32) (result u32) (canon lift (core func $guest "run")))
  (func (export "inside") (result u32) (canon lift (core func $guest "inside"))))
"""

# A component and one inside it that call each other: run -> inner run -> poll, then back into the outer `twice`.
REENTRANT = """
(component
  (import "poll" (func $poll (param "n" u32) (result u32)))
  (core module $Twice
    (func (export "twice") (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1))))
  (core instance $twice (instantiate $Twice))
  (type $func (func (param "n" u32) (result u32)))
  (func $twice (type $func) (canon lift (core func $twice "twice")))
  (component $Inner
    (import "poll" (func $poll (param "n" u32) (result u32)))
    (import "twice" (func $twice (param "n" u32) (result u32)))
    (core func $poll (canon lower (func $poll)))
    (core func $twice (canon lower (func $twice)))
    (core module $Guest
      (import "" "poll" (func $poll (param i32) (result i32)))
      (import "" "twice" (func $twice (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $twice (call $poll (local.get 0)))))
    (core instance $guest (instantiate $Guest (with "" (instance
      (export "poll" (func $poll))
      (export "twice" (func $twice))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $guest "run"))))
  (instance $inner (instantiate $Inner (with "poll" (func $poll)) (with "twice" (func $twice))))
  (core func $run (canon lower (func $inner "run")))
  (core module $Guest
    (import "" "run" (func $run (param i32) (result i32)))
    (func (export "run") (param i32) (result i32) (call $run (local.get 0))))
  (core instance $guest (instantiate $Guest (with "" (instance (export "run" (func $run))))))
  (func (export "run") (type $func) (canon lift (core func $guest "run"))))
"""

# A resource whose destructor calls `poll`, and, in another component, a start function that does.
DESTROYER = """
(component
  (import "poll" (func $poll (param "n" u32) (result u32)))
  (core func $poll (canon lower (func $poll)))
  (core module $Dtor
    (import "" "poll" (func $poll (param i32) (result i32)))
    (func (export "dtor") (param i32) (drop (call $poll (local.get 0)))))
  (core instance $dtor (instantiate $Dtor (with "" (instance (export "poll" (func $poll))))))
  (type $thing (resource (rep i32) (dtor (core func $dtor "dtor"))))
  (core func $new (canon resource.new $thing))
  (core func $drop (canon resource.drop $thing))
  (core module $Guest
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (call $drop (call $new (i32.const 7)))))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "new" (func $new))
    (export "drop" (func $drop))))))
  (func (export "run") (canon lift (core func $guest "run"))))
"""

STARTER = """
(component
  (import "poll" (func $poll (param "n" u32) (result u32)))
  (core func $poll (canon lower (func $poll)))
  (core module $Guest
    (import "" "poll" (func $poll (param i32) (result i32)))
    (func $start (drop (call $poll (i32.const 1))))
    (start $start))
  (core instance $guest (instantiate $Guest (with "" (instance (export "poll" (func $poll)))))))
"""

# Sync functions of every kind of result.
ASKER = """
(component
  (import "nothing" (func $nothing))
  (import "number" (func $number (param "n" u32) (result u32)))
  (import "maybe" (func $maybe (param "n" u32) (result (result u32 (error u32)))))
  (core module $Memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $Memory))
  (core func $nothing (canon lower (func $nothing)))
  (core func $number (canon lower (func $number)))
  (core func $maybe (canon lower (func $maybe) (memory (core memory $memory "memory"))))
  (core module $Guest
    (import "" "memory" (memory 1))
    (import "" "nothing" (func $nothing))
    (import "" "number" (func $number (param i32) (result i32)))
    (import "" "maybe" (func $maybe (param i32 i32)))
    (func (export "nothing") (call $nothing))
    (func (export "number") (param i32) (result i32) (call $number (local.get 0)))
    (func (export "maybe") (param i32) (result i32)
      (call $maybe (local.get 0) (i32.const 16))
      (i32.const 16)))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "memory" (memory $memory "memory"))
    (export "nothing" (func $nothing))
    (export "number" (func $number))
    (export "maybe" (func $maybe))))))
  (func (export "nothing") (canon lift (core func $guest "nothing")))
  (func (export "number") (param "n" u32) (result u32) (canon lift (core func $guest "number")))
  (func (export "maybe") (param "n" u32) (result (result u32 (error u32)))
    (canon lift (core func $guest "maybe") (memory (core memory $memory "memory")))))
"""

# Computes without end, or for so many rounds, by itself or in a component that it is made of.
SPINNER = """
(component
  (component $Inner
    (core module $Guest
      (func (export "spin") (param i32) (result i32)
        (local $n i32)
        (loop $again
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $again (i32.ne (local.get $n) (local.get 0))))
        (local.get $n))
      (func (export "spin-for-ever") (loop $again (br $again))))
    (core instance $guest (instantiate $Guest))
    (func (export "spin") (param "n" u32) (result u32) (canon lift (core func $guest "spin")))
    (func (export "spin-for-ever") (canon lift (core func $guest "spin-for-ever"))))
  (instance $inner (instantiate $Inner))
  (core func $spin (canon lower (func $inner "spin")))
  (core func $spin-for-ever (canon lower (func $inner "spin-for-ever")))
  (core module $Guest
    (import "" "spin" (func $spin (param i32) (result i32)))
    (import "" "spin-for-ever" (func $spin_for_ever))
    (func (export "spin") (param i32) (result i32) (call $spin (local.get 0)))
    (func (export "spin-for-ever") (call $spin_for_ever)))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "spin" (func $spin))
    (export "spin-for-ever" (func $spin-for-ever))))))
  (func (export "spin-outside") (param "n" u32) (result u32) (canon lift (core func $guest "spin")))
  (func (export "spin-for-ever-outside") (canon lift (core func $guest "spin-for-ever")))
  (export "spin" (func $inner "spin"))
  (export "spin-for-ever" (func $inner "spin-for-ever")))
"""


@functools.cache
def engine(epoch_interval: float | None = None) -> weft.Engine:
    return weft.Engine(weft.Config(cache_dir=None, opt_level="none", epoch_interval=epoch_interval))


@functools.cache
def component(text: str, made_by: weft.Engine | None = None) -> weft.Component:
    return weft.Component(made_by or engine(), text)


def linker(
    made_by: weft.Engine | None = None,
    *,
    sync: dict[str, Callable[..., Any]] | None = None,
    blocking: dict[str, Callable[..., Any]] | None = None,
    concurrent: dict[str, Callable[..., Any]] | None = None,
) -> weft.Linker:
    """Return a linker with host functions at its root."""
    made = weft.Linker(made_by or engine())
    for name, func in (sync or {}).items():
        made.root.func_wrap(name, func)
    for name, func in (blocking or {}).items():
        made.root.func_wrap_async(name, func)
    for name, func in (concurrent or {}).items():
        made.root.func_wrap_concurrent(name, func)
    return made


@asynccontextmanager
async def waiter(wait: Callable[..., Any]) -> AsyncIterator[tuple[weft.Store, weft.Instance]]:
    """Open a store with a WAITER whose import is `wait`."""
    async with weft.Store(engine()) as store:
        yield store, await linker(concurrent={"wait": wait}).instantiate(store, component(WAITER))


async def unused(_accessor: weft.Accessor, _n: int) -> int:
    raise AssertionError("nobody calls this")
