"""stream.* and future.*: new, read, write, cancel-read, cancel-write, drop-readable, drop-writable.

Source: CanonicalABI.md, "`canon {stream,future}.new`" and following.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, final

from attrs import define

from weft.canon.builtins.subtasks import NOT_YET
from weft.canon.payload import Payload
from weft.canon.types import Prim
from weft.errors import InternalError, Trap, TrapCode
from weft.runtime.buffer import MAX_LENGTH, GuestBuffer
from weft.runtime.ends import (
    CopyEnd,
    CopyState,
    ReadableFutureEnd,
    ReadableStreamEnd,
    WritableFutureEnd,
    WritableStreamEnd,
)
from weft.runtime.shared import SharedFuture, SharedStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.context import LiftLowerContext
    from weft.canon.types import FutureType, StreamType
    from weft.runtime.instance import ComponentInstance

_IDLE = CopyState.IDLE

TransmitEnd = ReadableStreamEnd | WritableStreamEnd | ReadableFutureEnd | WritableFutureEnd
EndT = TypeVar("EndT", ReadableStreamEnd, WritableStreamEnd, ReadableFutureEnd, WritableFutureEnd)


@final
@define(eq=False)
class Copy:
    """What is static about one ``{stream,future}.{read,write}``: its type, options, and where the values lie."""

    cx: LiftLowerContext
    element: object
    payload: Payload | None
    is_async: bool
    start: Callable[[CopyEnd, ComponentInstance, GuestBuffer], None] = CopyEnd.copy

    @classmethod
    def of(cls, cx: LiftLowerContext, transmit: StreamType | FutureType, *, is_async: bool) -> Copy:
        """Compile the definition."""
        element = transmit.payload
        observation = cx.instance.store.observation
        start = CopyEnd.copy if observation is None else observation.start_copy
        return cls(cx, element, None if element is None else Payload.of(element, cx.options), is_async, start)


def _get_end(inst: ComponentInstance, kind: type[EndT], element: object, index: int) -> EndT:
    end = inst.handles.get(index)
    if not isinstance(end, kind):
        raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, f"handle is not a {_describe(kind)}")
    if end.shared.payload is not element and end.shared.payload != element:
        raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, f"handle is a {end.kind} of a different type")
    return end


def _describe(kind: type[TransmitEnd]) -> str:
    side = "readable" if kind in (ReadableStreamEnd, ReadableFutureEnd) else "writable"
    return f"{side} end of a {kind.kind}"


# new


def canon_stream_new(inst: ComponentInstance, stream_type: StreamType, numeric: bool) -> int:
    """Make a stream; the low half of the result is the readable end, the high half the writable."""
    inst.check_may_leave()
    shared = SharedStream(stream_type.payload, numeric=numeric)
    return _add_ends(inst, ReadableStreamEnd(shared), WritableStreamEnd(shared))


def canon_future_new(inst: ComponentInstance, future_type: FutureType, numeric: bool) -> int:
    """Make a future; the result is as for `canon_stream_new`."""
    inst.check_may_leave()
    shared = SharedFuture(future_type.payload, numeric=numeric)
    return _add_ends(inst, ReadableFutureEnd(shared), WritableFutureEnd(shared))


def _add_ends(inst: ComponentInstance, readable: CopyEnd, writable: CopyEnd) -> int:
    readable.index = inst.handles.add(readable)
    writable.index = inst.handles.add(writable)
    return readable.index | (writable.index << 32)


# read, write


def canon_stream_read(definition: Copy, index: int, ptr: int, count: int) -> object:
    """Read up to `count` elements to `ptr`; the result is packed, or `NOT_YET`."""
    return _copy(definition, ReadableStreamEnd, "read", index, ptr, count)


def byte_stream_reader(definition: Copy) -> Callable[[int, int, int], object]:
    """Return `canon_stream_read` of one ``stream<u8>`` definition, with a short way for bytes the host has at hand.

    Those make nobody wait and go to memory at once. Whatever is out of the ordinary is left to `_copy`.
    """
    inst, memory, is_async = definition.cx.instance, definition.cx.memory, definition.is_async
    get_handle = inst.handles.get
    assert memory is not None

    def stream_read(index: int, ptr: int, count: int) -> object:
        end = get_handle(index)
        if (
            type(end) is ReadableStreamEnd
            and end.state is _IDLE
            and (take_bytes := end.shared.take_bytes) is not None
            and (is_async or end.wset is None)
            and inst.may_leave
            and 0 < count <= MAX_LENGTH
            and (ptr + count <= len(memory.view) or memory.check(ptr, count))
            and end.shared.payload is Prim.U8
            and (data := take_bytes(count)) is not None
        ):
            taken = len(data)
            if not 0 < taken <= count:
                raise InternalError(f"{taken} bytes were given for a read of {count}")
            memory.view[ptr : ptr + taken] = data
            return taken << 4
        return _copy(definition, ReadableStreamEnd, "read", index, ptr, count)

    return stream_read


def canon_stream_write(definition: Copy, index: int, ptr: int, count: int) -> object:
    """Write up to `count` elements from `ptr`; the result is packed, or `NOT_YET`."""
    return _copy(definition, WritableStreamEnd, "write", index, ptr, count)


def canon_future_read(definition: Copy, index: int, ptr: int) -> object:
    """Read the value to `ptr`; the result is a `CopyResult`, or `NOT_YET`."""
    return _copy(definition, ReadableFutureEnd, "read", index, ptr, 1)


def canon_future_write(definition: Copy, index: int, ptr: int) -> object:
    """Write the value at `ptr`; the result is a `CopyResult`, or `NOT_YET`."""
    return _copy(definition, WritableFutureEnd, "write", index, ptr, 1)


def _copy(definition: Copy, kind: type[EndT], verb: str, index: int, ptr: int, count: int) -> object:
    inst = definition.cx.instance
    inst.check_may_leave()
    end = _get_end(inst, kind, definition.element, index)
    end.check_idle(verb)
    if not definition.is_async:
        end.check_sync_use()
    definition.start(end, inst, GuestBuffer(definition.payload, definition.cx, ptr, count))
    if end.has_pending_event():
        return _deliver(end)
    if definition.is_async:
        return NOT_YET
    return end.wait_for_pending_event(inst.store.running_thread(), lambda: _deliver(end))


def _deliver(end: CopyEnd) -> int:
    return end.get_pending_event()[2]


# cancel


def canon_stream_cancel_read(inst: ComponentInstance, element: object, is_async: bool, index: int) -> object:
    """End a read in progress; the result is as for the read."""
    return _cancel_copy(inst, ReadableStreamEnd, element, is_async, index)


def canon_stream_cancel_write(inst: ComponentInstance, element: object, is_async: bool, index: int) -> object:
    """End a write in progress; the result is as for the write."""
    return _cancel_copy(inst, WritableStreamEnd, element, is_async, index)


def canon_future_cancel_read(inst: ComponentInstance, element: object, is_async: bool, index: int) -> object:
    """End a read in progress; the result is as for the read."""
    return _cancel_copy(inst, ReadableFutureEnd, element, is_async, index)


def canon_future_cancel_write(inst: ComponentInstance, element: object, is_async: bool, index: int) -> object:
    """End a write in progress; the result is as for the write."""
    return _cancel_copy(inst, WritableFutureEnd, element, is_async, index)


def _cancel_copy(inst: ComponentInstance, kind: type[EndT], element: object, is_async: bool, index: int) -> object:
    inst.check_may_leave()
    end = _get_end(inst, kind, element, index)
    if end.state is not CopyState.COPYING or end.sync_waiter is not None:
        raise Trap(TrapCode.COPY_STATE, f"{end.kind} {_verb(kind)} cancelled when no {_verb(kind)} is pending")
    if not is_async:
        end.check_sync_use()
    end.cancel()
    if end.has_pending_event():
        return _deliver(end)
    if is_async:
        return NOT_YET
    return end.wait_for_pending_event(inst.store.running_thread(), lambda: _deliver(end))


def _verb(kind: type[TransmitEnd]) -> str:
    return "read" if kind in (ReadableStreamEnd, ReadableFutureEnd) else "write"


# drop


def canon_stream_drop_readable(inst: ComponentInstance, element: object, index: int) -> None:
    """Drop the readable end of a stream."""
    _drop(inst, ReadableStreamEnd, element, index)


def canon_stream_drop_writable(inst: ComponentInstance, element: object, index: int) -> None:
    """Drop the writable end of a stream."""
    _drop(inst, WritableStreamEnd, element, index)


def canon_future_drop_readable(inst: ComponentInstance, element: object, index: int) -> None:
    """Drop the readable end of a future."""
    _drop(inst, ReadableFutureEnd, element, index)


def canon_future_drop_writable(inst: ComponentInstance, element: object, index: int) -> None:
    """Drop the writable end of a future, which must have been written."""
    _drop(inst, WritableFutureEnd, element, index)


def _drop(inst: ComponentInstance, kind: type[EndT], element: object, index: int) -> None:
    inst.check_may_leave()
    end = _get_end(inst, kind, element, index)
    end.drop()  # while it traps the end must be known: it is dropped with the instance then
    inst.handles.remove(index)
