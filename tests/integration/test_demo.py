"""The demo of the README works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import weft

RUN = Path(__file__).parents[2] / "examples" / "demo" / "run.py"


@pytest.mark.skipif(not hasattr(weft, "Engine"), reason="the host API is not there yet")
@pytest.mark.usefixtures("demo_component")
def test_the_demo_reports_no_failed_check() -> None:
    """examples/demo/run.py exits with 0: concurrent calls, the pipe, futures, values and resources are right."""
    done = subprocess.run([sys.executable, str(RUN)], capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
