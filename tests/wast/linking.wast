;; Instances link to what other instances of the store export.
(component $libc
  (core module (export "memory")
    (import "" "base" (global i32))
    (memory (export "mem") 1 4)
    (table (export "t") 2 funcref)
    (global (export "g") (mut i32) (i32.const 3))
    (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (global.get 0)))))

;; A module may need less and export more than the import says.
(component
  (import "libc" (instance $libc (export "memory" (core module
    (import "" "base" (global i32))
    (import "" "other" (func))
    (export "mem" (memory 1))
    (export "f" (func (param i32) (result i32)))))))
  (core module $Base (global (export "base") i32 (i32.const 40)) (func (export "other")))
  (core instance $base (instantiate $Base))
  (core instance $m (instantiate (module $libc "memory") (with "" (instance $base))))
  (func (export "f") (param "x" u32) (result u32) (canon lift (core func $m "f"))))
(assert_return (invoke "f" (u32.const 2)) (u32.const 42))

(assert_unlinkable
  (component (import "libc" (instance (export "memory" (core module)))))
  "module import `::base` not defined")
(assert_unlinkable
  (component (import "libc" (instance (export "memory" (core module (import "" "base" (global (mut i32))))))))
  "module import `::base` has the wrong type: expected type `(global i32)`, found type `(global (mut i32))`")
(assert_unlinkable
  (component (import "libc" (instance (export "memory" (core module
    (import "" "base" (global i32)) (export "mem" (memory 2)))))))
  "module export `mem` has the wrong type: expected type `(memory 2)`, found type `(memory 1 4)`")
(assert_unlinkable
  (component (import "libc" (instance (export "memory" (core module
    (import "" "base" (global i32)) (export "mem" (memory 1 3)))))))
  "expected type `(memory 1 3)`, found type `(memory 1 4)`")
(assert_unlinkable
  (component (import "libc" (instance (export "memory" (core module
    (import "" "base" (global i32)) (export "mem" (memory i64 1)))))))
  "expected type `(memory i64 1)`, found type `(memory 1 4)`")
(assert_unlinkable
  (component (import "libc" (instance (export "memory" (core module
    (import "" "base" (global i32)) (export "t" (table 2 2 funcref)))))))
  "expected type `(table 2 2 funcref)`, found type `(table 2 funcref)`")
(assert_unlinkable
  (component (import "libc" (instance (export "memory" (core module
    (import "" "base" (global i32)) (export "f" (func (param i32 i32) (result i64))))))))
  "expected type `(func (param i32 i32) (result i64))`, found type `(func (param i32) (result i32))`")
(assert_unlinkable
  (component (import "libc" (instance (export "memory" (core module
    (import "" "base" (global i32)) (export "gone" (func)))))))
  "module export `gone` not defined; the module exports f, g, mem, t")

;; Functions: the error has the path and both types.
(component $calc
  (core module $M
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "boom") unreachable))
  (core instance $m (instantiate $M))
  (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $m "add")))
  (func $boom (canon lift (core func $m "boom")))
  (instance $inner (export "add" (func $add)))
  (export "math" (instance $inner))
  (export "add" (func $add))
  (export "boom" (func $boom)))
(component $user
  (import "calc" (instance $calc
    (export "math" (instance (export "add" (func (param "a" u32) (param "b" u32) (result u32)))))
    (export "boom" (func))))
  (alias export $calc "math" (instance $math))
  (core func $add (canon lower (func $math "add")))
  (core func $boom (canon lower (func $calc "boom")))
  (core module $M
    (import "" "add" (func $add (param i32 i32) (result i32)))
    (import "" "boom" (func $boom))
    (func (export "run") (result i32) (call $add (i32.const 40) (i32.const 2)))
    (func (export "boom") (call $boom)))
  (core instance $m (instantiate $M (with "" (instance (export "add" (func $add)) (export "boom" (func $boom))))))
  (func (export "run") (result u32) (canon lift (core func $m "run")))
  (func (export "boom") (canon lift (core func $m "boom"))))
(assert_return (invoke "run") (u32.const 42))
(assert_unlinkable
  (component (import "calc" (instance (export "math" (instance
    (export "add" (func (param "a" u32) (param "b" u64) (result u32))))))))
  "import `calc#math#add` has type `func(a: u32, b: u64) -> u32`, but what is offered has type `func(a: u32, b: u32) -> u32`")
(assert_unlinkable
  (component (import "calc" (instance (export "sub" (func (param "a" u32))))))
  "import `calc#sub` is `func(a: u32)`, which was not found")
(assert_unlinkable
  (component (import "calc" (func (param "a" u32))))
  "import `calc` is `func(a: u32)`, but an instance is offered there: expected function found instance")
(assert_unlinkable
  (component (import "calc" (instance (export "add" (core module)))))
  "import `calc#add` is a core module, but `func(a: u32, b: u32) -> u32` is offered there")
(assert_unlinkable
  (component (import "calc" (instance (export "add" (component)))))
  "expected component found function")
(assert_unlinkable
  (component (import "calc" (instance (export "add" (type (sub resource))))))
  "import `calc#add` is a resource, but")
(assert_unlinkable
  (component (import "calk" (instance (export "add" (func)))))
  "import `calk` is missing: it was not found in the linker, which has `calc`")

;; A trap goes through to the caller, and neither side can be entered again.
(assert_trap (invoke "boom") "unreachable")
(assert_trap (invoke "run") "cannot enter component instance")
(assert_trap (invoke $calc "add" (u32.const 1) (u32.const 1)) "cannot enter component instance")

;; What needs nothing need not be there.
(component
  (type $t (record (field "x" u32)))
  (import "nothing" (instance))
  (import "only-types" (instance (export "n" (instance)) (type $u (list u8)) (export "u" (type (eq $u)))))
  (import "t" (type (eq $t))))

;; Versions: a compatible one serves, the highest of them, and the exact one best of all.
(component definition $Answer
  (import "host-return-two" (func $two (result u32)))
  (core func $two (canon lower (func $two)))
  (core module $M (import "" "two" (func $two (result i32))) (func (export "f") (result i32) (call $two)))
  (core instance $m (instantiate $M (with "" (instance (export "two" (func $two))))))
  (func (export "answer") (result u32) (canon lift (core func $m "f"))))
(component definition $Empty (component $C) (instance $c (instantiate $C)) (export "nested" (instance $c)))
(component instance $answer $Answer)
(component instance $empty $Empty)
(register "my:api/x@0.2.9" $answer)
(register "my:api/x@0.2.3" $empty)
(register "my:api/x@0.3.0" $answer)
(register "my:api/y@1.2.0" $answer)
(register "my:api/z@0.0.3" $answer)
(register "my:api/p@1.0.0-rc.1" $answer)
(component (import "my:api/x@0.2.4" (instance (export "answer" (func (result u32))))))
(component (import "my:api/x@0.2.9" (instance (export "answer" (func (result u32))))))
(component (import "my:api/x@0.3.7" (instance (export "answer" (func (result u32))))))
(component (import "my:api/y@1.0.5" (instance (export "answer" (func (result u32))))))
(component (import "my:api/z@0.0.3" (instance (export "answer" (func (result u32))))))
(component (import "my:api/p@1.0.0-rc.1" (instance (export "answer" (func (result u32))))))
(component (import "my:api/x@0.2" (versionsuffix ".4") (instance (export "answer" (func (result u32))))))
(component (import "my:api/y@1" (versionsuffix ".7.1") (instance (export "answer" (func (result u32))))))
(assert_unlinkable
  (component (import "my:api/x@0.2.3" (instance (export "answer" (func (result u32))))))
  "import `my:api/x@0.2.3#answer` is `func() -> u32`, which was not found")
(assert_unlinkable
  (component (import "my:api/x@0.4.0" (instance (export "answer" (func (result u32))))))
  "import `my:api/x@0.4.0` is missing: it was not found in the linker, which has `my:api/x@0.2.3`, `my:api/x@0.2.9`, `my:api/x@0.3.0`, ")
(assert_unlinkable
  (component (import "my:api/y@2.0.0" (instance (export "answer" (func (result u32))))))
  "import `my:api/y@2.0.0` is missing")
(assert_unlinkable
  (component (import "my:api/z@0.0.4" (instance (export "answer" (func (result u32))))))
  "import `my:api/z@0.0.4` is missing")
(assert_unlinkable
  (component (import "my:api/p@1.0.0" (instance (export "answer" (func (result u32))))))
  "import `my:api/p@1.0.0` is missing")
(assert_unlinkable
  (component (import "my:api/x" (instance (export "answer" (func (result u32))))))
  "import `my:api/x` is missing")

;; Components: what they import must be what the type says at most, what they export at least.
(component $parts
  (component $Adder
    (import "one" (func $one (result u32)))
    (core func $one (canon lower (func $one)))
    (core module $M
      (import "" "one" (func $one (result i32)))
      (func (export "inc") (param i32) (result i32) (i32.add (local.get 0) (call $one))))
    (core instance $m (instantiate $M (with "" (instance (export "one" (func $one))))))
    (func (export "inc") (param "x" u32) (result u32) (canon lift (core func $m "inc")))
    (func (export "dec") (param "x" u32) (result u32) (canon lift (core func $m "inc"))))
  (component $Maker
    (type $r' (resource (rep i32)))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (func (export "[constructor]r") (param "x" u32) (result (own $r)) (canon lift (core func $new))))
  (export "adder" (component $Adder))
  (export "maker" (component $Maker)))
(component
  (import "parts" (instance $parts
    (export "adder" (component
      (import "one" (func (result u32)))
      (import "unused" (instance (export "f" (func))))
      (export "inc" (func (param "x" u32) (result u32)))))
    (export "maker" (component
      (export "r" (type $r (sub resource)))
      (export "[constructor]r" (func (param "x" u32) (result (own $r))))))))
  (alias export $parts "adder" (component $Adder))
  (alias export $parts "maker" (component $Maker))
  (core module $M (func (export "one") (result i32) (i32.const 1)) (func (export "f")))
  (core instance $m (instantiate $M))
  (func $one (result u32) (canon lift (core func $m "one")))
  (func $f (canon lift (core func $m "f")))
  (instance $unused (export "f" (func $f)))
  (instance $adder (instantiate $Adder (with "one" (func $one)) (with "unused" (instance $unused))))
  (instance $first (instantiate $Maker))
  (instance $second (instantiate $Maker))
  (export "inc" (func $adder "inc")))
(assert_return (invoke "inc" (u32.const 41)) (u32.const 42))
(assert_unlinkable
  (component (import "parts" (instance (export "adder" (component
    (export "inc" (func (param "x" u32) (result u32))))))))
  "import `parts#adder#one` is `func() -> u32`, which was not found")
(assert_unlinkable
  (component (import "parts" (instance (export "adder" (component
    (import "one" (func (result u64))) (export "inc" (func (param "x" u32) (result u32))))))))
  "import `parts#adder#one` has type `func() -> u32`, but what is offered has type `func() -> u64`")
(assert_unlinkable
  (component (import "parts" (instance (export "adder" (component
    (import "one" (func (result u32))) (export "inc" (func (param "x" s32) (result u32))))))))
  "import `parts#adder#inc` has type `func(x: s32) -> u32`, but what is offered has type `func(x: u32) -> u32`")
(assert_unlinkable
  (component (import "parts" (instance (export "adder" (component
    (import "one" (func (result u32))) (export "sub" (func)))))))
  "import `parts#adder#sub` is `func()`, which was not found")
(assert_unlinkable
  (component (import "parts" (instance (export "maker" (component
    (export "r" (type $r (sub resource))) (export "s" (type (sub resource))))))))
  "import `parts#maker#s` is a resource, which was not found")
(assert_unlinkable
  (component (import "parts" (instance (export "maker" (instance)))))
  "import `parts#maker` is an instance, but a component is offered there")

;; Resources: a destructor runs in the component that defines the type, wherever the last owner is.
(component $owner
  (core module $D
    (global $sum (mut i32) (i32.const 0))
    (func (export "dtor") (param i32) (global.set $sum (i32.add (global.get $sum) (local.get 0))))
    (func (export "sum") (result i32) (global.get $sum)))
  (core instance $d (instantiate $D))
  (type $r' (resource (rep i32) (dtor (core func $d "dtor"))))
  (export $r "r" (type $r'))
  (core func $new (canon resource.new $r'))
  (func (export "[constructor]r") (param "x" u32) (result (own $r)) (canon lift (core func $new)))
  (func (export "sum") (result u32) (canon lift (core func $d "sum"))))
(component $dropper
  (import "owner" (instance $owner
    (export "r" (type $r (sub resource)))
    (export "[constructor]r" (func (param "x" u32) (result (own $r))))
    (export "sum" (func (result u32)))))
  (alias export $owner "r" (type $r))
  (core func $new (canon lower (func $owner "[constructor]r")))
  (core func $sum (canon lower (func $owner "sum")))
  (core func $drop (canon resource.drop $r))
  (component $Inner
    (import "r" (type $r (sub resource)))
    (core func $drop (canon resource.drop $r))
    (core module $M (import "" "drop" (func $drop (param i32)))
      (func (export "eat") (param i32) (call $drop (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance (export "drop" (func $drop))))))
    (func (export "eat") (param "r" (own $r)) (canon lift (core func $m "eat"))))
  (instance $inner (instantiate $Inner (with "r" (type $r))))
  (core func $eat (canon lower (func $inner "eat")))
  (core module $M
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "eat" (func $eat (param i32)))
    (import "" "sum" (func $sum (result i32)))
    (func (export "run") (result i32)
      (call $drop (call $new (i32.const 100)))
      (call $eat (call $new (i32.const 20)))
      (drop (call $new (i32.const 3)))
      (call $sum)))
  (core instance $m (instantiate $M (with "" (instance
    (export "new" (func $new)) (export "drop" (func $drop)) (export "eat" (func $eat)) (export "sum" (func $sum))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))
(assert_return (invoke "run") (u32.const 120))
(assert_return (invoke $owner "sum") (u32.const 120))
(component definition $Owner2 (type $r (resource (rep i32))) (export "r" (type $r)))
(component instance $owner2 $Owner2)
(assert_unlinkable
  (component
    (import "owner" (instance $o (export "r" (type (sub resource)))))
    (alias export $o "r" (type $r))
    (import "owner2" (instance (export "r" (type (eq $r))))))
  "import `owner2#r` has mismatched resource types")
(assert_unlinkable
  (component
    (type $list (list u8))
    (import "owner" (instance (export "r" (type (eq $list))))))
  "import `owner#r` has type `list<u8>`, but what is offered has type `resource")

;; Nested components see what encloses them through aliases, and each instance has state of its own.
(component
  (core module $Counter
    (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))
  (type $id u32)
  (component $Deep
    (component $Deeper
      (core instance $c (instantiate $Counter))
      (func (export "next") (result $id) (canon lift (core func $c "next"))))
    (instance $a (instantiate $Deeper))
    (instance $b (instantiate $Deeper))
    (instance $both (export "a" (func $a "next")) (export "b" (func $b "next")))
    (export "both" (instance $both)))
  (instance $deep (instantiate $Deep))
  (export "a" (func $deep "both" "a"))
  (export "b" (func $deep "both" "b")))
(assert_return (invoke "a") (u32.const 1))
(assert_return (invoke "a") (u32.const 2))
(assert_return (invoke "b") (u32.const 1))
