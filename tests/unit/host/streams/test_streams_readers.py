"""Readers and pipes on the host's side, under both event loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from stream_fakes import CANCELLED, COMPLETED, DROPPED, GuestWriter, Script, took

import weft
from weft.canon.types import FutureType, Prim, StreamType
from weft.errors import LowerError, ProducerError, StoreError, WriterTrappedError
from weft.host.streams import consumers, producers
from weft.host.streams.readers import FutureReader, StreamReader, unwrap_readable, wrap_readable
from weft.host.streams.transmits import PENDING, UNBOUND, StreamResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio

BYTES = StreamType(Prim.U8)


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


def of_guest(store: weft.Store, writer: GuestWriter) -> StreamReader:
    return wrap_readable(store, writer.shared, StreamType(writer.shared.payload))  # type: ignore[return-value]


async def until_blocked() -> None:
    """Let everything run until nothing moves."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


# Reading.


async def test_bytes_are_read_in_pieces(store: weft.Store) -> None:
    """`read` gives at most what was asked for, and EndOfStream at the end."""
    reader = StreamReader.new(store, b"abcde", Prim.U8)

    async def main(accessor: weft.Accessor) -> None:
        assert await reader.read(accessor, 2) == b"ab"
        assert await reader.read(accessor, 9) == b"cde"
        with pytest.raises(anyio.EndOfStream):
            await reader.read(accessor, 9)

    await run(store, main)


async def test_elements_are_read_as_a_list(store: weft.Store) -> None:
    """Elements other than bytes come as a list."""
    reader = StreamReader.new(store, ["a", "b", "c"], Prim.STRING)
    assert await run(store, lambda accessor: reader.read(accessor, 2)) == ["a", "b"]


async def test_chunks_iterate_to_the_end(store: weft.Store) -> None:
    """`chunks` reads to the end and closes the reader; `read_all` joins."""
    reader = StreamReader.new(store, b"abcde", Prim.U8)

    async def main(accessor: weft.Accessor) -> list[bytes]:
        return [chunk async for chunk in reader.chunks(accessor, 2)]

    assert await run(store, main) == [b"ab", b"cd", b"e"]
    with pytest.raises(StoreError, match="is closed"):
        reader.close(store)
    assert await run(store, StreamReader.new(store, [], Prim.U8).read_all) == b""
    assert await run(store, StreamReader.new(store, iter([[1, 2], [3]]), Prim.U32).read_all) == [1, 2, 3]


async def test_a_read_waits_for_a_guest(store: weft.Store) -> None:
    """A read that comes first gets what is written next; the writer's count is right."""
    writer = GuestWriter()
    reader = of_guest(store, writer)
    got: list[bytes] = []

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(read, accessor)
            await until_blocked()
            assert writer.write(b"abc") == (COMPLETED, 3)
        assert writer.write(b"defg") is None
        got.append(await reader.read(accessor, 2))
        got.append(await reader.read(accessor, 2))
        assert writer.answer == (COMPLETED, 4)

    async def read(accessor: weft.Accessor) -> None:
        got.append(await reader.read(accessor, 8))

    await run(store, main)
    assert got == [b"abc", b"de", b"fg"]


async def test_a_cancelled_read_of_a_guest_loses_nothing(store: weft.Store) -> None:
    """A read under a timeout takes its buffer back; the next one works."""
    writer = GuestWriter()
    reader = of_guest(store, writer)

    async def main(accessor: weft.Accessor) -> bytes:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await reader.read(accessor, 8)
        assert scope.cancelled_caught
        assert writer.write(b"abc") is None
        return await reader.read(accessor, 8)

    assert await run(store, main) == b"abc"


async def test_a_cancelled_read_of_a_producer_loses_nothing(store: weft.Store) -> None:
    """What a producer gives while its read is being given up serves the next one, also in a guest."""

    def late(destination: Any) -> Any:
        destination.write(b"late")
        return StreamResult.COMPLETED

    script = Script(PENDING, PENDING, late)
    reader = StreamReader.new(store, script, Prim.U8)

    async def main(accessor: weft.Accessor) -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await reader.read(accessor, 2)
        with pytest.raises(LowerError, match="given up"):
            unwrap_readable(store, reader, BYTES)
        script.waker.wake()
        await until_blocked()

    await run(store, main)
    assert script.finishes == [False, True, True]
    writer = GuestWriter()
    unwrap_readable(store, reader, BYTES).read(writer.inst, writer.room(8), writer)
    assert writer.answer == (COMPLETED, 4)


async def test_an_error_of_a_producer_is_raised_by_the_read(store: weft.Store) -> None:
    """A host that reads gets the exception itself, at once or after a wake-up."""
    script = Script(PENDING, OSError("broken"))
    reader = StreamReader.new(store, script)

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(fails, accessor)
            await until_blocked()
            script.waker.wake()
        with pytest.raises(anyio.EndOfStream):
            await reader.read(accessor)
        with pytest.raises(ProducerError):
            await StreamReader.new(store, Script(StreamResult.COMPLETED)).read(accessor)

    async def fails(accessor: weft.Accessor) -> None:
        with pytest.raises(OSError, match="broken"):
            await reader.read(accessor)

    await run(store, main)
    assert script.closed == 1


async def test_a_trapped_writer_is_an_error(store: weft.Store) -> None:
    """The end of a stream whose writer trapped is no EndOfStream: data may be missing."""
    writer = GuestWriter()
    reader = of_guest(store, writer)
    trap = weft.Trap(weft.TrapCode.UNREACHABLE)
    writer.shared.writer_trap = trap
    writer.shared.drop_writable()

    async def main(accessor: weft.Accessor) -> None:
        with pytest.raises(WriterTrappedError) as caught:
            await reader.read(accessor)
        assert caught.value.__cause__ is trap
        with pytest.raises(WriterTrappedError):
            await reader.pipe(accessor, consumers.discard())

    await run(store, main)


# States.


async def test_a_reader_is_used_once(store: weft.Store) -> None:
    """Closed, piped and moved readers say what became of them."""
    for use, words in (
        (lambda reader: reader.close(store), "is closed"),
        (lambda reader: reader.pipe(store, Script(PENDING)), "stop"),
        (lambda reader: unwrap_readable(store, reader, BYTES), "passed to a guest"),
    ):
        reader = StreamReader.new(store, Script())
        use(reader)
        with pytest.raises(StoreError, match=words):
            reader.close(store)
        with pytest.raises(LowerError, match=words):
            unwrap_readable(store, reader, BYTES)


async def test_a_reader_belongs_to_its_store(store: weft.Store, engine: weft.Engine) -> None:
    """A reader of another store is refused."""
    async with weft.Store(engine) as other:
        reader = StreamReader.new(other, b"")
        with pytest.raises(StoreError, match="another store"):
            reader.close(store)
        with pytest.raises(LowerError, match="another store"):
            unwrap_readable(store, reader, BYTES)


async def test_closing_tells_the_writer(store: weft.Store) -> None:
    """A guest's pending write ends with DROPPED; a producer is closed."""
    writer = GuestWriter()
    writer.write(b"ab")
    of_guest(store, writer).close(store)
    assert writer.answer == (DROPPED, 0)
    script = Script()
    StreamReader.new(store, script).close(store)
    assert script.closed == 1


async def test_a_guard_closes(store: weft.Store) -> None:
    """`guard` closes on exit, unless the reader was passed on."""
    script = Script()
    with StreamReader.new(store, script).guard(store):
        pass
    assert script.closed == 1
    script = Script()
    async with StreamReader.new(store, script).guard(store) as reader:
        unwrap_readable(store, reader, BYTES)
    assert script.closed == 0


async def test_closing_the_store_closes_everything(engine: weft.Engine) -> None:
    """Producers and consumers do not outlive their store, and a pipe ends with an error."""
    producer, consumer = Script(), Script()
    async with weft.Store(engine) as store:
        StreamReader.new(store, producer)
        flow = of_guest(store, GuestWriter()).pipe(store, consumer)
    assert (producer.closed, consumer.closed) == (1, 1)
    with pytest.raises(StoreError, match="closed"):
        await flow


# Types.


async def test_a_payload_is_bound_when_a_guest_gets_it(store: weft.Store) -> None:
    """A reader of unknown type takes on that of its first guest, and no other."""
    reader = StreamReader.new(store, Script())
    assert reader.payload is UNBOUND
    stream = unwrap_readable(store, reader, BYTES)
    assert stream.payload is Prim.U8
    assert isinstance(wrap_readable(store, stream, BYTES), StreamReader)
    with pytest.raises(LowerError, match="expected a stream of u16, got one of u8"):
        unwrap_readable(store, wrap_readable(store, stream, BYTES), StreamType(Prim.U16))
    with pytest.raises(LowerError, match="expected a stream of u16, got one of u8"):
        unwrap_readable(store, of_guest(store, GuestWriter()), StreamType(Prim.U16))


async def test_streams_and_futures_do_not_mix(store: weft.Store) -> None:
    """A future is no stream."""
    with pytest.raises(LowerError, match="expected a stream, got a future"):
        unwrap_readable(store, FutureReader.new(store, producers.from_value(1)), BYTES)


@pytest.mark.parametrize("value", [5, "text", {"a": 1}, None])
async def test_not_everything_is_a_stream(store: weft.Store, value: object) -> None:
    """What no producer can be made of is refused, and says what was given."""
    with pytest.raises(LowerError, match=type(value).__name__):
        unwrap_readable(store, value, BYTES)
    with pytest.raises(LowerError, match="from_value"):
        unwrap_readable(store, value, FutureType(Prim.U8))


async def test_the_object_behind_a_stream_can_be_taken_back(store: weft.Store) -> None:
    """`try_into` gives back what the producer stands for, and closes the reader; else None."""
    reader = StreamReader.new(store, b"abc")
    assert reader.try_into(store, str) is None
    assert reader.try_into(store, bytes) == b"abc"
    with pytest.raises(StoreError, match="closed"):
        reader.close(store)
    assert of_guest(store, GuestWriter()).try_into(store, bytes) is None
    assert FutureReader.new(store, producers.from_value(3)).try_into(store, int) == 3


# Pipes.


async def test_a_pipe_runs_without_being_awaited(store: weft.Store) -> None:
    """A pipe between hosts starts at once; awaiting it waits for its end."""
    target = consumers.collect()
    source = StreamReader.new(store, [bytes([i]) * 3 for i in range(200)], Prim.U8)

    async def main(accessor: weft.Accessor) -> None:
        await source.pipe(accessor, target)

    await run(store, main)
    assert target.value == b"".join(bytes([i]) * 3 for i in range(200))


async def test_a_pump_lets_others_run(store: weft.Store) -> None:
    """An endless pipe between hosts does not keep the event loop from its other tasks."""
    script = Script()
    script.poll_produce = lambda _waker, destination, _finish: destination.write(b"x") or StreamResult.COMPLETED

    async def main(accessor: weft.Accessor) -> None:
        flow = StreamReader.new(accessor, script, Prim.U8).pipe(accessor, consumers.discard())
        await anyio.lowlevel.checkpoint()
        await until_blocked()
        await flow.stop()

    await run(store, main)


async def test_stopping_gives_the_reader_back(store: weft.Store) -> None:
    """What the consumer did not take of a guest's write stays there for the next reader."""
    writer = GuestWriter()
    consumer = Script(took(1, StreamResult.COMPLETED), PENDING, StreamResult.CANCELLED)

    async def main(accessor: weft.Accessor) -> None:
        flow = of_guest(store, writer).pipe(accessor, consumer)
        assert writer.write(b"ab") == (COMPLETED, 1)
        assert writer.write(b"bc") is None
        reader = await flow.stop()
        assert consumer.closed == 1
        assert writer.answer is None
        assert await reader.read(accessor) == b"bc"
        assert writer.answer == (COMPLETED, 2)
        with pytest.raises(StoreError, match="already"):
            await flow.stop()

    await run(store, main)


async def test_items_are_lifted_when_they_are_read(store: weft.Store) -> None:
    """Reads give what `lifted` makes of items."""
    reader = StreamReader.new(store, producers.from_sequence([1, 2, 3]), Prim.U32).lifted(str)
    rest = StreamReader.new(store, producers.from_sequence([4, 5]), Prim.U32).lifted(str)
    future = FutureReader.new(store, producers.from_value(6), Prim.U32).lifted(str)

    async def main(accessor: weft.Accessor) -> None:
        assert await reader.read(accessor, 1) == ["1"]
        assert await reader.read_all(accessor) == ["2", "3"]
        assert [chunk async for chunk in rest.chunks(accessor)] == [["4", "5"]]
        assert await future.read(accessor) == "6"

    await run(store, main)


async def test_a_stopped_pipe_gives_back_a_reader_that_lifts(store: weft.Store) -> None:
    """A consumer takes items as they are; the reader that comes back lifts them as the one before did."""
    writer, taken = GuestWriter(), []
    consumer = Script(took(1, StreamResult.COMPLETED, taken), PENDING, StreamResult.CANCELLED)

    async def main(accessor: weft.Accessor) -> None:
        flow = of_guest(store, writer).lifted(chr).pipe(accessor, consumer)
        assert writer.write(b"ab") == (COMPLETED, 1)
        assert writer.write(b"bc") is None
        assert await (await flow.stop()).read(accessor) == ["b", "c"]

    await run(store, main)
    assert [bytes(items) for items in taken] == [b"a"]


async def test_stopping_after_a_part_was_taken(store: weft.Store) -> None:
    """A write of which the consumer took a part goes on from there; the writer learns of the part."""
    writer = GuestWriter()
    consumer = Script(took(1, PENDING), PENDING, StreamResult.DROPPED)

    async def main(accessor: weft.Accessor) -> None:
        flow = of_guest(store, writer).pipe(accessor, consumer)
        writer.write(b"abc")
        async with anyio.create_task_group() as group:
            group.start_soon(stop, accessor, flow)
            await until_blocked()
            consumer.waker.wake()

    async def stop(accessor: weft.Accessor, flow: Any) -> None:
        reader = await flow.stop()
        assert writer.answer == (COMPLETED, 1)
        assert await reader.read(accessor) == b"bc"

    await run(store, main)


async def test_a_writer_may_cancel_while_its_pipe_is_stopped(store: weft.Store) -> None:
    """A write that both sides want to end is cancelled, and not left for the next reader."""
    writer = GuestWriter()
    consumer = Script(PENDING, PENDING, PENDING, StreamResult.CANCELLED)

    async def main(accessor: weft.Accessor) -> None:
        flow = of_guest(store, writer).pipe(accessor, consumer)
        writer.write(b"abc")
        async with anyio.create_task_group() as group:
            group.start_soon(flow.stop)
            await until_blocked()
            assert writer.cancel() is None
            consumer.waker.wake()
        assert writer.answer == (CANCELLED, 0)
        assert writer.shared.pending is None

    await run(store, main)


async def test_stopping_between_hosts_puts_back(store: weft.Store) -> None:
    """What was read and not taken is served again, in order, after a pipe between hosts was stopped."""
    consumer = Script(took(2), PENDING, StreamResult.CANCELLED)

    async def main(accessor: weft.Accessor) -> bytes:
        flow = StreamReader.new(accessor, [b"abcd", b"ef"], Prim.U8).pipe(accessor, consumer)
        reader = await flow.stop()
        return await reader.read_all(accessor)

    assert await run(store, main) == b"cdef"


async def test_stopping_a_read_between_hosts(store: weft.Store) -> None:
    """A producer that is being read is asked to finish."""
    producer = Script(PENDING, StreamResult.CANCELLED, StreamResult.DROPPED)

    async def main(accessor: weft.Accessor) -> None:
        flow = StreamReader.new(accessor, producer, Prim.U8).pipe(accessor, consumers.discard())
        reader = await flow.stop()
        assert producer.finishes == [False, True]
        assert await reader.read_all(accessor) == b""

    await run(store, main)


async def test_a_consumer_that_wants_no_more_closes_the_producer(store: weft.Store) -> None:
    """DROPPED ends a pipe between hosts."""
    producer = Script(lambda destination: destination.write(b"abc") or StreamResult.COMPLETED)

    async def main(accessor: weft.Accessor) -> None:
        await StreamReader.new(accessor, producer).pipe(accessor, Script(took(1, StreamResult.DROPPED)))

    await run(store, main)
    assert producer.closed == 1


# Futures.


async def test_a_future_is_read(store: weft.Store) -> None:
    """The value of an awaitable, read by the host; reading twice is refused."""

    async def value() -> int:
        await anyio.lowlevel.checkpoint()
        return 7

    reader = FutureReader.new(store, value(), Prim.U8)

    async def main(accessor: weft.Accessor) -> None:
        assert await reader.read(accessor) == 7
        with pytest.raises(StoreError, match="is closed"):
            await reader.read(accessor)

    await run(store, main)


@pytest.mark.parametrize("early", [True, False])
async def test_a_future_of_a_guest_is_read(store: weft.Store, early: bool) -> None:
    """Before or after it is written."""
    writer = GuestWriter(future=True)
    reader: Any = wrap_readable(store, writer.shared, FutureType(Prim.U8))

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            if early:
                writer.write(b"\7")
            group.start_soon(read, accessor)
            await until_blocked()
            if not early:
                writer.write(b"\7")

    async def read(accessor: weft.Accessor) -> None:
        assert await reader.read(accessor) == 7

    await run(store, main)
    assert writer.answer == (COMPLETED, 1)


@pytest.mark.parametrize("early", [True, False])
async def test_a_future_without_a_writer_is_an_error(store: weft.Store, early: bool) -> None:
    """A future whose guest trapped before writing never has a value; whoever awaits it learns why."""
    writer = GuestWriter(future=True)
    reader: Any = wrap_readable(store, writer.shared, FutureType(Prim.U8))

    def trap() -> None:
        writer.shared.writer_trap = weft.Trap(weft.TrapCode.UNREACHABLE)
        writer.shared.drop_writable()

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            if early:
                trap()
            group.start_soon(read, accessor)
            await until_blocked()
            if not early:
                trap()

    async def read(accessor: weft.Accessor) -> None:
        with pytest.raises(WriterTrappedError):
            await reader.read(accessor)

    await run(store, main)


async def test_a_future_goes_to_a_callback(store: weft.Store) -> None:
    """A pipe of a future calls back with the value."""
    seen: list[Any] = []

    async def slowly(value: Any) -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(value)

    async def main(accessor: weft.Accessor) -> None:
        await FutureReader.new(accessor, producers.from_value("a")).pipe(
            accessor, consumers.to_future_callback(seen.append)
        )
        await FutureReader.new(accessor, producers.from_value("b")).pipe(accessor, consumers.to_future_callback(slowly))

    await run(store, main)
    assert seen == ["a", "b"]
