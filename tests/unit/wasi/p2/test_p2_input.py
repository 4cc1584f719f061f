"""Input streams of WASI 0.2."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import create_task_group, wait_all_tasks_blocked
from p2_fakes import FakeInput, fails

from weft.wasi import DescriptorInput, MemoryInput, WasiCtx
from weft.wasi.p2.io.input import READ_BYTE_LENGTH, InputStream

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

HUGE = 2**64 - 1


async def test_what_is_there_is_read() -> None:
    """A read gives what is there, at most what was asked for, and nothing when nothing is there."""
    source = FakeInput()
    stream = InputStream(source)
    assert await stream.read(10) == b""
    source.feed(b"abcdef")
    assert await stream.read(0) == b""
    assert await stream.read(4) == b"abcd"
    assert await stream.read(HUGE) == b"ef"
    assert await stream.read(HUGE) == b""


async def test_lengths_are_bounded() -> None:
    """However much a guest asks for, the host holds no more than a fixed number of bytes for it."""
    source = FakeInput(fed=[bytes(READ_BYTE_LENGTH + 1)])
    stream = InputStream(source)
    assert len(await stream.read(HUGE)) == READ_BYTE_LENGTH
    assert len(await stream.read(HUGE)) == 1
    assert max(source.asked) == READ_BYTE_LENGTH


async def test_the_end_closes() -> None:
    """After the last byte every read says that the stream is closed, and the stream is ready for ever."""
    stream = InputStream(FakeInput(fed=[b"a", b""]))
    assert await stream.read(10) == b"a"
    for length in (10, 0, HUGE):
        with fails("closed"):
            await stream.read(length)
    assert stream.is_ready()


async def test_an_error_is_told_once() -> None:
    """A failed operation is told with its error, and the stream is closed then."""
    stream = InputStream(FakeInput(fed=[OSError(errno.EIO, "secret")]))
    assert stream.is_ready()
    with fails(errno.EIO):
        await stream.read(1)
    with fails("closed"):
        await stream.read(1)


async def test_a_blocking_read_waits() -> None:
    """A read that waits goes on when there is a byte, and reads all that is there then."""
    source = FakeInput()
    stream = InputStream(source)
    got = []

    async def read() -> None:
        got.append(await stream.read(10, wait=True))

    async with create_task_group() as group:
        group.start_soon(read)
        await wait_all_tasks_blocked()
        assert (source.waiting, got) == (1, [])
        source.feed(b"ab")
    assert got == [b"ab"]


async def test_a_blocking_stream_waits_in_any_read() -> None:
    """A blocking stream is always ready, and is never read ahead: a read waits."""
    source = FakeInput()
    stream = InputStream(source, blocking=True)
    assert stream.is_ready()
    assert source.asked == []
    got = []

    async def read() -> None:
        got.append(await stream.read(10))

    async with create_task_group() as group:
        group.start_soon(read)
        await wait_all_tasks_blocked()
        source.feed(b"ab")
    assert got == [b"ab"]


async def test_reads_that_hold_up_are_made_elsewhere() -> None:
    """The reads of a file are made where they may block, and what they give and raise comes to the guest."""
    ctx = WasiCtx()
    threads: list[int] = []

    class File(FakeInput):
        def read_into(self, view: memoryview) -> int:
            threads.append(threading.get_ident())
            return super().read_into(view)

    stream = InputStream(File(fed=[b"abc", OSError(errno.EIO, "")]), run_blocking=ctx.run_blocking)
    assert stream.is_ready()
    assert await stream.read(10) == b"abc"
    with fails(errno.EIO):
        await stream.read(10)
    assert len(threads) == 2
    assert threading.get_ident() not in threads


async def test_a_read_in_a_thread_outlasts_its_guest() -> None:
    """A source is released when the last read of it is over, though its guest was stopped before."""
    released: list[None] = []
    reading, go_on = anyio.Event(), anyio.Event()

    async def run_blocking(transfer: Callable[[memoryview], int], view: memoryview) -> int:
        with anyio.CancelScope(shield=True):
            reading.set()
            await go_on.wait()
            return transfer(view)
        raise AssertionError

    source = FakeInput(fed=[b"abc"])
    stream = InputStream(source, run_blocking=run_blocking, release=lambda: released.append(None))
    async with create_task_group() as group:
        group.start_soon(stream.read, 10)
        await reading.wait()
        group.cancel_scope.cancel()
        stream.on_drop()
        assert released == []
        go_on.set()
    assert (released, len(source.asked)) == ([None], 1)


async def test_readiness_loses_nothing() -> None:
    """Asking whether there is something reads ahead, which reads give before what comes after it."""
    source = FakeInput(fed=[b"abc"])
    stream = InputStream(source)
    assert stream.is_ready()
    source.feed(b"def")
    assert await stream.read(2) == b"ab"
    assert stream.is_ready()
    assert await stream.read(10) == b"c"
    assert await stream.read(10) == b"def"
    assert not stream.is_ready()


async def test_the_end_and_errors_make_ready() -> None:
    """A stream whose end or error is there is ready, and the next read gives it."""
    source = FakeInput(fed=[b""])
    assert InputStream(source).is_ready()
    broken = InputStream(FakeInput(fed=[OSError(errno.EIO, "")]))
    assert broken.is_ready()
    with fails(errno.EIO):
        await broken.read(1)


async def test_an_error_of_the_wait() -> None:
    """What the wait itself raises is an error of the stream."""

    class Source(FakeInput):
        async def wait_readable(self) -> None:
            raise OSError(errno.EBADF, "")

    stream = InputStream(Source())
    with fails(errno.EBADF):
        await stream.read(1, wait=True)
    with fails("closed"):
        await stream.read(1)


async def test_dropping_wakes_who_waits() -> None:
    """A stream that is dropped wakes its pollables, leaves its source alone, and is released once."""
    source = FakeInput()
    released: list[None] = []
    stream = InputStream(source, release=lambda: released.append(None))
    async with create_task_group() as group:
        group.start_soon(stream.wait_ready)
        group.start_soon(stream.wait_ready)
        await wait_all_tasks_blocked()
        assert (source.waiting, released) == (2, [])
        stream.on_drop()
    assert (source.waiting, released) == (0, [None])
    asked = len(source.asked)
    assert stream.is_ready()
    assert len(source.asked) == asked


async def test_a_cancelled_read_takes_nothing() -> None:
    """A guest that is stopped while it waits for a byte leaves no task and no byte behind."""
    source = FakeInput()
    stream = InputStream(source)
    async with create_task_group() as group:
        group.start_soon(lambda: stream.read(10, wait=True))
        await wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    source.feed(b"ab")
    assert source.waiting == 0
    assert await stream.read(10) == b"ab"


async def test_descriptors_need_no_read_ahead() -> None:
    """Of a descriptor nothing is read before the guest reads: others may share it."""
    reader, writer = os.pipe()
    try:
        stream, other = InputStream(DescriptorInput(reader)), InputStream(DescriptorInput(reader))
        assert not stream.is_ready()
        os.write(writer, b"abc")
        assert stream.is_ready()
        assert other.is_ready()
        assert await other.read(2) == b"ab"
        assert await stream.read(2, wait=True) == b"c"
    finally:
        os.close(reader)
        os.close(writer)


async def test_two_wait_for_one_descriptor() -> None:
    """Two streams over one descriptor may wait at the same time."""
    reader, writer = os.pipe()
    try:
        source = DescriptorInput(reader)
        async with create_task_group() as group:
            for _ in range(2):
                group.start_soon(InputStream(source).wait_ready)
            await wait_all_tasks_blocked()
            os.write(writer, b"a")
    finally:
        os.close(reader)
        os.close(writer)


async def test_memory_is_all_there() -> None:
    """Bytes in memory are ready, and so is their end."""
    stream = InputStream(MemoryInput(b"abc"))
    assert stream.is_ready()
    assert await stream.read(10) == b"abc"
    assert stream.is_ready()
    with fails("closed"):
        await stream.read(10, wait=True)


async def test_waits_end_with_the_time() -> None:
    """The cancellation of who waits is his own affair: the stream stays open."""
    stream = InputStream(FakeInput())
    with anyio.move_on_after(0) as scope:
        await stream.wait_ready()
    assert scope.cancelled_caught
    assert await stream.read(1) == b""
