"""Futures that say how a stream ended."""

from __future__ import annotations

from typing import Any

from weft import CANCELLED, PENDING, Err, Ok, Produced
from weft.wasi.outcome import Outcome


class Waker:
    """Counts how often it is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


def value(outcome: Outcome) -> Any:
    """Return what the guest gets."""
    answer: Any = outcome.poll_produce(Waker(), False)
    assert isinstance(answer, Produced)
    return answer.value


def test_settled_before_it_is_read() -> None:
    """A value that is known already is there at once."""
    outcome = Outcome()
    outcome.fail("pipe")
    assert outcome.settled
    assert value(outcome) == Err("pipe")


def test_settled_while_it_is_read() -> None:
    """The guest that waits is woken, once."""
    outcome, waker = Outcome(), Waker()
    assert outcome.poll_produce(waker, False) is PENDING
    outcome.succeed()
    outcome.succeed()
    assert waker.woken == 1
    assert value(outcome) == Ok(None)


def test_the_first_value_stays() -> None:
    """How a stream ended does not change afterwards."""
    outcome = Outcome()
    outcome.fail("io")
    outcome.succeed()
    assert value(outcome) == Err("io")


def test_cancelled_read() -> None:
    """A guest may stop waiting, and ask again later."""
    outcome = Outcome()
    assert outcome.poll_produce(Waker(), True) is CANCELLED
    outcome.succeed(7)
    assert value(outcome) == Ok(7)
