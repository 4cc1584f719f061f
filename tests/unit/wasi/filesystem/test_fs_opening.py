"""Opening files and directories, whether the system looks paths up or they are looked up by hand."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
from fs_sandbox import Sandbox, fails

from weft import wasi
from weft.wasi.filesystem import Descriptor, kind_of, open_preopen
from weft.wasi.filesystem.file_bytes import FileBytes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sandbox(both_ways: Sandbox) -> Sandbox:
    return both_ways


@pytest.mark.parametrize(
    ("open_flags", "flags", "granted"),
    [
        ("", "", "read"),
        ("", "read", "read"),
        ("", "write", "write"),
        ("", "read write", "read write"),
        ("", "mutate-directory", "read"),
        ("create", "", "read write"),
        ("create", "read", "read write"),
        ("create", "write", "write"),
        ("truncate", "read", "read write"),
        ("exclusive", "", "read"),
        ("", "write file-integrity-sync", "write file-integrity-sync"),
        ("", "write data-integrity-sync requested-write-sync", "write data-integrity-sync requested-write-sync"),
    ],
)
def test_how_a_file_is_open(sandbox: Sandbox, open_flags: str, flags: str, granted: str) -> None:
    """Creating and truncating write, not writing is reading, and only directories can be mutated."""
    opened = sandbox.open("file", open_flags, flags)
    assert opened.flags == frozenset(granted.split())
    assert kind_of(opened.file.mode) == "regular-file"
    opened.on_drop()


@pytest.mark.parametrize(
    ("flags", "granted"),
    [
        ("", "read"),
        ("read", "read"),
        ("mutate-directory", "read mutate-directory"),
        ("read data-integrity-sync", "read"),
    ],
)
def test_how_a_directory_is_open(sandbox: Sandbox, flags: str, granted: str) -> None:
    """A directory is readable, and mutable if that was asked for."""
    for path, open_flags in [("dir", ""), ("dir", "directory"), (".", ""), ("to-dir/", "")]:
        opened = sandbox.open(path, open_flags, flags)
        assert opened.flags == frozenset(granted.split())
        assert opened.file.is_directory
        opened.on_drop()


@pytest.mark.parametrize(
    ("path", "open_flags", "flags", "error"),
    [
        ("dir", "", "write", "EISDIR"),
        ("dir", "create", "", "EISDIR"),
        ("dir/", "create", "", "EISDIR"),
        ("none/", "create", "write", "EISDIR"),
        ("dir", "truncate", "", "EISDIR"),
        ("file", "directory", "", "ENOTDIR"),
        ("file/", "", "", "ENOTDIR"),
        ("to-file", "directory", "", "ENOTDIR"),
        ("none", "", "", "ENOENT"),
        ("none/x", "create", "", "ENOENT"),
        ("file/x", "create", "", "ENOTDIR"),
        ("", "create", "", "ENOENT"),
        ("file", "create exclusive", "", "EEXIST"),
        ("dangling", "create exclusive", "", "EEXIST"),
        ("dir", "create directory", "", "EINVAL"),
        ("dir", "exclusive directory", "", "EINVAL"),
        ("dir", "truncate directory", "", "EINVAL"),
        ("a\0b", "create", "", "EINVAL"),
    ],
)
def test_what_is_not_opened(sandbox: Sandbox, path: str, open_flags: str, flags: str, error: str) -> None:
    """What cannot be opened as it was asked for is an error, and no handle."""
    before = sandbox.open_descriptors, sandbox.ctx.handles.open
    with fails(error):
        sandbox.open(path, open_flags, flags)
    assert (sandbox.open_descriptors, sandbox.ctx.handles.open) == before


def test_truncating_and_creating(sandbox: Sandbox) -> None:
    """A file is cut off when it is opened for that, and made when there is none."""
    (sandbox.open("to-file", "truncate", "write")).on_drop()
    assert (sandbox.root / "file").read_bytes() == b""
    (sandbox.open("made", "create exclusive", "write")).on_drop()
    assert (sandbox.root / "made").read_bytes() == b""


@pytest.mark.parametrize(
    ("open_flags", "flags"), [("", "write"), ("create", "read"), ("truncate", "read"), ("create truncate", "write")]
)
def test_what_may_only_be_read_is_not_opened_for_writing(sandbox: Sandbox, open_flags: str, flags: str) -> None:
    """Below a directory that was given for reading only, nothing is opened for writing, created or truncated."""
    reading = sandbox.preopen(read_only=True)
    inner = sandbox.open("dir", "directory", "read mutate-directory", at=reading)
    assert (reading.flags, inner.flags) == (frozenset({"read"}), frozenset({"read"}))
    for at, path in ((reading, "file"), (inner, "inner"), (inner, "new"), (reading, "none/none")):
        with fails("EPERM"):
            sandbox.open(path, open_flags, flags, at=at)
    file = sandbox.open("inner", at=inner)
    with fails("EPERM"):
        file.set_size(0)
    with fails("EPERM"):
        file.check_writable_file()
    assert (sandbox.root / "dir" / "inner").read_text() == "inner"
    for descriptor in (file, inner, reading):
        descriptor.on_drop()


def test_pipes_do_not_wait(sandbox: Sandbox) -> None:
    """Opening a pipe waits for nobody; it has a type, and no bytes at any position."""
    os.mkfifo(sandbox.root / "pipe")
    opened = sandbox.open("pipe")
    assert kind_of(opened.file.mode) == "fifo"
    with fails("ESPIPE"):
        FileBytes(opened.file, 0).read_into(memoryview(bytearray(1)))
    both = sandbox.open("pipe", "", "read write")
    for offset in (0, None):
        with fails("ESPIPE"):
            FileBytes(both.file, offset).write_from(memoryview(b"x"))
    both.on_drop()
    opened.on_drop()
    with fails("ENXIO"):
        sandbox.open("pipe", "", "write")


def test_sockets_are_not_opened(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket has a name, and cannot be opened."""
    monkeypatch.chdir(sandbox.root)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with fails("ENXIO"):
            sandbox.open("socket")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="a Unix system")
def test_a_terminal_does_not_become_the_own_one(sandbox: Sandbox) -> None:
    """A device is opened as what it is."""
    devices = open_preopen(sandbox.ctx, wasi.Preopen("/dev", "/dev"))
    opened = sandbox.open("null", at=devices)
    assert kind_of(opened.file.mode) == "character-device"
    assert FileBytes(opened.file, 0).read_into(memoryview(bytearray(8))) == 0
    opened.on_drop()
    devices.on_drop()


def test_handles_are_limited(tmp_path: Path) -> None:
    """A guest that opens more than its limit gets an error, and a descriptor that it drops makes room."""
    with Sandbox(tmp_path, wasi.WasiLimits(handles=3)) as sandbox:
        opened = [sandbox.open("file"), sandbox.open("dir")]
        before = sandbox.open_descriptors
        with fails("EMFILE"):
            sandbox.open("file")
        with fails("EMFILE"):
            sandbox.preopen()
        assert sandbox.open_descriptors == before
        opened.pop().on_drop()
        opened.append(sandbox.open("file"))
        for descriptor in opened:
            descriptor.on_drop()


def test_a_preopen_that_is_missing(tmp_path: Path) -> None:
    """A directory that the embedder names and that is none is an error of the system's, and no handle."""
    ctx = wasi.WasiCtx()
    with fails("ENOENT"):
        open_preopen(ctx, wasi.Preopen(str(tmp_path / "none"), "/"))
    assert ctx.handles.open == 0


def test_a_descriptor_that_nobody_dropped(sandbox: Sandbox) -> None:
    """A descriptor that never reached a guest is closed when it is collected."""
    before = sandbox.open_descriptors
    opened: Descriptor | None = sandbox.open("file")
    assert sandbox.open_descriptors == before + 1
    del opened
    assert sandbox.open_descriptors == before


def test_users_keep_a_file_open(sandbox: Sandbox) -> None:
    """A file is closed when its last user is gone, whoever that is."""
    opened = sandbox.open("file")
    with opened.file as file:
        opened.on_drop()
        assert os.read(file.fd, 99) == b"file"
    assert file.fd == -1
