;; A loop in the guest around a call of a host function.
(component
  (import "step" (func $step (param "a" u32) (param "b" u32) (result u32)))
  (core func $lowered (canon lower (func $step)))
  (core module $Guest
    (import "host" "step" (func $step (param i32 i32) (result i32)))
    (func (export "run") (param $count i32) (result i32)
      (local $value i32)
      (loop $again
        (local.set $value (call $step (local.get $value) (local.get $count)))
        (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
      (local.get $value)))
  (core instance $guest (instantiate $Guest (with "host" (instance (export "step" (func $lowered))))))
  (func (export "run") (param "count" u32) (result u32)
    (canon lift (core func $guest "run"))))
