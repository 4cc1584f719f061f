;; Read a stream to its end through one buffer, `chunk` bytes (64 KiB at the most) at a time, and count the bytes.
(component
  (type $bytes (stream u8))
  (core module $Memory (memory (export "memory") 2))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (core func $read (canon stream.read $bytes (memory $mem)))
  (core func $drop (canon stream.drop-readable $bytes))
  (core func $return (canon task.return (result u64)))
  (core module $Guest
    (import "canon" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "canon" "drop" (func $drop (param i32)))
    (import "canon" "return" (func $return (param i64)))
    (func (export "sink") (param $input i32) (param $chunk i32)
      (local $status i32) (local $total i64)
      (loop $again
        (local.set $status (call $read (local.get $input) (i32.const 65536) (local.get $chunk)))
        (local.set $total (i64.add (local.get $total) (i64.extend_i32_u (i32.shr_u (local.get $status) (i32.const 4)))))
        (br_if $again (i32.eqz (i32.and (local.get $status) (i32.const 15)))))
      (call $drop (local.get $input))
      (call $return (local.get $total))))
  (core instance $guest (instantiate $Guest (with "canon" (instance
    (export "read" (func $read)) (export "drop" (func $drop)) (export "return" (func $return))))))
  (func (export "sink") async (param "input" $bytes) (param "chunk" u32) (result u64)
    (canon lift (core func $guest "sink") async)))
