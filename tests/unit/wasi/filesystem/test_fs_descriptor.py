"""Files and directories that are open, and their bytes."""

from __future__ import annotations

import errno
import os

import pytest
from fs_sandbox import Sandbox, fails

from weft.wasi.filesystem import file_bytes
from weft.wasi.filesystem.descriptor import MAX_OFFSET
from weft.wasi.filesystem.file_bytes import FileBytes
from weft.wasi.filesystem.times import KEEP, timestamp

HUGE = (MAX_OFFSET + 1, (1 << 64) - 1)


def read(data: FileBytes, length: int) -> bytes:
    buffer = bytearray(length)
    return bytes(buffer[: data.read_into(memoryview(buffer))])


def test_reading_at_positions(sandbox: Sandbox) -> None:
    """Each reader has a position of its own, and sees what is written meanwhile."""
    file = sandbox.open("file", "", "read write")
    first, second = FileBytes(file.file, 0), FileBytes(file.file, 2)
    assert (read(first, 1), read(second, 9), read(first, 1), read(second, 9)) == (b"f", b"le", b"i", b"")
    FileBytes(file.file, 4).write_from(memoryview(b" grows"))
    assert (read(first, 99), read(second, 99)) == (b"le grows", b" grows")
    assert read(FileBytes(file.file, MAX_OFFSET - 1), 1) == b""
    file.on_drop()


def test_writing_at_positions(sandbox: Sandbox) -> None:
    """A writer goes on where it was; beyond the end there are zeros; one that appends does so wherever the end is."""
    file = sandbox.open("file", "", "write")
    appending, writing = FileBytes(file.file, None), FileBytes(file.file, 1)
    writing.write_from(memoryview(b"12"))
    appending.write_from(memoryview(b"+"))
    writing.write_from(memoryview(b"3"))
    FileBytes(file.file, 7).write_from(memoryview(b"far"))
    appending.write_from(memoryview(b"."))
    assert (sandbox.root / "file").read_bytes() == b"f123+\0\0far."
    file.on_drop()


def test_appending_where_the_system_cannot(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no call for it, or refuses it for this file, the end is looked up."""
    file = sandbox.open("file", "", "write")

    class Refusing:
        def __getattr__(self, name: str) -> object:
            return getattr(os, name)

        def pwritev(self, fd: int, buffers: list[memoryview], offset: int, flags: int = 0) -> int:
            if flags:
                raise OSError(errno.EOPNOTSUPP, "")
            return os.pwritev(fd, buffers, offset)

    monkeypatch.setattr(file_bytes, "os", Refusing())
    assert file_bytes.append(file.fd, memoryview(b"1")) == 1
    monkeypatch.setattr(file_bytes, "_APPEND", None)
    assert file_bytes.append(file.fd, memoryview(b"2")) == 1
    assert (sandbox.root / "file").read_bytes() == b"file12"
    file.on_drop()


def test_reading_what_is_in_memory(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system has in memory is read at once, until others should have a turn; the rest is left to a thread."""
    file = sandbox.open("file")
    data, buffer, flags = FileBytes(file.file, 1), memoryview(bytearray(2)), []

    class Telling:
        answer: OSError | None = None

        def __getattr__(self, name: str) -> object:
            return getattr(os, name)

        def preadv(self, fd: int, buffers: list[memoryview], offset: int, given: int) -> int:
            flags.append(given)
            if self.answer is not None:
                raise self.answer
            return os.preadv(fd, buffers, offset)

    telling = Telling()
    monkeypatch.setattr(file_bytes, "os", telling)
    monkeypatch.setattr(file_bytes, "_NOWAIT", 8)
    assert (data.read_cached_into(buffer), bytes(buffer)) == (2, b"il")
    for telling.answer in (BlockingIOError(errno.EAGAIN, ""), OSError(errno.EOPNOTSUPP, ""), OSError(errno.EIO, "")):
        assert data.read_cached_into(buffer) is None
    telling.answer = None
    monkeypatch.setattr(file_bytes, "TURN_BYTE_LENGTH", 3 * file_bytes.SHORT_BYTE_LENGTH)
    assert [data.read_cached_into(buffer) for _ in range(7)] == [1, 0, None, 0, 0, 0, None]
    assert set(flags) == {8}
    monkeypatch.setattr(file_bytes, "_NOWAIT", None)
    assert data.read_cached_into(buffer) is None
    file.on_drop()


@pytest.mark.parametrize("offset", HUGE)
def test_offsets_that_are_too_large(sandbox: Sandbox, offset: int) -> None:
    """Offsets and lengths that the system has no room for are invalid, and do not wrap."""
    file = sandbox.open("file", "", "read write")
    for call in (
        lambda: read(FileBytes(file.file, offset), 1),
        lambda: FileBytes(file.file, offset).write_from(memoryview(b"x")),
        lambda: file.set_size(offset),
        lambda: file.advise(offset, 0, "normal"),
        lambda: file.advise(0, offset, "normal"),
    ):
        with fails("EINVAL"):
            call()
    with fails("EFBIG", "EINVAL", "EOVERFLOW"):
        FileBytes(file.file, MAX_OFFSET).write_from(memoryview(b"xx"))
    assert (sandbox.root / "file").read_bytes() == b"file"
    file.on_drop()


def test_what_was_not_asked_for_is_not_granted(sandbox: Sandbox) -> None:
    """A file that was opened for one thing cannot be used for the other."""
    reading, writing = sandbox.open("file"), sandbox.open("file", "", "write")
    for offset in (0, None):
        with fails("EBADF"):
            FileBytes(reading.file, offset).write_from(memoryview(b"x"))
    with fails("EBADF"):
        read(FileBytes(writing.file, 0), 1)
    with fails("EINVAL", "EBADF"):
        reading.set_size(0)
    for descriptor in (reading, writing):
        descriptor.sync()
        descriptor.sync_data()
        descriptor.on_drop()


def test_directories_are_no_files(sandbox: Sandbox) -> None:
    """A directory has no bytes, no size to set and nothing to advise on; it can be synchronised."""
    at = sandbox.directory
    for call in (
        lambda: at.set_size(0),
        lambda: at.advise(0, 0, "normal"),
        at.check_file,
        at.check_writable_file,
    ):
        with fails("EBADF"):
            call()
    at.sync()
    at.sync_data()


def test_sizes_times_and_advice(sandbox: Sandbox) -> None:
    """A file is cut off and filled up; times are set to the nanosecond; every advice is taken."""
    file = sandbox.open("file", "", "read write")
    file.set_size(2)
    file.set_size(4)
    assert (sandbox.root / "file").read_bytes() == b"fi\0\0"
    file.set_times(timestamp(1, 1), timestamp(2, 2))
    file.set_times(KEEP, timestamp(3, 3))
    assert (file.stat().st_atime_ns, file.stat().st_mtime_ns) == (1_000_000_001, 3_000_000_003)
    for advice in ("normal", "sequential", "random", "will-need", "dont-need", "no-reuse"):
        file.advise(0, 4, advice)
    sandbox.directory.set_times(timestamp(5, 0), timestamp(5, 5))
    assert sandbox.directory.stat().st_mtime_ns == 5_000_000_005
    file.on_drop()


def test_identity(sandbox: Sandbox) -> None:
    """Two descriptors of one file are the same object, with the same hash whatever its size and times."""
    first, second, other = [sandbox.open(path) for path in ("file", "to-file", "dir/inner")]
    before = first.metadata_hash()
    (sandbox.root / "file").write_text("changed")
    assert first.is_same_object(second)
    assert not first.is_same_object(other)
    assert not first.is_same_object(sandbox.directory)
    assert first.metadata_hash() == second.metadata_hash() == before
    assert first.metadata_hash() != other.metadata_hash()
    for descriptor in (first, second, other):
        descriptor.on_drop()


def test_hashes_do_not_tell_inode_numbers(sandbox: Sandbox) -> None:
    """A hash is 128 bits wide, and neither half is a number of the system's."""
    lower, upper = sandbox.directory.metadata_hash()
    status = sandbox.directory.stat()
    assert 0 <= lower < 1 << 64
    assert 0 <= upper < 1 << 64
    assert not {lower, upper, lower ^ upper} & {status.st_ino, status.st_dev}
