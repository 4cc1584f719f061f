"""waitable-set.new, .wait, .poll, .drop and waitable.join.

Source: CanonicalABI.md, "`canon waitable-set.new`" and following.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.errors import Trap, TrapCode
from weft.runtime.waitable import Event, Waitable, WaitableSet

if TYPE_CHECKING:
    from weft.engine import CoreMemory
    from weft.runtime.instance import ComponentInstance


def _get_set(inst: ComponentInstance, index: int) -> WaitableSet:
    wset = inst.handles.get(index)
    if not isinstance(wset, WaitableSet):
        raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, "handle is not a waitable-set")
    return wset


def canon_waitable_set_new(inst: ComponentInstance) -> int:
    """Make an empty set."""
    inst.check_may_leave()
    return inst.handles.add(WaitableSet())


def canon_waitable_set_wait(
    inst: ComponentInstance, memory: CoreMemory, cancellable: bool, index: int, ptr: int
) -> object:
    """Wait for an event of a member; its code is the result, its index and payload go to `ptr`."""
    inst.check_may_leave()
    return _get_set(inst, index).wait_for_event(
        inst.store.running_thread(), lambda event: _unpack_event(memory, ptr, event), cancellable=cancellable
    )


def canon_waitable_set_poll(
    inst: ComponentInstance, memory: CoreMemory, cancellable: bool, index: int, ptr: int
) -> int:
    """Deliver an event if there is one, as `canon_waitable_set_wait` does."""
    inst.check_may_leave()
    wset = _get_set(inst, index)
    return _unpack_event(memory, ptr, wset.poll(inst.store.running_thread(), cancellable=cancellable))


def _unpack_event(memory: CoreMemory, ptr: int, event: Event) -> int:
    code, first, second = event
    if ptr % 4:
        raise Trap(TrapCode.UNALIGNED_POINTER)
    if not memory.check(ptr, 8):
        raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS)
    memory.view[ptr : ptr + 8] = (first | second << 32).to_bytes(8, "little")
    return code


def canon_waitable_set_drop(inst: ComponentInstance, index: int) -> None:
    """Drop a set that nothing waits on or belongs to."""
    inst.check_may_leave()
    _get_set(inst, index).drop()
    inst.handles.remove(index)


def canon_waitable_join(inst: ComponentInstance, waitable_index: int, set_index: int) -> None:
    """Move a waitable into a set, or out of any set when `set_index` is 0."""
    inst.check_may_leave()
    waitable = inst.handles.get(waitable_index)
    if not isinstance(waitable, Waitable):
        raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, "handle is not a waitable")
    waitable.join(_get_set(inst, set_index) if set_index else None)
