"""What a deadlock looks like: who waits for whom, when nothing can come any more.

The guest has two components. One asks the other; that one reads from a stream, to which nobody but itself could write.

    python examples/deadlock.py
"""

from __future__ import annotations

import anyio

import weft

GUESTS = """
(component
  (component $Thinker
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $mem))
    (type $thoughts (stream u8))
    (core func $return (canon task.return (result u32)))
    (core func $new (canon stream.new $thoughts))
    (core func $read (canon stream.read $thoughts (memory (core memory $mem))))
    (core module $Guest
      (import "" "return" (func $return (param i32)))
      (import "" "new" (func $new (result i64)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      (func (export "think")  ;; the low half of what `new` returns is the readable end, the high half the writable one
        (drop (call $read (i32.wrap_i64 (call $new)) (i32.const 0) (i32.const 1)))
        (call $return (i32.const 42))))
    (core instance $guest (instantiate $Guest (with "" (instance
      (export "return" (func $return))
      (export "new" (func $new))
      (export "read" (func $read))))))
    (func (export "think") async (result u32) (canon lift (core func $guest "think") async)))
  (component $Asker
    (import "think" (func $think async (result u32)))
    (core func $think (canon lower (func $think)))
    (core func $return (canon task.return (result u32)))
    (core module $Guest
      (import "" "think" (func $think (result i32)))
      (import "" "return" (func $return (param i32)))
      (func (export "ask") (call $return (call $think))))
    (core instance $guest (instantiate $Guest (with "" (instance
      (export "think" (func $think))
      (export "return" (func $return))))))
    (func (export "ask") async (result u32) (canon lift (core func $guest "ask") async)))
  (instance $thinker (instantiate $Thinker))
  (instance $asker (instantiate $Asker (with "think" (func $thinker "think"))))
  (export "ask" (func $asker "ask")))
"""


async def main() -> None:
    engine = weft.Engine()
    async with weft.Store(engine) as store:
        instance = await weft.Linker(engine).instantiate(store, weft.Component(engine, GUESTS))
        try:
            print(await instance.get_func("ask").call_async(store))
        except weft.DeadlockError as error:
            print(f"deadlock ({error.code.name}):")
            for line in error.report:
                print(f"- {line}")


if __name__ == "__main__":
    anyio.run(main)
