"""`canon lower`: a component function as a core function.

Source: CanonicalABI.md, "`canon lower`".
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, final

from attrs import define

from weft.canon.compile import compile_lift_params, compile_lower_result
from weft.canon.direct import compile_host_call
from weft.canon.flatten import MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS
from weft.canon.lift import LiftedFunc
from weft.canon.release import release
from weft.canon.type_walk import has_handles
from weft.canon.types import FuncType
from weft.errors import Trap, TrapCode
from weft.runtime.subtask import Subtask, SubtaskState

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.context import LiftLowerContext
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.task import Callee


@final
@define(eq=False, slots=False)
class LoweredFunc:
    """A function that a component instance imports.

    Attributes:
        name: what messages call it.
        callee: what it calls.
        type: its type.
        cx: the memory, allocator and encoding of the caller's definition.
        async_abi: whether the ``async`` option was given.
        may_wait: whether a call that is not over at once can wait; if not, the guest runs on no stack of its own.
    """

    name: str
    callee: Callee
    type: FuncType
    cx: LiftLowerContext
    async_abi: bool = False
    may_wait: bool = True

    @property
    def inst(self) -> ComponentInstance:
        """The calling instance."""
        return self.cx.instance

    @cached_property
    def _lift_params(self) -> Callable[..., tuple[object, ...]]:
        limit = MAX_FLAT_ASYNC_PARAMS if self.async_abi else MAX_FLAT_PARAMS
        return compile_lift_params(self.type, self.cx.options, limit)

    @cached_property
    def _lower_result(self) -> Callable[..., tuple[object, ...]]:
        return compile_lower_result(self.type, self.cx.options, 0 if self.async_abi else MAX_FLAT_RESULTS)

    def lift_params(self, subtask: Subtask, flat: tuple[object, ...]) -> tuple[object, ...]:
        """Lift the arguments out of the caller."""
        return self._lift_params(self.cx, subtask, flat)

    def lower_result(self, subtask: Subtask, result: object, flat: tuple[object, ...]) -> object:
        """Lower the result into the caller and return the flat result, if it is not in memory."""
        if self._gives_handles:
            flat_results = self._lower_or_release(subtask, result, flat)
        else:
            flat_results = self._lower_result(self.cx, subtask, result, flat)
        return flat_results[0] if flat_results else None

    @cached_property
    def _gives_handles(self) -> bool:
        return not isinstance(self.callee, LiftedFunc) and has_handles(FuncType((), self.type.result))

    def _lower_or_release(self, subtask: Subtask, result: object, flat: tuple[object, ...]) -> tuple[object, ...]:
        """Lower a result of the host's; a guest with no room for it that traps leaves nothing of it behind."""
        handles = self.inst.handles
        had = len(handles)
        try:
            return self._lower_result(self.cx, subtask, result, flat)
        except Trap as trap:
            # What is in the table goes with the guest, as does what the full table refused.
            if len(handles) == had and trap.code is not TrapCode.HANDLE_TABLE_FULL:
                self.release_result(result)
            raise

    def release_result(self, result: object) -> None:
        """Let go of what is in a result that the caller does not take."""
        release(self.inst.store, self.type.result, result)

    def core_call(self) -> Callable[..., object]:
        """Return what the core function of a sync definition does, in the fastest form there is for it."""
        call = getattr(self.callee, "call_values", None)
        if call is not None and not has_handles(self.type):
            return partial(compile_host_call(self.type, self.cx.options), self.cx.instance, self.cx, call)
        if isinstance(self.callee, LiftedFunc) and not has_handles(self.type):
            return self.call_guest
        return self.call_sync

    def call_guest(self, *flat: object) -> object:
        """Call a sync function of another guest that lends nothing and, mostly, cannot block."""
        callee = self.callee
        assert isinstance(callee, LiftedFunc)
        if not callee.runs_to_its_end:
            return self.call_sync(*flat)
        inst = self.cx.instance
        if not inst.may_leave:
            inst.check_may_leave()
        result = callee.call_direct(self._lift_params(self.cx, None, flat))
        flat_results = self._lower_result(self.cx, None, result, flat)
        return flat_results[0] if flat_results else None

    def call_sync(self, *flat: object) -> object:
        """Call and wait for the result: the core function of a definition without ``async``."""
        inst = self.cx.instance
        if not inst.may_leave:
            inst.check_may_leave()
        subtask = Subtask(self, flat)
        subtask.call = self.callee.invoke(subtask)
        if subtask.resolved():
            subtask.deliver_resolve()
            return subtask.flat_results
        return self._wait(subtask)

    def _wait(self, subtask: Subtask) -> object:
        """Block until the call is over; a guest that calls a sync function believes that nobody else runs."""
        inst = self.cx.instance
        if not self.may_wait:
            raise Trap(TrapCode.CANNOT_BLOCK_SYNC_TASK)
        thread = inst.store.running_thread()
        subtask.waiter = thread
        blocked = thread.wait_until(subtask.resolved, partial(self._resolved, subtask), reason=subtask)
        if not self.type.is_async:
            inst.hold(thread)
        return blocked

    def _resolved(self, subtask: Subtask, _cancelled: bool) -> object:
        thread, subtask.waiter = subtask.waiter, None
        if not self.type.is_async:
            assert thread is not None
            self.cx.instance.let_go(thread)
        subtask.deliver_resolve()
        subtask.forget_call()
        return subtask.flat_results

    def call_async(self, *flat: object) -> int:
        """Call and return how far the call came at once: the core function of a definition with ``async``."""
        inst = self.cx.instance
        inst.check_may_leave()
        subtask = Subtask(self, flat)
        subtask.call = self.callee.invoke(subtask)
        if subtask.resolved():
            subtask.deliver_resolve()
            return SubtaskState.RETURNED
        subtask.index = inst.handles.add(subtask)
        return subtask.state | (subtask.index << 4)
