;; Write a stream of `count` chunks of `chunk` bytes, each from the next place in 16 MiB: cold in the caches. It has a
;; callback. Only one call of it at a time, and a reader takes whole chunks.
(component
  (type $bytes (stream u8))
  (core module $Memory (memory (export "memory") 257))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (core func $new (canon stream.new $bytes))
  (core func $write (canon stream.write $bytes async (memory $mem)))
  (core func $drop (canon stream.drop-writable $bytes))
  (core func $return (canon task.return (result $bytes)))
  (core func $set-new (canon waitable-set.new))
  (core func $set-drop (canon waitable-set.drop))
  (core func $join (canon waitable.join))
  (core module $Guest
    (import "env" "memory" (memory 257))
    (import "canon" "new" (func $new (result i64)))
    (import "canon" "write" (func $write (param i32 i32 i32) (result i32)))
    (import "canon" "drop" (func $drop (param i32)))
    (import "canon" "return" (func $return (param i32)))
    (import "canon" "set-new" (func $set_new (result i32)))
    (import "canon" "set-drop" (func $set_drop (param i32)))
    (import "canon" "join" (func $join (param i32 i32)))
    (global $output (mut i32) (i32.const 0))
    (global $set (mut i32) (i32.const 0))
    (global $chunk (mut i32) (i32.const 0))
    (global $count (mut i32) (i32.const 0))  ;; of chunks still to be written
    (global $at (mut i32) (i32.const 0))

    (func (export "fill") (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x1000000)))
    (func $go_on (result i32)
      (loop $again
        (if (i32.eqz (global.get $count)) (then (return (call $finish))))
        (if (i32.ne (call $write (global.get $output) (global.get $at) (global.get $chunk)) (i32.const -1))
          (then (call $next) (br $again))))
      ;; BLOCKED
      (i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4))))  ;; WAIT
    (func $next
      (global.set $count (i32.sub (global.get $count) (i32.const 1)))
      (global.set $at (i32.and (i32.add (global.get $at) (global.get $chunk)) (i32.const 0xffffff))))
    (func $finish (result i32)
      (call $join (global.get $output) (i32.const 0))
      (call $drop (global.get $output))
      (call $set_drop (global.get $set))
      (i32.const 0))  ;; EXIT
    (func (export "source") (param $chunk i32) (param $count i32) (result i32)
      (local $ends i64)
      (global.set $chunk (local.get $chunk))
      (global.set $count (local.get $count))
      (local.set $ends (call $new))
      (global.set $output (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
      (global.set $set (call $set_new))
      (call $join (global.get $output) (global.get $set))
      (call $return (i32.wrap_i64 (local.get $ends)))
      (call $go_on))
    (func (export "source-event") (param $event i32) (param $stream i32) (param $status i32) (result i32)
      (if (i32.ne (local.get $status) (i32.shl (global.get $chunk) (i32.const 4))) (then (unreachable)))
      (call $next)
      (call $go_on)))
  (core instance $guest (instantiate $Guest (with "env" (instance $memory)) (with "canon" (instance
    (export "new" (func $new)) (export "write" (func $write))
    (export "drop" (func $drop)) (export "return" (func $return))
    (export "set-new" (func $set-new)) (export "set-drop" (func $set-drop)) (export "join" (func $join))))))
  (func (export "fill")  ;; so that the pages are there
    (canon lift (core func $guest "fill")))
  (func (export "source") async (param "chunk" u32) (param "count" u32) (result $bytes)
    (canon lift (core func $guest "source") async (callback (core func $guest "source-event")))))
