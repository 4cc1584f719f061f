"""What the host plugs into streams and futures: producers and consumers.

Source: Wasmtime's `StreamProducer`, `StreamConsumer`, `FutureProducer` and `FutureConsumer`.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, TypeVar, final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.canon.types import ValType
    from weft.host.streams.destination import Destination
    from weft.host.streams.source import Source
    from weft.host.streams.wakers import Waker
    from weft.runtime.store import StoreState

T = TypeVar("T")


@final
class StreamResult(enum.Enum):
    """How an operation of a producer or consumer ended.

    COMPLETED: something was transferred, and more may follow.
    CANCELLED: nothing was transferred, because the operation was to finish; only allowed when `finish` was true.
    DROPPED: this was the last operation; items may have been transferred in it.
    """

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    DROPPED = "dropped"


@final
class Pending(enum.Enum):
    """The answer of an operation that cannot end yet."""

    PENDING = "pending"


PENDING: Final = Pending.PENDING
CANCELLED: Final = StreamResult.CANCELLED


@final
class Unbound(enum.Enum):
    """The payload of a stream or future of the host's that no guest has seen yet."""

    UNBOUND = "unbound"


UNBOUND: Final = Unbound.UNBOUND

PayloadType: TypeAlias = "ValType | Unbound | None"
"""An element type, None for a stream or future without one, `UNBOUND` for one that is not known yet."""

StreamAnswer: TypeAlias = StreamResult | Pending


@final
@frozen
class Produced:
    """The value of a future, as a `FutureProducer` answers with it."""

    value: Any = None


FutureAnswer: TypeAlias = Produced | Literal[StreamResult.CANCELLED] | Pending


class StreamProducer(Protocol):
    """Writes a stream of the host's.

    A producer may also have:

    * ``close()``: called once, as soon as the stream has ended or its reader is gone.
    * ``opened(waker, payload)``: called once, before anything else; the payload may still be `UNBOUND`.
    * ``try_into(cls)``: returns the object behind the stream as a `cls`, or None; see `StreamReader.try_into`.
    * ``holds_operation = True``: it keeps the destination over a `PENDING` answer and writes to it between polls.
    * ``take_bytes(limit)``: for a ``stream<u8>``, gives at most `limit` bytes that are there already, at least one; or
      None, and then it is polled. The shortest way for bytes that need no waiting.
    """

    def poll_produce(self, waker: Waker, destination: Destination, finish: bool) -> StreamAnswer:
        """Serve the read in progress. Called when a reader starts to read, and when the waker was woken.

        * Items are there: write one or more to `destination` and answer COMPLETED, or DROPPED if they are the last.
        * The stream is over: answer DROPPED.
        * Nothing is there yet: keep the waker, write nothing, answer PENDING, and wake the waker later.
        * `finish` is true: the reader wants its read back. Answer CANCELLED if nothing was written and nothing is under
          way any more, else end the operation soon.

        A read of zero items (``destination.remaining == 0``) asks whether items are there: answer COMPLETED without
        writing if so, or if that cannot be known.

        Raises:
            Exception: the guest that reads traps with it.
        """
        ...


class StreamConsumer(Protocol):
    """Takes what is written to a stream.

    It may also have ``close()``, ``opened(waker, payload)`` and ``holds_operation``, as a `StreamProducer`.
    """

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """Serve the write in progress. Called when a writer starts to write, and when the waker was woken.

        * Items can be taken: take one or more from `source` and answer COMPLETED, or DROPPED to take no more after
          them.
        * Not now: keep the waker and answer PENDING. Having taken items, PENDING delays the writer until they have
          gone where they go.
        * `finish` is true: the writer wants its write back. Answer CANCELLED if nothing was taken, else end it soon.

        A write of zero items asks whether items could be taken: answer COMPLETED only then.

        Raises:
            Exception: the guest that writes traps with it.
        """
        ...


class FutureProducer(Protocol):
    """Gives a future of the host's its value.

    It may also have ``close()``, ``opened(waker, payload)`` and ``try_into(cls)``, as a `StreamProducer`.
    """

    def poll_produce(self, waker: Waker, finish: bool) -> FutureAnswer:
        """Answer with the value, with PENDING, or, only when `finish` is true, with CANCELLED.

        Raises:
            Exception: the guest that reads traps with it.
        """
        ...


class FutureConsumer(Protocol):
    """Takes the value of a future. It may also have ``close()`` and ``opened(waker, payload)``."""

    def poll_consume(self, waker: Waker, source: Source, finish: bool) -> StreamAnswer:
        """Take the one item of `source` and answer COMPLETED; or answer PENDING, or, when `finish`, CANCELLED.

        Raises:
            Exception: the guest that writes traps with it.
        """
        ...


class TaskHandle(Protocol):
    """A background task of a store."""

    def cancel(self) -> None:
        """Cancel it."""


class Closable(Protocol):
    """A stream or future whose host side must be closed with the store."""

    def close(self) -> None:
        """Close the producer or consumer."""


class TransmitStore(Protocol):
    """What streams and futures need of a store.

    Attributes:
        state: the run-time state.
        open_transmits: what the store closes when it is closed itself.
        pending_host_tasks: how many things of the host's can still make the guests go on.
    """

    @property
    def state(self) -> StoreState:
        """The run-time state."""
        ...

    open_transmits: set[Any]
    pending_host_tasks: int

    def spawn_host_task(self, func: Callable[..., Awaitable[object]], /, *args: object) -> TaskHandle:
        """Run ``func(*args)`` in the background."""
        ...

    def claim(self, error: BaseException) -> None:
        """Note that host code will raise `error`, or one that it caused, so that the loop need not."""


def describe(payload: PayloadType) -> str:
    """Return a payload for messages."""
    if payload is None:
        return "no payload"
    return str(getattr(payload, "value", payload))


__all__ = [
    "CANCELLED",
    "PENDING",
    "UNBOUND",
    "Closable",
    "FutureAnswer",
    "FutureConsumer",
    "FutureProducer",
    "PayloadType",
    "Pending",
    "Produced",
    "StreamAnswer",
    "StreamConsumer",
    "StreamProducer",
    "StreamResult",
    "TaskHandle",
    "TransmitStore",
    "Unbound",
    "describe",
]
