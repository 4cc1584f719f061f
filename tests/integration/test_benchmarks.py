"""The benchmarks run, so that they cannot rot; what they measure is not looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> str:
    command = [sys.executable, "-W", "error", "-m", "benchmarks", "--smoke", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_benchmark_runs() -> None:
    """Each gives the right results and a positive time for weft; as JSON, one row a benchmark, with unique names."""
    rows = json.loads(run("--json"))["rows"]
    assert all(row["weft"] > 0 for row in rows)
    assert len({row["name"] for row in rows}) == len(rows) >= 15


def test_a_filter_chooses_rows() -> None:
    """The table has only the chosen rows, under their group's name."""
    table = run("instantiate")
    assert "-- instantiate" in table
    assert "-- calls" not in table
