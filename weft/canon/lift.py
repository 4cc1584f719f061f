"""`canon lift`: a core function as a component function.

Source: CanonicalABI.md, "`canon lift`".
"""

from __future__ import annotations

import enum
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, final

from attrs import define, field

from weft.canon.compile import compile_lift_result, compile_lower_params
from weft.canon.context import helper_thread
from weft.canon.direct import compile_direct_call
from weft.canon.observed import observed_caller
from weft.errors import LowerError, Trap, TrapCode
from weft.runtime.resource import ResourceHandle
from weft.runtime.task import Task, TaskState
from weft.runtime.thread import MAX_NESTING
from weft.runtime.waitable import CANCELLED_EVENT, NO_EVENT, Event, WaitableSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.context import LiftLowerContext
    from weft.canon.types import FuncType
    from weft.engine import CoreFunc
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.task import Caller, Cancel


@final
class CallbackCode(enum.IntEnum):
    """What a callback asks for; the numbers cross the ABI."""

    EXIT = 0
    YIELD = 1
    WAIT = 2


@final
@define(eq=False, slots=False)
class LiftedFunc:
    """A function that a component instance exports, or passes to another.

    Attributes:
        name: what messages call it.
        type: its type.
        cx: the memory, allocator and encoding of its definition.
        core_func: what it calls.
        async_abi: whether the ``async`` option was given.
        callback: the callback of an async function that holds no stack while it waits.
        post_return: called after the result of a sync function was lifted.
        needs_exclusive: whether its core code may only run while no other such code of the instance runs.
    """

    name: str
    type: FuncType
    cx: LiftLowerContext
    core_func: CoreFunc
    async_abi: bool = False
    callback: CoreFunc | None = None
    post_return: CoreFunc | None = None
    needs_exclusive: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self.needs_exclusive = self.type.is_async and (not self.async_abi or self.callback is not None)

    @property
    def inst(self) -> ComponentInstance:
        """The instance that defines the function."""
        return self.cx.instance

    @property
    def is_async(self) -> bool:
        """Whether the type is that of an async function."""
        return self.type.is_async

    @cached_property
    def _lower_params(self) -> Callable[..., tuple[object, ...]]:
        return compile_lower_params(self.type, self.cx.options)

    @cached_property
    def _lift_result(self) -> Callable[..., object]:
        return compile_lift_result(self.type, self.cx.options)

    @cached_property
    def _post(self) -> Callable[..., None] | None:
        return None if self.post_return is None else partial(_without_leaving, self.cx.instance, self.post_return.call)

    @property
    def may_block(self) -> bool:
        """Whether a call can outlast `invoke` though the type is sync: the host answers later, or a guest yields."""
        return self.cx.instance.may_outlast

    @property
    def runs_to_its_end(self) -> bool:
        """Whether nothing that a call can reach blocks: then it needs no thread that could be suspended."""
        return not (self.type.is_async or self.cx.instance.can_block)

    @cached_property
    def call_direct(self) -> Callable[..., Any]:
        """What calls a function that `runs_to_its_end`: from a tuple of arguments to the result.

        A second argument is whom the function's task, which host functions may ask for, has as its caller.

        It raises LowerError when an argument does not fit and the guest has not run, and Trap when the instance is
        poisoned, or the guest traps.
        """
        if self.cx.instance.store.observation is not None:
            return observed_caller(self, self._run)
        return _direct_caller(self, self._post)

    def invoke(self, caller: Caller) -> Cancel | None:
        """Start a call; a call of a sync function is over when this returns, but where the instance `may_outlast`.

        Raises:
            Trap: when the instance is poisoned, or the guest traps.
        """
        inst = self.cx.instance
        if self.runs_to_its_end:
            inst.root.check_enter()
            self._invoke_direct(caller)
            return None
        inst.root.check_enter()
        task = Task(self, inst, caller)
        task.begin(lambda: self._run(task))
        if not self.type.is_async:
            _run_others_until_resolved(task)
        return None if task.state is TaskState.RESOLVED else task

    def _invoke_direct(self, caller: Caller) -> None:
        args = caller.on_start()
        try:
            result = self.call_direct(args, caller)
        except LowerError as error:
            if self.cx.instance.root.poisoned is not None:
                raise
            caller.on_fail(error)
        else:
            caller.on_resolve(result)

    def _run(self, task: Task) -> None:
        args = task.start()
        try:
            flat = self._lower_params(self.cx, task, args)
        except LowerError as error:
            _reject(task, error)
            return
        after: Callable[[Task, tuple[object, ...]], None]
        if not self.async_abi:
            after = self._sync_returned
        elif self.callback is None:
            after = self._stackful_returned
        else:
            after = self._callback_returned
        task.implicit_thread.call_core(self.core_func, flat, lambda results: after(task, results))

    def _sync_returned(self, task: Task, results: tuple[object, ...]) -> None:
        task.return_(self._lift_result(self.cx, task, results))
        if self._post is not None:
            self._post(*results)
        task.exit_implicit_thread()

    def _stackful_returned(self, task: Task, _results: tuple[object, ...]) -> None:
        task.exit_implicit_thread()

    def _callback_returned(self, task: Task, results: tuple[object, ...]) -> None:
        """Do what the core code asked for with its packed code and waitable set index."""
        (packed,) = results
        assert isinstance(packed, int)
        code, set_index = packed & 0xF, packed >> 4
        if code == CallbackCode.EXIT:
            task.exit_implicit_thread()
        elif code == CallbackCode.YIELD:
            self._yield(task)
        elif code == CallbackCode.WAIT:
            self._wait(task, set_index)
        else:
            raise Trap(TrapCode.UNSUPPORTED_CALLBACK_CODE)

    def _yield(self, task: Task) -> None:
        inst, thread = self.cx.instance, task.implicit_thread
        inst.release_exclusive()
        if task.deliver_pending_cancel(cancellable=True):
            self._event(task, CANCELLED_EVENT)
            return
        thread.pause_until(
            lambda: inst.lock_is_free(thread),
            lambda cancelled: self._event(task, CANCELLED_EVENT if cancelled else NO_EVENT),
            cancellable=True,
            low_priority=True,
        )

    def _wait(self, task: Task, set_index: int) -> None:
        inst, thread = self.cx.instance, task.implicit_thread
        wset = inst.handles.get(set_index)
        if not isinstance(wset, WaitableSet):
            raise Trap(TrapCode.HANDLE_TYPE_MISMATCH, "handle is not a waitable-set")
        inst.release_exclusive()
        wset.pause_for_event(thread, self._event)

    def _event(self, task: Task, event: Event) -> None:
        """Tell the guest what happened, holding the lock again."""
        self.cx.instance.exclusive_thread = task.implicit_thread
        assert self.callback is not None
        task.implicit_thread.call_core(self.callback, event, lambda results: self._callback_returned(task, results))


def _run_others_until_resolved(task: Task) -> None:
    """Let other threads of the instance run while a sync call blocks; trap when none can.

    Where a thread is stopped that the guest does not know to be stopped, this returns, and the call goes on later.

    Source: Concurrency.md, "Blocking"; the end of ``canon_lift``.
    """
    inst = task.inst
    while task.state is not TaskState.RESOLVED:
        if inst.may_outlast and (inst.is_stopped(task) or inst.store.preempted):
            return
        thread = inst.ready_thread()
        if thread is None:
            trap = Trap(TrapCode.CANNOT_BLOCK_SYNC_TASK)
            inst.root.poison(trap)
            raise trap
        thread.resume()


def _reject(task: Task, error: LowerError) -> None:
    """End a task whose arguments do not fit: the guest has not run, so nothing is wrong with it."""
    forget_borrows(task)
    task.state = TaskState.RESOLVED
    observation = task.inst.store.observation
    if observation is not None:
        observation.task_failed(task, error)
    task.exit_implicit_thread()
    task.caller.on_fail(error)


def _direct_caller(lifted: LiftedFunc, post: Callable[..., None] | None) -> Callable[..., Any]:
    """Return `LiftedFunc.call_direct`, with everything that stays the same from call to call looked up once."""
    cx, call = lifted.cx, lifted.core_func.call
    inst = cx.instance
    root, store = inst.root, inst.store
    direct = compile_direct_call(lifted.type, cx.options)
    # The task and thread of the last call serve again: nothing else refers to them when a call is over.
    idle: Task | None = None

    def call_direct(args: tuple[object, ...], caller: Caller | None = None) -> Any:
        nonlocal idle
        if root.poisoned is not None:
            root.check_enter()
        if store.nesting >= MAX_NESTING:
            raise Trap(TrapCode.STACK_OVERFLOW)
        task, idle = idle, None
        if task is None:
            task = helper_thread(inst, lifted).task
        previous = store.current
        if previous is not None:
            task.parent = previous.task
        nobody = task.caller
        if caller is not None:
            task.caller = caller
        store.current = task.implicit_thread
        store.nesting += 1
        task.state = TaskState.INITIAL
        try:
            result = direct(cx, task, args, call, post)
            if task.num_borrows:
                raise Trap(TrapCode.BORROW_HANDLES_REMAIN)
        except BaseException as error:
            if isinstance(error, LowerError) and task.state is TaskState.INITIAL:
                forget_borrows(task)
                raise
            blamed = store.blame(error)
            root.poison(blamed)
            if blamed is error:
                raise
            raise blamed  # noqa: B904 - it has its cause
        finally:
            store.nesting -= 1
            store.current = previous
        task.implicit_thread.storage = (0, 0)
        task.parent = None
        task.number = 0
        task.caller = nobody
        idle = task
        return result

    return call_direct


def forget_borrows(task: Task) -> None:
    """Take back the handles that were lent to a task before one of its other arguments was refused."""
    handles = task.inst.handles
    if task.num_borrows:
        for index, handle in list(handles.items()):
            if isinstance(handle, ResourceHandle) and handle.borrow_scope is task:
                handles.remove(index)
    task.num_borrows = 0


def _without_leaving(inst: ComponentInstance, call: Callable[..., object], *flat: object) -> None:
    """Call `post-return`, from which the instance may not be left."""
    inst.may_leave = False
    try:
        call(*flat)
    finally:
        inst.may_leave = True
