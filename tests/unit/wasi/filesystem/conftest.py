"""A directory that a guest has, with secrets beside it; looked up in both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fs_sandbox import Sandbox

from weft.wasi.filesystem import beneath

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["openat2", "by hand"])
def sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    if request.param == "by hand":
        monkeypatch.setattr(beneath, "has_openat2", lambda: False)
    elif not beneath.has_openat2():
        pytest.skip("the system has no openat2")
    with Sandbox(tmp_path) as made:
        yield made
