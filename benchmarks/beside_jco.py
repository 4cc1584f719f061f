"""The same guests on jco, where there is one: WEFT_JCO_DIR names a folder with these npm packages in node_modules.

npm install node @bytecodealliance/jco @bytecodealliance/preview3-shim
"""

from __future__ import annotations

import atexit
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from benchmarks import guest, outflow, tasks
from benchmarks.case import Case, Runners, Target
from weft.engine import wat2wasm

if TYPE_CHECKING:
    from benchmarks.case import Runner

DRIVER: Final = Path(__file__).with_name("jco") / "run.mjs"
CHUNK: Final = 1 << 16


def _node(*arguments: str) -> str:
    node = _tools() / "node"
    return subprocess.run([str(node), *arguments], check=True, capture_output=True, text=True, timeout=120).stdout


def _tools() -> Path:
    return Path(os.environ["WEFT_JCO_DIR"]).resolve() / "node_modules" / ".bin"


def _transpile(name: str, folder: Path, *options: str) -> Path:
    wasm = folder / f"{name}.wasm"
    wasm.write_bytes(wat2wasm(guest.text(name)))
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    made = ("--name", name, "-o", str(folder), "--instantiation", "async", "--async-mode", "jspi")
    _node(str(_tools() / "jco"), "transpile", str(wasm), *made, *options)
    return folder / f"{name}.js"


def _runner(name: str, options: tuple[str, ...], *numbers: int) -> Runner:
    folder = TemporaryDirectory(prefix="weft-jco-")
    atexit.register(folder.cleanup)
    module = _transpile(name, Path(folder.name), *options)

    def run(count: int) -> float:
        return float(_node(str(DRIVER), str(module), name, str(count), *map(str, numbers)))

    return run


def _latency() -> Runners:
    options = ("--async-imports", "nap", "--async-exports", "twice")
    return Runners(tasks.one_by_one(guest.load("awaits")), peer=_runner("awaits", options))


def _stream() -> Runners:
    options = ("--async-exports", "source")
    return Runners(outflow.drain(guest.load("outflow"), CHUNK), peer=_runner("outflow", options, CHUNK))


CASES = (
    Case("jco: call, host returns at once twice", _latency, Target(of_peer=50), count=200),
    Case("jco: guest writes 64 KiB", _stream, Target(of_peer=50), count=outflow.TOTAL_BYTE_LENGTH // CHUNK),
) * ("WEFT_JCO_DIR" in os.environ)
