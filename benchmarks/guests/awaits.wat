;; An async function that awaits a host function twice, with a callback; only one call of it at a time.
(component
  (import "nap" (func $nap async (param "x" u32) (result u32)))
  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (core func $nap-async (canon lower (func $nap) async (memory $mem)))
  (core func $return (canon task.return (result u32)))
  (core func $subtask-drop (canon subtask.drop))
  (core func $set-new (canon waitable-set.new))
  (core func $set-drop (canon waitable-set.drop))
  (core func $join (canon waitable.join))
  (core module $Guest
    (import "env" "memory" (memory 0))
    (import "host" "nap-async" (func $nap_async (param i32 i32) (result i32)))
    (import "canon" "return" (func $return (param i32)))
    (import "canon" "subtask-drop" (func $subtask_drop (param i32)))
    (import "canon" "set-new" (func $set_new (result i32)))
    (import "canon" "set-drop" (func $set_drop (param i32)))
    (import "canon" "join" (func $join (param i32 i32)))
    (global $set (mut i32) (i32.const 0))
    (global $left (mut i32) (i32.const 0))  ;; how many times it has still to await

    ;; At 16 is what nap returned.
    (func $go_on (result i32)
      (local $status i32)
      (loop $again
        (if (i32.eqz (global.get $left)) (then (return (call $finish))))
        (global.set $left (i32.sub (global.get $left) (i32.const 1)))
        (local.set $status (call $nap_async (i32.load (i32.const 16)) (i32.const 16)))
        (br_if $again (i32.eq (local.get $status) (i32.const 2))))  ;; RETURNED
      (if (i32.eqz (global.get $set)) (then (global.set $set (call $set_new))))
      (call $join (i32.shr_u (local.get $status) (i32.const 4)) (global.get $set))
      (call $wait))
    (func $wait (result i32) (i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4))))
    (func $finish (result i32)
      (if (global.get $set) (then (call $set_drop (global.get $set)) (global.set $set (i32.const 0))))
      (call $return (i32.load (i32.const 16)))
      (i32.const 0))  ;; EXIT
    (func (export "twice") (param $x i32) (result i32)
      (i32.store (i32.const 16) (local.get $x))
      (global.set $left (i32.const 2))
      (call $go_on))
    (func (export "twice-event") (param $event i32) (param $subtask i32) (param $state i32) (result i32)
      (if (i32.ne (local.get $state) (i32.const 2)) (then (return (call $wait))))
      (call $subtask_drop (local.get $subtask))
      (call $go_on)))
  (core instance $guest (instantiate $Guest
    (with "env" (instance $memory))
    (with "host" (instance (export "nap-async" (func $nap-async))))
    (with "canon" (instance
      (export "return" (func $return))
      (export "subtask-drop" (func $subtask-drop))
      (export "set-new" (func $set-new))
      (export "set-drop" (func $set-drop))
      (export "join" (func $join))))))
  (func (export "twice") async (param "x" u32) (result u32)
    (canon lift (core func $guest "twice") async (callback (core func $guest "twice-event")))))
