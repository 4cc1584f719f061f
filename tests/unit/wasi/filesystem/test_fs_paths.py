"""Paths as guests give them."""

from __future__ import annotations

import pytest
from fs_sandbox import fails

from weft.wasi.filesystem.paths import PATH_MAX, SplitPath, check_target, encode, follow_link, split


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", "ENOENT"),
        ("/", "EPERM"),
        ("/etc/passwd", "EPERM"),
        ("//x", "EPERM"),
        ("a\0b", "EINVAL"),
        ("\0", "EINVAL"),
        ("x" * PATH_MAX, "ENAMETOOLONG"),
        ("ä" * (PATH_MAX // 2), "ENAMETOOLONG"),
    ],
)
def test_paths_that_no_guest_may_use(path: str, error: str) -> None:
    """Paths that are empty, absolute, too long or have a zero in them are refused before the system sees them."""
    with fails(error):
        encode(path)


def test_paths_are_utf8() -> None:
    """Paths are UTF-8 on the host, whatever its locale."""
    assert encode("ä/𝄞") == b"\xc3\xa4/\xf0\x9d\x84\x9e"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"a", (b"", b"a", False)),
        (b"a/", (b"", b"a", True)),
        (b"a///", (b"", b"a", True)),
        (b"a/b", (b"a", b"b", False)),
        (b"a//b", (b"a/", b"b", False)),
        (b".", (b"", b".", False)),
        (b"./", (b"", b".", True)),
        (b"a/.", (b"a", b".", False)),
        (b"..", (b"..", b".", False)),
        (b"a/..", (b"a/..", b".", False)),
        (b"a/../", (b"a/..", b".", True)),
        (b"../a", (b"..", b"a", False)),
        (b"...", (b"", b"...", False)),
    ],
)
def test_split(path: bytes, expected: tuple[bytes, bytes, bool]) -> None:
    """The last name is never ``..``, and a slash after it is remembered."""
    assert split(path) == SplitPath(*expected)


def test_links_are_relative_to_where_they_are() -> None:
    """A link stands for a path from its own directory; a slash after its name stays."""
    assert follow_link(split(b"a/b"), b"../c") == b"a/../c"
    assert follow_link(split(b"b/"), b"c") == b"c/"


def test_links_that_are_not_followed() -> None:
    """Absolute links lead outside, empty ones nowhere."""
    with fails("EPERM"):
        check_target(b"/etc")
    with fails("ENOENT"):
        check_target(b"")
