"""A directory that a guest has, with secrets beside it; looked up in both ways."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from fs_sandbox import Sandbox

from weft.wasi.filesystem import beneath, file_bytes, walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["threads", "cached", "inline"])
def block_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether files may hold up the event loop; if not, whether what is in memory is read without a thread."""
    if request.param == "threads":
        monkeypatch.setattr(file_bytes, "_NOWAIT", None)
    return bool(request.param == "inline")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path) as made:
        yield made


@pytest.fixture(params=["openat2", "by hand", "by hand, without O_PATH"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox whose paths are looked up in one of the two ways, by hand also as on systems other than Linux."""
    if request.param != "openat2":
        monkeypatch.setattr(beneath, "has_openat2", lambda: False)
        if request.param != "by hand":
            monkeypatch.setattr(walk, "DIRECTORY_FLAGS", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    elif not beneath.has_openat2():
        pytest.skip("the system has no openat2")
    with Sandbox(tmp_path) as made:
        yield made
