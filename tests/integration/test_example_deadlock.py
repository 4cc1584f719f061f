"""The example of a deadlock shows who waits for whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "deadlock.py"


def test_the_report_names_tasks_instances_and_what_they_wait_for() -> None:
    """The report has a line for each task: one waits for its call of the other, which waits for itself to write."""
    done = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first == "deadlock (ASYNC_DEADLOCK):"
    other_end = "handle 1; the other end is handle 2 of the same instance, idle"
    assert sorted(lines) == [
        "- task of `ask` in instance `asker` waits for its call of `think` (started)",
        f"- task of `think` in instance `thinker` waits for its read of a stream ({other_end})",
    ]
