"""thread.* (🧵): index, new-indirect, resume-later, yield, suspend and the switches between threads.

Source: CanonicalABI.md, "`canon thread.index`" and following.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.errors import Trap, TrapCode
from weft.runtime.thread import Thread

if TYPE_CHECKING:
    from weft.engine import CoreSig, CoreTable
    from weft.runtime.instance import ComponentInstance


def _code(cancelled: bool) -> int:
    return int(cancelled)


def canon_thread_index(inst: ComponentInstance) -> int:
    """Return the index of the current thread."""
    inst.check_may_leave()
    return inst.store.running_thread().index


def canon_thread_new_indirect(
    inst: ComponentInstance, sig: CoreSig, table: CoreTable, func_index: int, context: int
) -> int:
    """Make a suspended thread that will call the function at `func_index` of `table` with `context`."""
    inst.check_may_leave()
    if func_index >= table.size():
        raise Trap(TrapCode.TABLE_OUT_OF_BOUNDS)
    func = table.get(func_index)
    if func is None:
        raise Trap(TrapCode.THREAD_NEW_INDIRECT_UNINITIALIZED)
    if func.sig != sig:
        raise Trap(TrapCode.THREAD_NEW_INDIRECT_INVALID_TYPE)
    task = inst.store.running_thread().task
    thread = Thread(task)
    thread.set_start(lambda: thread.call_core(func, (context,), lambda _results: task.unregister_thread(thread)))
    task.register_thread(thread)
    return thread.index


def _suspended_thread(inst: ComponentInstance, index: int) -> Thread:
    thread = inst.threads.get(index)
    if not thread.suspended:
        raise Trap(TrapCode.CANNOT_RESUME_THREAD)
    return thread


def canon_thread_resume_later(inst: ComponentInstance, index: int) -> None:
    """Make a suspended thread ready."""
    inst.check_may_leave()
    _suspended_thread(inst, index).resume_later()


def canon_thread_yield(inst: ComponentInstance, cancellable: bool) -> object:
    """Let others run; 1 when the task was cancelled meanwhile, else 0."""
    inst.check_may_leave()
    return inst.store.running_thread().yield_(_code, cancellable=cancellable)


def canon_thread_suspend(inst: ComponentInstance, cancellable: bool) -> object:
    """Block until another thread resumes this one; the result is as for `canon_thread_yield`."""
    inst.check_may_leave()
    return inst.store.running_thread().suspend(_code, cancellable=cancellable)


def canon_thread_suspend_then_resume(inst: ComponentInstance, cancellable: bool, index: int) -> object:
    """Block, and run a suspended thread at once."""
    inst.check_may_leave()
    other = _suspended_thread(inst, index)
    return inst.store.running_thread().suspend_then_resume(other, _code, cancellable=cancellable)


def canon_thread_yield_then_resume(inst: ComponentInstance, cancellable: bool, index: int) -> object:
    """Stay ready, and run a suspended thread at once."""
    inst.check_may_leave()
    other = _suspended_thread(inst, index)
    return inst.store.running_thread().yield_then_resume(other, _code, cancellable=cancellable)


def canon_thread_suspend_then_promote(inst: ComponentInstance, cancellable: bool, index: int) -> object:
    """Block, and run another thread at once if it is ready."""
    inst.check_may_leave()
    other = inst.threads.get(index)
    thread = inst.store.running_thread()
    if other.ready():
        return thread.suspend_then_resume(other, _code, cancellable=cancellable)
    return thread.suspend(_code, cancellable=cancellable)


def canon_thread_yield_then_promote(inst: ComponentInstance, cancellable: bool, index: int) -> object:
    """Stay ready, and run another thread first if it is ready."""
    inst.check_may_leave()
    other = inst.threads.get(index)
    thread = inst.store.running_thread()
    if other.ready():
        return thread.yield_then_resume(other, _code, cancellable=cancellable)
    return thread.yield_(_code, cancellable=cancellable)
