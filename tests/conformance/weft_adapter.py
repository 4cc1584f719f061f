"""Tells the runner of wasi-testsuite how to run a component with weft.

    WEFT_WASI_TESTSUITE/run-tests --runtime-adapter tests/conformance/weft_adapter.py

``WEFT`` is the command to use; by default it is that of the interpreter which runs this.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

WEFT = shlex.split(os.getenv("WEFT", f"{shlex.quote(sys.executable)} -m weft.cli"))

GRANTS = {"sockets": ["--lookup", "all"], "http": ["--http"]}
"""What the tests of a proposal need to be given beside sockets, which some make that name no proposal."""


def get_name() -> str:
    """Return the name of the runtime."""
    return "weft"


def get_version() -> str:
    """Return its version."""
    shown = subprocess.run([*WEFT, "--version"], encoding="utf-8", capture_output=True, check=True)
    return shown.stdout.split()[1]


def get_wasi_versions() -> list[str]:
    """Return the targets whose tests are for it."""
    return ["wasm32-wasip3"]


def get_wasi_worlds() -> list[str]:
    """Return the worlds that it runs."""
    return ["wasi:cli/command", "wasi:http/service"]


def get_timeout_seconds() -> float:
    """Return how long a test may take, compiling included."""
    return 30


def compute_argv(
    test_path: str,
    args_env_root: tuple[list[str], dict[str, str], str | None],
    proposals: list[str],
    wasi_world: str,
    wasi_version: str,
) -> list[str]:
    """Return the command line for one test."""
    args, env, root = args_env_root
    serve = wasi_world == "wasi:http/service"
    argv = [*WEFT, *(["serve", "--addr", "127.0.0.1:0"] if serve else ["run", "--tcp", "--udp"])]
    argv += [option for proposal in proposals for option in GRANTS.get(proposal, [])]
    argv += [option for name, value in env.items() for option in ("--env", f"{name}={value}")]
    if root:
        argv += ["--dir", f"{root}::/"]
    return [*argv, test_path, *(["--", *args] if args else [])]
