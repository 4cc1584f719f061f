"""Commands of WASI 0.3 of a few lines, in component text."""

from __future__ import annotations

_COMMAND = """
(component
  (import "wasi:cli/stdin@0.3.0" (instance $stdin
    (type $code' (enum "io" "illegal-byte-sequence" "pipe"))
    (export "error-code" (type $code (eq $code')))
    (export "read-via-stream" (func (result (tuple (stream u8) (future (result (error $code)))))))))
  (import "wasi:cli/stdout@0.3.0" (instance $stdout
    (type $code' (enum "io" "illegal-byte-sequence" "pipe"))
    (export "error-code" (type $code (eq $code')))
    (export "write-via-stream" (func (param "data" (stream u8)) (result (future (result (error $code))))))))
  (import "wasi:cli/exit@0.3.0" (instance $exit
    (export "exit-with-code" (func (param "status-code" u8)))))
  (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
    (export "wait-until" (func async (param "when" u64)))))
  (alias export $stdout "error-code" (type $code))
  (core module $Memory (memory (export "memory") 1)
    (data (i32.const 1024) "{data}"))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $m))
  (type $bytes (stream u8))
  (type $outcome (future (result (error $code))))
  (core func $stdin (canon lower (func $stdin "read-via-stream") (memory $m)))
  (core func $stdout (canon lower (func $stdout "write-via-stream")))
  (core func $exit (canon lower (func $exit "exit-with-code")))
  (core func $wait-until (canon lower (func $clock "wait-until")))
  (core func $new (canon stream.new $bytes))
  (core func $read (canon stream.read $bytes (memory $m)))
  (core func $write (canon stream.write $bytes (memory $m)))
  (core func $close-readable (canon stream.drop-readable $bytes))
  (core func $close-writable (canon stream.drop-writable $bytes))
  (core func $outcome (canon future.read $outcome (memory $m)))
  (core module $Guest
    (import "" "stdin" (func $stdin (param i32)))
    (import "" "stdout" (func $stdout (param i32) (result i32)))
    (import "" "exit" (func $exit (param i32)))
    (import "" "wait-until" (func $wait_until (param i64)))
    (import "" "new" (func $new (result i64)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
    (import "" "close-readable" (func $close_readable (param i32)))
    (import "" "close-writable" (func $close_writable (param i32)))
    (import "" "outcome" (func $outcome (param i32 i32) (result i32)))
    (import "" "memory" (memory 1))
    ;; Begins to write to standard output: the end to write to, and the future of the outcome.
    (func $open (result i32 i32)
      (local $pair i64)
      (local.set $pair (call $new))
      (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32)))
      (call $stdout (i32.wrap_i64 (local.get $pair))))
    ;; What a future of an outcome says: 0 for success, and otherwise one more than the number of the error code.
    (func $result_of (param $future i32) (result i32)
      (drop (call $outcome (local.get $future) (i32.const 8)))
      (if (result i32) (i32.load8_u (i32.const 8))
        (then (i32.add (i32.load8_u (i32.const 9)) (i32.const 1)))
        (else (i32.const 0))))
    ;; Writes all of a part of memory, or as much as somebody takes.
    (func $write_all (param $end i32) (param $at i32) (param $count i32)
      (local $answer i32)
      (loop $again
        (local.set $answer (call $write (local.get $end) (local.get $at) (local.get $count)))
        (local.set $at (i32.add (local.get $at) (i32.shr_u (local.get $answer) (i32.const 4))))
        (local.set $count (i32.sub (local.get $count) (i32.shr_u (local.get $answer) (i32.const 4))))
        (br_if $again (i32.and (i32.ne (local.get $count) (i32.const 0))
                               (i32.eqz (i32.and (local.get $answer) (i32.const 15)))))))
    (func (export "run") (result i32)
      (local $end i32) (local $future i32) (local $count i32) (local $times i32)
      {body}))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "memory" (memory $m))
    (export "stdin" (func $stdin)) (export "stdout" (func $stdout)) (export "exit" (func $exit))
    (export "wait-until" (func $wait-until)) (export "new" (func $new)) (export "read" (func $read))
    (export "write" (func $write)) (export "close-readable" (func $close-readable))
    (export "close-writable" (func $close-writable)) (export "outcome" (func $outcome))))))
  (func $run async (result (result)) (canon lift (core func $guest "run")))
  (instance $api (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $api)))
"""


def command(body: str, data: str = "") -> str:
    """Return a command.

    Args:
        body: what its function ``run`` does; it leaves 0 for success and 1 for failure.
        data: what is in its memory from byte 1024 on, as in a text's string.
    """
    return _COMMAND.replace("{body}", body).replace("{data}", data)


def hello(text: str = "hello\\n", then: str = "(call $result_of (local.get $future))") -> str:
    """Return a command that prints `text` and does something `then`, which by default is to see how that went."""
    body = f"""
      (call $open) (local.set $future) (local.set $end)
      (drop (call $write (local.get $end) (i32.const 1024) (i32.const {len(text.replace(chr(92) + "n", "n"))})))
      (call $close_writable (local.get $end))
      {then}"""
    return command(body, text)


COPY = command("""
  (call $open) (local.set $future) (local.set $end)
  (call $stdin (i32.const 0))
  (loop $again
    (local.set $count (call $read (i32.load (i32.const 0)) (i32.const 1024) (i32.const 60000)))
    (local.set $count (i32.shr_u (local.get $count) (i32.const 4)))
    (if (local.get $count) (then
      (call $write_all (local.get $end) (i32.const 1024) (local.get $count))
      (br $again))))
  (call $close_writable (local.get $end))
  (call $exit (i32.or
    (call $result_of (i32.load (i32.const 4)))
    (i32.shl (call $result_of (local.get $future)) (i32.const 4))))
  (i32.const 0)
""")
"""Copies its input to its output; the status is how reading ended, and 16 times how writing ended."""

FLOOD = command("""
  (call $open) (local.set $future) (local.set $end)
  (loop $again
    (local.set $times (i32.add (local.get $times) (i32.const 1)))
    (br_if $again (i32.eqz (i32.and (call $write (local.get $end) (i32.const 1024) (i32.const 64000)) (i32.const 15)))))
  (call $exit (call $result_of (local.get $future)))
  (i32.const 0)
""")
"""Writes until nobody reads, and exits with how that ended."""

SPIN = "(loop $ever (br $ever)) (i32.const 0)"
"""What computes for ever, as a body."""

__all__ = ["COPY", "FLOOD", "SPIN", "command", "hello"]
