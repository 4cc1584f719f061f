;; Two components: Caller loops around a call of Callee.
(component
  (component $Callee
    (core module $Guest
      (memory (export "memory") 2)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
      (func (export "length") (param i32 i32) (result i32) (local.get 1)))
    (core instance $guest (instantiate $Guest))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32)
      (canon lift (core func $guest "add")))
    (func (export "length") (param "a" (list u8)) (result u32)
      (canon lift (core func $guest "length")
        (memory (core memory $guest "memory")) (realloc (core func $guest "realloc")))))
  (component $Caller
    (import "callee" (instance $callee
      (export "add" (func (param "a" u32) (param "b" u32) (result u32)))
      (export "length" (func (param "a" (list u8)) (result u32)))))
    (core module $Memory (memory (export "memory") 2))
    (core instance $memory (instantiate $Memory))
    (core func $add (canon lower (func $callee "add")))
    (core func $length (canon lower (func $callee "length") (memory (core memory $memory "memory"))))
    (core module $Guest
      (import "callee" "add" (func $add (param i32 i32) (result i32)))
      (import "callee" "length" (func $length (param i32 i32) (result i32)))
      (func (export "adds") (param $count i32) (result i32)
        (local $sum i32)
        (loop $again
          (local.set $sum (call $add (local.get $sum) (i32.const 1)))
          (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
        (local.get $sum))
      (func (export "lengths") (param $count i32) (param $length i32) (result i32)
        (local $sum i32)
        (loop $again
          (local.set $sum (i32.add (local.get $sum) (call $length (i32.const 1024) (local.get $length))))
          (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
        (local.get $sum)))
    (core instance $guest (instantiate $Guest
      (with "callee" (instance (export "add" (func $add)) (export "length" (func $length))))))
    (func (export "adds") (param "count" u32) (result u32)
      (canon lift (core func $guest "adds")))
    (func (export "lengths") (param "count" u32) (param "length" u32) (result u32)
      (canon lift (core func $guest "lengths"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "callee" (instance $callee))))
  (export "adds" (func $caller "adds"))
  (export "lengths" (func $caller "lengths")))
