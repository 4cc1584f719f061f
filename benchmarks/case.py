"""Cases: what is measured, against what, and how good it shall be."""

from __future__ import annotations

from itertools import repeat
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

Runner: TypeAlias = "Callable[[int], float]"
"""Performs so many operations and returns how many seconds they took."""


@frozen
class Runners:
    """The same operation done by weft, by the least code that can do it, and by wasmtime-py."""

    weft: Runner
    limit: Runner | None = None
    peer: Runner | None = None


@frozen
class Target:
    """How good weft shall be: `of_limit` times the limit's time or less, `of_peer` times faster than the peer."""

    of_limit: float | None = None
    of_peer: float | None = None


@frozen
class Case:
    """One line of the table.

    Attributes:
        name: what is measured.
        make: prepares it, checks that all three give the same, and returns them.
        target: how good weft shall be.
        count: how many operations belong together; None for as many as make a good measurement.
        per: how many operations the times are given for: those of 10,000 tasks say more than that of one.
    """

    name: str
    make: Callable[[], Runners]
    target: Target = Target()
    count: int | None = None
    per: int = 1


def loop(operation: Callable[[], object]) -> Runner:
    """Return a runner that calls `operation` again and again."""

    def run(count: int) -> float:
        started = perf_counter()
        for _ in repeat(None, count):
            operation()
        return perf_counter() - started

    return run


def inner_loop(operation: Callable[[int], object]) -> Runner:
    """Return a runner for a function that does any number of operations itself."""

    def run(count: int) -> float:
        started = perf_counter()
        operation(count)
        return perf_counter() - started

    return run
