"""What lifting and lowering source have in common: choosing a case, and the functions for handles."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.module import Body

_CHAIN = 4


def dispatch(body: Body, index: str, start: int, stop: int, write_case: Callable[[int], None]) -> None:
    """Write the branches for the cases from `start` to `stop`, of which the variable `index` is known to be one.

    Halves down to short chains: logarithmic in time and in nesting, however many cases there are.
    """
    if stop - start > _CHAIN:
        middle = (start + stop) // 2
        with body.block(f"if {index} < {middle}:"):
            dispatch(body, index, start, middle, write_case)
        with body.block("else:"):
            dispatch(body, index, middle, stop, write_case)
        return
    for case in range(start, stop - 1):
        with body.block(f"{'if' if case == start else 'elif'} {index} == {case}:"):
            write_case(case)
    if stop - start == 1:
        write_case(start)
        return
    with body.block("else:"):
        write_case(stop - 1)


def handle_function(name: str) -> Any:
    """Return a function of `weft.canon.handles`, which is imported only for types that have handles."""
    return getattr(import_module("weft.canon.handles"), name)


__all__ = ["dispatch", "handle_function"]
