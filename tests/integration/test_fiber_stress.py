"""The engine leans on more than Wasmtime's C API promises: any number of suspended fibers in one store.

So here are ten thousand tasks in one store, started and resumed in random order, nested in each other's callbacks, some
trapping, some unwound, all growing memory and calling back and forth. Each computes a number that is known beforehand.
"""

import gc
import os
import random
from pathlib import Path

import pytest

from weft.engine import BLOCKED, CoreEngine, CoreSig, CoreStore, EngineConfig, wat2wasm
from weft.errors import Trap, TrapCode

TASKS = 10_000
STEPS = 3

GUEST = """(module
  (import "h" "step" (func $step (param i32 i32) (result i32 i64)))
  (import "h" "around" (func $around (param i32) (result i32)))
  (memory (export "m") 1 2000)
  (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  ;; Adds up what each step gives, over a stack frame that depends on the task, and checks its own bytes of memory.
  (func $work (export "work") (param $id i32) (param $depth i32) (result i64)
    (local $i i32) (local $sum i64) (local $wide i64)
    (if (local.get $depth) (then (return
      (i64.add (i64.const 1) (call $work (local.get $id) (i32.sub (local.get $depth) (i32.const 1)))))))
    (loop $again
      (i32.store (i32.mul (local.get $id) (i32.const 4)) (local.get $id))
      (call $step (local.get $id) (local.get $i))
      (local.set $wide)
      (if (i32.eq (i32.const -1)) (then unreachable))
      (local.set $sum (i64.add (local.get $sum) (local.get $wide)))
      (if (i32.eqz (i32.rem_u (local.get $id) (i32.const 50))) (then (drop (memory.grow (i32.const 1)))))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call $around (local.get $id)))))
      (if (i32.ne (i32.load (i32.mul (local.get $id) (i32.const 4))) (local.get $id)) (then unreachable))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
    (local.get $sum)))"""


def expected(ident, depth):
    """Return what a task computes: each step gives its number over 2**32, each call around twice the task's."""
    return depth + sum(((ident << 32) | step) + 2 * ident for step in range(STEPS))


class Machine:
    """A scheduler of the simplest kind: whatever can go on is picked at random."""

    def __init__(self, engine, module, seed):
        self.random = random.Random(seed)
        self.store = CoreStore(engine)
        self.store.on_finish = self.finish
        step = self.store.blocking_func(CoreSig(("i32", "i32"), ("i32", "i64")), self.step)
        around = self.store.host_func(CoreSig(("i32",), ("i32",)), self.around)
        self.exports = self.store.instantiate(module, (step, around)).exports
        self.exports["m"].grow(1)
        self.made = 0
        self.waiting = {}
        self.ready = []
        self.ended = {"ok": 0, "trapped": 0, "cancelled": 0, "nested": 0, "suspended": 0}

    def start(self):
        ident, depth = self.made, self.random.randrange(40)
        self.made += 1
        fiber = self.store.fiber(self.exports["work"], ident, depth)
        self.waiting[fiber] = (ident, depth, None)
        self.resume(fiber)

    def step(self, ident, step):
        me = self.store.running[-1]
        if self.made < TASKS and len(self.store.running) < 12 and self.random.random() < 0.3:
            self.ended["nested"] += 1
            self.start()
        result = (0 if self.fate(ident) != "trap" else 2**32 - 1), ident << 32 | step
        if self.random.random() < 0.7:
            self.waiting[me] = (*self.waiting[me][:2], result)
            self.ended["suspended"] += 1
            self.ready.append(me)
            return BLOCKED
        return result

    def finish(self):
        me = self.store.running[-1]
        if self.random.random() < 0.1:
            self.ready.append(me)
            return BLOCKED
        return self.waiting[me][2]

    def around(self, ident):
        self.exports["m"].check(0, 1 << 20)
        return self.exports["twice"].call(ident)

    @staticmethod
    def fate(ident):
        return "trap" if ident % 97 == 13 else "cancel" if ident % 101 == 7 else "end"

    def resume(self, fiber):
        ident, depth, _ = self.waiting[fiber]
        try:
            finished = fiber.resume()
        except Trap as trap:
            self.ended["trapped"] += trap.code is TrapCode.UNREACHABLE and self.fate(ident) == "trap"
            del self.waiting[fiber]
            return
        if finished:
            assert fiber.results == (expected(ident, depth),)
            self.ended["ok"] += 1
            del self.waiting[fiber]

    def run(self):
        while self.made < TASKS or self.ready:
            if self.made < TASKS and (len(self.ready) < 1500 or self.random.random() < 0.3):
                self.start()
                continue
            fiber = self.pick()
            if self.fate(self.waiting[fiber][0]) == "cancel":
                fiber.cancel()
                del self.waiting[fiber]
                self.ended["cancelled"] += 1
            else:
                self.resume(fiber)
        assert self.waiting == {}
        assert self.store.suspended == {}
        assert self.store.running == []
        return self.ended

    def pick(self):
        index = self.random.randrange(len(self.ready))
        self.ready[index], self.ready[-1] = self.ready[-1], self.ready[index]
        return self.ready.pop()


@pytest.fixture(scope="module")
def engine():
    with CoreEngine(EngineConfig(cache_dir=None)) as made:
        yield made


def measure():
    """Return the resident bytes, open descriptors and memory maps of this process."""
    gc.collect()
    process = Path("/proc/self")
    resident = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    maps = (process / "maps").read_text().count("\n")
    return resident, len(list((process / "fd").iterdir())), maps


def test_ten_thousand_tasks_in_any_order(engine):
    """Every task gets its own result, trap or end, whatever ran in between; and nothing is left behind."""
    module = engine.compile(wat2wasm(GUEST))
    seen = []
    for seed in range(3):
        machine = Machine(engine, module, seed)
        ended = machine.run()
        assert ended["ok"] + ended["trapped"] + ended["cancelled"] == TASKS
        assert min(ended.values()) > 50
        machine.store.close()
        del machine
        if Path("/proc/self/statm").exists():
            seen.append(measure())
    if seen:
        (_, _, _), (resident, descriptors, maps), last = seen
        assert last[0] - resident < 8 << 20
        assert last[1] == descriptors
        assert last[2] - maps < 50


def test_a_store_full_of_suspended_fibers_is_unwound(engine):
    """Closing a store unwinds thousands of stacks, of which some hold others' fibers, and gives their memory back."""
    module = engine.compile(wat2wasm(GUEST))
    seen = []
    for _ in range(3):
        machine = Machine(engine, module, 1)
        machine.random.random = lambda: 0.5
        for _ in range(3000):
            machine.start()
        assert len(machine.store.suspended) == 3000
        machine.store.close()
        assert machine.store.suspended == {}
        del machine
        if Path("/proc/self/statm").exists():
            seen.append(measure())
    if seen:
        assert seen[2][0] - seen[1][0] < 8 << 20
        assert seen[2][1] == seen[1][1]
        assert seen[2][2] - seen[1][2] < 50
