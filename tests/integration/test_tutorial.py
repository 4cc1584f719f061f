"""The tutorial shows what is in the files of its example, and its commands print what it says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "keyvalue"
TEXT = (ROOT / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
FILES = [path for path in EXAMPLE.rglob("*.*") if path.suffix in {".py", ".wit"}]
PROGRAMS = {"weft": [sys.executable, "-m", "weft.cli"], "python": [sys.executable]}


@pytest.mark.parametrize("block", [text for kind, text in BLOCKS if kind != "console"], ids=lambda text: text[:40])
def test_what_it_shows_is_in_one_file(block: str) -> None:
    """The pieces of a block, between lines of three dots, stand in this order in a file of the example."""
    pieces = [re.escape(piece) for piece in unindented(block).split("...\n") if not piece.isspace()]
    pattern = re.compile(".*".join(pieces), re.DOTALL)
    assert [path for path in FILES if pattern.search(unindented(path.read_text()))]


def unindented(text: str) -> str:
    """Return the lines of a text without what is before and between them."""
    return "".join(f"{line.strip()}\n" for line in text.splitlines() if not line.isspace() and line)


def test_its_commands_print_what_it_says(tmp_path: Path) -> None:
    """The commands of all console blocks, run one after the other in the example's directory, print what is shown."""
    directory = tmp_path / "keyvalue"
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("build", "__pycache__"))
    console = "".join(text for kind, text in BLOCKS if kind == "console")
    for command, _, output in (part.partition("\n") for part in console.split("$ ")[1:]):
        program, *arguments = shlex.split(command)
        done = subprocess.run(
            [*PROGRAMS[program], *arguments], cwd=directory, capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.stdout, done.stderr) == (output, "")


def test_its_links_lead_somewhere() -> None:
    """Each file that it links to is there."""
    links = re.findall(r"\]\((\.\./[^)]*)\)", TEXT)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
