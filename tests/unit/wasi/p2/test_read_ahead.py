"""Reading ahead to tell whether there is anything to read."""

from __future__ import annotations

import errno

import pytest
from anyio import create_task_group, wait_all_tasks_blocked
from p2_fakes import FakeInput

from weft import wasi
from weft.wasi.read_ahead import READ_AHEAD_BYTE_LENGTH, ReadAhead, with_read_ahead

pytestmark = pytest.mark.anyio


def read(source: ReadAhead, length: int) -> bytes:
    buffer = bytearray(length)
    return bytes(buffer[: source.read_into(memoryview(buffer))])


def test_nothing_is_read_before_somebody_asks() -> None:
    """Who does not ask reads the source itself."""
    source = FakeInput(fed=[b"abc"])
    assert read(ReadAhead(source), 2) == b"ab"
    assert source.asked == [2]


def test_what_was_read_ahead_comes_first() -> None:
    """Bytes that were read ahead are given in order, and at most so many are held."""
    source = FakeInput(fed=[bytes(READ_AHEAD_BYTE_LENGTH), b"abc"])
    ahead = ReadAhead(source)
    assert [ahead.is_readable(), ahead.is_readable()] == [True, True]
    assert source.asked == [READ_AHEAD_BYTE_LENGTH]
    assert read(ahead, 1 << 20) == bytes(READ_AHEAD_BYTE_LENGTH)
    assert read(ahead, 1 << 20) == b"abc"
    assert not ahead.is_readable()


def test_an_error_waits_for_its_reader() -> None:
    """An error met while reading ahead is raised by the next read, once."""
    source = FakeInput(fed=[ConnectionResetError(errno.ECONNRESET, "")])
    ahead = ReadAhead(source)
    assert ahead.is_readable()
    source.fed[:] = [b"abc"]
    with pytest.raises(ConnectionResetError):
        read(ahead, 1)
    assert read(ahead, 3) == b"abc"


def test_the_end_stays() -> None:
    """The end that was met while reading ahead is the end of every read."""
    source = FakeInput(fed=[b""])
    ahead = ReadAhead(source)
    assert ahead.is_readable()
    source.fed.clear()
    assert [read(ahead, 1), read(ahead, 1)] == [b"", b""]


async def test_waiting() -> None:
    """Who waits goes on at once when something was read ahead, else when the source has something."""
    source = FakeInput()
    ahead = ReadAhead(source)
    async with create_task_group() as group:
        group.start_soon(ahead.wait_readable)
        await wait_all_tasks_blocked()
        assert source.waiting == 1
        source.feed(b"a")
    assert ahead.is_readable()
    await ahead.wait_readable()


def test_what_can_tell_is_left_alone() -> None:
    """A source that can tell by itself is not wrapped; one that is, is still a terminal if it was."""

    class Terminal(FakeInput):
        is_terminal = True

    memory = wasi.MemoryInput()
    assert with_read_ahead(memory) is memory
    assert wasi.WasiCtx(stdin=memory).stdin is memory
    wrapped = with_read_ahead(Terminal())
    assert isinstance(wrapped, ReadAhead)
    assert wrapped.is_terminal
    assert with_read_ahead(wrapped) is wrapped
