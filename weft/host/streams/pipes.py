"""Pipes: a stream or future and the consumer behind it.

What a guest writes goes straight to the consumer. Where the host writes too, a pump asks the producer and hands on
what it gets, a bounded number of times in a turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, final

from weft.errors import StoreError, WriterTrappedError
from weft.host.streams.chunks import UNLIMITED, ChunkBuffer, HostBuffer
from weft.host.streams.host_sink import FutureSink, HostSink, StreamSink
from weft.host.streams.outcomes import Outcome
from weft.runtime.shared import CopyResult, SharedFuture, SharedStream

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from weft.host.streams.host_stream import HostFuture, HostStream
    from weft.host.streams.transmits import TransmitStore
    from weft.runtime.buffer import Buffer
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.shared import Copier

ROUNDS = 64
"""How many operations a pump starts in one turn."""


class Flow(Protocol):
    """What moves items from a readable to a sink."""

    def start(self) -> None:
        """Start moving."""

    def stop(self, stopped: Callable[[], None]) -> None:
        """Stop moving, and call `stopped` when nothing moves any more."""

    def finish(self) -> BaseException | None:
        """Let go of the readable for good: the consumer is gone. Return why the writer stopped, if it trapped."""


@final
class Pipe:
    """A stream or future that flows into a consumer. Await it to know that it is over; it flows all the same."""

    __slots__ = ("_consumer", "_flow", "_give_back", "_outcome", "_stopped", "_stopping", "_store", "sink")

    def __init__(
        self, store: TransmitStore, sink: HostSink, consumer: object, flow: Flow, give_back: Callable[[], Any]
    ) -> None:
        self._store = store
        self.sink = sink
        self._consumer = consumer
        self._flow = flow
        self._give_back = give_back
        self._outcome = Outcome()
        self._stopping = False
        self._stopped = Outcome()
        sink.on_end = self._sink_ended

    def start(self) -> None:
        """Let it flow."""
        self._flow.start()

    def _sink_ended(self, error: BaseException | None) -> None:
        cause = error
        if not self._stopping:
            trap = self._flow.finish()
            if error is None and trap is not None:
                error, cause = WriterTrappedError("the guest that wrote this trapped before it was done"), trap
                error.__cause__ = trap
        if cause is not None and self._outcome.awaited:
            self._store.claim(cause)
        self._outcome.set(error)
        self._stopped.set()

    @property
    def done(self) -> bool:
        """Whether the consumer has been closed."""
        return self._outcome.done

    async def wait(self) -> None:
        """Wait until the stream has ended, or the consumer takes no more, and all is where it was to go.

        Raises:
            WriterTrappedError: the guest that wrote trapped.
            Exception: what the producer or the consumer raised.
        """
        await self._outcome.wait()
        wait_closed = getattr(self._consumer, "wait_closed", None)
        if wait_closed is not None:
            await wait_closed()

    def __await__(self) -> Generator[Any, Any, None]:
        return self.wait().__await__()

    async def stop(self) -> Any:
        """Stop the flow and return a reader of all that the consumer did not take.

        The consumer is asked to finish what it is doing, and is closed.

        Raises:
            StoreError: the pipe was stopped before.
            Exception: what the producer or the consumer raised.
        """
        if self._stopping:
            raise StoreError("this pipe was stopped already")
        if not self._outcome.done:
            self._stopping = True
            self._flow.stop(self._stopped.set)
            await self._stopped.wait()
            self.sink.drop_writable()
        await self.wait()
        self._stopping = True
        return self._give_back()


@final
class GuestFlow:
    """A stream or future that a guest writes: its writes go to the sink by themselves."""

    __slots__ = ("_shared", "_sink")

    def __init__(self, shared: SharedStream | SharedFuture, sink: HostSink) -> None:
        self._shared = shared
        self._sink = sink

    def start(self) -> None:
        """Attach the sink; what was left by a writer goes to it at once."""
        pending = self._shared.pending
        try:
            self._shared.attach_sink(self._sink)
        except Exception as error:
            if pending is None or pending[0] is None:
                raise
            pending[0].root.poison(error)  # and whoever awaits the pipe gets it

    def stop(self, stopped: Callable[[], None]) -> None:
        """Detach the sink, as soon as it has finished the write in progress."""
        operation = self._sink.operation()
        if operation is None:
            self.detach(stopped)
        else:
            self._sink.redirect(_PutBack(self, operation, self._sink, stopped))
            self._sink.finish()

    def detach(self, stopped: Callable[[], None]) -> None:
        """Let writes wait for the next reader."""
        self._shared.detach_sink()
        stopped()

    def put_back(
        self, operation: tuple[ComponentInstance | None, Buffer, Copier], taken: bool, stopped: Callable[[], None]
    ) -> None:
        """Leave a write that the consumer did not complete to the next reader."""
        self.detach(stopped)
        self._shared.pending = operation
        if taken:
            operation[2].on_copy()

    def finish(self) -> BaseException | None:
        """Drop the readable end, so that writers learn of it."""
        self._shared.detach_sink()
        self._shared.drop_readable()
        return self._shared.writer_trap


@final
class _PutBack:
    """Stands in for the writer of a write in progress while its pipe is being stopped."""

    def __init__(
        self,
        flow: GuestFlow,
        operation: tuple[ComponentInstance | None, Buffer, Copier],
        sink: HostSink,
        stopped: Callable[[], None],
    ) -> None:
        self.flow = flow
        self.operation = operation
        self.sink = sink
        self.remaining_before = operation[1].remaining + sink.taken
        self.stopped = stopped

    def on_copy(self) -> None:
        """Never called by sinks."""

    def on_copy_done(self, result: CopyResult) -> None:
        """Complete the write, or leave it where it was."""
        _, buffer, copier = self.operation
        if result is CopyResult.COMPLETED or self.sink.writer_cancelled:
            self.flow.detach(self.stopped)
            copier.on_copy_done(CopyResult.CANCELLED if result is CopyResult.DROPPED else result)
        else:
            self.flow.put_back(self.operation, buffer.remaining < self.remaining_before, self.stopped)


@final
class Pump:
    """A stream or future that the host writes, into a consumer of the host's.

    Invariant: `_busy` says that a read or a write is in progress; `_writing` which of the two was the last.
    """

    __slots__ = (
        "_busy",
        "_chunks",
        "_ended",
        "_in_turn",
        "_over",
        "_readable",
        "_room",
        "_sink",
        "_stopped",
        "_store",
        "_writing",
    )

    def __init__(self, store: TransmitStore, readable: HostStream | HostFuture, sink: HostSink) -> None:
        self._store = store
        self._readable = readable
        self._sink = sink
        self._room: HostBuffer | None = None
        self._chunks: list[ChunkBuffer] = []
        self._busy = self._writing = self._in_turn = self._ended = self._over = False
        self._stopped: Callable[[], None] | None = None

    def start(self) -> None:
        """Take the first turn."""
        self._turn()

    def _turn(self) -> None:
        self._in_turn = True
        try:
            for _ in range(ROUNDS):
                if not self._step():
                    return
        except Exception as error:  # noqa: BLE001 - who awaits the pipe gets it
            self.on_copy_failed(error)
            return
        finally:
            self._in_turn = False
        self._store.state.scheduler.push_job(self._turn)

    def _step(self) -> bool:
        """Start the next operation; False when there is nothing to do now."""
        if self._busy or self._over:
            return False
        if self._stopped is not None:
            self._wind_up()
            return False
        while self._chunks and not self._chunks[0].remaining:
            del self._chunks[0]
        self._busy = True
        if self._chunks:
            self._writing = True
            self._sink.write(None, self._chunks[0], self)
        elif self._ended:
            self._over = True
            self._sink.drop_writable()
        else:
            self._writing = False
            self._room = HostBuffer(1 if isinstance(self._sink, FutureSink) else UNLIMITED)
            self._readable.read(None, self._room, self)
        return not self._over

    def on_copy(self) -> None:
        """Never called: the other side is the host's too."""

    def on_copy_done(self, result: CopyResult) -> None:
        """Go on after a read or a write."""
        self._busy = False
        if not self._writing:
            room, self._room = self._room, None
            assert room is not None
            self._chunks = [ChunkBuffer(chunk) for chunk in room.chunks]
            self._ended = result is CopyResult.DROPPED or isinstance(self._sink, FutureSink)
        if not self._in_turn:
            self._store.state.scheduler.push_job(self._turn)

    def on_copy_failed(self, error: BaseException) -> None:
        """End with the exception of a producer or a consumer."""
        self._busy = False
        self._over = True
        self._sink.end_with(error)
        if self._stopped is not None:
            self._stopped()

    def stop(self, stopped: Callable[[], None]) -> None:
        """Stop after the operation in progress, which is asked to finish."""
        self._stopped = stopped
        if self._busy and self._writing:
            self._sink.finish()
        elif self._busy:
            self._readable.cancel_read()
        else:
            self._wind_up()

    def _wind_up(self) -> None:
        """Give back what was read and not taken."""
        self._over = True
        for chunk in reversed(self._chunks):
            if chunk.remaining:
                self._readable.put_back(chunk.peek())
        self._chunks.clear()
        assert self._stopped is not None
        self._stopped()

    def finish(self) -> BaseException | None:
        """Drop the readable end, so that the producer is closed."""
        self._over = True
        self._readable.drop_readable()
        return None


def make_pipe(
    store: TransmitStore, readable: Any, consumer: Any, give_back: Callable[[], Any], *, is_future: bool
) -> Pipe:
    """Put `consumer` behind `readable` and let it flow."""
    sink = (FutureSink if is_future else StreamSink)(store, consumer, readable.payload)
    flow: Flow
    if isinstance(readable, SharedStream | SharedFuture):
        flow = GuestFlow(readable, sink)
    else:
        flow = Pump(store, readable, sink)
    pipe = Pipe(store, sink, consumer, flow, give_back)
    pipe.start()
    return pipe


__all__ = ["Flow", "GuestFlow", "Pipe", "Pump", "make_pipe"]
