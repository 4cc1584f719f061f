"""A callback must not fail before its own ``try``: ctypes would hand Wasmtime garbage for a pointer."""

import signal
import sys
import threading

import pytest

from weft.engine import BLOCKED, CoreSig
from weft.errors import Trap

LOOP = """(module (import "h" "f" (func $f (param i32) (result i32)))
  (func (export "loop") (local i32) (loop $l
    (if (i32.ne (call $f (i32.const 7)) (i32.const 7)) (then unreachable))
    (local.set 0 (i32.const 500)) (loop $k (br_if $k (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (br $l))))"""


@pytest.fixture
def unraisable(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    yield seen
    assert seen == []


@pytest.fixture
def alarm():
    """Raise KeyboardInterrupt in this thread, from a signal handler, after some microseconds."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        pytest.skip("needs interval timers and the main thread")

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda microseconds: signal.setitimer(signal.ITIMER_REAL, microseconds / 1e6)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_signal_while_the_guest_runs_surfaces(store, load, alarm, unraisable):
    """Wherever the signal strikes, the entry point raises what its handler raised, and the store goes on."""
    loop = load(LOOP, store.host_func(CoreSig(("i32",), ("i32",)), lambda x: x))["loop"]
    for i in range(150):

        def go(i=i):
            alarm(200 + i % 97)
            loop.call()

        with pytest.raises(KeyboardInterrupt):
            go()
        assert store.running == []


def test_a_signal_while_fibers_switch_surfaces(store, load, alarm, unraisable):
    """The same holds for blocking functions, whose fibers can still be cancelled."""
    loop = load(LOOP, store.blocking_func(CoreSig(("i32",), ("i32",)), lambda _: BLOCKED))["loop"]
    store.on_finish = lambda: 7
    for i in range(150):
        fiber = store.fiber(loop)

        def go(i=i, fiber=fiber):
            alarm(200 + i % 97)
            while True:
                fiber.resume()

        with pytest.raises(KeyboardInterrupt):
            go()
        fiber.cancel()
        assert store.running == []
        assert store.suspended == {}
        assert store.pending is None


@pytest.mark.parametrize("blocking", [False, True])
def test_unbounded_recursion_through_the_host_ends(store, load, unraisable, blocking):
    """Whatever is reached first, the recursion limit or the end of the guest's stack, it is an exception."""
    holder = {}

    def again(x):
        return holder["f"].call(x + 1)

    make = store.blocking_func if blocking else store.host_func
    text = """(module (import "h" "f" (func $f (param i32) (result i32)))
      (func (export "g") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1))))"""
    holder["f"] = load(text, make(CoreSig(("i32",), ("i32",)), again))["g"]
    depth, limit = 0, sys.getrecursionlimit()
    while sys._getframe(depth).f_back is not None:
        depth += 1
    ends = set()
    try:
        for extra in range(30, 90):
            sys.setrecursionlimit(depth + extra)
            with pytest.raises((RecursionError, Trap)) as caught:
                holder["f"].call(0)
            ends.add(caught.type)
    finally:
        sys.setrecursionlimit(limit)
    assert ends == {RecursionError}
    with pytest.raises((RecursionError, Trap)):
        holder["f"].call(0)
    with pytest.raises((RecursionError, Trap)):
        store.fiber(holder["f"], 0).resume()


def test_recursion_over_fibers_ends(store, load, unraisable):
    """A guest that makes each fiber start another one reaches the recursion limit, and every stack unwinds."""
    holder = {}

    def again(x):
        fiber = store.fiber(holder["f"], x)
        fiber.resume()
        return fiber.results[0]

    text = """(module (import "h" "f" (func $f (param i32) (result i32)))
      (func (export "g") (param i32) (result i32) (call $f (local.get 0))))"""
    holder["f"] = load(text, store.host_func(CoreSig(("i32",), ("i32",)), again))["g"]
    with pytest.raises(RecursionError):
        store.fiber(holder["f"], 0).resume()
    assert store.running == []
    assert store.suspended == {}
