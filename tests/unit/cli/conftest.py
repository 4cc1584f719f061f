"""Component texts as files, and the command line with what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from weft.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """Return what writes a text to a file and gives its path."""

    def write(text: str, name: str = "component.wat") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def weft_command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return what runs the command line and gives its exit code, its output and its errors."""

    def run(*args: str) -> tuple[int, str, str]:
        code = main(args)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
