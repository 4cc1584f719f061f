"""Our own scripts under random schedules: what they expect does not depend on who runs first."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from weft.cli import _runtime
from weft.cli.results import Status
from weft.cli.runner import run_script

# Without those that are about the order of things: threads and backpressure.
CONCURRENT = [
    *("abis", "borrows", "callbacks", "cancellation", "contexts", "cross-streams", "exclusive", "futures"),
    *("blocking", "poison", "streams", "tasks", "waitables"),
]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", CONCURRENT)
def test_any_order(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every directive passes, whichever of the ready threads the scheduler takes."""
    monkeypatch.setattr(_runtime, "Store", partial(_runtime.Store, seed=seed))
    path = Path(__file__).with_name(f"{name}.wast")
    wrong = [result for result in run_script(path, _runtime.WeftRuntime) if result.status is not Status.PASSED]
    assert not wrong, [(result.line, result.message) for result in wrong]
