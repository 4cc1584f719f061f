"""Streams and futures between the host and real guests, under both event loops."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

import weft
from weft.errors import ProducerError, WriterTrappedError
from weft.host.streams.transmits import PENDING, StreamResult

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio

COMPLETED, DROPPED, CANCELLED = 0, 1, 2


@pytest.fixture(scope="module")
def engine() -> weft.Engine:
    return weft.Engine()


@pytest.fixture(scope="module")
def component(engine: weft.Engine) -> weft.Component:
    return weft.Component.from_file(engine, Path(__file__).with_name("streams.wat"))


@pytest.fixture(scope="module")
def tiny(engine: weft.Engine, tiny_component: Path) -> weft.Component:
    return weft.Component.from_file(engine, tiny_component)


@pytest.fixture
async def store(engine: weft.Engine) -> AsyncIterator[weft.Store]:
    async with weft.Store(engine) as store:
        yield store


@pytest.fixture
async def instance(store: weft.Store, engine: weft.Engine, component: weft.Component) -> weft.Instance:
    return await weft.Linker(engine).instantiate(store, component)


async def make_tiny(store: weft.Store, engine: weft.Engine, tiny: weft.Component) -> weft.Instance:
    linker = weft.Linker(engine)
    host = linker.instance("demo:tiny/host")

    @host.func_wrap_concurrent("nap")
    async def nap(_accessor: weft.Accessor, ms: int) -> int:
        return ms

    @host.func_wrap("twice")
    def twice(_store: weft.Store, x: int) -> int:
        return 2 * x

    return await linker.instantiate(store, tiny)


async def run(store: weft.Store, func: Callable[[weft.Accessor], Awaitable[Any]]) -> Any:
    with anyio.fail_after(20):
        return await store.run_concurrent(func)


class Late:
    """A producer that answers PENDING until it is told what to do."""

    def __init__(self) -> None:
        self.waker: Any = None
        self.answer: Callable[[Any, bool], Any] = lambda _destination, finish: (
            StreamResult.CANCELLED if finish else PENDING
        )
        self.closed = 0

    def poll_produce(self, waker: Any, destination: Any, finish: bool) -> Any:
        self.waker = waker
        return self.answer(destination, finish)

    def close(self) -> None:
        self.closed += 1


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await anyio.lowlevel.checkpoint()


async def test_a_pipe_through_a_guest(store: weft.Store, engine: weft.Engine, tiny: weft.Component) -> None:
    """More than a guest's buffer goes in and comes out as it was."""
    instance = await make_tiny(store, engine, tiny)
    data = bytes(range(256)) * 1000

    async def main(accessor: weft.Accessor) -> None:
        source = weft.StreamReader.new(accessor, [data[:100_000], data[100_000:]])
        out = await instance.get_func("pipe").call_concurrent(accessor, source)
        target = weft.consumers.collect()
        await out.pipe(accessor, target)
        assert target.value == data

    await run(store, main)


async def test_backpressure_through_a_guest(store: weft.Store, engine: weft.Engine, tiny: weft.Component) -> None:
    """A slow reader on the host's side keeps the guest from reading ahead."""
    instance = await make_tiny(store, engine, tiny)
    taken = []

    def blocks() -> Any:
        for number in range(10):
            taken.append(number)
            yield bytes([number]) * 16384

    async def main(accessor: weft.Accessor) -> None:
        out = await instance.get_func("pipe").call_concurrent(accessor, blocks())
        await anyio.sleep(0.01)
        assert len(taken) == 1
        assert await out.read_all(accessor) == b"".join(bytes([number]) * 16384 for number in range(10))

    await run(store, main)


async def test_a_future_through_a_guest(store: weft.Store, engine: weft.Engine, tiny: weft.Component) -> None:
    """A future goes in before it has a value, another comes out."""
    instance = await make_tiny(store, engine, tiny)
    gate = anyio.Event()

    async def value() -> int:
        await gate.wait()
        return 21

    async def main(accessor: weft.Accessor) -> None:
        doubled = await instance.get_func("double").call_concurrent(accessor, value())
        gate.set()
        assert await doubled.read(accessor) == 42
        ready = await instance.get_func("double").call_concurrent(accessor, weft.producers.from_value(4))
        assert await ready.read(accessor) == 8

    await run(store, main)


def test_bytes_need_no_event_loop(engine: weft.Engine, component: weft.Component) -> None:
    """A sync guest reads from bytes inside a plain call."""
    with weft.Store(engine) as store:
        instance = weft.Linker(engine).instantiate_sync(store, component)
        assert instance.get_func("read-now").call(store, b"abcdef", 4) == (4 << 4) | COMPLETED
        assert instance.get_func("read-now").call(store, b"abcdef", 8) == (6 << 4) | DROPPED


async def test_a_guest_waits_for_the_waker(store: weft.Store, instance: weft.Instance) -> None:
    """P4, P17: a blocked guest goes on when the producer wakes it; dropping its end closes the producer."""
    producer = Late()

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(call, accessor)
            await until(lambda: producer.waker)
            producer.answer = lambda destination, _finish: destination.write(b"abc") or StreamResult.COMPLETED
            producer.waker.wake()

    async def call(accessor: weft.Accessor) -> None:
        assert await instance.get_func("read").call_concurrent(accessor, producer, 8) == (3 << 4) | COMPLETED

    await run(store, main)
    assert producer.closed == 1


async def test_a_guest_takes_its_read_back(store: weft.Store, instance: weft.Instance) -> None:
    """P14: cancel-read gets CANCELLED from the producer, and the next read works."""
    producer = Late()

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(call, accessor)
            await until(lambda: producer.waker)
            await anyio.lowlevel.checkpoint()
            producer.answer = lambda destination, _finish: destination.write(b"ab") or StreamResult.DROPPED
            producer.waker.wake()

    async def call(accessor: weft.Accessor) -> None:
        both = await instance.get_func("cancel-read").call_concurrent(accessor, producer)
        assert (both & 0xFFFF, both >> 16) == (CANCELLED, (2 << 4) | DROPPED)

    await run(store, main)


async def test_a_sync_cancel_waits_for_an_awaiting_producer(store: weft.Store, instance: weft.Instance) -> None:
    """P15: interrupting what a producer awaits takes a turn of the loop; the guest is blocked so long."""
    send, receive = anyio.create_memory_object_stream[bytes](1)

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(call, accessor)
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            await send.send(b"abc")

    async def call(accessor: weft.Accessor) -> None:
        producer = weft.producers.from_receive_stream(receive, close=True)
        both = await instance.get_func("cancel-read").call_concurrent(accessor, producer)
        assert (both & 0xFFFF, both >> 16) == (CANCELLED, (3 << 4) | COMPLETED)

    await run(store, main)
    send.close()
    receive.close()


async def test_a_broken_rule_traps_the_guest(store: weft.Store, instance: weft.Instance) -> None:
    """P6: the call gets the error by its name, and the instance cannot be entered again."""
    producer = Late()
    producer.answer = lambda _destination, _finish: StreamResult.COMPLETED

    async def main(accessor: weft.Accessor) -> None:
        with pytest.raises(ProducerError, match="without writing"):
            await instance.get_func("read").call_concurrent(accessor, producer, 8)
        with pytest.raises(weft.Trap):
            await instance.get_func("read").call_concurrent(accessor, b"", 8)

    await run(store, main)
    assert producer.closed == 1


async def test_an_exception_after_a_wake_up_reaches_the_call(store: weft.Store, instance: weft.Instance) -> None:
    """P9: the call that is blocked in the read raises what the producer raised."""
    producer = Late()

    def fails(_destination: Any, _finish: bool) -> Any:
        raise OSError("broken")

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(call, accessor)
            await until(lambda: producer.waker)
            producer.answer = fails
            producer.waker.wake()

    async def call(accessor: weft.Accessor) -> None:
        with pytest.raises(OSError, match="broken"):
            await instance.get_func("read").call_concurrent(accessor, producer, 8)

    await run(store, main)
    assert producer.closed == 1


async def test_a_bad_element_names_the_producer_side(store: weft.Store, instance: weft.Instance) -> None:
    """A value that is no u8 surfaces as a LowerError in the call whose guest read it."""

    async def main(accessor: weft.Accessor) -> None:
        with pytest.raises(weft.LowerError, match="256"):
            await instance.get_func("read").call_concurrent(accessor, iter([1, 256]), 8)

    await run(store, main)


async def test_a_host_stream_comes_back(store: weft.Store, instance: weft.Instance) -> None:
    """A stream of the host's that a guest hands back is still the host's: `try_into` finds what is behind it."""

    async def main(accessor: weft.Accessor) -> None:
        out = await instance.get_func("give-back").call_concurrent(accessor, b"abc")
        assert out.try_into(accessor, bytes) == b"abc"
        out = await instance.get_func("give-back").call_concurrent(accessor, b"abc")
        again = await instance.get_func("give-back").call_concurrent(accessor, out)
        assert await again.read_all(accessor) == b"abc"

    await run(store, main)


async def test_reading_what_a_guest_writes(store: weft.Store, instance: weft.Instance) -> None:
    """`read` in pieces smaller than the write, then the end."""

    async def main(accessor: weft.Accessor) -> None:
        out = await instance.get_func("write").call_concurrent(accessor)
        assert await out.read(accessor, 3) == b"dat"
        assert await out.read(accessor, 3) == b"a"
        with pytest.raises(anyio.EndOfStream):
            await out.read(accessor, 3)

    await run(store, main)


async def test_a_stopped_pipe_gives_the_reader_back(store: weft.Store, instance: weft.Instance) -> None:
    """A guest's blocked write survives a pipe whose consumer took nothing."""

    class Never:
        def poll_consume(self, _waker: Any, _source: Any, finish: bool) -> Any:
            return StreamResult.CANCELLED if finish else PENDING

    async def main(accessor: weft.Accessor) -> None:
        out = await instance.get_func("write").call_concurrent(accessor)
        reader = await out.pipe(accessor, Never()).stop()
        assert await reader.read_all(accessor) == b"data"

    await run(store, main)


async def test_a_trap_of_the_writer_is_not_the_end(store: weft.Store, instance: weft.Instance) -> None:
    """What came is delivered, and whoever awaits the pipe learns of the trap; then the loop need not raise it."""
    target = weft.consumers.collect()

    async def main(accessor: weft.Accessor) -> None:
        out = await instance.get_func("write-and-trap").call_concurrent(accessor)
        with pytest.raises(WriterTrappedError) as caught:
            await out.pipe(accessor, target)
        assert isinstance(caught.value.__cause__, weft.Trap)

    await run(store, main)
    assert target.value == b"data"


async def test_a_trap_that_nobody_awaits_is_raised_by_the_loop(store: weft.Store, instance: weft.Instance) -> None:
    """A pipe that nobody awaits does not hide the trap, and remembers it."""
    pipes = []

    async def main(accessor: weft.Accessor) -> None:
        out = await instance.get_func("write-and-trap").call_concurrent(accessor)
        pipes.append(out.pipe(accessor, weft.consumers.discard()))
        await anyio.sleep_forever()

    with pytest.raises(weft.Trap, match="unreachable"):
        await run(store, main)
    with pytest.raises(WriterTrappedError):
        await pipes[0]


async def test_a_future_whose_writer_trapped(store: weft.Store, instance: weft.Instance) -> None:
    """It never has a value, and whoever awaits it learns why."""
    producer = Late()

    async def main(accessor: weft.Accessor) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(call, accessor)
            await until(lambda: producer.waker)
            producer.answer = lambda destination, _finish: destination.write(b"a") or StreamResult.COMPLETED
            await anyio.lowlevel.checkpoint()
            producer.waker.wake()

    async def call(accessor: weft.Accessor) -> None:
        out = await instance.get_func("promise-and-trap").call_concurrent(accessor, producer)
        with pytest.raises(WriterTrappedError):
            await out.read(accessor)

    await run(store, main)
    assert producer.closed == 1
