"""Ends of streams and futures, as elements of a guest's handle table.

Source: CanonicalABI.md, "Stream State", "Future State" and "`canon {stream,future}.{read,write}`".
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, ClassVar, final

from weft.errors import Trap, TrapCode
from weft.runtime.shared import CopyResult
from weft.runtime.waitable import Event, EventCode, Waitable

if TYPE_CHECKING:
    from weft.runtime.buffer import Buffer
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.shared import Readable, SharedFuture, SharedStream


@final
class CopyState(enum.Enum):
    """What an end is doing; copies start only from IDLE."""

    IDLE = "idle"
    COPYING = "copying"
    CANCELLING_COPY = "cancelling a copy"
    DONE = "done"


class CopyEnd(Waitable):
    """One end of a stream or future in a guest.

    Invariant: `buffer` is set exactly while COPYING or CANCELLING_COPY.
    Invariant: `_partial` says that the pending event stands for progress, so that the buffer is still shared.
    """

    __slots__ = ("_partial", "_result", "buffer", "index", "state")

    kind: ClassVar[str]
    event_code: ClassVar[EventCode]

    def __init__(self) -> None:
        super().__init__()
        self.state = CopyState.IDLE
        self.buffer: Buffer | None = None
        self.index = 0
        self._partial = False
        self._result = CopyResult.COMPLETED

    # What each kind of end fills in.

    def _start(self, inst: ComponentInstance, buffer: Buffer) -> None:
        raise NotImplementedError

    def _reclaim(self) -> None:
        raise NotImplementedError

    def _cancel(self) -> None:
        raise NotImplementedError

    def _release(self) -> None:
        raise NotImplementedError

    def _packed(self, result: CopyResult, buffer: Buffer) -> int:
        raise NotImplementedError

    def done_trap(self, verb: str) -> Trap:
        """Return the trap for using an end that is DONE."""
        raise NotImplementedError

    # Copies.

    def copying(self) -> bool:
        """Whether a copy is in progress."""
        return self.state in (CopyState.COPYING, CopyState.CANCELLING_COPY)

    def check_idle(self, verb: str) -> None:
        """Trap unless a copy can start."""
        if self.state is CopyState.DONE:
            raise self.done_trap(verb)
        if self.state is not CopyState.IDLE:
            raise Trap(TrapCode.CONCURRENT_FUTURE_STREAM_OP)

    def copy(self, inst: ComponentInstance, buffer: Buffer) -> None:
        """Start a copy; its event may be pending at once."""
        self.state = CopyState.COPYING
        self.buffer = buffer
        self._start(inst, buffer)

    def on_copy(self) -> None:
        """Note progress: the other side copied something and may come again."""
        self._partial = True
        self._result = CopyResult.COMPLETED
        self.set_pending_event(self._event)

    def on_copy_done(self, result: CopyResult) -> None:
        """Note that the copy is over."""
        self._partial = False
        self._result = result
        self.set_pending_event(self._event)

    def cancel(self) -> None:
        """Ask for the copy in progress to end; there may be an event at once."""
        self.state = CopyState.CANCELLING_COPY
        if not self.has_pending_event():
            self._cancel()
        elif self._result is CopyResult.COMPLETED:
            self._result = self._cancelled_result()

    def _cancelled_result(self) -> CopyResult:
        return CopyResult.COMPLETED

    def _event(self) -> Event:
        if self._partial:
            self._partial = False
            self._reclaim()
        buffer, self.buffer = self.buffer, None
        assert buffer is not None
        packed = self._packed(self._result, buffer)
        return (self.event_code, self.index, packed)

    def drop(self) -> None:
        """Drop this end; a `Trap` in the middle of a copy."""
        if self.copying():
            raise Trap(TrapCode.COPY_STATE, f"cannot {self._drop_verb()} busy {self.kind}")
        self._release()
        self.join(None)

    def _drop_verb(self) -> str:
        return "remove" if isinstance(self, ReadableEnd) else "drop"

    def abandon(self, error: BaseException) -> None:
        """Drop this end because its instance trapped with `error`: nobody in it will see another event."""
        del error
        # A copy that is over has left the place of its buffer to whoever came next.
        if self.state is CopyState.COPYING and (self._partial or not self.has_pending_event()):
            self._reclaim()
        self.pending_event = None
        self.sync_waiter = None
        self.state = CopyState.DONE
        self._release()


class ReadableEnd(CopyEnd):
    """An end that reads."""

    __slots__ = ("shared",)

    def __init__(self, shared: Readable) -> None:
        super().__init__()
        self.shared = shared

    def _start(self, inst: ComponentInstance, buffer: Buffer) -> None:
        self.shared.read(inst, buffer, self)

    def _reclaim(self) -> None:
        self.shared.reset_pending()

    def _cancel(self) -> None:
        self.shared.cancel_read()

    def _release(self) -> None:
        self.shared.drop_readable()


class WritableEnd(CopyEnd):
    """An end that writes."""

    __slots__ = ("shared",)

    def __init__(self, shared: SharedStream | SharedFuture) -> None:
        super().__init__()
        self.shared = shared

    def _start(self, inst: ComponentInstance, buffer: Buffer) -> None:
        self.shared.write(inst, buffer, self)

    def _reclaim(self) -> None:
        self.shared.reset_pending()

    def _cancel(self) -> None:
        self.shared.cancel_write()

    def _release(self) -> None:
        self.shared.drop_writable()

    def abandon(self, error: BaseException) -> None:
        """Drop this end because its instance trapped with `error`; whoever reads can learn of it."""
        if self.state is not CopyState.DONE:
            self.shared.writer_trap = error
        super().abandon(error)


def _pack_stream(end: CopyEnd, result: CopyResult, buffer: Buffer) -> int:
    end.state = CopyState.DONE if result is CopyResult.DROPPED else CopyState.IDLE
    return result | ((buffer.length - buffer.remaining) << 4)


def _pack_future(end: CopyEnd, result: CopyResult) -> int:
    end.state = CopyState.IDLE if result is CopyResult.CANCELLED else CopyState.DONE
    return result


@final
class ReadableStreamEnd(ReadableEnd):
    """The readable end of a stream."""

    __slots__ = ()
    kind = "stream"
    event_code = EventCode.STREAM_READ

    def _packed(self, result: CopyResult, buffer: Buffer) -> int:
        return _pack_stream(self, result, buffer)

    def _cancelled_result(self) -> CopyResult:
        return CopyResult.CANCELLED

    def done_trap(self, verb: str) -> Trap:
        """Return the trap for reading or passing on after the end of the stream."""
        what = "lift stream" if verb == "lift" else "read from stream"
        return Trap(TrapCode.COPY_STATE, f"cannot {what} after being notified that the writable end dropped")


@final
class WritableStreamEnd(WritableEnd):
    """The writable end of a stream."""

    __slots__ = ()
    kind = "stream"
    event_code = EventCode.STREAM_WRITE

    def _packed(self, result: CopyResult, buffer: Buffer) -> int:
        return _pack_stream(self, result, buffer)

    def _cancelled_result(self) -> CopyResult:
        return CopyResult.CANCELLED

    def done_trap(self, verb: str) -> Trap:
        """Return the trap for writing to nobody."""
        return Trap(TrapCode.COPY_STATE, "cannot write to stream after being notified that the readable end dropped")


@final
class ReadableFutureEnd(ReadableEnd):
    """The readable end of a future."""

    __slots__ = ()
    kind = "future"
    event_code = EventCode.FUTURE_READ

    def _packed(self, result: CopyResult, buffer: Buffer) -> int:
        return _pack_future(self, result)

    def done_trap(self, verb: str) -> Trap:
        """Return the trap for reading twice."""
        what = "lift future" if verb == "lift" else "read from future"
        return Trap(TrapCode.COPY_STATE, f"cannot {what} after previous read succeeded")


@final
class WritableFutureEnd(WritableEnd):
    """The writable end of a future: it must be written before it may be dropped."""

    __slots__ = ()
    kind = "future"
    event_code = EventCode.FUTURE_WRITE

    def _packed(self, result: CopyResult, buffer: Buffer) -> int:
        return _pack_future(self, result)

    def done_trap(self, verb: str) -> Trap:
        """Return the trap for writing twice."""
        return Trap(
            TrapCode.COPY_STATE, "cannot write to future after previous write succeeded or readable end dropped"
        )

    def drop(self) -> None:
        """Drop this end; a `Trap` when no value was written."""
        if self.state is CopyState.IDLE:
            raise Trap(TrapCode.FUTURE_DROPPED_UNWRITTEN)
        super().drop()
