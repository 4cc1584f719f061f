"""Laws of looking up paths: both ways agree, and neither leaves the directory, whatever is in it."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fs_sandbox import PATH_FUNCTIONS, Sandbox, descriptors_into, names_in
from hypothesis import given, settings
from hypothesis import strategies as st

from weft import wasi
from weft.wasi.filesystem import beneath, directory, open_preopen
from weft.wasi.filesystem.opening import open_beneath

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.wasi.filesystem import Descriptor

NAMES = ["a", "b", "l", "m", "f"]
STEPS = st.sampled_from([*NAMES, ".", "..", "", "none"])
PATHS = st.builds("/".join, st.lists(STEPS, min_size=1, max_size=8))
LINKS = st.dictionaries(
    st.sampled_from(["l", "m", "a/l", "a/m", "b/l", "a/b/l", "a/b/m"]), PATHS.filter(bool), max_size=5
)


def tree(root: Path, links: dict[str, str]) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "b").mkdir()
    for name in ("f", "a/f", "a/b/f", "b/f"):
        (root / name).touch()
    for name, target in links.items():
        (root / name).symlink_to(target)


def answer(function: Callable[[], os.stat_result]) -> object:
    try:
        status = function()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return status.st_ino, oct(status.st_mode)


def open_and_stat(at: Descriptor, path: str, *, follow: bool) -> os.stat_result:
    fd, _ = open_beneath(at, path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, follow=follow)
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def inside(root: Path) -> set[int]:
    return {path.lstat().st_ino for path in (root, *root.rglob("*"))}


@pytest.mark.skipif(not beneath.has_openat2(), reason="the system has no openat2")
@settings(max_examples=40)
@given(links=LINKS, paths=st.lists(PATHS, min_size=1, max_size=10), follow=st.booleans())
def test_both_ways_agree(links: dict[str, str], paths: list[str], follow: bool) -> None:
    """The system and the walk by hand find the same thing or the same error, and it is inside."""
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        root = Path(made) / "root"
        tree(root, links)
        at = open_preopen(wasi.WasiCtx(), wasi.Preopen(str(root), "/"))
        allowed = inside(root)

        def answers() -> list[object]:
            return [
                answer(lambda path=path, look=look: look(at, path, follow=follow))  # type: ignore[misc]
                for path in paths
                for look in (directory.stat_at, open_and_stat)
            ]

        by_system = answers()
        patch.setattr(beneath, "has_openat2", lambda: False)
        by_hand = answers()
        assert by_system == by_hand
        assert {found[0] for found in by_hand if isinstance(found, tuple)} <= allowed
        at.on_drop()
        assert descriptors_into(Path(made)) == 0


@pytest.mark.skipif(not beneath.has_openat2(), reason="the system has no openat2")
@settings(max_examples=40)
@given(links=LINKS, paths=st.lists(PATHS, min_size=1, max_size=10))
def test_what_is_permitted_is_what_the_system_finds(links: dict[str, str], paths: list[str]) -> None:
    """Where nothing is refused as leading outside, a path leads where it leads without any borders."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made) / "root"
        tree(root, links)
        at = open_preopen(wasi.WasiCtx(), wasi.Preopen(str(root), "/"))
        for path in paths:
            found = answer(lambda path=path: directory.stat_at(at, path, follow=True))  # type: ignore[misc]
            if found != "EPERM":
                assert found == answer(lambda path=path: os.stat(path, dir_fd=at.fd))  # type: ignore[misc]
        at.on_drop()


@pytest.mark.parametrize("by_hand", [False, True])
@settings(max_examples=30)
@given(
    calls=st.lists(
        st.tuples(st.sampled_from(list(PATH_FUNCTIONS)), st.text(max_size=300) | PATHS | st.just("x" * 5000)),
        max_size=20,
    )
)
def test_any_text_is_a_path_or_an_error(calls: list[tuple[str, str]], by_hand: bool) -> None:
    """Whatever a guest gives as paths, it gets an error of the system's or what it asked for, and nothing outside."""
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch, Sandbox(Path(made)) as sandbox:
        if by_hand:
            patch.setattr(beneath, "has_openat2", lambda: False)
        for name, path in calls:
            with suppress(OSError):
                PATH_FUNCTIONS[name](sandbox.directory, path)
        assert names_in(Path(made)) == {"root", "outside"}
