"""The example of a trace works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "trace_demo.py"


def test_the_example_writes_three_spans(tmp_path: Path) -> None:
    """examples/trace_demo.py makes three calls, and its trace has a span and two waits for each."""
    path = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"wrote {path}"
    events = json.loads(path.read_text())
    assert sum(event["ph"] == "e" and event["cat"] == "task" for event in events) == 3
    assert sum(event.get("cat") == "waiting" for event in events) == 6
