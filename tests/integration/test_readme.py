"""The examples of the README run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WASI_EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "wasi.md").read_text(), re.DOTALL)
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.usefixtures("demo_component")
def test_the_concurrent_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first example of the README runs from the root of a checkout where the demo's guest was built."""
    monkeypatch.chdir(ROOT)
    assert "call_concurrent" in EXAMPLES[0]
    exec(compile(EXAMPLES[0], "README.md", "exec"), {})


def test_the_sync_example_runs() -> None:
    """The second example of the README runs: it holds its own assertion."""
    assert "assert " in EXAMPLES[1]
    exec(compile(EXAMPLES[1], "README.md", "exec"), {})


def test_the_example_of_wasi_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of the page on WASI runs: it holds its own assertion."""
    monkeypatch.chdir(ROOT)
    (example,) = WASI_EXAMPLES
    assert "assert " in example
    exec(compile(example, "wasi.md", "exec"), {})


def test_there_is_no_example_that_nobody_runs() -> None:
    """Each example of the README is run by a test here."""
    assert len(EXAMPLES) == 2
