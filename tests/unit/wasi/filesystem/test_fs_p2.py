"""wasi:filesystem 0.2 as a guest sees it, with files in threads and in the event loop."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from fs_guest import Failed, Guest, Use, label, users

import weft
from weft.wasi.p2.filesystem.streams import ENTRY_BYTE_LENGTH
from weft.wasi.p3.filesystem import preopens

if TYPE_CHECKING:
    from fs_sandbox import Sandbox

pytestmark = pytest.mark.anyio

KEEP, NOW = ("no-change", None), ("now", None)


@pytest.fixture
def use(sandbox: Sandbox, block_loop: bool) -> Use:
    return users(2, sandbox, block_loop=block_loop)


async def read_all(guest: Guest, stream: int, length: int) -> bytes:
    """Read a stream to its end."""
    data = bytearray()
    while True:
        try:
            data += await guest("input-stream-blocking-read", stream, length)
        except Failed as failed:
            if str(failed) != "closed":
                raise
            return bytes(data)


async def test_attributes(use: Use, sandbox: Sandbox) -> None:
    """Attributes are those of the file; a time before 1970 is none, since the interface has no room for it."""
    os.utime(sandbox.root / "file", ns=(-1, 5_000_000_007))

    async def main(guest: Guest) -> None:
        stat = await guest("stat-at", guest.root, [], "file")
        assert (stat.type.value, stat.link_count, stat.size) == ("regular-file", 1, 4)
        assert stat.data_access_timestamp is None
        assert (stat.data_modification_timestamp.seconds, stat.data_modification_timestamp.nanoseconds) == (5, 7)
        assert (await guest("get-type", guest.root)).value == "directory"
        assert [flag.name for flag in await guest("get-flags", guest.root)] == ["READ", "MUTATE_DIRECTORY"]
        file = await guest.open("to-file")
        assert await guest("stat", file) == stat
        assert await guest("is-same-object", file, file)
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
        file = await guest.open("made/link", flags="read write")
        await guest("set-size", file, 2)
        await guest("set-times", file, KEEP, ("timestamp", {"seconds": 5, "nanoseconds": 6}))
        await guest("advise", file, 0, 100, "random")
        await guest("sync", file)
        await guest("sync-data", file)
        assert (sandbox.root / "file").stat().st_mtime_ns == 5_000_000_006
        await guest("set-times-at", root, [], "file", NOW, NOW)
        with pytest.raises(Failed, match="overflow"):
            await guest("set-times", file, KEEP, ("timestamp", {"seconds": (1 << 64) - 1, "nanoseconds": 0}))
        await guest("unlink-file-at", root, "made/link")
        await guest("unlink-file-at", root, "made/renamed")
        await guest("remove-directory-at", root, "made")

    await use(main)
    assert (sandbox.root / "file").read_bytes() == b"fi"


@pytest.mark.parametrize("path", ["../outside/secret", "up/outside/secret", "absolute", "out/secret", "/etc/passwd"])
async def test_nothing_outside(use: Use, path: str) -> None:
    """A guest gets an error code where a path leads outside."""

    async def main(guest: Guest) -> None:
        with pytest.raises(Failed, match="not-permitted"):
            await guest.open(path)

    await use(main)


async def test_reading_and_writing_at_positions(use: Use, sandbox: Sandbox) -> None:
    """Reads give what is there, at most 64 KiB, and say where the end is; writes say how much they wrote."""
    (sandbox.root / "long").write_bytes(bytes(100_000))

    async def main(guest: Guest) -> None:
        file, long = await guest.open("file", flags="read write"), await guest.open("long")
        assert await guest("write", file, b"XY", 3) == 2
        assert await guest("write", file, b"", 3) == 0
        assert await guest("read", file, 100, 1) == (b"ilXY", False)
        assert await guest("read", file, 100, 5) == (b"", True)
        assert await guest("read", long, (1 << 64) - 1, 0) == (bytes(65536), False)
        for name, *args in [("read", 1, 1 << 63), ("write", b"x", (1 << 64) - 1), ("set-size", 1 << 63)]:
            with pytest.raises(Failed, match="invalid"):
                await guest(str(name), file, *args)
        for name, *args in [("read", 1, 0), ("write", b"x", 0)]:
            with pytest.raises(Failed, match="bad-descriptor"):
                await guest(str(name), guest.root, *args)
        with pytest.raises(Failed, match="bad-descriptor"):
            await guest("write", long, b"x", 0)

    await use(main)


@pytest.mark.parametrize("length", [1, 4096])
async def test_streams(use: Use, sandbox: Sandbox, length: int) -> None:
    """What is written by streams is read by streams, in pieces of any size; the streams outlive the descriptor."""

    async def main(guest: Guest) -> None:
        file = await guest.open("file", flags="read write")
        writing = await guest("write-via-stream", file, 2)
        appending = await guest("append-via-stream", file)
        reading = await guest("read-via-stream", file, 1)
        await guest("drop-descriptor", file)
        for data in (b"12", b"34"):
            await guest("output-stream-blocking-write-and-flush", writing, data)
        await guest("output-stream-blocking-write-and-flush", appending, b"+")
        assert await read_all(guest, reading, length) == b"i1234+"
        await guest("drop-output", writing)
        await guest("drop-input", reading)

    await use(main)
    assert (sandbox.root / "file").read_bytes() == b"fi1234+"


async def test_a_reader_sees_what_is_written_meanwhile(use: Use) -> None:
    """A stream reads no more of a file than it was asked for, so what is written next to it is seen."""

    async def main(guest: Guest) -> None:
        file = await guest.open("file", flags="read write")
        reading = await guest("read-via-stream", file, 0)
        assert await guest("input-stream-blocking-read", reading, 2) == b"fi"
        await guest("write", file, b"XY", 2)
        assert await guest("input-stream-blocking-read", reading, 9) == b"XY"

    await use(main)


async def test_streams_that_cannot_be_had(use: Use) -> None:
    """A directory has no streams of bytes, and a file no entries."""

    async def main(guest: Guest) -> None:
        file = await guest.open("file")
        for code, name, *args in [
            ("is-directory", "read-via-stream", guest.root, 0),
            ("bad-descriptor", "write-via-stream", guest.root, 0),
            ("bad-descriptor", "append-via-stream", guest.root),
            ("not-directory", "read-directory", file),
        ]:
            with pytest.raises(Failed, match=str(code)):
                await guest(str(name), *args)

    await use(main)


async def test_error_codes_of_streams(use: Use, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a stream has the error code of the interface."""

    async def fails(guest: Guest, name: str, *args: object) -> str:
        with pytest.raises(weft.Err) as caught:
            await guest.call(name, *args)
        return label(await guest("filesystem-error-code", caught.value.value.value))

    os.mkfifo(sandbox.root / "pipe")

    def pwritev(*_args: object) -> int:
        raise OSError(28, "full")

    async def main(guest: Guest) -> None:
        for path, code in [("file", "bad-descriptor"), ("pipe", "invalid-seek")]:
            flags = "write" if path == "file" else "read write"
            reading = await guest("read-via-stream", await guest.open(path, flags=flags), 0)
            assert await fails(guest, "input-stream-blocking-read", reading, 9) == code
        writing = await guest("write-via-stream", await guest.open("file", flags="write"), 0)
        monkeypatch.setattr(os, "pwritev", pwritev)
        assert await fails(guest, "output-stream-blocking-write-and-flush", writing, b"x") == "insufficient-space"

    await use(main)


@pytest.mark.parametrize("limit", [0, 2, 1024])
async def test_directories(use: Use, limit: int) -> None:
    """A directory is read to its end, one entry after the other; after it there is none."""

    async def main(guest: Guest) -> None:
        stream = await guest("read-directory", guest.root)
        found = {}
        while (entry := await guest("directory-entry-stream-read-directory-entry", stream)) is not None:
            found[entry.name] = entry.type.value
        assert found == {
            "file": "regular-file",
            "dir": "directory",
            **dict.fromkeys(("up", "out", "absolute", "loop", "to-dir", "to-file", "dangling"), "symbolic-link"),
        }
        assert await guest("directory-entry-stream-read-directory-entry", stream) is None

    await use(main, directory_entries=limit)


async def test_what_is_read_ahead_is_held(use: Use) -> None:
    """Streams that have read ahead all that may be held leave others one entry at a time, until they are dropped."""
    limit, name = 4, "directory-entry-stream-read-directory-entry"

    async def main(guest: Guest) -> None:
        held = guest.accessor.data.held
        greedy = await guest("read-directory", guest.root)
        await guest(name, greedy)
        assert held.held == held.limit
        stream, found = await guest("read-directory", guest.root), []
        while (entry := await guest(name, stream)) is not None:
            found.append(entry.name)
        assert len(set(found)) == len(found) == 9
        await guest("drop-entry-stream", greedy)
        assert held.held == 0

    await use(main, directory_entries=limit, held_byte_length=limit * ENTRY_BYTE_LENGTH)


async def test_names_that_are_no_utf8(use: Use, sandbox: Sandbox) -> None:
    """A name that a guest cannot have is an error code in its place."""
    os.close(os.open(bytes(sandbox.root / "dir") + b"/\xff", os.O_CREAT | os.O_WRONLY))

    async def main(guest: Guest) -> None:
        stream = await guest("read-directory", await guest.open("dir"))
        found = []
        for _ in range(3):
            try:
                found.append(await guest("directory-entry-stream-read-directory-entry", stream))
            except Failed as failed:
                found.append(str(failed))
        assert sorted(str(getattr(one, "name", one)) for one in found) == ["None", "illegal-byte-sequence", "inner"]

    await use(main)


async def test_what_may_only_be_read(use: Use, sandbox: Sandbox) -> None:
    """Nothing is changed below a directory that was given for reading only."""

    async def main(guest: Guest) -> None:
        file = await guest.open("file")
        for name, *args in [
            ("write", file, b"x", 0),
            ("write-via-stream", file, 0),
            ("append-via-stream", file),
            ("set-size", file, 0),
            ("open-at", guest.root, [], "file", [], ["write"]),
            ("unlink-file-at", guest.root, "file"),
        ]:
            with pytest.raises(Failed, match="not-permitted"):
                await guest(str(name), *args)

    await use(main, read_only=True)
    assert (sandbox.root / "file").read_text() == "file"


async def test_handles_are_limited(use: Use) -> None:
    """A guest that opens too much gets an error code, or a trap where there is none."""

    async def main(guest: Guest) -> None:
        for _ in range(3):
            await guest.open("file")
        stream = await guest("read-directory", guest.root)
        for name, *args in [("read-directory", guest.root), ("open-at", guest.root, [], "file", [], [])]:
            with pytest.raises(Failed, match="insufficient-memory"):
                await guest(str(name), *args)
        await guest("drop-entry-stream", stream)
        await guest.open("file")
        with pytest.raises(weft.Trap, match="5 handles"):
            await guest("get-directories")

    await use(main, handles=5)


async def test_a_process_without_descriptors(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories that cannot be opened since a guest holds all that the process may have are a trap."""

    async def main(guest: Guest) -> None:
        def fail(*_arguments: object) -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/name/of/the/host")

        monkeypatch.setattr(preopens, "open_preopen", fail)
        with pytest.raises(weft.Trap, match=f"{os.strerror(errno.EMFILE)}$"):
            await guest("get-directories")

    await use(main)


async def test_a_guest_that_traps(use: Use) -> None:
    """A guest that traps with files, streams and directories open leaves none open."""

    async def main(guest: Guest) -> None:
        file = await guest.open("file", flags="read write")
        for name, *args in [("read-via-stream", file, 0), ("append-via-stream", file), ("read-directory", guest.root)]:
            await guest(str(name), *args)
        with pytest.raises(weft.Trap, match="unreachable"):
            await guest("trap")

    await use(main)
