"""Measuring: weft, limit and peer in turns, so that a noisy machine is as noisy for each; the best round counts."""

from __future__ import annotations

import gc
from time import perf_counter
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from benchmarks.case import Case, Runner, Target

ROUNDS = 7
MIN_ROUNDS = 2
ROUND_SECONDS = 0.03
CASE_SECONDS = 4.0
SMOKE_COUNT = 3


@frozen
class Row:
    """What was measured: seconds for `Case.per` operations."""

    name: str
    weft: float
    limit: float | None
    peer: float | None
    target: Target

    @property
    def of_limit(self) -> float | None:
        """How many times the limit's time weft takes."""
        return None if self.limit is None else self.weft / self.limit

    @property
    def of_peer(self) -> float | None:
        """How many times faster than the peer weft is."""
        return None if self.peer is None else self.peer / self.weft

    @property
    def ok(self) -> bool | None:
        """Whether the target is met; None when there is none."""
        target, met = self.target, []
        if target.of_limit is not None and self.of_limit is not None:
            met.append(self.of_limit <= target.of_limit)
        if target.of_peer is not None and self.of_peer is not None:
            met.append(self.of_peer >= target.of_peer)
        return all(met) if met else None


def measure(case: Case, *, rounds: int = ROUNDS, smoke: bool = False) -> Row:
    """Measure one case: `rounds`, or as many as fit in CASE_SECONDS. A smoke run does only a few operations of each."""
    runners = case.make()
    sides = [runners.weft, runners.limit, runners.peer]
    if smoke:
        counts, rounds = [SMOKE_COUNT] * len(sides), 1
    else:
        counts = [case.count or _enough(side) for side in sides]
    best: list[float | None] = [None] * len(sides)
    end = perf_counter() + CASE_SECONDS
    for done in range(rounds):
        if done >= MIN_ROUNDS and perf_counter() > end:
            break
        for i, side in enumerate(sides):
            if side is not None:
                gc.collect()
                seconds = side(counts[i]) * case.per / counts[i]
                known = best[i]
                best[i] = seconds if known is None else min(known, seconds)
    weft, limit, peer = best
    assert weft is not None
    return Row(case.name, weft, limit, peer, case.target)


def _enough(runner: Runner | None) -> int:
    """Return how many operations take long enough to be timed."""
    count = 1
    while runner is not None and (seconds := runner(count)) < ROUND_SECONDS:
        count = max(2 * count, min(100 * count, int(count * ROUND_SECONDS / max(seconds, 1e-9))))
    return count
