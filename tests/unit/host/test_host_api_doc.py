"""The page that compares the embedding API with others names tests and names that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import weft
from weft import bindgen, core

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "host-api.md"
ROWS = [
    line
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.endswith(("| test |", "|---|"))
]


def first_cell(row: str) -> str:
    return re.split(r"(?<!\\)\|", row)[1].strip()


@pytest.mark.parametrize("row", ROWS, ids=first_cell)
def test_the_tests_of_a_row_exist(row: str) -> None:
    """Each row names a test that is in the tree, or says that it is planned, or that there is nothing to test."""
    tests = re.findall(r"`(tests/[^`]+)`", row)
    assert tests or "planned" in first_cell(row) or row.endswith("| - |")
    for test in tests:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), test


@pytest.mark.parametrize("row", [row for row in ROWS if "`" in first_cell(row)], ids=first_cell)
def test_the_names_of_a_row_exist(row: str) -> None:
    """What a row calls weft's has that name in weft, unless it is planned."""
    if "planned" in first_cell(row):
        return
    for owner, name in re.findall(r"`(?!weft\.)([A-Za-z]\w+)\.([a-z_]\w*)`", first_cell(row)):
        module = core if "weft.core" in first_cell(row) else weft
        found = bindgen if owner == "bindgen" else getattr(module, owner)
        assert hasattr(found, name), f"{owner}.{name}"
