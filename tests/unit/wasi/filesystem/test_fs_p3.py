"""wasi:filesystem 0.3 as a guest sees it, with files in threads and in the event loop."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from fs_guest import Failed, Guest, Use, outcome, users

import weft
from weft.wasi.filesystem import file_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from fs_sandbox import Sandbox

pytestmark = pytest.mark.anyio

KEEP, NOW = ("no-change", None), ("now", None)


@pytest.fixture
def use(sandbox: Sandbox, block_loop: bool) -> Use:
    return users(3, sandbox, block_loop=block_loop)


async def test_attributes(use: Use, sandbox: Sandbox) -> None:
    """Attributes are those of the file, with times to the nanosecond."""
    os.utime(sandbox.root / "file", ns=(-1, 5_000_000_007))

    async def main(guest: Guest) -> None:
        stat = await guest("stat-at", guest.root, [], "file")
        assert (stat.type.case, stat.link_count, stat.size) == ("regular-file", 1, 4)
        assert (stat.data_access_timestamp.seconds, stat.data_access_timestamp.nanoseconds) == (-1, 999_999_999)
        assert (stat.data_modification_timestamp.seconds, stat.data_modification_timestamp.nanoseconds) == (5, 7)
        assert (await guest("stat-at", guest.root, [], "to-file")).type.case == "symbolic-link"
        file = await guest.open("to-file", flags="")
        assert await guest("stat", file) == await guest("stat-at", guest.root, ["symlink-follow"], "to-file")
        assert (await guest("get-type", file)).case == "regular-file"
        assert [flag.name for flag in await guest("get-flags", file)] == ["READ"]
        assert [flag.name for flag in await guest("get-flags", guest.root)] == ["READ", "MUTATE_DIRECTORY"]
        assert await guest("is-same-object", file, file)
        assert not await guest("is-same-object", file, guest.root)
        assert await guest("metadata-hash", file) == await guest("metadata-hash-at", guest.root, [], "file")

    await use(main)


async def test_methods(use: Use, sandbox: Sandbox) -> None:
    """Each method does what it is called after."""

    async def main(guest: Guest) -> None:
        root = guest.root
        await guest("create-directory-at", root, "made")
        await guest("symlink-at", root, "../file", "made/link")
        assert await guest("readlink-at", root, "made/link") == "../file"
        await guest("link-at", root, [], "file", root, "made/hard")
        await guest("rename-at", root, "made/hard", root, "made/renamed")
        await guest("set-times-at", root, [], "file", ("timestamp", {"seconds": 3, "nanoseconds": 4}), KEEP)
        file = await guest.open("made/link", flags="read write")
        await guest("set-size", file, 2)
        await guest("set-times", file, KEEP, ("timestamp", {"seconds": 5, "nanoseconds": 6}))
        await guest("set-times", file, KEEP, KEEP)
        await guest("advise", file, 0, 100, "will-need")
        await guest("sync", file)
        await guest("sync-data", file)
        assert (sandbox.root / "file").read_bytes() == b"fi"
        assert (sandbox.root / "file").stat().st_mtime_ns == 5_000_000_006
        await guest("set-times", file, NOW, NOW)
        assert (sandbox.root / "file").stat().st_mtime_ns > 10**18
        await guest("unlink-file-at", root, "made/link")
        await guest("unlink-file-at", root, "made/renamed")
        await guest("remove-directory-at", root, "made")
        assert not (sandbox.root / "made").exists()

    await use(main)


@pytest.mark.parametrize("path", ["../outside/secret", "up/outside/secret", "absolute", "out/secret", "/etc/passwd"])
async def test_nothing_outside(use: Use, path: str) -> None:
    """A guest gets an error code where a path leads outside."""

    async def main(guest: Guest) -> None:
        with pytest.raises(Failed, match="not-permitted"):
            await guest.open(path)
        with pytest.raises(Failed, match="not-permitted"):
            await guest("stat-at", guest.root, ["symlink-follow"], path)

    await use(main)


@pytest.mark.parametrize("chunk", [1, 3, 1 << 16, 3_000_000])
async def test_reading_and_writing(use: Use, sandbox: Sandbox, chunk: int) -> None:
    """What a guest writes it reads again, in reads of any size; what is longer than a chunk goes in several."""
    length = 2_500_000 if chunk > 3 else 50
    data = os.urandom(length)

    async def main(guest: Guest) -> None:
        file = await guest.open("new", "create", "read write")
        result, written = await guest("write-file", file, data, 0)
        assert (outcome(result), written) == ("ok", length)
        read, result = await guest("read-file", file, 0, 4_000_000, chunk)
        assert (read, outcome(result)) == (data, "ok")
        read, result = await guest("read-file", file, length - 7, 5, chunk)
        assert (read, outcome(result)) == (data[-7:-2], "ok")
        read, result = await guest("read-file", file, length + 10, 5, chunk)
        assert (read, outcome(result)) == (b"", "ok")

    await use(main)
    assert (sandbox.root / "new").read_bytes() == data


async def test_write_positions(use: Use, sandbox: Sandbox) -> None:
    """Writes go where they say, beyond the end after zeros; appending goes to the end."""

    async def main(guest: Guest) -> None:
        file = await guest.open("file", flags="write")
        assert outcome((await guest("write-file", file, b"XY", 1))[0]) == "ok"
        assert outcome((await guest("append-file", file, b"+"))[0]) == "ok"
        assert outcome((await guest("write-file", file, b"far", 7))[0]) == "ok"
        assert outcome((await guest("append-file", file, b""))[0]) == "ok"

    await use(main)
    assert (sandbox.root / "file").read_bytes() == b"fXYe+\0\0far"


async def test_copying(use: Use, sandbox: Sandbox) -> None:
    """What is read of one file can be written to another without passing through the guest."""
    data = os.urandom(2_500_000)
    (sandbox.root / "long").write_bytes(data)

    async def main(guest: Guest) -> None:
        long, file = await guest.open("long"), await guest.open("file", flags="write")
        assert [outcome(result) for result in await guest("copy-file", long, file)] == ["ok", "ok"]
        assert [outcome(result) for result in await guest("copy-file", file, file)] == ["ok", "bad-descriptor"]
        assert [outcome(result) for result in await guest("copy-file", long, long)] == ["bad-descriptor", "ok"]

    await use(main)
    assert (sandbox.root / "file").read_bytes() == b"file" + data


async def test_streams_that_fail(use: Use, sandbox: Sandbox) -> None:
    """A stream that cannot be read or written ends, and its future has the error code."""
    os.mkfifo(sandbox.root / "pipe")

    async def main(guest: Guest) -> None:
        reading, writing, pipe = [await guest.open(*args) for args in (("file",), ("file", "", "write"), ("pipe",))]
        for descriptor, offset, code in [
            (guest.root, 0, "is-directory"),
            (writing, 0, "bad-descriptor"),
            (reading, 1 << 63, "invalid"),
            (reading, (1 << 64) - 1, "invalid"),
            (pipe, 0, "invalid-seek"),
        ]:
            read, result = await guest("read-file", descriptor, offset, 10, 10)
            assert (read, outcome(result)) == (b"", code)
        for descriptor, offset, code in [
            (guest.root, 0, "bad-descriptor"),
            (reading, 0, "bad-descriptor"),
            (writing, 1 << 63, "invalid"),
            (writing, (1 << 64) - 1, "invalid"),
        ]:
            result, written = await guest("write-file", descriptor, b"data", offset)
            assert (outcome(result), written) == (code, 0)
        for descriptor in (guest.root, reading):
            assert outcome((await guest("append-file", descriptor, b"data"))[0]) == "bad-descriptor"
        result, _ = await guest("write-file", writing, b"data", (1 << 63) - 2)
        assert outcome(result) in ("file-too-large", "invalid", "overflow")

    await use(main)
    assert (sandbox.root / "file").read_bytes() == b"file"


async def test_a_full_disk(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle of a stream comes after what was written, which the guest is told."""
    real, calls = os.pwritev, []

    def pwritev(fd: int, buffers: list[memoryview], offset: int) -> int:
        calls.append(offset)
        if len(calls) > 1:
            raise OSError(28, "full")
        return real(fd, [buffers[0][:3]], offset)

    monkeypatch.setattr(os, "pwritev", pwritev)

    async def main(guest: Guest) -> None:
        file = await guest.open("file", flags="write")
        result, written = await guest("write-file", file, b"123456", 0)
        assert (outcome(result), written, calls) == ("insufficient-space", 3, [0, 3])

    await use(main)


@pytest.mark.parametrize(("chunk", "limit"), [(1, 1024), (4, 2), (100, 0), (100, 1024)])
async def test_directories(use: Use, sandbox: Sandbox, chunk: int, limit: int) -> None:
    """A directory is listed without itself and its parent, however little is read at once."""

    async def main(guest: Guest) -> None:
        entries, result = await guest("list-directory", guest.root, 1000, chunk)
        assert outcome(result) == "ok"
        assert {entry.name: entry.type.case for entry in entries} == {
            "file": "regular-file",
            "dir": "directory",
            **dict.fromkeys(("up", "out", "absolute", "loop", "to-dir", "to-file", "dangling"), "symbolic-link"),
        }
        assert len(entries) == 9
        entries, result = await guest("list-directory", guest.root, 2, chunk)
        assert (len(entries), outcome(result)) == (2, "ok")
        entries, result = await guest("list-directory", await guest.open("file"), 9, 9)
        assert (entries, outcome(result)) == ([], "not-directory")

    await use(main, directory_entries=limit)


async def test_names_that_are_no_utf8(use: Use, sandbox: Sandbox) -> None:
    """A name that a guest cannot have ends the listing with its error code."""
    os.close(os.open(bytes(sandbox.root / "dir") + b"/\xff", os.O_CREAT | os.O_WRONLY))

    async def main(guest: Guest) -> None:
        entries, result = await guest("list-directory", await guest.open("dir"), 9, 9)
        assert outcome(result) == "illegal-byte-sequence"
        assert {entry.name for entry in entries} <= {"inner"}

    await use(main)


async def test_what_may_only_be_read(use: Use, sandbox: Sandbox) -> None:
    """Nothing is changed below a directory that was given for reading only."""

    async def main(guest: Guest) -> None:
        root = guest.root
        file = await guest.open("file")
        assert [flag.name for flag in await guest("get-flags", root)] == ["READ"]
        for name, *args in [
            ("create-directory-at", root, "x"),
            ("remove-directory-at", root, "dir"),
            ("unlink-file-at", root, "file"),
            ("symlink-at", root, "file", "x"),
            ("link-at", root, [], "file", root, "x"),
            ("rename-at", root, "file", root, "x"),
            ("set-times-at", root, [], "file", NOW, NOW),
            ("set-times", file, NOW, NOW),
            ("set-times", root, NOW, NOW),
            ("set-size", file, 0),
            ("open-at", root, [], "x", ["create"], []),
            ("open-at", root, [], "file", ["truncate"], []),
            ("open-at", root, [], "file", [], ["write"]),
        ]:
            with pytest.raises(Failed, match="not-permitted"):
                await guest(str(name), *args)
        assert outcome((await guest("write-file", file, b"x", 0))[0]) == "not-permitted"
        assert outcome((await guest("append-file", file, b"x"))[0]) == "not-permitted"
        assert (await guest("read-file", file, 0, 9, 9))[0] == b"file"

    await use(main, read_only=True)
    assert (sandbox.root / "file").read_text() == "file"


async def test_handles_are_limited(use: Use) -> None:
    """A guest that opens too much gets an error code, and what it drops makes room."""

    async def main(guest: Guest) -> None:
        opened = [await guest.open("file") for _ in range(4)]
        with pytest.raises(Failed, match="insufficient-memory"):
            await guest.open("file")
        assert outcome((await guest("list-directory", guest.root, 9, 9))[1]) == "insufficient-memory"
        await guest("drop-descriptor", opened.pop())
        assert outcome((await guest("list-directory", guest.root, 9, 9))[1]) == "ok"
        await guest.open("file")

    await use(main, handles=5)


async def test_streams_outlive_their_descriptor(use: Use) -> None:
    """Streams that a guest never reads are let go with it, though it dropped their descriptors."""

    async def main(guest: Guest) -> None:
        file, directory = await guest.open("file"), await guest.open("dir")
        await guest("hold-stream", file)
        await guest("hold-directory", directory)
        await guest("drop-descriptor", file)
        await guest("drop-descriptor", directory)

    await use(main)


class Slow:
    """`os` for files, whose reads and writes take as long as the test wants."""

    def __init__(self) -> None:
        self.started, self.go_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def preadv(self, *args: Any) -> int:
        return self._slowly(os.preadv, *args)

    def pwritev(self, *args: Any) -> int:
        return self._slowly(os.pwritev, *args)

    def _slowly(self, call: Callable[..., int], *args: Any) -> int:
        self.started.set()
        assert self.go_on.wait(10)
        return call(*args)

    async def until_started(self) -> None:
        while not self.started.is_set():
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("name", ["read-file", "write-file"])
@pytest.mark.parametrize("end", ["abort", "trap"])
async def test_a_guest_that_is_stopped_while_a_thread_works_for_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str, end: str
) -> None:
    """A thread finishes what it does with a file and the guest's memory, though the guest is gone."""
    slow = Slow()
    monkeypatch.setattr(file_bytes, "os", slow)
    monkeypatch.setattr(file_bytes, "_NOWAIT", None)

    async def main(guest: Guest) -> None:
        file = await guest.open("file", flags="read write")
        args = (0, 9, 9) if name == "read-file" else (b"more", 4)
        call = guest.instance.get_func(name).start_call_concurrent(guest.accessor, file, *args)
        await slow.until_started()
        if end == "abort":
            call.abort()
        else:
            with pytest.raises(weft.Trap):
                await guest("trap")
        await anyio.lowlevel.checkpoint()
        assert sandbox.open_descriptors > 1
        slow.go_on.set()

    await users(3, sandbox, block_loop=False)(main)
    assert (sandbox.root / "file").read_text() == ("file" if name == "read-file" else "filemore")


async def test_a_guest_that_traps(use: Use) -> None:
    """A guest that traps with files, streams and directories open leaves none open."""

    async def main(guest: Guest) -> None:
        await guest("hold-stream", await guest.open("file"))
        await guest("hold-directory", guest.root)
        with pytest.raises(weft.Trap, match="unreachable"):
            await guest("trap")

    await use(main)
