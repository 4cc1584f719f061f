"""Sockets plugged into guest memory, under both event loops."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from stream_fakes import CANCELLED, COMPLETED, DROPPED, End, FakeStore, GuestReader, GuestWriter

import weft
from weft.canon.types import Prim
from weft.errors import LowerError
from weft.host.streams import consumers, producers
from weft.host.streams.host_stream import HostStream
from weft.host.streams.nonblocking import TURN_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from weft.host.streams.pipes import Pipe

pytestmark = pytest.mark.anyio


class Spy(socket.socket):
    """A socket that looks at the memory of a guest as soon as a system call has returned."""

    memory: Any = None

    def recv_into(self, buffer: Any, *rest: Any) -> int:
        count = super().recv_into(buffer, *rest)
        self.seen = bytes(self.memory.data[1024 : 1024 + count])
        return count

    def send(self, data: Any, *rest: Any) -> int:
        self.memory.data[1024:1026] = b"!!"  # the guest's memory itself is sent, not what it was before
        assert data.readonly
        return super().send(data, *rest)


@pytest.fixture
def ends() -> Iterator[tuple[Spy, socket.socket]]:
    """Two ends of a connection; the first is a spy."""
    raw, other = socket.socketpair()
    near = Spy(fileno=raw.detach())
    with near, other:
        near.setblocking(False)
        other.setblocking(False)
        yield near, other


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


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await anyio.lowlevel.checkpoint()


class Guest(GuestReader):
    """A guest that reads what a producer of a real store writes."""

    def __init__(self, store: weft.Store, producer: Any) -> None:
        End.__init__(self)
        self.stream = HostStream(store, producer, Prim.U8)


class Writer(GuestWriter):
    """A guest that writes to a consumer of a real store."""

    def __init__(self, store: weft.Store, consumer: Any) -> None:
        super().__init__()
        self.into(store, consumer)  # type: ignore[arg-type]


# What needs no waiting.


def test_recv_into_fills_guest_memory(ends: tuple[Spy, socket.socket]) -> None:
    """`from_socket`: when the system call returns, the bytes are in the guest's buffer; no event loop is needed."""
    near, other = ends
    guest = GuestReader(FakeStore(), producers.from_socket(near))
    near.memory = guest.memory
    other.send(b"abcdef")
    assert guest.read(0) == (COMPLETED, 0)
    assert guest.read(4) == (COMPLETED, 4)
    assert near.seen == guest.data == b"abcd"
    assert guest.read(4) == (COMPLETED, 2)
    other.shutdown(socket.SHUT_WR)
    assert guest.read(4) == (DROPPED, 0)


def test_send_takes_guest_memory(ends: tuple[Spy, socket.socket]) -> None:
    """`to_socket`: the system call sees the guest's own memory, which it cannot write to."""
    near, other = ends
    guest = GuestWriter().into(FakeStore(), consumers.to_socket(near))
    near.memory = guest.memory
    assert guest.write(b"") == (COMPLETED, 0)
    assert guest.write(b"abcd") == (COMPLETED, 4)
    assert other.recv(9) == b"!!cd"


def test_a_write_takes_what_the_system_takes(ends: tuple[Spy, socket.socket]) -> None:
    """A partial send is a partial write: the guest is told how much went."""
    near, other = ends
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024)
    guest = GuestWriter()
    guest.memory = near.memory = type(guest.memory)(1 << 20)
    guest.cx.memory = guest.memory
    guest.into(FakeStore(), consumers.to_socket(near))
    result, count = guest.write(bytes(1 << 19)) or (None, 0)
    assert result is COMPLETED
    assert 0 < count < 1 << 19
    assert len(other.recv(1 << 20)) <= count


@pytest.mark.parametrize("at_end", ["keep", "eof", "close"])
def test_the_end_of_a_socket(ends: tuple[Spy, socket.socket], at_end: Any) -> None:
    """`at_end` says what becomes of the socket when its writer is gone."""
    near, other = ends
    guest = GuestWriter().into(FakeStore(), consumers.to_socket(near, at_end=at_end))
    guest.shared.drop_writable()
    assert (near.fileno() == -1) == (at_end == "close")
    if at_end == "keep":
        with pytest.raises(BlockingIOError):
            other.recv(1)
    else:
        assert other.recv(1) == b""


def test_a_socket_is_closed_with_its_reader(ends: tuple[Spy, socket.socket]) -> None:
    """`close=True` closes it when the reader is gone; else it stays open."""
    near, other = ends
    GuestReader(FakeStore(), producers.from_socket(other)).stream.drop_readable()
    assert other.fileno() != -1
    GuestReader(FakeStore(), producers.from_socket(near, close=True)).stream.drop_readable()
    assert near.fileno() == -1


def test_sockets_that_cannot_be_used(ends: tuple[Spy, socket.socket]) -> None:
    """A socket that blocks would stop the event loop, and datagrams are no stream: both are refused at once."""
    near, _ = ends
    near.setblocking(True)
    with pytest.raises(ValueError, match="setblocking"):
        producers.from_socket(near)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.setblocking(False)
        with pytest.raises(ValueError, match="none for streams"):
            consumers.to_socket(datagrams)


def test_numbers_are_no_bytes(ends: tuple[Spy, socket.socket]) -> None:
    """A stream of wider numbers is refused, in both directions: their count is not that of the bytes."""
    near, _ = ends
    with pytest.raises(LowerError, match="expected a stream of bytes, this one has u32"):
        GuestReader(FakeStore(), producers.from_socket(near), Prim.U32).read(1)
    with pytest.raises(LowerError, match="expected a stream of bytes, this one has u32"):
        GuestWriter(Prim.U32).into(FakeStore(), consumers.to_socket(near)).write(bytes(4))


# What waits.


async def test_a_read_waits_for_the_socket(store: weft.Store, ends: tuple[Spy, socket.socket]) -> None:
    """A read that finds nothing blocks the guest until something comes, and lends no memory meanwhile."""
    near, other = ends
    guest = Guest(store, producers.from_socket(near))
    near.memory = guest.memory
    loans: list[Any] = []
    borrow = guest.memory.borrow
    guest.memory.borrow = lambda *args, **kwargs: loans.append(borrow(*args, **kwargs)) or loans[-1]  # type: ignore[method-assign]

    async def main(_accessor: weft.Accessor) -> None:
        for data in (b"abc", b"d"):
            assert guest.read(4) is None
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(ValueError, match="released"):
                _ = loans[-1].view[0]
            other.send(data)
            await until(lambda: guest.answer)
            assert guest.answer == (COMPLETED, len(data))
            assert guest.data == data

    await run(store, main)


async def test_a_read_is_taken_back_at_once(store: weft.Store, ends: tuple[Spy, socket.socket]) -> None:
    """A cancelled read touches the guest's memory no more; what comes later is for the next read."""
    near, other = ends
    guest = Guest(store, producers.from_socket(near))
    near.memory = guest.memory

    async def main(_accessor: weft.Accessor) -> None:
        assert guest.read(4) is None
        await anyio.wait_all_tasks_blocked()
        assert guest.cancel() == (CANCELLED, 0)
        other.send(b"abcd")
        await anyio.wait_all_tasks_blocked()
        assert bytes(guest.memory.data[1024:1028]) == bytes(4)
        guest.read(4)
        await until(lambda: guest.answer)
        assert guest.data == b"abcd"

    await run(store, main)


async def test_a_write_waits_for_the_socket(store: weft.Store, ends: tuple[Spy, socket.socket]) -> None:
    """A full socket blocks the guest; it can take its write back, and a later one goes when there is room."""
    near, other = ends
    guest = Writer(store, consumers.to_socket(near))
    near.memory = guest.memory

    async def main(_accessor: weft.Accessor) -> None:
        while True:
            try:
                socket.socket.send(near, bytes(1 << 16))
            except BlockingIOError:
                break
        assert guest.write(b"abcd") is None
        await anyio.wait_all_tasks_blocked()
        assert guest.cancel() == (CANCELLED, 0)
        assert guest.write(b"efgh") is None
        tail = b""
        while not guest.answer or not tail.endswith(b"gh"):
            await anyio.lowlevel.checkpoint()
            try:
                tail = other.recv(1 << 20)
            except BlockingIOError:
                continue
        assert guest.answer == (COMPLETED, 4)
        assert tail == b"!!gh"

    await run(store, main)


async def test_a_fast_peer_does_not_keep_the_loop(store: weft.Store, ends: tuple[Spy, socket.socket]) -> None:
    """After a number of operations that could be served at once, the event loop gets a turn before the next."""
    near, other = ends
    guest = Guest(store, producers.from_socket(near))
    near.memory = guest.memory

    async def main(_accessor: weft.Accessor) -> None:
        other.send(bytes(2 * TURN_OPERATIONS))
        for _ in range(TURN_OPERATIONS):
            assert guest.read(1) == (COMPLETED, 1)
        assert guest.read(1) is None
        await until(lambda: guest.answer)
        assert guest.read(1) == (COMPLETED, 1)

    await run(store, main)


async def test_a_lost_connection_reaches_who_awaits_the_pipe(
    store: weft.Store, ends: tuple[Spy, socket.socket]
) -> None:
    """When the other side is gone, the writer is told DROPPED and the pipe raises the `OSError`."""
    near, other = ends
    near.memory = type("Memory", (), {"data": bytearray(1026)})
    other.close()

    async def main(accessor: weft.Accessor) -> None:
        pipe: Pipe = weft.StreamReader.new(accessor, [b"abc"]).pipe(accessor, consumers.to_socket(near, at_end="eof"))
        with pytest.raises(BrokenPipeError):
            await pipe

    await run(store, main)


async def test_a_peer_that_is_gone_at_the_end_harms_nobody_else(
    store: weft.Store, ends: tuple[Spy, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that cannot be shut down is the error of its pipe, and not of the store's loop."""
    near, _ = ends
    near.memory = type("Memory", (), {"data": bytearray(1026)})

    def shutdown(_socket: Any, _how: int) -> None:
        raise OSError(errno.ENOTCONN, "not connected")

    monkeypatch.setattr(Spy, "shutdown", shutdown, raising=False)

    async def main(accessor: weft.Accessor) -> None:
        pipe: Pipe = weft.StreamReader.new(accessor, b"abc").pipe(accessor, consumers.to_socket(near, at_end="eof"))
        with pytest.raises(OSError, match="not connected"):
            await pipe
        await anyio.wait_all_tasks_blocked()

    await run(store, main)


async def test_a_wait_ends_before_its_socket_is_closed(store: weft.Store, ends: tuple[Spy, socket.socket]) -> None:
    """A reader that leaves while the socket is waited for: the wait ends first, then the socket is closed."""
    near, _ = ends
    producer: Any = producers.from_socket(near, close=True)
    guest = Guest(store, producer)

    async def main(_accessor: weft.Accessor) -> None:
        assert guest.read(4) is None
        await anyio.wait_all_tasks_blocked()
        guest.stream.drop_readable()
        assert near.fileno() != -1
        await producer.wait_closed()
        assert near.fileno() == -1

    await run(store, main)


async def test_a_store_that_closes_ends_the_wait(engine: weft.Engine, ends: tuple[Spy, socket.socket]) -> None:
    """A store does not wait for the peer when it is closed, and closes the sockets that are its own."""
    near, _ = ends
    async with weft.Store(engine) as store:
        guest = Guest(store, producers.from_socket(near, close=True))
        assert guest.read(4) is None
        await anyio.wait_all_tasks_blocked()
    assert near.fileno() == -1
