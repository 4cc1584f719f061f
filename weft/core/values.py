"""Numbers on their way between Python and the engine, whose integers are unsigned."""

from __future__ import annotations

from functools import lru_cache, partial
from operator import index
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from attrs import frozen

from weft.errors import LowerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weft.engine import CoreSig

Value: TypeAlias = int | float
"""What crosses: an int for i32 and i64, a float for f32 and f64."""


def _lower_int(name: str, bits: int, value: Any) -> int:
    try:
        number = index(value)
    except TypeError:
        msg = f"expected an int for {name}, found {type(value).__name__}"
        raise LowerError(msg) from None
    if not -(1 << (bits - 1)) <= number < 1 << bits:
        msg = f"{number} does not fit {name}"
        raise LowerError(msg)
    return number & ((1 << bits) - 1)


def _lower_float(name: str, value: Any) -> float:
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            msg = f"{value} does not fit {name}"
            raise LowerError(msg) from None
    msg = f"expected a float for {name}, found {type(value).__name__}"
    raise LowerError(msg)


def _lift_i32(value: int) -> int:
    return (value ^ 0x8000_0000) - 0x8000_0000


def _lift_i64(value: int) -> int:
    return (value ^ 0x8000_0000_0000_0000) - 0x8000_0000_0000_0000


def _same(value: float) -> float:
    return value


_LOWER: Final[dict[str, Callable[[Any], Value]]] = {
    "i32": partial(_lower_int, "i32", 32),
    "i64": partial(_lower_int, "i64", 64),
    "f32": partial(_lower_float, "f32"),
    "f64": partial(_lower_float, "f64"),
}
_LIFT: Final[dict[str, Callable[[Any], Value]]] = {
    "i32": _lift_i32,
    "i64": _lift_i64,
    "f32": _same,
    "f64": _same,
}


def lower_value(name: str, value: Any) -> Value:
    """Return `value`, which a guest gets as a `name`, as the engine wants it.

    Raises:
        LowerError: it is no such number.
    """
    return _LOWER[name](value)


def lift_value(name: str, value: Value) -> Value:
    """Return a number of the engine as Python gets it."""
    return _LIFT[name](value)


@final
@frozen
class Codec:
    """What one signature's numbers need on their way, looked up once.

    Attributes:
        params: for each parameter, its lowering and its lifting.
        results: likewise for each result.
    """

    _lower_params: tuple[Callable[[Any], Value], ...]
    _lift_params: tuple[Callable[[Any], Value], ...]
    _lower_results: tuple[Callable[[Any], Value], ...]
    _lift_results: tuple[Callable[[Any], Value], ...]

    def lower_args(self, args: tuple[Any, ...]) -> tuple[Value, ...]:
        """Return the arguments of a call as the engine wants them.

        Raises:
            LowerError: there are too many or too few, or one is of the wrong type or range.
        """
        if len(args) != len(self._lower_params):
            msg = f"expected {len(self._lower_params)} arguments, found {len(args)}"
            raise LowerError(msg)
        return _lower_all(self._lower_params, args, "argument")

    def lift_args(self, flat: tuple[Any, ...]) -> list[Value]:
        """Return the arguments that a guest gave to a host function."""
        return [lift(value) for lift, value in zip(self._lift_params, flat, strict=True)]

    def lower_result(self, result: Any) -> Any:
        """Return what a host function returned as the engine wants it.

        Raises:
            LowerError: it does not fit the function's results.
        """
        count = len(self._lower_results)
        if count == 1:
            return _lower_all(self._lower_results, (result,), "result")[0]
        given = () if result is None else result
        if not isinstance(given, tuple | list) or len(given) != count:
            msg = f"a host function of {count} results returned {result!r}"
            raise LowerError(msg)
        return _lower_all(self._lower_results, given, "result") or None

    def lift_results(self, flat: tuple[Any, ...]) -> Any:
        """Return the results of a call: None, the value, or a tuple of several."""
        lifts = self._lift_results
        if len(lifts) == 1:
            return lifts[0](flat[0])
        return tuple(lift(value) for lift, value in zip(lifts, flat, strict=True)) if lifts else None


def _lower_all(lowers: tuple[Callable[[Any], Value], ...], given: Sequence[Any], what: str) -> tuple[Value, ...]:
    lowered: list[Value] = []
    try:
        for lower, value in zip(lowers, given, strict=True):
            lowered.append(lower(value))
    except LowerError as error:
        raise error.within(f"{what} {len(lowered)}") from None
    return tuple(lowered)


@lru_cache(maxsize=1024)
def codec(sig: CoreSig) -> Codec:
    """Return the codec of a signature of numbers."""
    return Codec(
        tuple(_LOWER[name] for name in sig.params),
        tuple(_LIFT[name] for name in sig.params),
        tuple(_LOWER[name] for name in sig.results),
        tuple(_LIFT[name] for name in sig.results),
    )


__all__ = ["Codec", "Value", "codec", "lift_value", "lower_value"]
