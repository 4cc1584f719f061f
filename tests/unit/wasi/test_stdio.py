"""Standard input and output: of the process's descriptors, and within the program."""

from __future__ import annotations

import errno
import os
import pty
import select
import socket
import tty
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from weft.wasi import Capture, DescriptorInput, DescriptorOutput, Discard, MemoryInput
from weft.wasi.stdio import is_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


@contextmanager
def closing(*fds: int) -> Iterator[tuple[int, ...]]:
    """Close descriptors at the end, those that are not closed yet."""
    try:
        yield fds
    finally:
        for fd in fds:
            with suppress(OSError):
                os.close(fd)


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """Return the ends of a pipe, to read from and to write to."""
    near, far = os.pipe()
    with closing(near, far):
        yield near, far


def read(source: DescriptorInput | MemoryInput, count: int = 100) -> bytes:
    """Read once."""
    view = memoryview(bytearray(count))
    return bytes(view[: source.read_into(view)])


def fill(output: DescriptorOutput) -> int:
    """Write until nothing more goes, and return how much went."""
    written = 0
    chunk = memoryview(bytes(1 << 20))
    while True:
        try:
            written += output.write_from(chunk)
        except BlockingIOError:
            return written


def test_pipe_input() -> None:
    """Reading gives what is there, says when nothing is, and tells the end."""
    with pipe() as (near, far):
        source = DescriptorInput(near)
        with pytest.raises(BlockingIOError):
            read(source)
        assert not source.is_readable()
        os.write(far, b"hello")
        assert source.is_readable()
        assert (read(source, 3), read(source)) == (b"hel", b"lo")
        os.close(far)
        assert source.is_readable()
        assert (read(source), read(source)) == (b"", b"")


async def test_waiting_for_input() -> None:
    """A wait ends when something comes, for all who wait."""
    with pipe() as (near, far):
        source, other = DescriptorInput(near), DescriptorInput(near)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for each in (source, source, other):
                    group.start_soon(each.wait_readable)
                await anyio.wait_all_tasks_blocked()
                os.write(far, b"x")
        assert read(source) == b"x"


async def test_wait_is_handed_over() -> None:
    """When the task that waits is cancelled, the others still wake."""
    with pipe() as (near, far):
        source, woken = DescriptorInput(near), []

        async def wait(name: str, scope: anyio.CancelScope) -> None:
            with scope:
                await source.wait_readable()
                woken.append(name)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                scopes = [anyio.CancelScope() for _ in range(3)]
                for name, scope in zip("abc", scopes, strict=True):
                    group.start_soon(wait, name, scope)
                await anyio.wait_all_tasks_blocked()
                scopes[0].cancel()
                await anyio.wait_all_tasks_blocked()
                os.write(far, b"x")
        assert sorted(woken) == ["b", "c"]


async def test_full_pipe() -> None:
    """Writing stops at a pipe that is full, without waiting, and goes on when somebody has read."""
    with pipe() as (near, far):
        output = DescriptorOutput(far)
        written = fill(output)
        assert written >= select.PIPE_BUF
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(output.wait_writable)
                group.start_soon(DescriptorOutput(far).wait_writable)
                await anyio.wait_all_tasks_blocked()
                assert len(os.read(near, written)) == written
        assert output.write_from(memoryview(b"more")) == 4
        assert os.read(near, 100) == b"more"
        assert (os.get_blocking(near), os.get_blocking(far)) == (True, True)  # others share them, and expect that


async def test_closed_pipe() -> None:
    """Writing to what nobody reads any more fails, and a wait for it ends."""
    with pipe() as (near, far):
        output = DescriptorOutput(far)
        fill(output)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(output.wait_writable)
                await anyio.wait_all_tasks_blocked()
                os.close(near)
        with pytest.raises(BrokenPipeError):
            output.write_from(memoryview(b"x"))


def test_partial_write_before_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before an error counts; the next write has the error."""
    with pipe() as (_, far):
        output, write = DescriptorOutput(far), os.write
        fails = iter([False, True, True])

        def fail(fd: int, data: bytes) -> int:
            if next(fails):
                raise OSError(errno.EIO, "no more")
            return write(fd, data)

        monkeypatch.setattr(os, "write", fail)
        assert output.write_from(memoryview(bytes(10_000))) == 4096
        with pytest.raises(OSError, match="no more"):
            output.write_from(memoryview(b"x"))


def test_nonblocking_descriptor() -> None:
    """A descriptor that does not block loses nothing, either."""
    with pipe() as (near, far):
        os.set_blocking(far, False)
        output = DescriptorOutput(far)
        written = fill(output)
        assert len(os.read(near, written + 1)) == written


async def test_files(tmp_path: Path) -> None:
    """Files are always ready; at their end there is nothing."""
    path = tmp_path / "file"
    with closing(os.open(path, os.O_RDWR | os.O_CREAT)) as (fd,):
        output = DescriptorOutput(fd)
        assert output.write_from(memoryview(bytes(3 << 20))) == 3 << 20
        await output.wait_writable()
        os.lseek(fd, -2, os.SEEK_END)
        source = DescriptorInput(fd)
        await source.wait_readable()
        assert (read(source), read(source)) == (b"\0\0", b"")


async def test_devices() -> None:
    """Nothing comes from the null device, which takes everything."""
    with closing(os.open(os.devnull, os.O_RDWR)) as (null,):
        await DescriptorInput(null).wait_readable()
        assert read(DescriptorInput(null)) == b""
        assert DescriptorOutput(null).write_from(memoryview(bytes(1 << 21))) == 1 << 21


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_full_device() -> None:
    """A full disk takes nothing."""
    with closing(os.open("/dev/full", os.O_RDWR)) as (full,), pytest.raises(OSError, match="No space"):
        DescriptorOutput(full).write_from(memoryview(b"x"))


async def test_directory() -> None:
    """A directory as standard input is an error of reading, not of waiting."""
    with closing(os.open("/", os.O_RDONLY)) as (fd,):
        source = DescriptorInput(fd)
        await source.wait_readable()
        with pytest.raises(IsADirectoryError):
            read(source)


async def test_terminal() -> None:
    """A terminal is known as one, and read line by line."""
    with closing(*pty.openpty()) as (person, terminal):
        tty.setcbreak(terminal)
        source, output = DescriptorInput(terminal), DescriptorOutput(terminal)
        assert is_terminal(source)
        assert is_terminal(output)
        assert output.write_from(memoryview(b"name? ")) == 6
        assert os.read(person, 100) == b"name? "
        with pytest.raises(BlockingIOError):
            read(source)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(source.wait_readable)
                await anyio.wait_all_tasks_blocked()
                os.write(person, b"weft\n")
        assert read(source) == b"weft\n"


async def test_socket() -> None:
    """A socket will do as well, as under a super-server; a reset is an error."""
    near, far = socket.socketpair()
    with near:
        far.close()
        source = DescriptorInput(near.fileno())
        await source.wait_readable()
        assert read(source) == b""
        with pytest.raises(OSError):  # noqa: PT011 - EPIPE, or ECONNRESET elsewhere
            DescriptorOutput(near.fileno()).write_from(memoryview(b"x"))


def test_memory_input() -> None:
    """Bytes that are there come in order, and then the end."""
    source = MemoryInput(b"abcde")
    assert [read(source, 2) for _ in range(4)] == [b"ab", b"cd", b"e", b""]
    assert read(MemoryInput()) == b""
    assert not is_terminal(source)


async def test_capture() -> None:
    """What is written is kept, up to the limit; then writing fails as on a full disk, and what is kept stays."""
    capture = Capture(limit=5)
    assert (capture.write_from(memoryview(b"abc")), capture.write_from(memoryview(b"\xffef"))) == (3, 2)
    await capture.wait_writable()
    with pytest.raises(OSError, match="more than 5 bytes") as caught:
        capture.write_from(memoryview(b"g"))
    assert caught.value.errno == errno.ENOSPC
    assert (capture.data, capture.text) == (b"abc\xffe", "abc\ufffde")


async def test_discard() -> None:
    """Everything is taken."""
    await Discard().wait_writable()
    assert Discard().write_from(memoryview(bytes(1000))) == 1000
    assert not is_terminal(Discard())
