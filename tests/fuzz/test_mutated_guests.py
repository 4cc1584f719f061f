"""Damaged components, in a process of their own: whatever they do, the process lives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SEEDS = 250


def test_damaged_guests_never_crash_the_process() -> None:
    """Components with a few bytes changed are refused, trap or run; no signal, no hang, no unnamed error."""
    script = Path(__file__).with_name("mutate.py")
    command = [sys.executable, "-X", "faulthandler", str(script), "0", str(SEEDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "returned" in done.stdout
    assert "ValidationError" in done.stdout
