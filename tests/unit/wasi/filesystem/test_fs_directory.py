"""What is done to names in directories, whether the system looks paths up or they are looked up by hand."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from fs_sandbox import Sandbox, fails, names_in

from weft.wasi.filesystem import directory
from weft.wasi.filesystem.times import KEEP, NOW, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.wasi.filesystem import Descriptor


@pytest.fixture
def sandbox(both_ways: Sandbox) -> Sandbox:
    return both_ways


MUTATIONS: dict[str, Callable[[Descriptor, Descriptor], object]] = {
    "mkdir": lambda at, _: directory.create_directory_at(at, "made"),
    "rmdir": lambda at, _: directory.remove_directory_at(at, "dir"),
    "unlink": lambda at, _: directory.unlink_file_at(at, "file"),
    "symlink": lambda at, _: directory.symlink_at(at, "file", "made"),
    "times": lambda at, _: directory.set_times_at(at, "file", NOW, NOW, follow=True),
    "rename from": lambda at, other: directory.rename_at(at, "file", other, "made"),
    "rename to": lambda at, other: directory.rename_at(other, "file", at, "made"),
    "link from": lambda at, other: directory.link_at(at, "file", other, "made", follow=False),
    "link to": lambda at, other: directory.link_at(other, "file", at, "made", follow=False),
    "own times": lambda at, _: at.set_times(NOW, NOW),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_may_only_be_read_is_not_changed(sandbox: Sandbox, name: str) -> None:
    """Nothing is changed through a directory that was given for reading only, not even together with another."""
    reading = sandbox.preopen(read_only=True)
    before = names_in(sandbox.root)
    with fails("EPERM"):
        MUTATIONS[name](reading, sandbox.directory)
    assert names_in(sandbox.root) == before
    assert directory.stat_at(reading, "file", follow=True).st_size == 4
    reading.on_drop()


def test_names_are_looked_for_in_directories(sandbox: Sandbox) -> None:
    """A file has no names in it."""
    file = sandbox.open("file")
    for function in MUTATIONS.values():
        if function is not MUTATIONS["own times"]:
            with fails("ENOTDIR"):
                function(file, file)
    with fails("ENOTDIR"):
        directory.stat_at(file, ".", follow=False)
    with fails("ENOTDIR"):
        sandbox.open("x", at=file)
    file.on_drop()


def test_stat(sandbox: Sandbox) -> None:
    """Attributes are of a link itself, or of what it leads to; a slash asks for a directory and follows."""
    at = sandbox.directory
    for path, follow, check in [
        ("file", False, stat.S_ISREG),
        ("to-file", False, stat.S_ISLNK),
        ("to-file", True, stat.S_ISREG),
        ("to-dir", False, stat.S_ISLNK),
        ("to-dir/", False, stat.S_ISDIR),
        (".", False, stat.S_ISDIR),
        ("./", False, stat.S_ISDIR),
        ("dir/..", False, stat.S_ISDIR),
        ("dir/.", False, stat.S_ISDIR),
    ]:
        assert check(directory.stat_at(at, path, follow=follow).st_mode), path
    for path, error in [("", "ENOENT"), ("none", "ENOENT"), ("none/", "ENOENT"), ("file/", "ENOTDIR")]:
        with fails(error):
            directory.stat_at(at, path, follow=False)
    for path, error in [("to-file/", "ENOTDIR"), ("file/.", "ENOTDIR"), ("file/..", "ENOTDIR"), ("file/x", "ENOTDIR")]:
        with fails(error):
            directory.stat_at(at, path, follow=False)
    with fails("ENOENT"):
        directory.stat_at(at, "dangling", follow=True)


def test_making_and_removing_directories(sandbox: Sandbox) -> None:
    """Directories are made and removed, with or without a slash; what is no directory, or not empty, is not removed."""
    at = sandbox.directory
    for made, removed in [("new", "new"), ("new/", "new"), ("new", "new///"), ("dir/new/", "to-dir/new/")]:
        directory.create_directory_at(at, made)
        directory.remove_directory_at(at, removed)
    for path, error in [("", "ENOENT"), (".", "EEXIST"), ("dir", "EEXIST"), ("dir/", "EEXIST"), ("none/x", "ENOENT")]:
        with fails(error):
            directory.create_directory_at(at, path)
    for path, error in [
        ("", "ENOENT"),
        (".", "EINVAL"),
        ("dir", "ENOTEMPTY"),
        ("file", "ENOTDIR"),
        ("file/", "ENOTDIR"),
        ("to-dir", "ENOTDIR"),
        ("to-dir/", "ENOTDIR"),
        ("none", "ENOENT"),
    ]:
        with fails(error):
            directory.remove_directory_at(at, path)


def test_unlinking(sandbox: Sandbox) -> None:
    """Files and links are removed, directories are not; a link is removed itself."""
    at = sandbox.directory
    directory.unlink_file_at(at, "to-file")
    directory.unlink_file_at(at, "up")
    directory.unlink_file_at(at, "file")
    assert not {"to-file", "up", "file"} & names_in(sandbox.root)
    for path, error in [("", "ENOENT"), ("dir", "EISDIR"), ("dir/", "EISDIR"), (".", "EISDIR"), ("file/", "ENOENT")]:
        with fails(error):
            directory.unlink_file_at(at, path)
    for path, error in [("to-dir/", "EISDIR"), ("dir/inner/", "ENOTDIR")]:
        with fails(error):
            directory.unlink_file_at(at, path)
    assert (sandbox.root / "to-dir").is_symlink()


def test_renaming(sandbox: Sandbox) -> None:
    """Names are changed and moved; a slash asks for a directory, and the directory itself stays."""
    at = sandbox.directory
    directory.rename_at(at, "file", at, "to-dir/moved")
    assert (sandbox.root / "dir" / "moved").read_text() == "file"
    directory.rename_at(at, "dir/", at, "renamed/")
    directory.rename_at(at, "to-file", at, "link")
    assert (sandbox.root / "link").is_symlink()
    for old, new, error in [
        ("none", "x", "ENOENT"),
        (".", "x", "EBUSY"),
        ("renamed", ".", "EBUSY"),
        ("renamed", "renamed/below", "EINVAL"),
        ("link/", "x", "ENOTDIR"),
        ("renamed/moved", "x/", "ENOTDIR"),
        ("renamed/moved", "", "ENOENT"),
    ]:
        with fails(error):
            directory.rename_at(at, old, at, new)


def test_renaming_between_directories(sandbox: Sandbox) -> None:
    """Each path is looked up from its own directory."""
    inner = sandbox.open("dir", "directory", "mutate-directory")
    directory.rename_at(sandbox.directory, "file", inner, "moved")
    directory.link_at(inner, "moved", sandbox.directory, "linked", follow=False)
    assert (sandbox.root / "linked").read_text() == "file"
    inner.on_drop()


def test_hard_links(sandbox: Sandbox) -> None:
    """Files get more names, directories do not; a link gets one itself unless it is followed."""
    at = sandbox.directory
    directory.link_at(at, "file", at, "dir/other", follow=False)
    assert (sandbox.root / "dir" / "other").samefile(sandbox.root / "file")
    directory.link_at(at, "to-file", at, "link", follow=False)
    assert (sandbox.root / "link").is_symlink()
    directory.link_at(at, "to-file", at, "followed", follow=True)
    assert not (sandbox.root / "followed").is_symlink()
    for old, new, error in [
        ("dir", "x", "EPERM"),
        ("dir/", "x", "EPERM"),
        (".", "x", "EPERM"),
        ("file/", "x", "ENOTDIR"),
        ("", "x", "ENOENT"),
        ("file", "", "ENOENT"),
        ("file", "file", "EEXIST"),
        ("file", "dir", "EEXIST"),
        ("file", "x/", "ENOENT"),
        ("none", "x", "ENOENT"),
    ]:
        with fails(error):
            directory.link_at(at, old, at, new, follow=False)


def test_links_whose_name_ends_in_a_slash(sandbox: Sandbox) -> None:
    """A slash after the name of a new link is an error, which depends on what is there."""
    for path, error in [("new/", "ENOENT"), ("dir/", "EEXIST"), ("dir/inner/", "ENOTDIR"), ("none/x/", "ENOENT")]:
        with fails(error):
            directory.symlink_at(sandbox.directory, "file", path)
        with fails(error):
            directory.link_at(sandbox.directory, "file", sandbox.directory, path, follow=False)


def test_reading_links(sandbox: Sandbox) -> None:
    """What a link contains is read as it is; what is no link has nothing to read."""
    at = sandbox.directory
    assert directory.read_link_at(at, "to-file") == "file"
    assert directory.read_link_at(at, "up") == ".."
    for path, error in [
        ("file", "EINVAL"),
        ("dir", "EINVAL"),
        ("to-dir/", "EINVAL"),
        ("to-file/", "ENOTDIR"),
        (".", "EINVAL"),
        ("none", "ENOENT"),
    ]:
        with fails(error):
            directory.read_link_at(at, path)
    os.symlink(b"\xff", bytes(sandbox.root / "no-utf8"))  # noqa: PTH211 - a `Path` is text
    with fails("EILSEQ"):
        directory.read_link_at(at, "no-utf8")


def test_times(sandbox: Sandbox) -> None:
    """Times are set to the nanosecond, kept, or set to now, of a link itself or of what it leads to."""
    at, file, link = sandbox.directory, sandbox.root / "file", sandbox.root / "to-file"
    directory.set_times_at(at, "to-file", timestamp(1, 5), timestamp(-3, 999_999_999), follow=True)
    assert (file.stat().st_atime_ns, file.stat().st_mtime_ns) == (1_000_000_005, -2_000_000_001)
    directory.set_times_at(at, "file", KEEP, timestamp(7, 0), follow=False)
    assert (file.stat().st_atime_ns, file.stat().st_mtime_ns) == (1_000_000_005, 7_000_000_000)
    directory.set_times_at(at, "file", NOW, KEEP, follow=False)
    assert file.stat().st_atime_ns > 10**18
    directory.set_times_at(at, "to-file", timestamp(2, 0), timestamp(3, 0), follow=False)
    assert (link.lstat().st_mtime_ns, file.stat().st_mtime_ns) == (3_000_000_000, 7_000_000_000)
    directory.set_times_at(at, "to-dir/", timestamp(2, 0), timestamp(4, 0), follow=False)
    assert (sandbox.root / "dir").stat().st_mtime_ns == 4_000_000_000
    for path, error in [("none", "ENOENT"), ("file/", "ENOTDIR"), ("", "ENOENT"), ("dangling", "ENOENT")]:
        with fails(error):
            directory.set_times_at(at, path, NOW, NOW, follow=True)


@pytest.mark.parametrize(
    ("seconds", "nanoseconds", "error"),
    [
        (0, 1_000_000_000, "EINVAL"),
        (0, (1 << 30) - 1, "EINVAL"),
        (0, (1 << 30) - 2, "EINVAL"),
        (0, (1 << 32) - 1, "EINVAL"),
        (1 << 63, 0, "EOVERFLOW"),
        ((1 << 64) - 1, 0, "EOVERFLOW"),
    ],
)
def test_times_that_are_none(seconds: int, nanoseconds: int, error: str) -> None:
    """Nanoseconds that would mean "now" or "keep" to the system, and times that it has no room for, are refused."""
    with fails(error):
        timestamp(seconds, nanoseconds)


def test_names_of_other_alphabets(sandbox: Sandbox) -> None:
    """Names are any Unicode but zeros and slashes, with line breaks and the like in them."""
    for name in ("ä", "日本", "𝄞", "a\nb", " ", "...", "\u200b", "-rf"):
        directory.create_directory_at(sandbox.directory, name)
        assert (sandbox.root / name).is_dir()
