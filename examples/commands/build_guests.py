"""Build the commands: ``python examples/commands/build_guests.py`` writes ``build/old.wasm`` and ``build/new.wasm``.

It needs componentize-py (``pip install --group guest``), and leaves alone what is newer than its sources. Then:

    weft run examples/commands/build/new.wasm -- report
    weft run --tcp --allow 127.0.0.1 examples/commands/build/new.wasm -- serve 2
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMANDS = ("old", "new")


def built(name: str) -> Path:
    """Return where a command is, or will be."""
    return HERE / "build" / f"{name}.wasm"


def is_built(name: str) -> bool:
    """Whether a command is there and newer than its sources."""
    sources = [*(HERE / "wit").rglob("*.wit"), *(HERE / name).glob("*.py"), Path(__file__)]
    path = built(name)
    return path.exists() and all(source.stat().st_mtime <= path.stat().st_mtime for source in sources)


def build(name: str) -> None:
    """Run componentize-py. The world has the name of the directory.

    Raises:
        subprocess.CalledProcessError: it refused the sources.
    """
    path = built(name)
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    script = "import sys, componentize_py; sys.exit(componentize_py.script())"
    arguments = ["-q", "-d", str(HERE / "wit"), "-w", name, "componentize"]
    arguments += ["-p", str(HERE / name), "-o", str(unfinished), "app"]
    # Without this the caller's virtual environment becomes part of the guest's import path.
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, env=environment, stdin=subprocess.DEVNULL)
    unfinished.replace(path)


def main() -> int:
    """Build from the command line."""
    if find_spec("componentize_py") is None:
        print("componentize-py is not installed (pip install --group guest)", file=sys.stderr)
        return 1
    for name in COMMANDS:
        if not is_built(name):
            build(name)
        print(built(name).relative_to(HERE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
