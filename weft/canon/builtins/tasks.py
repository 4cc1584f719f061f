"""task.return, task.cancel, backpressure.inc, backpressure.dec.

Source: CanonicalABI.md, "`canon task.return`" and following.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from attrs import define

from weft.canon.compile import compile_lift_task_return
from weft.canon.lift import LiftedFunc
from weft.errors import Trap, TrapCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.context import LiftLowerContext
    from weft.canon.types import ValType
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.task import Task

MAX_BACKPRESSURE = 0xFFFF


@final
@define(eq=False)
class TaskReturn:
    """One ``task.return``: its result type, and the memory and encoding that go with it."""

    cx: LiftLowerContext
    result: ValType | None
    _lift: Callable[..., object] | None = None

    def __call__(self, *flat: object) -> None:
        """Resolve the current task with a value (`canon_task_return`)."""
        return canon_task_return(self, *flat)

    def lift(self, task: Task, flat: tuple[object, ...]) -> object:
        """Lift the value."""
        if self._lift is None:
            self._lift = compile_lift_task_return(self.result, self.cx.options)
        return self._lift(self.cx, task, flat)


def canon_task_return(definition: TaskReturn, *flat: object) -> None:
    """Resolve the current task, which must be async-lifted with the same result type, memory and encoding."""
    inst = definition.cx.instance
    inst.check_may_leave()
    task = inst.store.running_thread().task
    _check_signature(definition, task)
    task.return_(definition.lift(task, flat))


def _check_signature(definition: TaskReturn, task: Task) -> None:
    lifted = task.lifted
    if (
        not isinstance(lifted, LiftedFunc)
        or not lifted.async_abi
        or lifted.type.result != definition.result
        or lifted.cx.options.encoding != definition.cx.options.encoding
        or not _same_memory(lifted.cx, definition.cx)
    ):
        raise Trap(TrapCode.TASK_RETURN_INVALID)


def _same_memory(lifted: LiftLowerContext, returning: LiftLowerContext) -> bool:
    """Whether ``task.return`` names the memory of the lift; it need not name one that its values do not use."""
    if returning.memory is None:
        return True
    return lifted.memory is not None and lifted.memory.same(returning.memory)


def canon_task_cancel(inst: ComponentInstance) -> None:
    """Resolve the current task, which was told of its cancellation, without a value."""
    inst.check_may_leave()
    task = inst.store.running_thread().task
    if not (isinstance(task.lifted, LiftedFunc) and task.lifted.async_abi):
        raise Trap(TrapCode.TASK_CANCEL_NOT_CANCELLED)
    task.cancel()


def canon_backpressure_inc(inst: ComponentInstance) -> None:
    """Take no new tasks until the counter is back at zero."""
    if inst.backpressure == MAX_BACKPRESSURE:
        raise Trap(TrapCode.BACKPRESSURE_OVERFLOW)
    inst.backpressure += 1


def canon_backpressure_dec(inst: ComponentInstance) -> None:
    """Undo one `canon_backpressure_inc`."""
    if inst.backpressure == 0:
        raise Trap(TrapCode.BACKPRESSURE_OVERFLOW)
    inst.backpressure -= 1
    if inst.backpressure == 0:
        inst.wake_entering()
        inst.store.note_change()
