"""Ready-made producers and consumers, under both event loops."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from stream_fakes import CANCELLED, COMPLETED, DROPPED, End, FakeStore, GuestReader, GuestWriter, Script, wrote

import weft
from weft.canon.types import ListType, Prim, StreamType
from weft.errors import StoreError
from weft.host.streams import consumers, producers
from weft.host.streams.host_stream import HostStream
from weft.host.streams.readers import FutureReader, StreamReader, wrap_readable
from weft.host.streams.transmits import StreamResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from weft.host.streams.destination import Destination
    from weft.host.streams.source import Source

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def engine() -> weft.Engine:
    return weft.Engine()


@pytest.fixture
async def store(engine: weft.Engine) -> AsyncIterator[weft.Store]:
    async with weft.Store(engine) as store:
        yield store


async def run(store: weft.Store, func: Callable[[weft.Accessor], Awaitable[Any]]) -> Any:
    with anyio.fail_after(10):
        return await store.run_concurrent(func)


async def until_blocked() -> None:
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


class Guest(GuestReader):
    """A guest that reads what a producer of a real store writes."""

    def __init__(self, store: weft.Store, producer: Any, payload: Any = Prim.U8) -> None:
        End.__init__(self, payload)
        self.stream = HostStream(store, producer, payload)


# Producers that need no event loop.


def reads(producer: Any, count: int = 4, payload: Any = Prim.U8) -> list[tuple[Any, bytes]]:
    """Read with a fake guest to the end."""
    guest = GuestReader(FakeStore(), producer, payload)
    found = []
    while not found or found[-1][0] is COMPLETED:
        answer = guest.read(count)
        assert answer is not None
        found.append((answer[0], guest.data))
    return found


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_end_with_their_last_read(kind: Any) -> None:
    """`from_bytes` needs no extra read for the end."""
    assert reads(producers.from_bytes(kind(b"abcdefgh"))) == [(COMPLETED, b"abcd"), (DROPPED, b"efgh")]
    assert reads(producers.from_bytes(kind(b""))) == [(DROPPED, b"")]


def test_bytes_are_ready() -> None:
    """A zero-length read of bytes that are there completes and takes nothing."""
    guest = GuestReader(FakeStore(), producers.from_bytes(b"ab"))
    assert guest.read(0) == (COMPLETED, 0)
    assert guest.read(4) == (DROPPED, 2)


def test_runs_fill_a_read() -> None:
    """`from_iterable` joins short runs, skips empty ones, and splits long ones."""
    assert reads(producers.from_iterable([b"a", b"", b"bcdef", b"g"])) == [
        (COMPLETED, b"abcd"),
        (COMPLETED, b"ef"),
        (DROPPED, b"g"),
    ]


def test_elements_of_an_iterable() -> None:
    """Ints are elements of a `stream<u8>`; no more are taken from the iterator than the guest has room for."""
    numbers = iter(range(10))
    guest = GuestReader(FakeStore(), producers.from_iterable(numbers))
    assert guest.read(0) == (COMPLETED, 0)
    assert guest.read(3) == (COMPLETED, 3)
    assert guest.data == bytes([0, 1, 2])
    assert next(numbers) == 3


def test_what_a_run_is_depends_on_the_type() -> None:
    """A list is a run in a stream of strings, and an element in a stream of lists."""
    guest = GuestReader(FakeStore(), producers.from_iterable([["a", "b"]]), Prim.STRING)
    written: list[Any] = []
    guest.payload = type("Payload", (), {"size": 8, "alignment": 4, "store": lambda _s, _c, v, _p: written.extend(v)})()
    guest.read(4)
    assert written == ["a", "b"]
    guest = GuestReader(FakeStore(), producers.from_iterable([b"a", b"b"]), ListType(Prim.U8))  # type: ignore[arg-type]
    written.clear()
    guest.payload = type("Payload", (), {"size": 8, "alignment": 4, "store": lambda _s, _c, v, _p: written.extend(v)})()
    guest.read(4)
    assert written == [b"a", b"b"]


def test_a_generator_is_closed_with_its_reader() -> None:
    """Dropping the reader runs the generator's `finally`."""
    closed = []

    def items() -> Iterator[bytes]:
        try:
            while True:
                yield b"abc"
        finally:
            closed.append(True)

    guest = GuestReader(FakeStore(), producers.from_iterable(items()))
    guest.read(1)
    guest.stream.drop_readable()
    assert closed == [True]


def test_a_producer_that_awaits_needs_a_loop(engine: weft.Engine) -> None:
    """Without `async with`, reading from a producer that awaits says what to do."""

    async def items() -> AsyncIterator[bytes]:
        yield b"a"

    with weft.Store(engine) as store, pytest.raises(StoreError, match="async with"):
        Guest(store, producers.from_async_iterable(items())).read(1)


# Producers that await.


async def test_an_async_iterable(store: weft.Store) -> None:
    """Runs of an async generator come in order, each when it is read."""

    async def items() -> AsyncIterator[bytes]:
        for item in (b"ab", b"", b"c"):
            await anyio.lowlevel.checkpoint()
            yield item

    reader = StreamReader.new(store, items(), Prim.U8)
    assert await run(store, reader.read_all) == b"abc"


async def test_a_given_up_read_leaves_an_async_generator_alone(store: weft.Store) -> None:
    """A guest's cancelled read does not cancel the generator; its item serves the next read, and it is closed later."""
    gate = anyio.Event()
    log: list[str] = []

    async def items() -> AsyncIterator[bytes]:
        try:
            await gate.wait()
            yield b"item"
        finally:
            log.append("closed")

    guest = Guest(store, producers.from_async_iterable(items()))

    async def main(_accessor: weft.Accessor) -> None:
        assert guest.read(8) is None
        await until_blocked()
        assert guest.cancel() == (CANCELLED, 0)
        gate.set()
        await until_blocked()
        assert guest.read(8) == (COMPLETED, 4)
        assert log == []
        guest.stream.drop_readable()
        await until_blocked()

    await run(store, main)
    assert log == ["closed"]


async def test_an_idle_task_is_nothing_to_wait_for(store: weft.Store) -> None:
    """The task of an async producer counts as pending only while a read waits for it."""
    gate = anyio.Event()

    async def items() -> AsyncIterator[bytes]:
        yield b"a"
        await gate.wait()

    guest = Guest(store, producers.from_async_iterable(items()))

    async def main(_accessor: weft.Accessor) -> None:
        guest.read(8)
        await until_blocked()
        assert guest.answer == (COMPLETED, 1)
        assert store.pending_host_tasks == 0
        guest.read(8)
        await until_blocked()
        assert store.pending_host_tasks == 1
        gate.set()
        await until_blocked()
        assert guest.answer == (DROPPED, 0)
        await until_blocked()
        assert store.pending_host_tasks == 0

    await run(store, main)


async def test_memory_object_streams(store: weft.Store) -> None:
    """anyio's memory streams are both ends of a stream; the receiving side is closed if so wished."""
    send, receive = anyio.create_memory_object_stream[str](10)
    back_send, back_receive = anyio.create_memory_object_stream[str](10)

    async def main(accessor: weft.Accessor) -> None:
        for word in ("a", "b"):
            await send.send(word)
        await send.aclose()
        reader = StreamReader.new(accessor, producers.from_receive_stream(receive, close=True), Prim.STRING)
        await reader.pipe(accessor, consumers.to_send_stream(back_send, at_end="close"))
        assert [word async for word in back_receive] == ["a", "b"]

    await run(store, main)
    with pytest.raises(anyio.ClosedResourceError):
        receive.receive_nowait()
    back_receive.close()


async def test_a_given_up_receive_is_cancelled(store: weft.Store) -> None:
    """A guest's cancelled read cancels the receiving, so nothing is taken from the stream."""
    send, receive = anyio.create_memory_object_stream[bytes](10)
    guest = Guest(store, producers.from_receive_stream(receive))

    async def main(_accessor: weft.Accessor) -> None:
        guest.read(8)
        await until_blocked()
        assert guest.cancel() is None
        await until_blocked()
        assert guest.answer == (CANCELLED, 0)
        await send.send(b"item")
        assert receive.statistics().current_buffer_used == 1
        guest.read(8)
        await until_blocked()
        assert guest.answer == (COMPLETED, 4)

    await run(store, main)
    guest.stream.drop_readable()
    send.close()
    receive.close()


async def test_files(store: weft.Store, tmp_path: Path) -> None:
    """A file in, a file out, by path; it is complete when the pipe is over."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 100)

    async def main(accessor: weft.Accessor) -> None:
        reader = StreamReader.new(accessor, producers.from_file(source, chunk_byte_length=1000), Prim.U8)
        await reader.pipe(accessor, consumers.to_file(target))

    await run(store, main)
    assert target.read_bytes() == source.read_bytes()


async def test_open_files_stay_open(store: weft.Store) -> None:
    """Files that the caller opened are the caller's to close; an empty stream makes an empty file."""
    source, target = io.BytesIO(b"abc"), io.BytesIO()

    async def main(accessor: weft.Accessor) -> None:
        reader = StreamReader.new(accessor, producers.from_file(source), Prim.U8)
        await reader.pipe(accessor, consumers.to_file(target))

    await run(store, main)
    assert target.getvalue() == b"abc"
    assert not source.closed


async def test_the_end_runs_even_for_an_empty_stream(store: weft.Store, tmp_path: Path) -> None:
    """A consumer's `aclose` runs although it was never polled."""

    async def main(accessor: weft.Accessor) -> None:
        await StreamReader.new(accessor, b"").pipe(accessor, consumers.to_file(tmp_path / "empty"))

    await run(store, main)
    assert (tmp_path / "empty").read_bytes() == b""


async def test_an_error_at_the_end_is_raised_by_the_pipe(store: weft.Store) -> None:
    """An exception of `aclose` is not lost."""

    class Fails(consumers.AwaitingConsumer):
        async def aclose(self) -> None:
            raise OSError("disk full")

    async def main(accessor: weft.Accessor) -> None:
        with pytest.raises(OSError, match="disk full"):
            await StreamReader.new(accessor, b"").pipe(accessor, Fails())

    await run(store, main)


# One's own that await.


class Countdown(producers.AwaitingProducer):
    """Writes directly, over an await."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.tasks: set[Any] = set()
        self.closed = 0

    async def produce(self, destination: Destination) -> StreamResult | None:
        self.tasks.add(anyio.get_current_task().id)
        room = destination.direct(4)
        await anyio.lowlevel.checkpoint()
        room[0] = self.count
        destination.mark_written(1)
        self.count -= 1
        return None if self.count else StreamResult.DROPPED

    async def aclose(self) -> None:
        self.closed += 1


async def test_a_producer_that_awaits_has_one_task(store: weft.Store) -> None:
    """All operations run in one task, write to the guest's memory over an await, and `aclose` runs once."""
    producer = Countdown(3)
    guest = Guest(store, producer)

    async def main(_accessor: weft.Accessor) -> None:
        got = []
        for _ in range(3):
            guest.read(4)
            await until_blocked()
            got.append((guest.answer, guest.data))
        assert got == [((COMPLETED, 1), b"\3"), ((COMPLETED, 1), b"\2"), ((DROPPED, 1), b"\1")]

    await run(store, main)
    assert len(producer.tasks) == 1
    assert producer.closed == 1


async def test_an_exception_in_a_producer_that_awaits_poisons(store: weft.Store) -> None:
    """P9: the reading instance is poisoned and the loop raises it."""

    class Fails(producers.AwaitingProducer):
        async def produce(self, destination: Destination) -> StreamResult | None:
            raise OSError("broken")

    guest = Guest(store, Fails())

    async def main(_accessor: weft.Accessor) -> None:
        guest.read(4)
        await anyio.sleep_forever()

    with pytest.raises(OSError, match="broken"):
        await run(store, main)
    assert isinstance(guest.inst.poisoned, OSError)


class Slow(consumers.AwaitingConsumer):
    """Takes one item, waits, and looks at the rest."""

    def __init__(self) -> None:
        self.gate = anyio.Event()
        self.got: list[Any] = []

    async def consume(self, source: Source) -> StreamResult | None:
        self.got.append(source.read(1))
        await self.gate.wait()
        self.got.append(source.direct().tolist())
        return None


async def test_a_consumer_that_awaits(store: weft.Store) -> None:
    """K4, K10: the write waits for `consume`, which keeps its source over an await, and is finished when given up."""
    writer = GuestWriter()
    consumer = Slow()

    async def main(accessor: weft.Accessor) -> None:
        flow = wrap_readable(store, writer.shared, StreamType(Prim.U8)).pipe(accessor, consumer)  # type: ignore[attr-defined]
        assert writer.write(b"abc") is None
        await until_blocked()
        assert writer.cancel() is None
        consumer.gate.set()
        await until_blocked()
        assert writer.answer == (COMPLETED, 1)
        assert writer.write(b"") == (COMPLETED, 0)
        writer.shared.drop_writable()
        await flow

    await run(store, main)
    assert consumer.got == [b"a", [ord("b"), ord("c")]]


async def test_an_async_callback_delays_the_writer(store: weft.Store) -> None:
    """K4: what the callback returns is awaited; DROPPED from it ends the stream."""
    seen: list[Any] = []

    async def callback(data: bytes) -> StreamResult | None:
        await anyio.lowlevel.checkpoint()
        seen.append(data)
        return StreamResult.DROPPED if data == b"end" else None

    async def main(accessor: weft.Accessor) -> None:
        source = Script(wrote(b"a"), wrote(b"end"), wrote(b"never"))
        await StreamReader.new(accessor, source).pipe(accessor, consumers.to_callback(callback))

    await run(store, main)
    assert seen == [b"a", b"end"]


async def test_a_broken_send_stream_ends_the_pipe(store: weft.Store) -> None:
    """The writer sees DROPPED, and whoever awaits the pipe gets anyio's exception."""
    send, receive = anyio.create_memory_object_stream[bytes](1)
    receive.close()
    writer = GuestWriter(Prim.U16)

    async def main(accessor: weft.Accessor) -> None:
        reader: Any = wrap_readable(store, writer.shared, StreamType(Prim.U16))
        flow = reader.pipe(accessor, consumers.to_send_stream(send))
        writer.write(b"\1\0")
        with pytest.raises(anyio.BrokenResourceError):
            await flow
        assert writer.answer == (DROPPED, 1)

    await run(store, main)
    send.close()


async def test_collecting(store: weft.Store) -> None:
    """`collect` keeps lists and bytes, `to_bytearray` appends, `discard` takes all."""

    async def main(accessor: weft.Accessor) -> None:
        for items, payload, value in ((b"ab", Prim.U8, b"ab"), (["a"], Prim.STRING, ["a"]), ([], Prim.U8, b"")):
            target = consumers.collect()
            await StreamReader.new(accessor, items, payload).pipe(accessor, target)
            assert target.value == value
        data = bytearray(b"x")
        await StreamReader.new(accessor, b"ab").pipe(accessor, consumers.to_bytearray(data))
        assert data == b"xab"
        await StreamReader.new(accessor, b"ab").pipe(accessor, consumers.discard())

    await run(store, main)


async def test_an_unread_coroutine_is_closed(store: weft.Store) -> None:
    """A coroutine whose future nobody reads makes no warning, and one that runs is cancelled."""
    log: list[str] = []

    async def value() -> int:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")
        return 1

    FutureReader.new(store, value()).close(store)

    async def main(accessor: weft.Accessor) -> None:
        reader = FutureReader.new(accessor, value())
        with anyio.move_on_after(0.01):
            await reader.read(accessor)
        reader.close(accessor)
        await until_blocked()

    await run(store, main)
    assert log == ["cancelled"]
