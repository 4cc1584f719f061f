"""subtask.cancel, subtask.drop.

Source: CanonicalABI.md, "`canon subtask.cancel`" and "`canon subtask.drop`".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.errors import Trap, TrapCode
from weft.runtime.subtask import Subtask

if TYPE_CHECKING:
    from weft.runtime.instance import ComponentInstance

NOT_YET = 0xFFFF_FFFF
"""What an ``async`` built-in returns to the guest when its event will come later (``BLOCKED`` in the specification)."""


def _get_subtask(inst: ComponentInstance, index: int) -> Subtask:
    subtask = inst.handles.get(index)
    if not isinstance(subtask, Subtask):
        raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, "handle is not a subtask")
    return subtask


def canon_subtask_cancel(inst: ComponentInstance, is_async: bool, index: int) -> object:
    """Ask a call to stop; returns the state it resolves to, or `NOT_YET`."""
    inst.check_may_leave()
    subtask = _get_subtask(inst, index)
    if subtask.resolve_delivered() or subtask.cancellation_requested:
        raise Trap(TrapCode.SUBTASK_CANCEL_AFTER_TERMINAL)
    if not is_async:
        subtask.check_sync_use()
    if not subtask.resolved():
        subtask.cancellation_requested = True
        if subtask.call is not None:
            subtask.call.request_cancellation()
        if not subtask.resolved():
            if is_async:
                return NOT_YET
            return subtask.wait_for_pending_event(inst.store.running_thread(), lambda: _deliver(subtask))
    return _deliver(subtask)


def _deliver(subtask: Subtask) -> int:
    subtask.get_pending_event()
    return subtask.state


def canon_subtask_drop(inst: ComponentInstance, index: int) -> None:
    """Forget a call whose end the guest knows of."""
    inst.check_may_leave()
    _get_subtask(inst, index).drop()
    inst.handles.remove(index)
