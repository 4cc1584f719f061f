"""Run our own scripts, and the component model's suite when WEFT_SPEC_DIR points at a checkout of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from weft.cli.results import Result, Status
from weft.cli.runner import run_script
from weft.cli.spectest import script_runtime

HERE = Path(__file__).parent
SPEC = Path(os.environ["WEFT_SPEC_DIR"]) / "test" if os.environ.get("WEFT_SPEC_DIR") else None
OWN_SCRIPTS = sorted(HERE.rglob("*.wast"))
SPEC_SCRIPTS = sorted(SPEC.rglob("*.wast")) if SPEC is not None else []


def expected_failures(name: str) -> set[tuple[int, str]]:
    """Return the line and status of every directive of a script that is known not to pass."""
    found = set()
    for line in (HERE / "expected_failures.txt").read_text().splitlines():
        entry = line.strip()
        if entry and not entry.startswith("#"):
            place, status = entry.split()
            path, number = place.rsplit(":", 1)
            if path == name:
                found.add((int(number), status))
    return found


def report(results: list[Result]) -> str:
    return "\n".join(f"{r.file}:{r.line}: {r.kind}: {r.status.value}: {r.message}\n{r.detail}" for r in results)


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=lambda path: path.relative_to(HERE).as_posix())
def test_own_script(path: Path) -> None:
    """Every directive of our own scripts passes; none is skipped."""
    wrong = [result for result in run_script(path, script_runtime) if result.status is not Status.PASSED]
    assert not wrong, report(wrong)


@pytest.mark.skipif(SPEC is None, reason="WEFT_SPEC_DIR is not set to a checkout of the component model")
@pytest.mark.parametrize("path", SPEC_SCRIPTS, ids=lambda path: path.relative_to(SPEC).as_posix())
def test_spec_script(path: Path) -> None:
    """Every directive of the suite passes, but for those listed, which do not."""
    assert SPEC is not None
    expected = expected_failures(path.relative_to(SPEC).as_posix())
    wrong = [result for result in run_script(path, script_runtime) if result.status is not Status.PASSED]
    found = {(result.line, result.status.value) for result in wrong}
    surprises = [result for result in wrong if (result.line, result.status.value) not in expected]
    assert not surprises, report(surprises)
    assert found == expected, f"these pass now or are gone; take them off the list: {sorted(expected - found)}"


@pytest.mark.skipif(SPEC is None, reason="WEFT_SPEC_DIR is not set to a checkout of the component model")
def test_spec_suite_is_there() -> None:
    """The checkout has scripts, and every listed failure belongs to one of them."""
    assert SPEC is not None
    assert SPEC_SCRIPTS
    names = {path.relative_to(SPEC).as_posix() for path in SPEC_SCRIPTS}
    lines = (HERE / "expected_failures.txt").read_text().splitlines()
    listed = {line.rsplit(":", 1)[0] for line in lines if line.strip() and not line.startswith("#")}
    assert listed <= names
