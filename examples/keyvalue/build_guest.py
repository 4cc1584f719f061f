"""Build the guest: ``python examples/keyvalue/build_guest.py`` writes ``examples/keyvalue/build/guest.wasm``.

It needs componentize-py (``pip install --group guest``), and does nothing when the guest is newer than its sources.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
GUEST = HERE / "build" / "guest.wasm"
SOURCES = (*sorted((HERE / "wit").glob("*.wit")), *sorted((HERE / "guest").glob("*.py")), Path(__file__))


def is_built() -> bool:
    """Whether the guest is there and newer than its sources."""
    return GUEST.exists() and all(source.stat().st_mtime <= GUEST.stat().st_mtime for source in SOURCES)


def build() -> None:
    """Run componentize-py.

    Raises:
        subprocess.CalledProcessError: it refused the sources.
    """
    GUEST.parent.mkdir(exist_ok=True)
    unfinished = GUEST.with_name("guest.unfinished.wasm")
    script = "import sys, componentize_py; sys.exit(componentize_py.script())"
    arguments = ["-q", "-d", str(HERE / "wit"), "-w", "visits", "componentize", "--stub-wasi"]
    arguments += ["-p", str(HERE / "guest"), "-o", str(unfinished), "app"]
    # Without this the caller's virtual environment becomes part of the guest's import path.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, env=environment, stdin=subprocess.DEVNULL)
    unfinished.replace(GUEST)


def main() -> int:
    """Build from the command line."""
    if find_spec("componentize_py") is None:
        print("componentize-py is not installed (pip install --group guest)", file=sys.stderr)
        return 1
    if not is_built():
        build()
    print(GUEST.relative_to(HERE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
