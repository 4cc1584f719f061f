"""A guest that runs any program over the canonical built-ins: a register machine whose instructions are the built-ins.

One component serves every program, so a run costs an instantiation. Programs are bytes that the host writes into the
guest: 8 slots of 256 bytes. Calls, callbacks, threads and destructors all run the program of the slot that their
argument chooses, so they meet in any order. A counter ends every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

SLOTS: Final = 8
SLOT_SIZE: Final = 256
REGISTERS: Final = 32
CONSTANTS: Final = (0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 64, 1000, 65528, 65536, 0x7FFFFFFF, 0xFFFFFFFF)
FUEL: Final = 400

_MEM = "(memory (core memory $mem))"
_ALL = f"{_MEM} (realloc (core func $realloc))"

# name: canonical definition, number of i32 parameters, result
_COPIED = {"bytes": ("stream", 3), "texts": ("stream", 3), "things": ("stream", 3), "nothing": ("stream", 3),
           "byte": ("future", 2), "text": ("future", 2)}  # fmt: skip

OPS: dict[str, tuple[str, int, str]] = {
    "task-cancel": ("task.cancel", 0, ""),
    "return-u32": ("task.return (result u32)", 1, ""),
    "return-bytes": ("task.return (result $bytes)", 1, ""),
    "subtask-cancel": ("subtask.cancel", 1, "i32"),
    "subtask-cancel-async": ("subtask.cancel async", 1, "i32"),
    "subtask-drop": ("subtask.drop", 1, ""),
    "backpressure-inc": ("backpressure.inc", 0, ""),
    "backpressure-dec": ("backpressure.dec", 0, ""),
    "set-new": ("waitable-set.new", 0, "i32"),
    "set-wait": (f"waitable-set.wait {_MEM}", 2, "i32"),
    "set-poll": (f"waitable-set.poll {_MEM}", 2, "i32"),
    "set-drop": ("waitable-set.drop", 1, ""),
    "join": ("waitable.join", 2, ""),
    "error-new": (f"error-context.new {_MEM}", 2, "i32"),
    "error-message": (f"error-context.debug-message {_ALL}", 2, ""),
    "error-drop": ("error-context.drop", 1, ""),
    "own-new": ("resource.new $local", 1, "i32"),
    "own-rep": ("resource.rep $local", 1, "i32"),
    "own-drop": ("resource.drop $local", 1, ""),
    "thing-drop": ("resource.drop $thing", 1, ""),
    "thread-index": ("thread.index", 0, "i32"),
    "thread-yield": ("thread.yield", 0, "i32"),
    "thread-suspend": ("thread.suspend", 0, "i32"),
    "thread-later": ("thread.resume-later", 1, ""),
    "thread-suspend-resume": ("thread.suspend-then-resume", 1, "i32"),
    "thread-yield-resume": ("thread.yield-then-resume", 1, "i32"),
    "thread-suspend-promote": ("thread.suspend-then-promote", 1, "i32"),
    "thread-yield-promote": ("thread.yield-then-promote", 1, "i32"),
    "thread-new": ('thread.new-indirect $start (core table $libc "table")', 2, "i32"),
    "context-get": ("context.get i32 0", 0, "i32"),
    "context-set": ("context.set i32 0", 1, ""),
    "call-number": ('lower (func $peer "number")', 1, "i32"),
    "call-number-async": (f'lower (func $peer "number") async {_MEM}', 2, "i32"),
    "call-send": ('lower (func $peer "send")', 1, "i32"),
    "call-send-async": (f'lower (func $peer "send") async {_MEM}', 2, "i32"),
    "call-get": ('lower (func $peer "get")', 1, "i32"),
    "call-get-async": (f'lower (func $peer "get") async {_MEM}', 2, "i32"),
    "call-give": ('lower (func $peer "give")', 2, ""),
    "call-give-async": ('lower (func $peer "give") async', 2, "i32"),
    "call-make": ('lower (func $peer "make")', 0, "i32"),
}
for _name, (_kind, _count) in _COPIED.items():
    OPS |= {
        f"{_name}-new": (f"{_kind}.new ${_name}", 0, "i64"),
        f"{_name}-read": (f"{_kind}.read ${_name} {_ALL}", _count, "i32"),
        f"{_name}-read-async": (f"{_kind}.read ${_name} async {_ALL}", _count, "i32"),
        f"{_name}-write": (f"{_kind}.write ${_name} {_ALL}", _count, "i32"),
        f"{_name}-write-async": (f"{_kind}.write ${_name} async {_ALL}", _count, "i32"),
        f"{_name}-cancel-read": (f"{_kind}.cancel-read ${_name}", 1, "i32"),
        f"{_name}-cancel-read-async": (f"{_kind}.cancel-read ${_name} async", 1, "i32"),
        f"{_name}-cancel-write": (f"{_kind}.cancel-write ${_name}", 1, "i32"),
        f"{_name}-cancel-write-async": (f"{_kind}.cancel-write ${_name} async", 1, "i32"),
        f"{_name}-drop-readable": (f"{_kind}.drop-readable ${_name}", 1, ""),
        f"{_name}-drop-writable": (f"{_kind}.drop-writable ${_name}", 1, ""),
    }

OWN_OPS = ("store", "wait-code", "return")
"""After the built-ins: store a register to memory; make the code that waits for a set; end with a value."""

_NAMES = list(OPS)
ALL_OPS: Final = (*_NAMES, *OWN_OPS)
COUNT = len(ALL_OPS)
MOST_OPERANDS = 3
INSTRUCTION = 2 + MOST_OPERANDS  # operation, destination, operands


KINDS: Final = (
    "event", "payload", "set", "subtask", "error", "own", "thing", "thread", "rep", "number", "code", "state",
    *(f"{name}-{end}" for name in _COPIED for end in ("reader", "writer")),
)  # fmt: skip
"""What the registers are for, in order; a new stream's reader and writer are neighbours."""

_OPERANDS: Final = {
    "return-u32": ("number",), "return-bytes": ("bytes-reader",), "subtask-cancel": ("subtask",),
    "subtask-cancel-async": ("subtask",), "subtask-drop": ("subtask",), "set-wait": ("set", "pointer"),
    "set-poll": ("set", "pointer"), "set-drop": ("set",), "join": ("waitable", "set"),
    "error-new": ("pointer", "length"),
    "error-message": ("error", "pointer"), "error-drop": ("error",), "own-new": ("rep",), "own-rep": ("own",),
    "own-drop": ("own",), "thing-drop": ("thing",), "thread-later": ("thread",), "thread-suspend-resume": ("thread",),
    "thread-yield-resume": ("thread",), "thread-suspend-promote": ("thread",), "thread-yield-promote": ("thread",),
    "thread-new": ("table", "slot"), "context-set": ("number",), "call-number": ("slot",),
    "call-number-async": ("slot", "pointer"), "call-send": ("texts-reader",),
    "call-send-async": ("texts-reader", "pointer"), "call-get": ("byte-reader",),
    "call-get-async": ("byte-reader", "pointer"), "call-give": ("thing", "thing"),
    "call-give-async": ("thing", "thing"),
    "store": ("pointer", "number"), "wait-code": ("set",), "return": ("code",),
}  # fmt: skip
_RESULTS: Final = {
    "set-new": "set", "error-new": "error", "own-new": "own", "own-rep": "rep", "thread-new": "thread",
    "thread-index": "thread", "call-make": "thing", "call-get": "bytes-reader", "wait-code": "code",
    "call-number-async": "subtask", "call-send-async": "subtask", "call-get-async": "subtask",
    "call-give-async": "subtask",
}  # fmt: skip
_CHOICES: Final = {"pointer": (9, 10, 11), "length": (0, 1, 2, 3, 8), "table": (0, 1), "slot": (0, 1, 2, 3, 4, 5, 6)}


def operand_kinds(name: str) -> tuple[str, ...]:
    """Return what the operands of an operation stand for: a kind of register, or one of a few constants."""
    if name in _OPERANDS:
        return _OPERANDS[name]
    copied, _, verb = name.partition("-")
    if copied not in _COPIED or verb == "new":
        return ()
    end = f"{copied}-{'reader' if 'read' in verb else 'writer'}"
    return (end, "pointer", "length")[: OPS[name][1]]


def result_kind(name: str) -> str:
    """Return the kind of register that the result of an operation goes to."""
    copied, _, verb = name.partition("-")
    if copied in _COPIED and verb == "new":
        return f"{copied}-reader"
    return _RESULTS.get(name, "state")


_HANDLES: Final = {"set", "subtask", "error", "own", "thing", "thread", *KINDS[12:]}
_SELDOM: Final = {
    "task-cancel", "backpressure-dec", "return-u32", "return-bytes", "thread-suspend", "return",
    *(name for name in OPS if "-cancel-" in name),
}  # fmt: skip
"""What ends a task, or mostly traps."""


def random_program(random: Random, mistakes: float, given: tuple[str, ...] = ()) -> bytes:
    """Return a program whose operands mostly make sense.

    Args:
        random: the source of chance.
        mistakes: the share of operands that are anything at all, and of operations on handles that do not exist.
        given: kinds of handles that the program finds in their registers.
    """
    code = bytearray()
    live = set(given)
    for _ in range(random.randrange(1, SLOT_SIZE // INSTRUCTION)):
        name = _random_operation(random, live, mistakes)
        kinds = operand_kinds(name)
        operands = [_random_operand(random, kind, live, mistakes) for kind in kinds]
        operands += [0] * (MOST_OPERANDS - len(operands))
        code += bytes((ALL_OPS.index(name), KINDS.index(result_kind(name)), *operands))
        if "drop" in name or name in ("call-send", "call-send-async", "call-get", "call-get-async", "return-bytes"):
            live -= set(kinds)
        made = result_kind(name)
        live.add(made)
        if made.endswith("-reader") and name.endswith("-new"):
            live.add(made.replace("reader", "writer"))
    return bytes(code)


def _random_operation(random: Random, live: set[str], mistakes: float) -> str:
    while True:
        name = random.choice(ALL_OPS)
        if name in _SELDOM and random.random() < 0.9:
            continue
        needs = {kind for kind in operand_kinds(name) if kind in _HANDLES}
        if needs <= live or random.random() < mistakes / 4:
            return name


def _random_operand(random: Random, kind: str, live: set[str], mistakes: float) -> int:
    if random.random() < mistakes:
        return random.randrange(REGISTERS + len(CONSTANTS))
    if kind == "waitable":
        kind = random.choice(sorted(live & {"subtask", *KINDS[12:]}) or ["subtask"])
    if kind in _CHOICES:
        return REGISTERS + random.choice(_CHOICES[kind])
    return KINDS.index(kind)


def _operand(i: int) -> str:
    return f"(call $value (i32.load8_u offset={2 + i} (local.get $pc)))"


def _case(i: int, name: str) -> str:
    _, params, result = OPS[name]
    call = f"(call $op{i} {' '.join(_operand(k) for k in range(params))})"
    if not result:
        return call
    if result == "i64":
        return f"""(local.set $wide {call})
          (i32.store (call $register (local.get $pc) (i32.const 0)) (i32.wrap_i64 (local.get $wide)))
          (i32.store (call $register (local.get $pc) (i32.const 1))
            (i32.wrap_i64 (i64.shr_u (local.get $wide) (i64.const 32))))"""
    if name.startswith("call-") and name.endswith("-async"):
        call = f"(i32.shr_u {call} (i32.const 4))"  # the subtask
    return f"""(local.set $narrow {call})
          (i32.store (call $register (local.get $pc) (i32.const 0)) (local.get $narrow))"""


def _own_cases() -> list[str]:
    address = f"(i32.and {_operand(0)} (i32.const 0xFFC))"
    return [
        f"(i32.store {address} {_operand(1)})",
        f"""(i32.store (call $register (local.get $pc) (i32.const 0))
              (i32.or (i32.const 2) (i32.shl {_operand(0)} (i32.const 4))))""",
        f"(return {_operand(0)})",
    ]


def _interpreter() -> str:
    """Return the function that runs the program of a slot; memory 0x1000: programs, 0x2000: registers, constants."""
    cases = [_case(i, name) for i, name in enumerate(_NAMES)] + _own_cases()
    body = "(br_table " + " ".join(str(i) for i in range(COUNT + 1)) + " (i32.load8_u (local.get $pc)))"
    for case in cases:
        body = f"(block {body}) {case} (br $next)"
    return f"""
      (func $run (param $slot i32) (result i32) (local $pc i32) (local $end i32) (local $narrow i32) (local $wide i64)
        (local.set $pc (i32.add (i32.const 0x1000)
          (i32.mul (i32.const {SLOT_SIZE}) (i32.and (local.get $slot) (i32.const {SLOTS - 1})))))
        (local.set $end (i32.add (local.get $pc) (i32.const {SLOT_SIZE - INSTRUCTION})))
        (loop $again
          (block $next {body})
          (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))
          (local.set $pc (i32.add (local.get $pc) (i32.const {INSTRUCTION})))
          (br_if $again
            (i32.and (i32.le_u (local.get $pc) (local.get $end)) (i32.gt_s (global.get $fuel) (i32.const 0)))))
        (i32.const 0))"""


def _set(kind: str, local: int) -> str:
    return f"(i32.store (i32.const {0x2000 + 4 * KINDS.index(kind)}) (local.get {local}))"


def _guest() -> str:
    imports = "".join(
        f'(import "op" "{name}" (func $op{i} (param {" ".join(["i32"] * OPS[name][1])}) (result {OPS[name][2]})))\n'
        for i, name in enumerate(_NAMES)
    )
    constants = "".join(f"\\{byte:02x}" for value in CONSTANTS for byte in value.to_bytes(4, "little"))
    return f"""
    (core module $Guest
      (import "libc" "memory" (memory 1))
      (import "libc" "table" (table 4 funcref))
      {imports}
      (global $fuel (mut i32) (i32.const {FUEL}))
      (data (i32.const 0x2100) "{constants}")
      (func $value (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const {REGISTERS}))
          (then (i32.load (i32.add (i32.const 0x2000) (i32.mul (local.get 0) (i32.const 4)))))
          (else (i32.load (i32.add (i32.const 0x2100)
            (i32.mul (i32.and (local.get 0) (i32.const {len(CONSTANTS) - 1})) (i32.const 4)))))))
      (func $register (param $pc i32) (param $more i32) (result i32)
        (i32.add (i32.const 0x2000) (i32.mul (i32.const 4) (i32.and (i32.const {REGISTERS - 1})
          (i32.add (local.get $more) (i32.load8_u offset=1 (local.get $pc)))))))
      {_interpreter()}
      (func (export "program") (param $slot i32) (param $from i32) (param $length i32)
        (memory.copy
          (i32.add (i32.const 0x1000) (i32.mul (i32.const {SLOT_SIZE}) (local.get $slot)))
          (local.get $from) (local.get $length)))
      (func (export "number") (param i32) (result i32) (call $run (local.get 0)))
      (func (export "stackful") (param i32) (drop (call $run (local.get 0))))
      (func (export "callback") (param i32 i32 i32) (result i32)
        (i32.store (i32.const 0x2000) (local.get 1))
        (i32.store (i32.const 0x2004) (local.get 2))
        (call $run (i32.add (local.get 0) (i32.const 2))))
      (func (export "handle") (param i32) (result i32)
        {_set("texts-reader", 0)} {_set("byte-reader", 0)} (call $run (i32.const 4)))
      (func (export "give") (param i32 i32)
        {_set("thing", 0)} (drop (call $run (i32.const 5))))
      (func $thread (param i32) (drop (call $run (local.get 0))))
      (func (export "destroy") (param i32) (drop (call $run (i32.const 7))))
      (elem (i32.const 0) $thread $thread))"""


def _component() -> str:
    types = """
      (type $bytes (stream u8)) (type $texts (stream string)) (type $things (stream (own $thing)))
      (type $nothing (stream)) (type $byte (future u8)) (type $text (future string))"""
    definitions = "\n".join(f"(core func $c{i} (canon {OPS[name][0]}))" for i, name in enumerate(_NAMES))
    exports = "\n".join(f'(export "{name}" (func $c{i}))' for i, name in enumerate(_NAMES))
    return f"""
  (component $Random
    (import "thing" (type $thing (sub resource)))
    {types}
    (import "peer" (instance $peer
      (export "number" (func async (param "x" u32) (result u32)))
      (export "send" (func async (param "s" $texts) (result u32)))
      (export "get" (func async (param "f" $byte) (result $bytes)))
      (export "give" (func async (param "mine" (own $thing)) (param "yours" (borrow $thing))))
      (export "make" (func (result (own $thing))))))
    (core module $Libc
      (memory (export "memory") 1) (table (export "table") 4 funcref)
      (global $next (mut i32) (i32.const 0x4000))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $next (i32.and (i32.add (global.get $next) (i32.const 0x100)) (i32.const 0x7F00)))
        (global.get $next)))
    (core instance $libc (instantiate $Libc))
    (alias core export $libc "memory" (core memory $mem))
    (alias core export $libc "realloc" (core func $realloc))
    (core module $Late (table (export "t") 1 funcref)
      (func (export "destroy") (param i32) (call_indirect (param i32) (local.get 0) (i32.const 0))))
    (core instance $late (instantiate $Late))
    (type $local (resource (rep i32) (dtor (core func $late "destroy"))))
    (core type $start (func (param i32)))
    {definitions}
    {_guest()}
    (core instance $guest (instantiate $Guest
      (with "libc" (instance $libc)) (with "op" (instance {exports}))))
    (core module $Fill (import "" "t" (table 1 funcref)) (import "" "d" (func $d (param i32))) (elem (i32.const 0) $d))
    (core instance (instantiate $Fill
      (with "" (instance (export "t" (table $late "t")) (export "d" (func $guest "destroy"))))))
    (alias core export $guest "callback" (core func $callback))
    (func (export "program") (param "slot" u32) (param "code" (list u8))
      (canon lift (core func $guest "program") {_ALL}))
    (func (export "number") async (param "x" u32) (result u32)
      (canon lift (core func $guest "number") async (callback (core func $callback))))
    (func (export "number-sync") async (param "x" u32) (result u32) (canon lift (core func $guest "number")))
    (func (export "number-plain") (param "x" u32) (result u32) (canon lift (core func $guest "number")))
    (func (export "number-stackful") async (param "x" u32) (result u32)
      (canon lift (core func $guest "stackful") async))
    (func (export "send") async (param "s" $texts) (result u32)
      (canon lift (core func $guest "handle") async (callback (core func $callback))))
    (func (export "get") async (param "f" $byte) (result $bytes)
      (canon lift (core func $guest "handle") async (callback (core func $callback))))
    (func (export "give") async (param "mine" (own $thing)) (param "yours" (borrow $thing))
      (canon lift (core func $guest "give"))))"""


def component_text() -> str:
    """Return a component with two instances of the guest: `a` calls the host, `b` calls `a`."""
    return f"""(component
  (import "thing" (type $thing (sub resource)))
  (type $bytes (stream u8)) (type $texts (stream string)) (type $byte (future u8))
  (import "host" (instance $host
    (export "number" (func async (param "x" u32) (result u32)))
    (export "send" (func async (param "s" $texts) (result u32)))
    (export "get" (func async (param "f" $byte) (result $bytes)))
    (export "give" (func async (param "mine" (own $thing)) (param "yours" (borrow $thing))))
    (export "make" (func (result (own $thing))))))
  {_component()}
  (instance $a (instantiate $Random (with "thing" (type $thing)) (with "peer" (instance $host))))
  (instance $b (instantiate $Random (with "thing" (type $thing)) (with "peer" (instance
    (export "number" (func $a "number")) (export "send" (func $a "send")) (export "get" (func $a "get"))
    (export "give" (func $a "give")) (export "make" (func $host "make"))))))
  (export "a" (instance $a))
  (export "b" (instance $b)))"""
