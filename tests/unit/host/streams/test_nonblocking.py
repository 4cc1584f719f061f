"""Producers and consumers whose transfers succeed at once or would block."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest
from stream_fakes import CANCELLED, COMPLETED, DROPPED, FakeStore, GuestReader, GuestWriter

import weft
from weft import StreamResult, consumers, producers
from weft.host.streams.nonblocking import TURN_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store() -> AsyncIterator[weft.Store]:
    async with weft.Store(weft.Engine()) as store:
        yield store


class Inbox(producers.NonblockingProducer):
    """Gives the chunks that were put into it; `None` is the end."""

    def __init__(self, *chunks: bytes | None) -> None:
        super().__init__()
        self.chunks = deque(chunks)
        self.filled = anyio.Event()
        self.waits = 0
        self.finishes = 0

    def put(self, chunk: bytes | None) -> None:
        self.chunks.append(chunk)
        self.filled.set()

    async def wait(self) -> None:
        self.waits += 1
        self.filled = anyio.Event()
        await self.filled.wait()

    def receive(self, destination: weft.Destination) -> StreamResult:
        if not self.chunks:
            raise BlockingIOError
        chunk = self.chunks.popleft()
        if chunk is None:
            return StreamResult.DROPPED
        destination.write(chunk)
        return StreamResult.COMPLETED

    def finished(self) -> None:
        self.finishes += 1


class Outbox(consumers.NonblockingConsumer):
    """Takes `room` items and no more."""

    def __init__(self, room: int, *, breaks: bool = False) -> None:
        super().__init__()
        self.room = room
        self.breaks = breaks
        self.taken = b""

    def send(self, source: weft.Source) -> StreamResult:
        if self.breaks:
            self.error = OSError("broken")
            return StreamResult.DROPPED
        if not self.room:
            raise BlockingIOError
        chunk = source.read(self.room)
        self.room -= len(chunk)
        self.taken += chunk
        return StreamResult.COMPLETED


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()


def test_what_is_there_needs_no_task() -> None:
    """A transfer that succeeds at once, and an end, start no task."""
    inbox = Inbox(b"ab", b"c", None)
    guest = GuestReader(FakeStore(), inbox)
    assert guest.read(0) == (COMPLETED, 0)
    assert (guest.read(4), guest.data) == ((COMPLETED, 2), b"ab")
    assert (guest.read(4), guest.data) == ((COMPLETED, 1), b"c")
    assert guest.read(4) == (DROPPED, 0)
    assert (inbox.finishes, inbox.waits) == (1, 0)


async def test_what_is_not_there_is_waited_for(store: weft.Store) -> None:
    """A read that would block completes after the wait."""
    inbox = Inbox()

    async def main(_accessor: weft.Accessor) -> None:
        guest = GuestReader(store, inbox)
        assert guest.read(4) is None
        await until(lambda: inbox.waits)
        inbox.put(b"abc")
        await until(lambda: guest.answer)
        assert (guest.answer, guest.data) == ((COMPLETED, 3), b"abc")

    await store.run_concurrent(main)


async def test_a_wait_outlives_a_read_that_is_taken_back(store: weft.Store) -> None:
    """A read that is taken back is cancelled at once; the wait it began serves the next read."""
    inbox = Inbox()

    async def main(_accessor: weft.Accessor) -> None:
        guest = GuestReader(store, inbox)
        assert guest.read(4) is None
        await until(lambda: inbox.waits)
        assert guest.cancel() == (CANCELLED, 0)
        assert guest.read(4) is None
        inbox.put(b"abc")
        await until(lambda: guest.answer)
        assert (guest.answer, inbox.waits) == ((COMPLETED, 3), 1)

    await store.run_concurrent(main)


async def test_reads_and_writes_of_nothing_ask(store: weft.Store) -> None:
    """A transfer of zero items waits until `check_ready` finds something, and transfers nothing."""

    class Asked(Inbox):
        def check_ready(self) -> None:
            if not self.chunks:
                raise BlockingIOError

    inbox = Asked()

    async def main(_accessor: weft.Accessor) -> None:
        guest = GuestReader(store, inbox)
        assert guest.read(0) is None
        await until(lambda: inbox.waits)
        inbox.put(b"abc")
        await until(lambda: guest.answer)
        assert guest.answer == (COMPLETED, 0)
        assert (guest.read(4), guest.data) == ((COMPLETED, 3), b"abc")
        assert guest.read(0) is None
        assert guest.cancel() == (CANCELLED, 0)

    await store.run_concurrent(main)


async def test_others_get_a_turn(store: weft.Store) -> None:
    """After a number of transfers that could be served at once, the event loop gets a turn before the next."""
    inbox = Inbox(*[b"a"] * (2 * TURN_OPERATIONS))
    inbox.wait = anyio.lowlevel.checkpoint  # type: ignore[method-assign]

    async def main(_accessor: weft.Accessor) -> None:
        guest = GuestReader(store, inbox)
        for _ in range(TURN_OPERATIONS):
            assert guest.read(1) == (COMPLETED, 1)
        assert guest.read(1) is None
        await until(lambda: guest.answer)
        assert guest.read(1) == (COMPLETED, 1)

    await store.run_concurrent(main)


async def test_a_wait_ends_with_its_stream(store: weft.Store) -> None:
    """When the reader goes away, the wait is cancelled and `finished` is called, once."""
    inbox = Inbox()

    async def main(_accessor: weft.Accessor) -> None:
        guest = GuestReader(store, inbox)
        assert guest.read(4) is None
        await until(lambda: inbox.waits)
        guest.cancel()
        guest.stream.drop_readable()
        with anyio.fail_after(10):
            await inbox.wait_closed()
        assert inbox.finishes == 1

    await store.run_concurrent(main)


def test_a_write_takes_what_there_is_room_for() -> None:
    """The writer learns how much was taken."""
    outbox = Outbox(3)
    guest = GuestWriter().into(FakeStore(), outbox)
    assert guest.write(b"") == (COMPLETED, 0)
    assert guest.write(b"abcd") == (COMPLETED, 3)
    assert outbox.taken == b"abc"


async def test_an_error_is_for_who_awaits_the_end(store: weft.Store) -> None:
    """What `error` is set to is raised by the pipe, and harms nobody else."""

    async def main(accessor: weft.Accessor) -> None:
        with pytest.raises(OSError, match="broken"):
            await weft.StreamReader.new(accessor, [b"abc"]).pipe(accessor, Outbox(0, breaks=True))

    await store.run_concurrent(main)
