"""error-context.new, error-context.debug-message, error-context.drop (📝).

Source: CanonicalABI.md, "`canon error-context.new`" and following.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.canon.compile import compile_lift_params, compile_store_list
from weft.canon.handles import get_error_context
from weft.canon.layout import alignment, elem_size
from weft.canon.types import FuncType, Param, Prim
from weft.errors import Trap, TrapCode
from weft.runtime.error_context import ErrorContext

if TYPE_CHECKING:
    from weft.canon.context import LiftLowerContext
    from weft.runtime.instance import ComponentInstance

_ONE_STRING = FuncType((Param("debug-message", Prim.STRING),), None)


def canon_error_context_new(cx: LiftLowerContext, ptr: int, tagged_code_units: int) -> int:
    """Make an error context of the string at `ptr`."""
    cx.instance.check_may_leave()
    (message,) = compile_lift_params(_ONE_STRING, cx.options, 2)(cx, None, (ptr, tagged_code_units))
    return cx.instance.handles.add(ErrorContext(str(message)))


def canon_error_context_debug_message(cx: LiftLowerContext, index: int, ptr: int) -> None:
    """Store the message of an error context, as a string in new memory, to `ptr`."""
    inst = cx.instance
    inst.check_may_leave()
    message = get_error_context(inst, index).debug_message
    if ptr % alignment(Prim.STRING, cx.options.memory64):
        raise Trap(TrapCode.UNALIGNED_POINTER)
    if cx.memory is None or not cx.memory.check(ptr, elem_size(Prim.STRING, cx.options.memory64)):
        raise Trap(TrapCode.MEMORY_OUT_OF_BOUNDS, "invalid debug message pointer: out of bounds")
    compile_store_list(Prim.STRING, cx.options)(cx, [message], ptr)


def canon_error_context_drop(inst: ComponentInstance, index: int) -> None:
    """Forget an error context."""
    inst.check_may_leave()
    get_error_context(inst, index)
    inst.handles.remove(index)
