"""Ask many guests' tasks at once, take the first answer, and stop the others; or stop all when it takes too long.

The guest asks a mirror through an async import and waits. Told that its caller wants no answer any more, it takes its
own call of the mirror back, so that the host function is cancelled too, and says that it is done. It does so without
blocking: while one task of such a guest blocks outside of its event loop, no other task can be told anything.

    python examples/race.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

import weft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

ASKER = """
(component
  (import "fetch" (func $fetch async (param "mirror" u32) (result u32)))
  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (core func $fetch (canon lower (func $fetch) async (memory (core memory $mem))))
  (core func $return (canon task.return (result u32)))
  (core func $cancelled (canon task.cancel))
  (core func $get (canon context.get i32 0))
  (core func $set (canon context.set i32 0))
  (core func $set-new (canon waitable-set.new))
  (core func $set-drop (canon waitable-set.drop))
  (core func $join (canon waitable.join))
  (core func $take-back (canon subtask.cancel async))
  (core func $drop (canon subtask.drop))
  (core module $Guest
    (import "" "memory" (memory 0))
    (import "" "fetch" (func $fetch (param i32 i32) (result i32)))
    (import "" "return" (func $return (param i32)))
    (import "" "cancelled" (func $cancelled))
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (import "" "set-new" (func $set_new (result i32)))
    (import "" "set-drop" (func $set_drop (param i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "take-back" (func $take_back (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (global $next (mut i32) (i32.const 16))
    ;; Each task has 16 bytes: the answer, the call of the mirror, the set that it waits with, and whether to stop.
    (func (export "ask") (param $mirror i32) (result i32)
      (local $frame i32) (local $status i32)
      (local.set $frame (global.get $next))
      (global.set $next (i32.add (local.get $frame) (i32.const 16)))
      (call $set (local.get $frame))
      (local.set $status (call $fetch (local.get $mirror) (local.get $frame)))
      (if (i32.eq (local.get $status) (i32.const 2)) (then  ;; RETURNED already
        (call $return (i32.load (local.get $frame)))
        (return (i32.const 0))))  ;; EXIT
      (i32.store offset=4 (local.get $frame) (i32.shr_u (local.get $status) (i32.const 4)))
      (i32.store offset=8 (local.get $frame) (call $set_new))
      (call $join (i32.load offset=4 (local.get $frame)) (i32.load offset=8 (local.get $frame)))
      (i32.or (i32.const 2) (i32.shl (i32.load offset=8 (local.get $frame)) (i32.const 4))))  ;; WAIT
    (func (export "event") (param $event i32) (param $waitable i32) (param $state i32) (result i32)
      (local $frame i32)
      (local.set $frame (call $get))
      (if (i32.eq (local.get $event) (i32.const 6)) (then  ;; TASK_CANCELLED
        (i32.store offset=12 (local.get $frame) (i32.const 1))
        (if (i32.eq (call $take_back (i32.load offset=4 (local.get $frame))) (i32.const -1)) (then  ;; BLOCKED
          (return (i32.or (i32.const 2) (i32.shl (i32.load offset=8 (local.get $frame)) (i32.const 4))))))))
      (call $drop (i32.load offset=4 (local.get $frame)))
      (call $set_drop (i32.load offset=8 (local.get $frame)))
      (if (i32.load offset=12 (local.get $frame))
        (then (call $cancelled))
        (else (call $return (i32.load (local.get $frame)))))
      (i32.const 0)))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "memory" (memory $mem))
    (export "fetch" (func $fetch))
    (export "return" (func $return))
    (export "cancelled" (func $cancelled))
    (export "get" (func $get))
    (export "set" (func $set))
    (export "set-new" (func $set-new))
    (export "set-drop" (func $set-drop))
    (export "join" (func $join))
    (export "take-back" (func $take-back))
    (export "drop" (func $drop))))))
  (func (export "ask") async (param "mirror" u32) (result u32)
    (canon lift (core func $guest "ask") async (callback (core func $guest "event")))))
"""


async def make_ask(store: weft.Store, fetch: Callable[[weft.Accessor, int], Awaitable[int]]) -> weft.Func:
    """Instantiate the guest over `fetch`, and return its function."""
    linker = weft.Linker(store.engine)
    linker.root.func_wrap_concurrent("fetch")(fetch)
    return (await linker.instantiate(store, weft.Component(store.engine, ASKER))).get_func("ask")


async def first_of(accessor: weft.Accessor, ask: weft.Func, mirrors: Iterable[int], seconds: float) -> int:
    """Return the first answer; when this returns or raises, no guest is waiting for a mirror any more.

    Raises:
        TimeoutError: no mirror answered in so many seconds.
    """
    calls = [ask.start_call_concurrent(accessor, mirror) for mirror in mirrors]
    answers: list[int] = []

    async def wait_for(call: weft.Call) -> None:
        answers.append(await ask.finish_call_concurrent(accessor, call))
        group.cancel_scope.cancel()

    try:
        with anyio.fail_after(seconds):
            async with anyio.create_task_group() as group:
                for call in calls:
                    group.start_soon(wait_for, call)
    finally:
        for call in calls:
            call.cancel()  # the winner's is over: nothing happens to it
        with anyio.CancelScope(shield=True):
            for call in calls:
                await call.wait()
    return answers[0]


async def main() -> None:
    async def fetch(_accessor: weft.Accessor, mirror: int) -> int:
        try:
            await anyio.sleep(mirror / 10)
        except anyio.get_cancelled_exc_class():
            print(f"mirror {mirror} is not needed")
            raise
        return mirror

    async with weft.Store(weft.Engine()) as store:
        ask = await make_ask(store, fetch)
        print("first:", await store.run_concurrent(first_of, ask, [3, 1, 2], 1))
        try:
            await store.run_concurrent(first_of, ask, [8, 9], 0.1)
        except TimeoutError:
            print("nobody in time")


if __name__ == "__main__":
    anyio.run(main)
