"""Build the demo guest: ``python examples/demo/build_guest.py`` writes ``examples/demo/build/guest.wasm``.

The component is built with componentize-py (``pip install --group guest``). A second run does nothing unless a source
file or the installed componentize-py changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
GUEST = BUILD / "guest.wasm"
SOURCES = (*sorted((HERE / "wit").rglob("*.wit")), *sorted((HERE / "guest").glob("*.py")))


class MissingToolError(Exception):
    """componentize-py is not installed."""


def _key() -> str:
    """Return a hash of everything the guest is made from."""
    try:
        version = importlib.metadata.version("componentize-py")
    except importlib.metadata.PackageNotFoundError:
        message = "componentize-py is not installed (pip install --group guest)"
        raise MissingToolError(message) from None
    digest = hashlib.sha256(version.encode())
    for source in (*SOURCES, Path(__file__)):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold `path` as a lock between processes, where the platform has file locks."""
    with path.open("w") as lock:
        with contextlib.suppress(ImportError):
            import fcntl  # noqa: PLC0415 -- not on every platform

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _componentize(output: Path) -> None:
    """Run componentize-py; it is loud about failures and has its own exit code."""
    script = "import sys, componentize_py; sys.exit(componentize_py.script())"
    arguments = ["-q", "-d", str(HERE / "wit"), "-w", "guest", "componentize", "--stub-wasi"]
    arguments += ["-p", str(HERE / "guest"), "-o", str(output), "app"]
    # Without this the caller's virtual environment becomes part of the guest's import path.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, env=environment, stdin=subprocess.DEVNULL)


def build() -> Path:
    """Return the path of the built guest, building it first if it is missing or old.

    Raises:
        MissingToolError: componentize-py is not installed.
        subprocess.CalledProcessError: componentize-py refused the sources.
    """
    key = _key()
    BUILD.mkdir(exist_ok=True)
    key_file = BUILD / "guest.key"
    with _locked(BUILD / "guest.lock"):
        if GUEST.exists() and key_file.exists() and key_file.read_text() == key:
            return GUEST
        unfinished = BUILD / "guest.unfinished.wasm"
        _componentize(unfinished)
        unfinished.replace(GUEST)
        key_file.write_text(key)
    return GUEST


def main() -> int:
    """Build from the command line."""
    started = time.perf_counter()
    try:
        guest = build()
    except MissingToolError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"componentize-py failed with exit code {error.returncode}", file=sys.stderr)
        return 1
    size = guest.stat().st_size / 2**20
    print(f"{guest.relative_to(HERE)}: {size:.1f} MiB, {time.perf_counter() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
