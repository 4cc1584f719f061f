"""Files plugged into guest memory, under both event loops."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from stream_fakes import COMPLETED, DROPPED, End, GuestReader, GuestWriter

import weft
from weft.canon.types import Prim
from weft.errors import LowerError
from weft.host.streams import consumers, producers
from weft.host.streams.host_stream import HostStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

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


async def answered(guest: End) -> Any:
    while not guest.answer:
        await anyio.lowlevel.checkpoint()
    return guest.answer


class Guest(GuestReader):
    """A guest that reads what a producer of a real store writes."""

    def __init__(self, store: weft.Store, producer: Any, payload: Any = Prim.U8) -> None:
        End.__init__(self, payload)
        self.stream = HostStream(store, producer, payload)


class Slow:
    """A file whose operations take as long as the test wants; it remembers the memory that it was given."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.view: Any = None
        self.seen: Any = None

    def readinto(self, view: memoryview) -> int:
        with memoryview(view) as held:  # as a system call holds the buffer
            self.started.set()
            assert self.go_on.wait(10)
            held[:3] = b"abc"
            self.seen = bytes(held[:4])
        return 3

    async def until_started(self) -> None:
        while not self.started.is_set():
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("kind", ["path", "descriptor", "file"])
async def test_readinto_fills_guest_memory(store: weft.Store, tmp_path: Path, kind: str) -> None:
    """`from_raw_file` reads what a path, a descriptor or a file has, and the end is the read that gets nothing."""
    path = tmp_path / "data"
    path.write_bytes(b"abcdef")

    async def main(_accessor: weft.Accessor) -> None:
        with path.open("rb", buffering=0) as file:
            given: Any = {"path": path, "descriptor": file.fileno(), "file": file}[kind]
            producer: Any = producers.from_raw_file(given)
            guest = Guest(store, producer)
            assert guest.read(0) == (COMPLETED, 0)
            guest.read(4)
            assert (await answered(guest), guest.data) == ((COMPLETED, 4), b"abcd")
            guest.read(4)
            assert (await answered(guest), guest.data) == ((COMPLETED, 2), b"ef")
            guest.read(4)
            assert await answered(guest) == (DROPPED, 0)
            await producer.wait_closed()
            assert not file.closed
            os.fstat(file.fileno())

    await run(store, main)


async def test_the_host_reads_a_file_too(store: weft.Store, tmp_path: Path) -> None:
    """A reader that is the host gets the same bytes."""
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)) * 300)

    async def main(accessor: weft.Accessor) -> None:
        reader = weft.StreamReader.new(accessor, producers.from_raw_file(path))
        assert await reader.read_all(accessor) == bytes(range(256)) * 300

    await run(store, main)


async def test_a_cancelled_read_waits_for_its_thread(store: weft.Store) -> None:
    """A guest gets its buffer back when the thread has let go of it, and with it what was read."""
    file = Slow()

    async def main(_accessor: weft.Accessor) -> None:
        guest = Guest(store, producers.from_raw_file(file))
        assert guest.read(4) is None
        await file.until_started()
        assert guest.cancel() is None
        await anyio.wait_all_tasks_blocked()
        assert guest.answer is None
        file.go_on.set()
        assert (await answered(guest), guest.data) == ((COMPLETED, 3), b"abc")

    await run(store, main)


async def test_memory_stays_mapped_while_a_thread_reads(engine: weft.Engine) -> None:
    """A store that closes waits for a thread that reads, and the memory is there so long, whoever else forgot it."""
    file = Slow()
    async with weft.Store(engine) as store:
        guest = Guest(store, producers.from_raw_file(file))
        assert guest.read(4) is None
        await file.until_started()
        guest.stream.reset_pending()  # as when the guest traps
        guest.stream.drop_readable()
        guest.memory.view = guest.cx.memory = None
        file.go_on.set()
    assert file.seen == b"abc\0"


async def test_a_path_that_is_not_there_fails_the_read(store: weft.Store, tmp_path: Path) -> None:
    """What the file system raises traps the guest that reads."""

    async def main(_accessor: weft.Accessor) -> None:
        Guest(store, producers.from_raw_file(tmp_path / "none")).read(4)
        await anyio.sleep_forever()

    with pytest.raises(FileNotFoundError):
        await run(store, main)


async def test_numbers_are_no_bytes(store: weft.Store, tmp_path: Path) -> None:
    """A stream of wider numbers is refused."""

    async def main(_accessor: weft.Accessor) -> None:
        Guest(store, producers.from_raw_file(tmp_path), Prim.U32).read(4)
        await anyio.sleep_forever()

    with pytest.raises(LowerError, match="expected a stream of bytes, this one has u32"):
        await run(store, main)


async def test_a_file_that_does_not_block_is_refused(store: weft.Store) -> None:
    """A descriptor that would have to be waited for is no file: the error says so."""
    near, far = os.pipe()
    os.set_blocking(near, False)

    async def main(_accessor: weft.Accessor) -> None:
        Guest(store, producers.from_raw_file(near)).read(4)
        await anyio.sleep_forever()

    try:
        with pytest.raises(BlockingIOError, match="use a stream of anyio's"):
            await run(store, main)
    finally:
        os.close(near)
        os.close(far)


async def test_write_takes_guest_memory(store: weft.Store, tmp_path: Path) -> None:
    """`to_raw_file` writes from read-only guest memory, and a partial write is a partial write of the guest."""
    found = bytearray()

    class Narrow:
        def write(self, view: memoryview) -> int:
            assert view.readonly
            found.extend(view[:3])
            return min(len(view), 3)

    async def main(_accessor: weft.Accessor) -> None:
        guest = GuestWriter().into(store, consumers.to_raw_file(Narrow()))  # type: ignore[arg-type]
        assert guest.write(b"abcd") is None
        assert await answered(guest) == (COMPLETED, 3)
        assert found == b"abc"

    await run(store, main)


@pytest.mark.parametrize("data", [b"", bytes(range(256)) * 300], ids=["nothing", "much"])
async def test_a_file_is_written(store: weft.Store, tmp_path: Path, data: bytes) -> None:
    """When the pipe is over, the file is there and closed, also an empty one."""
    path = tmp_path / "copy"

    async def main(accessor: weft.Accessor) -> None:
        await weft.StreamReader.new(accessor, data).pipe(accessor, consumers.to_raw_file(path))
        assert path.read_bytes() == data

    await run(store, main)
