"""A guest's side of streams and futures, without a guest: real buffers over a made-up memory."""

from __future__ import annotations

import ctypes
from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from weft.canon.compile import ValueOptions
from weft.canon.payload import Payload
from weft.canon.types import Prim
from weft.engine import Borrow
from weft.host.streams.host_sink import StreamSink
from weft.host.streams.host_stream import HostFuture, HostStream
from weft.host.streams.transmits import PENDING, StreamResult
from weft.runtime.buffer import GuestBuffer
from weft.runtime.scheduler import Scheduler
from weft.runtime.shared import CopyResult, SharedFuture, SharedStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

COMPLETED, DROPPED, CANCELLED = CopyResult.COMPLETED, CopyResult.DROPPED, CopyResult.CANCELLED


class FakeStore:
    """What streams and futures need of a store; `run` does what a driver would."""

    def __init__(self, group: TaskGroup | None = None) -> None:
        self.state: Any = SimpleNamespace(scheduler=Scheduler())
        self.open_transmits: set[Any] = set()
        self.pending_host_tasks = 0
        self.group = group
        self.claimed: list[BaseException] = []

    def claim(self, error: BaseException) -> None:
        self.claimed.append(error)

    def run(self) -> None:
        while self.state.scheduler.run_one():
            pass

    def spawn_host_task(self, func: Callable[..., Awaitable[object]], *args: object) -> Any:
        raise AssertionError("no task was expected")


class FakeMemory:
    """A linear memory whose loans are those of the engine."""

    def __init__(self, size: int = 4096) -> None:
        self.data = bytearray(size)
        self.view = memoryview(self.data)

    def check(self, ptr: int, byte_length: int) -> bool:
        return ptr + byte_length <= len(self.data)

    def borrow(self, ptr: int, n: int, *, writable: bool = True) -> Borrow:
        return Borrow((ctypes.c_ubyte * n).from_buffer(self.data, ptr), writable=writable)


class FakeInstance:
    """A component instance that can only be poisoned."""

    def __init__(self) -> None:
        self.poisoned: BaseException | None = None
        self.root = self

    def poison(self, error: BaseException) -> None:
        self.poisoned = error


class End:
    """The end of a guest: one copy at a time."""

    def __init__(self, payload: Prim | None = Prim.U8) -> None:
        self.inst: Any = FakeInstance()
        self.memory = FakeMemory()
        self.cx: Any = SimpleNamespace(memory=self.memory, realloc=None, lifted=0, lift_budget=1 << 27)
        self.payload = None if payload is None else Payload.of(payload, ValueOptions("utf8", memory64=False))
        self.buffer: Any = None
        self.result: CopyResult | None = None

    def room(self, count: int, ptr: int = 1024) -> GuestBuffer:
        self.result = None
        self.buffer = GuestBuffer(self.payload, self.cx, ptr, count)
        return self.buffer

    def on_copy(self) -> None:
        self.result = COMPLETED

    def on_copy_done(self, result: CopyResult) -> None:
        assert self.result is None
        self.result = result

    @property
    def count(self) -> int:
        return self.buffer.length - self.buffer.remaining

    @property
    def answer(self) -> tuple[CopyResult, int] | None:
        return None if self.result is None else (self.result, self.count)


class GuestReader(End):
    """A guest that reads what the host writes."""

    def __init__(self, store: FakeStore, producer: Any, payload: Prim | None = Prim.U8) -> None:
        super().__init__(payload)
        self.stream = HostStream(store, producer, payload)

    def read(self, count: int) -> tuple[CopyResult, int] | None:
        self.stream.read(self.inst, self.room(count), self)
        return self.answer

    def cancel(self) -> tuple[CopyResult, int] | None:
        self.stream.cancel_read()
        return self.answer

    @property
    def data(self) -> bytes:
        size = 1 if self.payload is None else self.payload.size
        return bytes(self.memory.data[1024 : 1024 + self.count * size])


class FutureReaderEnd(End):
    """A guest that reads a future of the host's."""

    def __init__(self, store: FakeStore, producer: Any) -> None:
        super().__init__(Prim.U8)
        self.future = HostFuture(store, producer, Prim.U8)

    def read(self) -> CopyResult | None:
        self.future.read(self.inst, self.room(1), self)
        return self.result

    def cancel(self) -> CopyResult | None:
        self.future.cancel_read()
        return self.result


class GuestWriter(End):
    """A guest that writes a stream, or a future."""

    def __init__(self, payload: Prim | None = Prim.U8, *, future: bool = False) -> None:
        super().__init__(payload)
        self.shared: Any = (SharedFuture if future else SharedStream)(payload, numeric=True)

    def into(self, store: FakeStore, consumer: Any) -> GuestWriter:
        """Attach a consumer."""
        self.shared.attach_sink(StreamSink(store, consumer, self.shared.payload))
        return self

    def write(self, data: bytes) -> tuple[CopyResult, int] | None:
        size = 1 if self.payload is None else self.payload.size
        self.memory.data[1024 : 1024 + len(data)] = data
        self.shared.write(self.inst, self.room(len(data) // size), self)
        return self.answer

    def cancel(self) -> tuple[CopyResult, int] | None:
        self.shared.cancel_write()
        return self.answer


class Script:
    """A producer or consumer that does what it is told, one step a poll, and remembers what it was asked."""

    def __init__(self, *steps: Any) -> None:
        self.steps = deque(steps)
        self.finishes: list[bool] = []
        self.remaining: list[int | None] = []
        self.closed = 0
        self.waker: Any = None

    def _step(self, waker: Any, end: Any, finish: bool) -> Any:
        self.waker = waker
        self.finishes.append(finish)
        if end is not None:
            self.remaining.append(end.remaining)
        step = self.steps.popleft() if self.steps else PENDING
        if isinstance(step, BaseException):
            raise step
        return step(end) if callable(step) else step

    def poll_produce(self, waker: Any, *rest: Any) -> Any:
        return self._step(waker, rest[0] if len(rest) == 2 else None, rest[-1])

    def poll_consume(self, waker: Any, source: Any, finish: bool) -> Any:
        return self._step(waker, source, finish)

    def close(self) -> None:
        self.closed += 1

    @property
    def polls(self) -> int:
        return len(self.finishes)


def wrote(items: Any, result: Any = StreamResult.COMPLETED) -> Callable[[Any], Any]:
    """A step of a producer: write, then answer."""

    def step(destination: Any) -> Any:
        destination.write(items)
        return result

    return step


def took(
    count: int | None, result: Any = StreamResult.COMPLETED, into: list[Any] | None = None
) -> Callable[[Any], Any]:
    """A step of a consumer: take, then answer."""

    def step(source: Any) -> Any:
        items = source.read(count)
        if into is not None:
            into.append(items)
        return result

    return step
