"""The entries of directories."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from fs_sandbox import Sandbox, fails

from weft import wasi
from weft.wasi.filesystem import Entries, entries, kind_of

if TYPE_CHECKING:
    from pathlib import Path


def all_of(found: Entries, count: int = 100) -> dict[str, str]:
    read: dict[str, str] = {}
    while chunk := found.read(count):
        assert len(chunk) <= count
        read.update((entry.name, entry.kind) for entry in chunk)
    found.close()
    return read


@pytest.mark.parametrize("count", [1, 3, 100])
def test_every_entry_once(sandbox: Sandbox, count: int) -> None:
    """A directory is read to its end in chunks of any size, without itself and its parent; links are links."""
    os.mkfifo(sandbox.root / "pipe")
    expected = {
        "file": "regular-file",
        "dir": "directory",
        "pipe": "fifo",
        **dict.fromkeys(("up", "out", "absolute", "loop", "to-dir", "to-file", "dangling"), "symbolic-link"),
    }
    assert all_of(Entries(sandbox.directory, sandbox.ctx.handles), count) == expected


def test_readers_do_not_disturb_each_other(sandbox: Sandbox) -> None:
    """Two that read one directory both get all of it, and so does who comes later."""
    first, second = (Entries(sandbox.directory, sandbox.ctx.handles) for _ in range(2))
    begun = first.read(4)
    whole = all_of(second)
    assert len(whole) == 9
    assert {entry.name for entry in begun} | set(all_of(first)) == set(whole)
    assert all_of(Entries(sandbox.directory, sandbox.ctx.handles)) == whole


def test_names_that_are_no_utf8(sandbox: Sandbox) -> None:
    """A name that no guest can have is an error in its place, and the entries around it are read all the same."""
    os.close(os.open(bytes(sandbox.root / "dir") + b"/\xff", os.O_CREAT | os.O_WRONLY))
    for name in "abcdefgh":
        (sandbox.root / "dir" / name).touch()
    directory = sandbox.open("dir")
    found = Entries(directory, sandbox.ctx.handles)
    names: list[str] = []
    with fails("EILSEQ"):
        while True:
            names += [entry.name for entry in found.read(100)]
    names += [entry.name for entry in found.read(100)]
    assert sorted(names) == [*"abcdefgh", "inner"]
    assert found.read(100) == []
    found.close()
    directory.on_drop()


def test_only_directories_have_entries(sandbox: Sandbox) -> None:
    """A file has none, and asking for them takes no handle."""
    file = sandbox.open("file")
    before = sandbox.ctx.handles.open
    with fails("ENOTDIR"):
        Entries(file, sandbox.ctx.handles)
    assert sandbox.ctx.handles.open == before
    file.on_drop()


def test_handles_are_limited(tmp_path: Path) -> None:
    """Reading a directory takes a handle, and gives it back."""
    with Sandbox(tmp_path, wasi.WasiLimits(handles=2)) as sandbox:
        found = Entries(sandbox.directory, sandbox.ctx.handles)
        with fails("EMFILE"):
            Entries(sandbox.directory, sandbox.ctx.handles)
        found.close()
        Entries(sandbox.directory, sandbox.ctx.handles).close()


def test_nothing_stays_open(sandbox: Sandbox) -> None:
    """A directory is closed wherever its reading stops."""
    before = sandbox.open_descriptors
    for count in (0, 1, 5, 100):
        found = Entries(sandbox.directory, sandbox.ctx.handles)
        found.read(count) if count else None
        found.close()
        assert sandbox.open_descriptors == before


def test_a_directory_is_read_after_its_descriptor_is_gone(sandbox: Sandbox) -> None:
    """What reads a directory keeps it open."""
    directory = sandbox.open("dir")
    found = Entries(directory, sandbox.ctx.handles)
    directory.on_drop()
    assert all_of(found) == {"inner": "regular-file"}


def test_closing_while_a_thread_reads(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that is closed while a thread reads it is closed when the thread is done, and not before."""
    before = sandbox.open_descriptors
    found = Entries(sandbox.directory, sandbox.ctx.handles)
    reading, go_on, read = threading.Event(), threading.Event(), []
    real = entries._kind_of_entry

    def slow(entry: os.DirEntry[str]) -> str | None:
        reading.set()
        assert go_on.wait(10)
        return real(entry)

    monkeypatch.setattr(entries, "_kind_of_entry", slow)
    thread = threading.Thread(target=lambda: read.extend(found.read(100)))
    thread.start()
    assert reading.wait(10)
    found.close()
    assert sandbox.open_descriptors > before
    go_on.set()
    thread.join()
    assert len(read) == 9
    assert sandbox.open_descriptors == before


def test_what_is_gone_is_left_out(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was removed after the directory was read, and whose type must be asked for, is left out."""

    class Gone:
        name = "gone"

        def is_symlink(self) -> bool:
            return False

        def is_dir(self, *, follow_symlinks: bool) -> bool:
            return False

        is_file = is_dir

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            raise FileNotFoundError

    assert list(entries._entries(iter([Gone()]))) == []  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        (stat.S_IFBLK, "block-device"),
        (stat.S_IFCHR | 0o666, "character-device"),
        (stat.S_IFDIR, "directory"),
        (stat.S_IFIFO, "fifo"),
        (stat.S_IFLNK, "symbolic-link"),
        (stat.S_IFREG | 0o644, "regular-file"),
        (stat.S_IFSOCK, "socket"),
        (0, "other"),
    ],
)
def test_kinds(mode: int, kind: str) -> None:
    """Every type that the system has is a type of WASI's."""
    assert kind_of(mode) == kind
