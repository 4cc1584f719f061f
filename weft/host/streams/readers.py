"""Readers: what host code holds of a stream or future.

Source: Wasmtime's `StreamReader` and `FutureReader`; the words for reading are anyio's.
"""

from __future__ import annotations

import enum
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, final

import anyio

from weft.canon.types import Prim, StreamType
from weft.errors import LowerError, StoreError, WriterTrappedError
from weft.host.accessor import as_store
from weft.host.convert import as_future_producer, as_stream_producer
from weft.host.streams.chunks import join_chunks
from weft.host.streams.host_stream import HostFuture, HostStream
from weft.host.streams.pipes import make_pipe
from weft.host.streams.reads import HostRead
from weft.host.streams.transmits import UNBOUND, describe
from weft.runtime.shared import CopyResult, SharedFuture, SharedStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from typing_extensions import TypeVar as DefaultingTypeVar  # type checkers have it; nobody else needs it

    from weft.canon.types import FutureType
    from weft.host.accessor import StoreLike
    from weft.host.streams.pipes import Pipe
    from weft.host.streams.transmits import FutureConsumer, PayloadType, StreamConsumer, TransmitStore
    from weft.runtime.shared import Readable

    ReadT = DefaultingTypeVar("ReadT", default=Any)
else:
    ReadT = TypeVar("ReadT")

T = TypeVar("T")


@final
class ReaderState(enum.Enum):
    """Whether a reader still has its end; the value says what became of it."""

    OPEN = "is open"
    READING = "is being read: wait until that read has returned"
    PIPED = "flows into a consumer: await the pipe, or stop() it to get a reader back"
    MOVED = "was passed to a guest, or taken apart: the end it stood for is not here any more"
    CLOSED = "is closed"


class Reader:
    """A readable end that the host holds.

    It must be read to its end, piped, closed, or passed to a guest; else the writer waits for ever.
    """

    __slots__ = ("_lift", "_readable", "_reading", "_store", "state")

    noun = "reader"

    def __init__(self, store: TransmitStore, readable: Readable) -> None:
        self._store = store
        self._readable = readable
        self._reading: HostRead | None = None
        self._lift: Callable[[Any], Any] | None = None
        self.state = ReaderState.OPEN

    @property
    def payload(self) -> PayloadType:
        """The element type; None where there is none, `UNBOUND` where no guest has said it yet."""
        return self._readable.payload  # type: ignore[return-value]  # opaque to the runtime

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {describe(self.payload)}, {self.state.name.lower()}>"

    def _check_open(self, store: object) -> None:
        if store is not self._store:
            raise StoreError(f"this {self.noun} reader belongs to another store: use it with its own")
        if self.state is not ReaderState.OPEN:
            raise StoreError(f"this {self.noun} reader {self.state.value}")

    def take(self, store: object) -> Readable:
        """Take the end away, to give it to somebody else.

        Raises:
            StoreError: the reader is closed, was taken already, is in use, or belongs to another store.
        """
        self._check_open(store)
        self.state = ReaderState.MOVED
        return self._readable

    def close(self, store: StoreLike) -> None:
        """Drop the end; the writer learns of it now, or when it writes.

        Raises:
            StoreError: the reader is closed, was passed on, is in use, or belongs to another store.
        """
        self._check_open(as_store(store))
        self._close()

    def _close(self) -> None:
        self.state = ReaderState.CLOSED
        self._readable.drop_readable()

    def close_with(self, store: StoreLike) -> None:
        """As `close`, for those who know the name from Wasmtime."""
        self.close(store)

    def guard(self, store: StoreLike) -> Guard[Self]:
        """Return a context manager, for ``with`` and ``async with``, that closes this on exit if it is still open."""
        self._check_open(as_store(store))
        return Guard(self)

    def try_into(self, store: StoreLike, cls: type[T]) -> T | None:
        """Take back the object behind an end that the host made, and close this; None when there is no such object.

        Raises:
            StoreError: as for `close`.
        """
        self._check_open(as_store(store))
        readable = self._readable
        if not isinstance(readable, HostStream | HostFuture):
            return None
        found: T | None = readable.take_back(cls)
        if found is not None:
            self.state = ReaderState.CLOSED
        return found

    def settle(self) -> None:
        """Make sure that nothing was read that nobody has seen.

        Raises:
            StoreError: a read was given up, and what it read, or will read, is still here.
        """
        read, readable = self._reading, self._readable
        if read is None:
            return
        if not read.done or not isinstance(readable, HostStream | HostFuture):
            raise StoreError(f"this {self.noun} reader has a read that was given up: read once more first")
        self._reading = None
        for chunk in reversed(read.buffer.chunks):
            readable.put_back(chunk)

    def _pipe(self, store: StoreLike, consumer: object, *, is_future: bool) -> Pipe:
        self._check_open(as_store(store))
        self.settle()
        self.state = ReaderState.PIPED

        def give_back() -> Reader:
            reader = type(self)(self._store, self._readable)
            reader._lift = self._lift
            return reader

        return make_pipe(self._store, self._readable, consumer, give_back, is_future=is_future)

    @contextmanager
    def _busy(self, store: StoreLike) -> Any:
        self._check_open(as_store(store))
        self.state = ReaderState.READING
        try:
            yield
        finally:
            if self.state is ReaderState.READING:
                self.state = ReaderState.OPEN

    async def _read(self, length: int) -> HostRead:
        """Wait for a read of `length` items, or go on with one that was given up before it had ended."""
        read = self._reading
        if read is None:
            read = HostRead(self._store, self._readable, length)
            read.start()
            self._reading = read
        try:
            await read.wait()
        finally:
            if read.done and (read.error is not None or not read.buffer.chunks):
                self._reading = None
        self._reading = None
        if isinstance(self._readable, SharedStream | SharedFuture) and not read.buffer.chunks:
            _raise_trap_of_writer(self._readable)
        return read


def _raise_trap_of_writer(shared: SharedStream | SharedFuture) -> None:
    if shared.writer_trap is not None:
        raise WriterTrappedError("the guest that wrote this trapped before it was done") from shared.writer_trap


ReaderT = TypeVar("ReaderT", bound=Reader)


@final
class Guard(Generic[ReaderT]):
    """Closes a reader on exit, unless it was closed, piped or passed on before."""

    __slots__ = ("reader",)

    def __init__(self, reader: ReaderT) -> None:
        self.reader = reader

    def __enter__(self) -> ReaderT:
        return self.reader

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.reader.state is ReaderState.OPEN:
            self.reader._close()

    async def __aenter__(self) -> ReaderT:
        return self.reader

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, value, traceback)


@final
class StreamReader(Reader, Generic[ReadT]):
    """The readable end of a stream; the type parameter is what a read returns: ``bytes`` or a list."""

    __slots__ = ()

    noun = "stream"

    @classmethod
    def new(cls, store: StoreLike, producer: object, payload: PayloadType = UNBOUND) -> StreamReader[Any]:
        """Make a stream that the host writes.

        Args:
            store: the store, or an accessor.
            producer: a `StreamProducer`, or anything one can be made of: bytes, an iterable, an async iterable, an
                anyio stream; see `weft.producers`.
            payload: the element type; by default it is that of the guest that gets the stream.

        Raises:
            LowerError: no producer can be made of `producer`.
        """
        owner = as_store(store)
        return cls(owner, HostStream(owner, as_stream_producer(producer), payload))

    def pipe(self, store: StoreLike, consumer: StreamConsumer) -> Pipe:
        """Let the stream flow into `consumer`, from now on; await what this returns to know that it is over.

        Raises:
            StoreError: as for `close`.
        """
        return self._pipe(store, consumer, is_future=False)

    def lifted(self, lift: Callable[[Any], T]) -> StreamReader[list[T]]:
        """Let items go through `lift` when they are read, and return this reader; pipes pass them on as they are."""
        self._lift = lift
        return cast("StreamReader[list[T]]", self)

    async def read(self, store: StoreLike, max_items: int = 65536) -> ReadT:
        """Read up to `max_items` items, at least one: ``bytes`` of a ``stream<u8>``, else a list.

        A read that is cancelled loses nothing: what came meanwhile is there for the next one.

        Raises:
            anyio.EndOfStream: the stream is over.
            WriterTrappedError: the guest that wrote it trapped.
            StoreError: as for `close`.
        """
        if max_items < 1:
            raise ValueError(f"cannot read {max_items} items")
        with self._busy(store):
            while True:
                read = await self._read(max_items)
                if read.buffer.chunks:
                    items: Any = join_chunks(read.buffer.chunks, self.payload)
                    return cast("ReadT", items if self._lift is None else [self._lift(item) for item in items])
                if read.result is CopyResult.DROPPED:
                    raise anyio.EndOfStream

    async def chunks(self, store: StoreLike, max_items: int = 65536) -> AsyncIterator[ReadT]:
        """Iterate over what `read` returns, to the end of the stream."""
        while True:
            try:
                chunk = await self.read(store, max_items)
            except anyio.EndOfStream:
                self.close(store)
                return
            yield chunk

    async def read_all(self, store: StoreLike) -> ReadT:
        """Read to the end: ``bytes`` of a ``stream<u8>``, else a list."""
        found: list[Any] = [chunk async for chunk in self.chunks(store)]
        nothing = b"" if self.payload is Prim.U8 else []
        return cast("ReadT", join_chunks(found, self.payload) if found else nothing)


@final
class FutureReader(Reader, Generic[ReadT]):
    """The readable end of a future; the type parameter is that of its value."""

    __slots__ = ()

    noun = "future"

    @classmethod
    def new(cls, store: StoreLike, producer: object, payload: PayloadType = UNBOUND) -> FutureReader[Any]:
        """Make a future that the host writes.

        Args:
            store: the store, or an accessor.
            producer: a `FutureProducer`, or an awaitable; see `weft.producers`.
            payload: the type of the value; by default it is that of the guest that gets the future.

        Raises:
            LowerError: no producer can be made of `producer`.
        """
        owner = as_store(store)
        return cls(owner, HostFuture(owner, as_future_producer(producer), payload))

    def pipe(self, store: StoreLike, consumer: FutureConsumer) -> Pipe:
        """Let the value go to `consumer`; await what this returns to know that it has arrived.

        Raises:
            StoreError: as for `close`.
        """
        return self._pipe(store, consumer, is_future=True)

    def lifted(self, lift: Callable[[Any], T]) -> FutureReader[T]:
        """Let the value go through `lift` when it is read, and return this reader; pipes pass it on as it is."""
        self._lift = lift
        return cast("FutureReader[T]", self)

    async def read(self, store: StoreLike) -> ReadT:
        """Wait for the value. A read that is cancelled can be repeated; one that returned closes the reader.

        Raises:
            WriterTrappedError: the guest that was to write it trapped.
            StoreError: as for `close`, or the future will never have a value.
        """
        with self._busy(store):
            readable = self._readable
            if isinstance(readable, SharedFuture) and readable.dropped:
                _raise_trap_of_writer(readable)
                raise StoreError("this future will have no value: its writer is gone")
            read = await self._read(1)
            if not read.buffer.chunks:
                raise StoreError("this future will have no value: its writer is gone")
            self._close()
        value: Any = read.buffer.chunks[0][0]
        return cast("ReadT", value if self._lift is None else self._lift(value))


# What `StoreState` calls when ends leave guests and enter them.


def wrap_readable(store: TransmitStore, readable: Readable, end_type: StreamType | FutureType) -> object:
    """Return what host code sees of a readable end that left a guest."""
    if isinstance(end_type, StreamType):
        return StreamReader(store, readable)
    return FutureReader(store, readable)


def unwrap_readable(store: TransmitStore, value: object, end_type: StreamType | FutureType) -> Readable:
    """Return the readable end that a guest gets for `value`.

    Raises:
        LowerError: `value` is no reader of this type, and no producer can be made of it.
    """
    kind: type[Reader] = StreamReader if isinstance(end_type, StreamType) else FutureReader
    if isinstance(value, Reader):
        return _unwrap_reader(store, value, kind, end_type.payload)
    readable: HostStream | HostFuture
    if kind is StreamReader:
        readable = HostStream(store, as_stream_producer(value), end_type.payload)
    else:
        readable = HostFuture(store, as_future_producer(value), end_type.payload)
    return readable


def _unwrap_reader(store: TransmitStore, reader: Reader, kind: type[Reader], payload: PayloadType) -> Readable:
    if type(reader) is not kind:
        raise LowerError(f"expected a {kind.noun}, got a {reader.noun}")
    found = reader._readable
    try:
        reader._check_open(store)
        reader.settle()
    except StoreError as error:
        raise LowerError(str(error)) from error
    if isinstance(found, HostStream | HostFuture):
        found.bind(payload)
    elif found.payload != payload:
        raise LowerError(f"expected a {kind.noun} of {describe(payload)}, got one of {describe(reader.payload)}")
    return reader.take(store)


__all__ = ["FutureReader", "Guard", "Reader", "ReaderState", "StreamReader", "unwrap_readable", "wrap_readable"]
