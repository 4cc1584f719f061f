"""Lifting and lowering of handles: resources, streams, futures, error contexts.

Source: CanonicalABI.md, "Loading" (``lift_own`` and following) and "Storing" (``lower_own`` and following).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.errors import LowerError, Trap, TrapCode
from weft.runtime.ends import CopyState, ReadableEnd, ReadableFutureEnd, ReadableStreamEnd
from weft.runtime.error_context import ErrorContext
from weft.runtime.resource import Resource, ResourceHandle, ResourceType

if TYPE_CHECKING:
    from weft.canon.context import LiftLowerContext
    from weft.canon.types import FutureType, StreamType
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.shared import Readable
    from weft.runtime.subtask import Subtask
    from weft.runtime.task import Task


def get_resource(inst: ComponentInstance, index: int, rt: ResourceType) -> ResourceHandle:
    """Return the handle at `index`, which must be of type `rt`."""
    handle = inst.handles.get(index)
    if not isinstance(handle, ResourceHandle):
        raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, f"index {index} is not a resource")
    if handle.type is not rt:
        expected, found = rt.kind, handle.type.kind
        other = "a different" if expected == found else "a"
        raise Trap(
            TrapCode.HANDLE_TYPE_MISMATCH,
            f"handle index {index} used with the wrong type, expected {expected} but found {other} {found}",
        )
    return handle


def remove_resource(inst: ComponentInstance, index: int, rt: ResourceType) -> ResourceHandle:
    """Take the handle at `index` out of the table; it must be of type `rt` and not be lent."""
    handle = get_resource(inst, index, rt)
    if handle.num_lends:
        raise Trap(TrapCode.RESOURCE_LENT)
    inst.handles.remove(index)
    return handle


def lift_own(cx: LiftLowerContext, index: int, rt: ResourceType) -> object:
    """Take an owned handle from the guest."""
    handle = remove_resource(cx.instance, index, rt)
    if not handle.own:
        raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, "cannot lift own resource from a borrow")
    if rt.let_go is not None:
        return handle.rep
    return Resource(rt, handle.rep, store=cx.instance.store)


def lower_own(cx: LiftLowerContext, value: object, rt: ResourceType) -> int:
    """Give an owned handle to the guest."""
    if rt.let_go is not None:
        return _lower_object(cx, _expect_object(value, rt), rt)
    resource = _expect_resource(value, rt)
    try:
        rep = resource.give_away()
    except ValueError as error:
        raise LowerError(str(error)) from None
    return cx.instance.handles.add(ResourceHandle(rt, rep, own=True))


def _lower_object(cx: LiftLowerContext, value: object, rt: ResourceType) -> int:
    try:
        return cx.instance.handles.add(ResourceHandle(rt, value, own=True))
    except Trap:
        assert rt.let_go is not None
        rt.let_go(cx.instance.store, value)  # the guest, which owns it now, is about to be stopped
        raise


def lift_borrow(cx: LiftLowerContext, scope: Subtask | None, index: int, rt: ResourceType) -> object:
    """Look at a handle of the guest's for the time of a call."""
    handle = get_resource(cx.instance, index, rt)
    if scope is not None:
        scope.add_lender(handle)
    if rt.let_go is not None:
        return handle.rep
    return Resource(rt, handle.rep, owned=False)


def lower_borrow(cx: LiftLowerContext, scope: Task | None, value: object, rt: ResourceType) -> int:
    """Lend a resource to the guest; the instance that defines the type gets the representation itself."""
    rep: Any = _expect_resource(value, rt).rep if rt.let_go is None else _expect_object(value, rt)
    inst = cx.instance
    if inst is rt.impl:
        guest_rep: int = rep
        return guest_rep
    assert scope is not None
    scope.num_borrows += 1
    return inst.handles.add(ResourceHandle(rt, rep, own=False, borrow_scope=scope))


def _expect_object(value: object, rt: ResourceType) -> object:
    if value is None or isinstance(value, Resource):
        raise LowerError(f"expected an object that is a {rt.name}, got {type(value).__name__}")
    return value


def _expect_resource(value: object, rt: ResourceType) -> Resource:
    if not isinstance(value, Resource):
        value = getattr(value, "resource", value)  # a typed handle of generated code
    if not isinstance(value, Resource):
        raise LowerError(f"expected a handle of resource {rt.name}, got {type(value).__name__}")
    if value.type is not rt:
        raise LowerError(f"expected a handle of {rt!r}, got one of {value.type!r}")
    return value


def lift_stream(cx: LiftLowerContext, index: int, stream_type: StreamType) -> object:
    """Take a readable end from the guest, as the store's host wants to see it."""
    shared = _lift_readable(cx, index, ReadableStreamEnd, stream_type.payload)
    return cx.instance.store.wrap_readable(shared, stream_type)


def lift_future(cx: LiftLowerContext, index: int, future_type: FutureType) -> object:
    """Take a readable end from the guest, as the store's host wants to see it."""
    shared = _lift_readable(cx, index, ReadableFutureEnd, future_type.payload)
    return cx.instance.store.wrap_readable(shared, future_type)


def _lift_readable(cx: LiftLowerContext, index: int, kind: type[ReadableEnd], payload: object) -> Readable:
    handles = cx.instance.handles
    end = handles.get(index)
    if not isinstance(end, kind) or end.shared.payload != payload:
        raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, f"handle is not a readable end of a {_noun(kind)} of this type")
    if end.state is CopyState.DONE:
        raise end.done_trap("lift")
    if end.state is not CopyState.IDLE:
        raise Trap(TrapCode.COPY_STATE, f"cannot remove busy {end.kind}")
    if end.wset is not None:
        raise Trap(TrapCode.COPY_STATE, f"cannot lift {end.kind} while it's in a waitable set")
    handles.remove(index)
    return end.shared


def _noun(kind: type[ReadableEnd]) -> str:
    return "stream" if kind is ReadableStreamEnd else "future"


def lower_stream(cx: LiftLowerContext, value: object, stream_type: StreamType) -> int:
    """Give a readable end to the guest."""
    return _lower_readable(cx, value, stream_type, ReadableStreamEnd)


def lower_future(cx: LiftLowerContext, value: object, future_type: FutureType) -> int:
    """Give a readable end to the guest."""
    return _lower_readable(cx, value, future_type, ReadableFutureEnd)


def _lower_readable(
    cx: LiftLowerContext, value: object, end_type: StreamType | FutureType, kind: type[ReadableEnd]
) -> int:
    end = kind(cx.instance.store.unwrap_readable(value, end_type))
    end.index = cx.instance.handles.add(end)
    return end.index


def lift_error_context(cx: LiftLowerContext, index: int) -> ErrorContext:
    """Look at an error context of the guest's."""
    return get_error_context(cx.instance, index)


def lower_error_context(cx: LiftLowerContext, value: object) -> int:
    """Give an error context to the guest."""
    if not isinstance(value, ErrorContext):
        raise LowerError(f"expected an ErrorContext, got {type(value).__name__}")
    return cx.instance.handles.add(value)


def get_error_context(inst: ComponentInstance, index: int) -> ErrorContext:
    """Return the error context at `index`."""
    handle = inst.handles.get(index)
    if not isinstance(handle, ErrorContext):
        raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, "handle is not an error-context")
    return handle
