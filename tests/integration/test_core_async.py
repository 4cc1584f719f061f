"""The example of weft.core works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[2] / "examples" / "core_async.py"


def test_the_example_of_core_modules_runs():
    """examples/core_async.py exits with 0, having overlapped, cancelled, trapped and driven calls."""
    done = subprocess.run([sys.executable, str(RUN)], capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("100 guests rested", "left no note: b'\\x00'", "unreachable", "3 waits, 3 ms"):
        assert said in done.stdout
