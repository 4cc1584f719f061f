"""Guests for the integration tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

DEMO = Path(__file__).parents[2] / "examples" / "demo"
TINY = Path(__file__).with_name("tiny.wat")


def _load(path: Path) -> ModuleType:
    """Import a script that is not in a package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def demo_component() -> Path:
    """Return the demo guest, built once into examples/demo/build and kept there for the next run."""
    builder = _load(DEMO / "build_guest.py")
    try:
        return builder.build()
    except builder.MissingToolError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def tiny_component() -> Path:
    """Return the hand-written guest, in component text; it needs no tool to build."""
    return TINY
