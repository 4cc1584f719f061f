"""Random concurrent programs under random schedules: nothing hangs, leaks or gets lost, and a seed replays."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weft.host.component import Component
from weft.host.config import Config, Engine
from weft.host.linker import Linker
from weft.host.store import Store

GUEST = Path(__file__).with_name("schedules.wat")

LOCKED, STACKFUL, CALLBACK, YIELD, CANCEL, WAIT, POLL, STREAM, THREAD, CLOSE = range(10)
"""What a command does: call a function of the worker, yield, cancel the latest call, ..., close the worker."""

Program = "list[tuple[int, int]]"
CALLS = (LOCKED, STACKFUL, CALLBACK, STREAM)

programs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 7)), max_size=14)
seeds = st.none() | st.integers(0, 2**32)


@functools.cache
def component() -> tuple[Engine, Component]:
    engine = Engine(Config())
    return engine, Component.from_file(engine, GUEST)


def run(seed: int | None, several: list[list[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Run programs side by side in one store, each in its own tree of instances.

    Returns:
        For each the number of calls that it made, and a number that stands for the order of what it saw.
    """
    engine, guest = component()
    with Store(engine, seed=seed) as store:
        linker = Linker(engine)
        calls = []
        for program in several:
            func = linker.instantiate_sync(store, guest).find_func("run")
            assert func is not None
            calls.append(func.start_call_concurrent(store, program))
        store.run_until(lambda: all(call.resolved for call in calls))
        while store.state.run_one():
            pass
        for root in store.state.roots:
            assert root.poisoned is None
            for inst in root.instances:
                assert not len(inst.handles), list(inst.handles)
                assert not len(inst.threads), list(inst.threads)
                assert not inst.tasks
                assert not inst.entering
                assert not inst.lock_waiters
                assert inst.exclusive_thread is None
                assert inst.backpressure == 0
        assert not store.state.core.suspended
        outcomes = [call.outcome() for call in calls]
    return [(outcome >> 32, outcome & 0xFFFFFFFF) for outcome in outcomes]


def expected(program: list[tuple[int, int]]) -> int:
    return sum(op in CALLS for op, _ in program)


@settings(max_examples=150, deadline=None)
@given(seeds, st.lists(programs, min_size=1, max_size=3))
@example(None, [[(CLOSE, 0), (LOCKED, 2), (CALLBACK, 1), (CANCEL, 0), (STACKFUL, 3), (WAIT, 0)]])
@example(1, [[(LOCKED, 7), (CALLBACK, 7), (CALLBACK, 0), (CANCEL, 0), (STREAM, 7), (POLL, 0), (THREAD, 5)]])
@example(None, [[(LOCKED, 1), (LOCKED, 0), (STREAM, 0), (CANCEL, 0)]])
def test_nothing_hangs_or_leaks(seed: int | None, several: list[list[tuple[int, int]]]) -> None:
    """Every call ends with the right value or because it was cancelled, and all tables are empty then."""
    outcomes = run(seed, several)
    assert [calls for calls, _ in outcomes] == [expected(program) for program in several]


@settings(max_examples=50, deadline=None)
@given(seeds, st.lists(programs, min_size=1, max_size=3))
def test_a_seed_replays(seed: int | None, several: list[list[tuple[int, int]]]) -> None:
    """The same programs under the same seed see the same events in the same order."""
    assert run(seed, several) == run(seed, several)


BUSY = [
    (CALLBACK, 3),
    (STACKFUL, 2),
    (CALLBACK, 1),
    (LOCKED, 2),
    (STACKFUL, 4),
    (THREAD, 3),
    (STREAM, 5),
    (CALLBACK, 2),
]


def test_seeds_make_a_difference() -> None:
    """Different seeds try different interleavings of one program."""
    assert len({tuple(run(seed, [BUSY])) for seed in range(16)}) >= 4


@pytest.mark.parametrize("seed", [None, 5])
def test_many_calls(seed: int | None) -> None:
    """Hundreds of calls in flight at once, with cancellation and backpressure among them."""
    program = [(CLOSE, 0)]
    for index in range(120):
        program += (
            [(LOCKED + index % 3, index % 4), (CANCEL, 0)] if index % 5 == 0 else [(LOCKED + index % 3, index % 4)]
        )
    assert run(seed, [program, BUSY, program[1:]]) == run(seed, [program, BUSY, program[1:]])
    assert [calls for calls, _ in run(seed, [program])] == [120]
