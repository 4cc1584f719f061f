"""Output streams of WASI 0.2."""

from __future__ import annotations

import errno
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from anyio import create_task_group, wait_all_tasks_blocked
from p2_fakes import DrainedOutput, FakeOutput, engine, fails

import weft
from weft.wasi import WasiCtx
from weft.wasi.p2.io.output import BLOCKING_WRITE_BYTE_LENGTH, BUFFER_BYTE_LENGTH, OutputStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened() -> AsyncIterator[weft.Store]:
    async with weft.Store(engine()) as store:
        yield store


@asynccontextmanager
async def waiting(func: Callable[..., Awaitable[object]], *args: object) -> AsyncIterator[list[object]]:
    """Run `func` until it waits, then the body of the with statement, then the rest of `func`."""
    results: list[object] = []

    async def run() -> None:
        results.append(await func(*args))

    async with create_task_group() as group:
        group.start_soon(run)
        await wait_all_tasks_blocked()
        assert results == []
        yield results


async def test_what_goes_at_once_is_not_held() -> None:
    """What the sink takes at once is written at once, and the permit stays."""
    sink = FakeOutput(most=3)
    async with opened() as store:
        stream = OutputStream(sink)
        assert stream.check_write() == BUFFER_BYTE_LENGTH
        await stream.write(store, b"abcdefgh")
        assert (sink.taken, stream.check_write()) == (b"abcdefgh", BUFFER_BYTE_LENGTH)


async def test_the_rest_goes_in_the_background() -> None:
    """What the sink does not take is held up to the permit, and written in order when there is room."""
    sink = FakeOutput(room=2)
    async with opened() as store:
        stream = OutputStream(sink, buffer_byte_length=6)
        await stream.write(store, b"abcdef")
        assert (stream.check_write(), stream.is_ready()) == (2, True)
        await stream.write(store, b"gh")
        assert (stream.check_write(), stream.is_ready()) == (0, False)
        async with waiting(stream.wait_ready):
            sink.give_room(1)
        assert stream.check_write() == 1
        sink.give_room(100)
        await stream.blocking_flush(store)
    assert sink.taken == b"abcdefgh"


async def test_nothing_overtakes_what_is_held() -> None:
    """What is written while something is held goes after it, even if the sink has room again already."""
    sink = FakeOutput(room=2)
    async with opened() as store:
        stream = OutputStream(sink)
        await stream.write(store, b"abcdef")
        sink.give_room(100)
        await stream.write(store, b"gh")
        await stream.blocking_flush(store)
    assert sink.taken == b"abcdefgh"


@pytest.mark.parametrize("blocking", [False, True])
async def test_more_than_is_permitted_traps(*, blocking: bool) -> None:
    """A guest that writes more than it may traps, whether it asked or not."""
    async with opened() as store:
        stream = OutputStream(FakeOutput(), blocking=blocking)
        with pytest.raises(weft.Trap, match="permitted"):
            await stream.write(store, bytes((BLOCKING_WRITE_BYTE_LENGTH if blocking else BUFFER_BYTE_LENGTH) + 1))


async def test_nothing_is_permitted_during_a_flush() -> None:
    """While a flush is going on the permit is 0 and a write traps; afterwards the stream is ready."""
    sink = FakeOutput(room=0)
    async with opened() as store:
        stream = OutputStream(sink)
        await stream.write(store, b"abc")
        stream.flush(store)
        assert (stream.check_write(), stream.is_ready()) == (0, False)
        with pytest.raises(weft.Trap):
            await stream.write(store, b"d")
        async with waiting(stream.wait_ready):
            sink.give_room(3)
        assert stream.check_write() == BUFFER_BYTE_LENGTH
    assert sink.taken == b"abc"


async def test_flushing_nothing_is_over_at_once() -> None:
    """A flush of what is out already needs no event loop."""
    with weft.Store(engine()) as store:
        stream = OutputStream(FakeOutput())
        await stream.write(store, b"abc")
        stream.flush(store)
        assert stream.is_ready()


async def test_a_sink_that_keeps_things_is_drained() -> None:
    """A flush of a sink that keeps what it takes is over when the sink has let go of it."""
    sink = DrainedOutput()
    async with opened() as store:
        stream = OutputStream(sink)
        await stream.write(store, b"abc")
        async with waiting(stream.blocking_flush, store):
            assert not stream.is_ready()
            sink.may_drain.set()
        assert sink.drains == 1


async def test_an_error_of_the_drain_is_told() -> None:
    """What a sink has to say when it lets go of what it took is the error of the flush."""
    sink = DrainedOutput()
    async with opened() as store:
        stream = OutputStream(sink)
        stream.flush(store)
        sink.error = OSError(errno.EDQUOT, "")
        sink.may_drain.set()
        with fails(errno.EDQUOT):
            await stream.blocking_flush(store) if stream.is_ready() else await stream.write_and_flush(store, b"a")
        with fails("closed"):
            stream.flush(store)


async def test_a_blocking_stream_writes_all_before_it_goes_on() -> None:
    """A write to a blocking stream returns when the sink has everything, and has let go of it."""
    sink = DrainedOutput(room=2)
    async with opened() as store:
        stream = OutputStream(sink, blocking=True)
        assert stream.check_write() == BLOCKING_WRITE_BYTE_LENGTH
        async with waiting(stream.write, store, b"abcde"):
            assert stream.is_ready()
            sink.give_room(10)
            await wait_all_tasks_blocked()
            assert sink.taken == b"abcde"
            sink.may_drain.set()
        assert sink.drains == 1
        stream.flush(store)
        await stream.blocking_flush(store)
        assert sink.drains == 1


async def test_writes_that_hold_up_are_made_elsewhere() -> None:
    """The writes of a file are made where they may block, in order, and the guest learns of their errors at once."""
    threads: list[int] = []

    class File(FakeOutput):
        def write_from(self, view: memoryview) -> int:
            threads.append(threading.get_ident())
            return super().write_from(view)

    sink = File(most=3)
    async with opened() as store:
        stream = OutputStream(sink, run_blocking=WasiCtx().run_blocking)
        await stream.write(store, b"abcdefgh")
        assert sink.taken == b"abcdefgh"
        sink.error = OSError(errno.ENOSPC, "")
        with fails(errno.ENOSPC):
            await stream.write(store, b"i")
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("blocking", [False, True])
async def test_an_error_at_once(*, blocking: bool) -> None:
    """A sink that fails at once fails the write, and the stream is closed then."""
    async with opened() as store:
        stream = OutputStream(FakeOutput(error=BrokenPipeError(errno.EPIPE, "")), blocking=blocking)
        with fails(errno.EPIPE):
            await stream.write(store, b"a")
        with fails("closed"):
            stream.check_write()
        assert stream.is_ready()


async def test_an_error_later() -> None:
    """A sink that fails in the background makes the stream ready; the next operation tells the error, others closed."""
    sink = FakeOutput(room=0)
    async with opened() as store:
        stream = OutputStream(sink, buffer_byte_length=1)
        await stream.write(store, b"a")
        async with waiting(stream.wait_ready):
            sink.fail(OSError(errno.ECONNRESET, ""))
        with fails(errno.ECONNRESET):
            stream.check_write()
        assert stream.pending_byte_length == 0
        with fails("closed"):
            await stream.write(store, b"")


async def test_write_and_flush_takes_any_length() -> None:
    """Writing and flushing goes in pieces of what is permitted, and waits for each."""
    sink = FakeOutput(room=3)
    async with opened() as store:
        stream = OutputStream(sink, buffer_byte_length=4)
        async with waiting(stream.write_and_flush, store, b"abcdefghijkl"):
            assert sink.taken == b"abc"
            sink.give_room(5)
            await wait_all_tasks_blocked()
            sink.give_room(50)
        assert sink.taken == b"abcdefghijkl"


async def test_a_dropped_stream_writes_what_it_accepted() -> None:
    """What was accepted goes out after the drop, too; only then is the sink released."""
    sink = FakeOutput(room=0)
    released: list[bytes] = []
    async with opened() as store:
        stream = OutputStream(sink, release=lambda: released.append(bytes(sink.taken)))
        await stream.write(store, b"abc")
        stream.on_drop()
        await wait_all_tasks_blocked()
        assert released == []
        assert stream.is_ready()
        sink.give_room(3)
        await wait_all_tasks_blocked()
        assert released == [b"abc"]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("drop_first", [False, True])
async def test_the_end_of_the_store_releases(*, begun: bool, drop_first: bool) -> None:
    """The sink is released once when the store closes before everything is written, whenever the stream is dropped."""
    released: list[None] = []
    async with opened() as store:
        stream = OutputStream(FakeOutput(room=0), release=lambda: released.append(None))
        await stream.write(store, b"abc")
        if begun:
            await wait_all_tasks_blocked()
        if drop_first:
            stream.on_drop()
    if not drop_first:
        stream.on_drop()
    assert released == [None]


async def test_dropping_wakes_who_waits() -> None:
    """A pollable of a stream that is dropped is ready."""
    async with opened() as store:
        stream = OutputStream(FakeOutput(room=0), buffer_byte_length=1)
        await stream.write(store, b"a")
        async with waiting(stream.wait_ready):
            stream.on_drop()
        assert stream.is_ready()


async def test_closing_lets_what_was_accepted_go() -> None:
    """A stream that is closed accepts nothing more, but what it accepted goes out."""
    sink = FakeOutput(room=0)
    async with opened() as store:
        stream = OutputStream(sink)
        await stream.write(store, b"a")
        stream.close()
        with fails("closed"):
            await stream.write(store, b"b")
        sink.give_room(9)
        await wait_all_tasks_blocked()
    assert sink.taken == b"a"


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_sink_that_takes_nothing_is_full(*, blocking: bool) -> None:
    """A sink that takes no byte and says so is waited for, as one that is full."""
    sink = FakeOutput(most=0)
    async with opened() as store:
        async with waiting(OutputStream(sink, blocking=blocking).write_and_flush, store, b"ab"):
            sink.most = 1
            sink.change()
        assert sink.taken == b"ab"


async def test_writing_the_last_bytes_may_close() -> None:
    """A stream that its last bytes close has written them; what comes next finds it closed."""

    class Body(FakeOutput):
        def write_from(self, view: memoryview) -> int:
            stream.close()
            return super().write_from(view)

    sink = Body()
    stream = OutputStream(sink)
    async with opened() as store:
        await stream.write_and_flush(store, b"abc")
        assert sink.taken == b"abc"
        with fails("closed"):
            await stream.write_and_flush(store, b"")


async def test_what_needs_an_event_loop_says_so() -> None:
    """A write that must wait needs an event loop; where none runs, that is said, and nothing leaks."""
    released: list[None] = []
    with weft.Store(engine()) as store:
        stream = OutputStream(FakeOutput(room=0), release=lambda: released.append(None))
        with pytest.raises(weft.StoreError, match="event loop"):
            await stream.write(store, b"a")
        stream.on_drop()
    assert released == [None]
