"""Every way out of a directory is closed, whether the system looks paths up or they are looked up by hand."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from fs_sandbox import PATH_FUNCTIONS, SECRET, Sandbox, fails

import weft
from weft import wasi
from weft.wasi.filesystem import beneath, directory, open_preopen, walk
from weft.wasi.filesystem.times import NOW
from weft.wasi.p3.filesystem.preopens import open_preopens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from weft.wasi.filesystem import Descriptor


@pytest.fixture
def sandbox(both_ways: Sandbox) -> Sandbox:
    return both_ways


WAYS_OUT = [
    "..",
    "../",
    "../outside/secret",
    "dir/../../outside/secret",
    "dir/./../..//outside/secret",
    "to-dir/../../outside/secret",
    "up/outside/secret",
    "up/root/file",
    "up",
    "out/secret",
    "out/",
    "out",
    "dir/../up/outside/secret",
    "absolute",
    "/",
    "/etc/passwd",
    "../root/file",
    "dir/../../root/file",
]
INNER_WAYS_OUT = [path for path in WAYS_OUT if path not in ("up", "out", "out/", "absolute")]
"""Those that lead out without a link at their end."""

FOLLOWING_FUNCTIONS: dict[str, Callable[[Descriptor, str], Any]] = {
    "stat": lambda at, path: directory.stat_at(at, path, follow=True),
    "hash": lambda at, path: directory.metadata_hash_at(at, path, follow=True),
    "times": lambda at, path: directory.set_times_at(at, path, NOW, NOW, follow=True),
    "link from": lambda at, path: directory.link_at(at, path, at, "taken", follow=True),
}


@pytest.mark.parametrize("path", WAYS_OUT)
def test_nothing_outside_is_opened(sandbox: Sandbox, path: str) -> None:
    """A path that leaves the directory, if only for a moment, is not permitted, to read or to write or to create."""
    for flags in (("", "read"), ("", "write"), ("create", "write"), ("truncate", "write"), ("directory", "read")):
        with fails("EPERM"):
            sandbox.open(path, *flags)


@pytest.mark.parametrize("name", PATH_FUNCTIONS)
def test_nothing_outside_is_named(sandbox: Sandbox, name: str) -> None:
    """No function reaches what is outside through a path that leaves the directory before its end."""
    for path in INNER_WAYS_OUT:
        with fails("EPERM"):
            PATH_FUNCTIONS[name](sandbox.directory, path)
    assert not (sandbox.root / "taken").exists()


@pytest.mark.parametrize("name", FOLLOWING_FUNCTIONS)
def test_nothing_outside_is_followed(sandbox: Sandbox, name: str) -> None:
    """No function follows a link at the end of a path to what is outside."""
    for path in WAYS_OUT:
        with fails("EPERM"):
            FOLLOWING_FUNCTIONS[name](sandbox.directory, path)
    assert not (sandbox.root / "taken").exists()


@pytest.mark.parametrize("name", ["rmdir", "unlink", "readlink", "stat", "times", "link from"])
@pytest.mark.parametrize("path", ["up/", "out/", "dir/../out//"])
def test_a_slash_does_not_make_the_system_follow(sandbox: Sandbox, name: str, path: str) -> None:
    """A slash after a link follows it, and so is not permitted where it leads outside."""
    with fails("EPERM"):
        PATH_FUNCTIONS[name](sandbox.directory, path)


@pytest.mark.parametrize("name", ["rename from", "rename to", "mkdir", "symlink", "link to"])
def test_a_slash_after_a_link_that_names_something_new(sandbox: Sandbox, name: str) -> None:
    """Where the system does not follow a link before a slash, it stays what it was."""
    with fails("ENOTDIR", "EEXIST", "ENOENT"):
        PATH_FUNCTIONS[name](sandbox.directory, "out/")
    assert (sandbox.root / "out").is_symlink()
    assert (sandbox.root / "file").exists()


def test_links_to_outside_are_not_followed_by_chance(sandbox: Sandbox) -> None:
    """A link that is not to be followed is not opened, wherever it leads."""
    for name in ("up", "out", "absolute", "to-file"):
        with fails("ELOOP"):
            sandbox.open(name, follow=False)


def test_chains_of_links(sandbox: Sandbox) -> None:
    """Links lead on to links: as many as 40 inside, none outside."""
    (sandbox.root / "n0").symlink_to("dir/inner")
    (sandbox.root / "m0").symlink_to("dir/../../outside/secret")
    for at in range(1, 45):
        for kind in "nm":
            (sandbox.root / f"{kind}{at}").symlink_to(f"{kind}{at - 1}")
    (sandbox.open("n39")).on_drop()
    with fails("ELOOP"):
        sandbox.open("n40")
    for at in (0, 1, 39):
        with fails("EPERM"):
            sandbox.open(f"m{at}")


def test_links_to_directories_in_a_path(sandbox: Sandbox) -> None:
    """Links in the middle of a path count as well, and 300 of them are too many."""
    (sandbox.root / "l0").symlink_to("dir")
    for at in range(1, 300):
        (sandbox.root / f"l{at}").symlink_to(f"l{at - 1}")
    (sandbox.open("l39/inner")).on_drop()
    for at in (40, 299):
        with fails("ELOOP"):
            sandbox.open(f"l{at}/inner")
    with fails("ELOOP"):
        sandbox.open("loop/inner")
    with fails("ELOOP"):
        sandbox.open("loop")


def test_dotdot_is_of_the_directory_that_a_link_led_to(sandbox: Sandbox) -> None:
    """After a link, ``..`` is the parent of where it led, inside."""
    (sandbox.root / "dir" / "deep").mkdir()
    (sandbox.root / "shortcut").symlink_to("dir/deep")
    opened = sandbox.open("shortcut/../inner")
    assert os.read(opened.fd, 99) == b"inner"
    opened.on_drop()


def test_a_descriptor_inside_is_a_border_of_its_own(sandbox: Sandbox) -> None:
    """A directory that was opened is the border of paths from there, though its parent is the guest's as well."""
    inner = sandbox.open("dir", "directory")
    (sandbox.root / "dir" / "up").symlink_to("../file")
    for path in ("../file", "up", "..", "./../file"):
        with fails("EPERM"):
            sandbox.open(path, at=inner)
    (sandbox.open("inner", at=inner)).on_drop()
    with fails("EPERM"):
        directory.rename_at(inner, "inner", inner, "../inner")
    inner.on_drop()


def test_creating_through_a_link(sandbox: Sandbox) -> None:
    """Creating through a dangling link makes what it names inside, and nothing outside."""
    (sandbox.open("dangling", "create", "write")).on_drop()
    assert (sandbox.root / "dir" / "made").exists()
    (sandbox.root / "dangling-out").symlink_to("../outside/made")
    (sandbox.root / "dangling-absolute").symlink_to(sandbox.outside / "made")
    for name in ("dangling-out", "dangling-absolute"):
        with fails("EPERM"):
            sandbox.open(name, "create", "write")
        with fails("EEXIST"):
            sandbox.open(name, "create exclusive", "write")
        with fails("ELOOP"):
            sandbox.open(name, "create", "write", follow=False)


def test_links_that_guests_may_make(sandbox: Sandbox) -> None:
    """A guest makes links to anything relative, to no avail; absolute ones it neither makes nor reads."""
    at = sandbox.directory
    directory.symlink_at(at, "../outside/secret", "sneaky")
    with fails("EPERM"):
        directory.stat_at(at, "sneaky", follow=True)
    assert directory.read_link_at(at, "sneaky") == "../outside/secret"
    for target in ("/", "/etc/passwd", str(sandbox.outside)):
        with fails("EPERM"):
            directory.symlink_at(at, target, "absolute-link")
    with fails("EPERM"):
        directory.read_link_at(at, "absolute")
    with fails("EINVAL"):
        directory.symlink_at(at, "a\0b", "zero")
    with fails("ENOENT"):
        directory.symlink_at(at, "", "empty")


def test_hard_links_are_what_is_inside(sandbox: Sandbox) -> None:
    """A guest cannot have a hard link to what is outside; one that the host made is a file inside like any other."""
    with fails("EPERM"):
        directory.link_at(sandbox.directory, "absolute", sandbox.directory, "mine", follow=True)
    directory.link_at(sandbox.directory, "absolute", sandbox.directory, "mine", follow=False)
    assert (sandbox.root / "mine").is_symlink()
    os.link(sandbox.outside / "secret", sandbox.root / "given")
    given = sandbox.open("given")
    assert os.read(given.fd, 99).decode() == SECRET
    given.on_drop()


@pytest.mark.parametrize("path", ["cwd", "cwd/", "root/etc/passwd", "exe", "fd/0", "fd/0/..", "self/root/etc/passwd"])
def test_magic_links(sandbox: Sandbox, path: str) -> None:
    """The links of a process's directory in /proc, which lead anywhere without a path, lead nowhere here."""
    proc = open_preopen(sandbox.ctx, wasi.Preopen(os.path.realpath("/proc/self"), "/"))
    with fails("EPERM", "ELOOP", "ENOENT", "ENOTDIR"):
        sandbox.open(path, at=proc)
    proc.on_drop()


@pytest.mark.parametrize("path", ["dir", "dir/deep"])
def test_a_link_in_place_of_a_directory_to_start_with(sandbox: Sandbox, path: str) -> None:
    """A guest that has a directory within another, and makes a link of it, traps when it asks for its directories."""
    (sandbox.root / "dir" / "deep").mkdir()
    (sandbox.outside / "deep").mkdir()
    ctx = wasi.WasiCtx(preopens=[wasi.Preopen(sandbox.root, "/"), wasi.Preopen(sandbox.root / path, "/inner")])
    (outer, _), (inner, _) = open_preopens(ctx)
    directory.rename_at(outer, "dir", outer, "moved")
    directory.symlink_at(outer, "../outside", "dir")
    with pytest.raises(weft.Trap, match=f"'/inner' cannot be opened: {os.strerror(errno.ENOTDIR)}$"):
        open_preopens(ctx)
    (sandbox.outside / "deep").rmdir()
    outer.on_drop()
    inner.on_drop()
    assert ctx.handles.open == 0


def test_links_to_a_directory_to_start_with(sandbox: Sandbox) -> None:
    """Links in the path that the host gives are followed when the context is made."""
    ctx = wasi.WasiCtx(preopens=[wasi.Preopen(sandbox.root / "to-dir" / ".." / "to-dir", "/")])
    ((inner, _),) = open_preopens(ctx)
    assert os.path.samestat(inner.stat(), (sandbox.root / "dir").stat())
    inner.on_drop()


def test_a_link_that_comes_while_a_file_is_opened(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that becomes a link to outside, after it was seen to be none, is not followed."""
    real = walk.read_link
    swaps: list[Path] = []

    def read_link(dir_fd: int, name: bytes) -> bytes | None:
        target = real(dir_fd, name)
        if name == b"file" and not swaps:
            swaps.append((sandbox.root / "file").rename(sandbox.root / "moved"))
            (sandbox.root / "file").symlink_to("../outside/secret")
        return target

    monkeypatch.setattr(walk, "read_link", read_link)
    with fails("EPERM"):
        sandbox.open("file", "truncate", "write")
    assert swaps


def test_a_file_that_becomes_a_link_inside(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that becomes a link to another one inside is opened there."""
    real = walk.read_link
    swaps: list[Path] = []

    def read_link(dir_fd: int, name: bytes) -> bytes | None:
        target = real(dir_fd, name)
        if name == b"file" and not swaps:
            swaps.append((sandbox.root / "file").rename(sandbox.root / "moved"))
            (sandbox.root / "file").symlink_to("dir/inner")
        return target

    monkeypatch.setattr(walk, "read_link", read_link)
    opened = sandbox.open("file")
    assert os.read(opened.fd, 99) == b"inner"
    opened.on_drop()


class Racing:
    """`os` for the walk, where somebody does something just before a directory is opened."""

    def __init__(self, name: bytes, race: Callable[[], object]) -> None:
        self.name = name
        self.race: Callable[[], object] | None = race

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, name: bytes, flags: int, *, dir_fd: int) -> int:
        if name == self.name and self.race is not None:
            race, self.race = self.race, None
            race()
        return os.open(name, flags, dir_fd=dir_fd)


def test_a_directory_that_becomes_a_link_on_the_way(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, a directory that is replaced by a link to outside before it is opened is seen to be a link."""
    monkeypatch.setattr(beneath, "has_openat2", lambda: False)

    def swap() -> None:
        (sandbox.root / "dir").rename(sandbox.root / "was-dir")
        (sandbox.root / "dir").symlink_to("../outside")

    monkeypatch.setattr(walk, "os", Racing(b"dir", swap))
    with fails("EPERM"):
        sandbox.open("dir/secret")


def test_a_directory_that_is_moved_out_on_the_way(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, ``..`` of a directory that was moved out is what the path says, not the directory that it is in now."""
    monkeypatch.setattr(beneath, "has_openat2", lambda: False)
    (sandbox.root / "dir" / "deep").mkdir()
    (sandbox.root / "secret").write_text("of the guest's own")
    away = sandbox.outside / "deep"

    def move() -> None:
        (sandbox.root / "dir" / "deep" / "x").mkdir()
        (sandbox.root / "dir" / "deep").rename(away)
        (sandbox.root / "dir" / "deep").mkdir()

    monkeypatch.setattr(walk, "os", Racing(b"x", move))
    try:
        with fails("ENOENT"):  # it came through deep before it was moved; up again is dir, not outside
            sandbox.open("dir/deep/x/../../nothing-here/secret")
        opened = sandbox.open("dir/deep/../../secret")
        assert os.read(opened.fd, 99) == b"of the guest's own"
        opened.on_drop()
    finally:
        (away / "x").rmdir()
        away.rmdir()


def test_a_busy_system_is_asked_again_and_then_not_trusted(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives up because others rename directories all the time, the path is looked up by hand."""
    asked = []

    def openat2(*args: object) -> int:
        asked.append(args)
        raise BlockingIOError(11, "others rename all the time")

    monkeypatch.setattr(beneath, "has_openat2", lambda: True)
    monkeypatch.setattr(beneath, "openat2", openat2)
    assert directory.stat_at(sandbox.directory, "dir/inner", follow=False).st_size == 5
    assert len(asked) == 4
    with fails("EPERM"):
        directory.stat_at(sandbox.directory, "out/secret", follow=False)


@pytest.mark.parametrize("number", ["ENOSYS", "EPERM"])
def test_a_system_without_openat2(monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    """A system that has no ``openat2``, or a sandbox that forbids it, is noticed."""

    def openat2(*_args: object) -> int:
        raise OSError(getattr(errno, number), "")

    monkeypatch.setattr(beneath, "openat2", openat2)
    beneath.has_openat2.cache_clear()
    assert not beneath.has_openat2()
    beneath.has_openat2.cache_clear()


def test_deep_paths(sandbox: Sandbox) -> None:
    """A path hundreds of directories deep is found, with few descriptors; a name or a path may be too long."""
    deep = sandbox.root
    for _ in range(300):
        deep /= "d"
        deep.mkdir()
    (deep / "end").write_text("end")
    opened = sandbox.open("d/" * 300 + "end")
    assert os.read(opened.fd, 99) == b"end"
    opened.on_drop()
    (sandbox.open("d/" * 300 + "../" * 300 + "file")).on_drop()
    with fails("EPERM"):
        sandbox.open("d/" * 300 + "../" * 301 + "file")
    with fails("ENAMETOOLONG"):
        sandbox.open("x" * 256)
    with fails("ENAMETOOLONG"):
        sandbox.open("dir/" * 1023 + "file")
    with fails("ENAMETOOLONG"):
        sandbox.open("x" * 256 + "/file")


def test_a_path_that_links_make_too_long_for_the_system(sandbox: Sandbox) -> None:
    """A path may become longer by its links than the system takes in one piece."""
    (sandbox.root / "winding").symlink_to("dir/../" * 200 + "file")
    opened = sandbox.open("dir/../" * 500 + "winding")
    assert opened.stat().st_ino == (sandbox.root / "file").stat().st_ino
    opened.on_drop()


def test_absolute_links_on_the_way(sandbox: Sandbox) -> None:
    """An absolute link in the middle of a path is refused, and does not begin at the guest's root instead."""
    (sandbox.root / "dir" / "root").symlink_to("/dir")
    with fails("EPERM"):
        sandbox.open("dir/root/inner")


def test_a_path_that_takes_too_long(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """By hand, a path that goes down and up again for ever is given up."""
    monkeypatch.setattr(beneath, "has_openat2", lambda: False)
    monkeypatch.setattr(walk, "MAX_STEPS", 100)
    with fails("ELOOP"):
        directory.stat_at(sandbox.directory, "dir/../" * 101 + "file", follow=False)


def test_nothing_stays_open(sandbox: Sandbox) -> None:
    """Every path that is looked up, well or not, leaves no descriptor behind."""
    before = sandbox.open_descriptors
    for path in (*WAYS_OUT, "dir/inner", "to-dir/inner", "loop", "dir/none/x", "file/x", "dir/../to-file"):
        for function in FOLLOWING_FUNCTIONS.values():
            with suppress(OSError):
                function(sandbox.directory, path)
    assert sandbox.open_descriptors == before
