"""The WASI 0.3 part of wasi-testsuite, run by its own runner, when WEFT_WASI_TESTSUITE points at a checkout of it.

The branch is ``prod/testsuite-base``, which has the components. The runner needs Python 3.12 with two packages of its
own (``pip install colorama requests``); WEFT_WASI_TESTSUITE_PYTHON names that interpreter, when it is another one.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ADAPTER = Path(__file__).with_name("weft_adapter.py")
CHECKOUT = Path(os.environ.get("WEFT_WASI_TESTSUITE", "/nowhere"))
SUITE = CHECKOUT / "tests" / "rust" / "testsuite" / "wasm32-wasip3"
NAMES = sorted(path.stem for path in SUITE.glob("*.wasm")) or ["wasi-testsuite"]

pytestmark = [
    pytest.mark.skipif(not SUITE.is_dir(), reason="WEFT_WASI_TESTSUITE does not name a checkout with the components"),
    pytest.mark.timeout(1500),
]


@pytest.fixture(scope="session")
def runner() -> list[str]:
    """Return the command line of the suite's runner."""
    python = os.environ.get("WEFT_WASI_TESTSUITE_PYTHON", sys.executable)
    needs = "import colorama, requests, sys; assert sys.version_info >= (3, 12)"
    if subprocess.run([python, "-c", needs], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} is older than 3.12 or has no colorama and requests: set WEFT_WASI_TESTSUITE_PYTHON")
    return [python, str(CHECKOUT / "test-runner" / "wasi_test_runner.py"), "-r", str(ADAPTER), "--disable-colors"]


def suite_of_one(folder: Path, name: str) -> Path:
    """Make a suite of one test, so that it finds its directory as it should be, whatever others did to theirs."""
    suite = folder / name / SUITE.name
    suite.mkdir(parents=True)
    for file in SUITE.glob(f"{name}.*"):
        (suite / file.name).symlink_to(file)
    shutil.copy(SUITE / "manifest.json", suite)
    shutil.copytree(SUITE / "fs-tests.dir", suite / "fs-tests.dir")
    return suite


@pytest.fixture(scope="session")
def outcomes(runner: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run every test and return the runner's report by its name."""
    folder = tmp_path_factory.mktemp("wasi-testsuite")
    report = folder / "report.json"
    suites = [str(suite_of_one(folder, name)) for name in NAMES]
    argv = [*runner, "--json-output-location", str(report), "-t", *suites]
    env = os.environ | {"WEFT": f"{shlex.quote(sys.executable)} -m weft.cli"}
    ran = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert report.exists(), ran.stderr
    return {test["name"]: test for suite in json.loads(report.read_text())["results"] for test in suite["tests"]}


@pytest.mark.parametrize("name", NAMES)
def test_component(outcomes: dict[str, Any], name: str) -> None:
    """The component finds WASI as its authors expect it."""
    test = outcomes[name]
    assert test["executed"], "the runner skipped it"
    assert not test["failures"], "\n".join(test["failures"])
