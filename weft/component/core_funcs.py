"""Canonical definitions as core functions of the engine: which built-in, with which operands and signature.

The function for each built-in is in `weft.canon.builtins`, under the specification's name for it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, final

from attrs import define

from weft.canon.builtins import contexts, error_contexts, resources, subtasks, tasks, threads, transmits, waitables
from weft.canon.compile import ValueOptions
from weft.canon.context import LiftLowerContext
from weft.canon.flatten import flatten_functype, flatten_type, pointer_type
from weft.canon.lift import LiftedFunc
from weft.canon.lower import LoweredFunc
from weft.canon.payload import NUMERIC
from weft.canon.types import FutureType, Prim, StreamType
from weft.component import plan as p
from weft.component.core_links import links_directly
from weft.component.core_match import core_text
from weft.component.items import FuncItem
from weft.component.plan import Sort
from weft.engine import CoreSig
from weft.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.types import FuncType
    from weft.component.items import Scope
    from weft.engine import CoreFunc, CoreMemory
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.resource import ResourceType

I32 = "i32"
_MAX_FLAT = 16
_CALLBACK = CoreSig((I32,) * 3, (I32,))

_PLAIN: dict[str, tuple[Callable[..., Any], int, int]] = {
    # name: function, number of i32 parameters, number of i32 results
    "backpressure.inc": (tasks.canon_backpressure_inc, 0, 0),
    "backpressure.dec": (tasks.canon_backpressure_dec, 0, 0),
    "task.cancel": (tasks.canon_task_cancel, 0, 0),
    "subtask.drop": (subtasks.canon_subtask_drop, 1, 0),
    "error-context.drop": (error_contexts.canon_error_context_drop, 1, 0),
    "waitable-set.new": (waitables.canon_waitable_set_new, 0, 1),
    "waitable-set.drop": (waitables.canon_waitable_set_drop, 1, 0),
    "waitable.join": (waitables.canon_waitable_join, 2, 0),
    "thread.index": (threads.canon_thread_index, 0, 1),
    "thread.resume-later": (threads.canon_thread_resume_later, 1, 0),
}

_SWITCHES: dict[str, tuple[Callable[..., Any], int]] = {
    # name: function, number of i32 parameters
    "thread.yield": (threads.canon_thread_yield, 0),
    "thread.suspend": (threads.canon_thread_suspend, 0),
    "thread.suspend-then-resume": (threads.canon_thread_suspend_then_resume, 1),
    "thread.yield-then-resume": (threads.canon_thread_yield_then_resume, 1),
    "thread.suspend-then-promote": (threads.canon_thread_suspend_then_promote, 1),
    "thread.yield-then-promote": (threads.canon_thread_yield_then_promote, 1),
}

_NEW: dict[str, Callable[..., Any]] = {
    "stream.new": transmits.canon_stream_new,
    "future.new": transmits.canon_future_new,
}

_DROP: dict[str, Callable[..., Any]] = {
    "stream.drop-readable": transmits.canon_stream_drop_readable,
    "stream.drop-writable": transmits.canon_stream_drop_writable,
    "future.drop-readable": transmits.canon_future_drop_readable,
    "future.drop-writable": transmits.canon_future_drop_writable,
}

_COPY: dict[str, Callable[..., Any]] = {
    "stream.read": transmits.canon_stream_read,
    "stream.write": transmits.canon_stream_write,
    "future.read": transmits.canon_future_read,
    "future.write": transmits.canon_future_write,
}

_CANCEL: dict[str, Callable[..., Any]] = {
    "stream.cancel-read": transmits.canon_stream_cancel_read,
    "stream.cancel-write": transmits.canon_stream_cancel_write,
    "future.cancel-read": transmits.canon_future_cancel_read,
    "future.cancel-write": transmits.canon_future_cancel_write,
}

_RESOURCE: dict[str, Callable[..., Any]] = {
    "resource.new": resources.canon_resource_new,
    "resource.drop": resources.canon_resource_drop,
    "resource.rep": resources.canon_resource_rep,
}


@final
@define(eq=False)
class Definer:
    """Makes the core functions of one component instance.

    Attributes:
        inst: the instance.
        scope: its index spaces.
        can_always_leave: see `weft.component.core_links`.
    """

    inst: ComponentInstance
    scope: Scope
    can_always_leave: bool = False

    def core_func(self, definition: p.Lower | p.Builtin) -> CoreFunc:
        """Return the core function of a canonical definition.

        Raises:
            LinkError: for a built-in that no engine runs.
        """
        match definition:
            case p.Lower():
                return self._lower(definition)
            case p.PlainBuiltin(name=name):
                func, params, results = _PLAIN[name]
                self._note_threads(name)
                return self._host(name, partial(func, self.inst), (I32,) * params, (I32,) * results)
            case p.ResourceBuiltin(name=name, type=index):
                return self._resource(name, self.scope.get(Sort.TYPE, index))
            case p.TaskReturn():
                return self._task_return(definition)
            case p.ContextBuiltin():
                return self._context(definition)
            case p.SubtaskCancel(is_async=is_async):
                func = partial(subtasks.canon_subtask_cancel, self.inst, is_async)
                return self._func("subtask.cancel", func, (I32,), (I32,), blocks=not is_async)
            case p.WaitableSetBuiltin():
                return self._waitable_set(definition)
            case p.TransmitBuiltin() | p.TransmitCopy() | p.TransmitCancel():
                return self._transmit(definition)
            case p.ErrorContextBuiltin():
                return self._error_context(definition)
            case p.ThreadSwitch(name=name):
                switch, params = _SWITCHES[name]
                func = partial(switch, self.inst, False)
                return self._func(name, func, (I32,) * params, (I32,), blocks=True)
            case p.ThreadNewIndirect():
                return self._thread_new_indirect(definition)
            case p.ThreadSpawn(name=name):
                raise LinkError(f"the built-in `{name}` needs shared-everything threads, which no engine runs")

    def context(self, options: p.CanonOptions) -> LiftLowerContext:
        """Return the context that `options` name."""
        memory = None if options.memory is None else self.scope.get(Sort.CORE_MEMORY, options.memory)
        values = ValueOptions(options.encoding, memory is not None and memory.is64)
        pointer = pointer_type(values.memory64)
        realloc = self._optional_func("realloc", options.realloc, CoreSig((pointer,) * 4, (pointer,)))
        return LiftLowerContext(self.inst, values, memory, realloc)

    def lift(self, definition: p.Lift, name: str) -> FuncItem:
        """Return the component function of a ``canon lift``.

        Raises:
            LinkError: when the core function does not have the flattened type.
        """
        options = definition.options
        func_type: FuncType = self.scope.get(Sort.TYPE, definition.type)
        cx = self.context(options)
        flat = flatten_functype(_Flattening(cx.options.memory64, options.is_async, options.callback), func_type, "lift")
        core_func = self.scope.get(Sort.CORE_FUNC, definition.core_func)
        check_sig(core_func, CoreSig(flat.params, flat.results), f"the core function of `{name}`")
        lifted = LiftedFunc(
            name,
            func_type,
            cx,
            core_func,
            options.is_async,
            self._optional_func("callback", options.callback, _CALLBACK),
            self._optional_func("post-return", options.post_return, CoreSig(flat.results, ())),
        )
        return FuncItem(lifted, func_type)

    def _optional_func(self, option: str, index: int | None, sig: CoreSig) -> CoreFunc | None:
        if index is None:
            return None
        core_func: CoreFunc = self.scope.get(Sort.CORE_FUNC, index)
        check_sig(core_func, sig, f"canonical option `{option}`")
        return core_func

    def _host(self, name: str, func: Callable[..., Any], params: tuple[str, ...], results: tuple[str, ...]) -> CoreFunc:
        return self.inst.store.core.host_func(CoreSig(params, results), func, name)

    def _func(
        self, name: str, func: Callable[..., Any], params: tuple[str, ...], results: tuple[str, ...], *, blocks: bool
    ) -> CoreFunc:
        if not blocks:
            return self._host(name, func, params, results)
        self.inst.can_block = True
        return self.inst.store.core.blocking_func(CoreSig(params, results), func, name)

    def _lower(self, definition: p.Lower) -> CoreFunc:
        item: FuncItem = self.scope.get(Sort.FUNC, definition.func)
        options = definition.options
        cx = self.context(options)
        name = getattr(item.callee, "name", "")
        lowered = LoweredFunc(name, item.callee, item.type, cx, options.is_async)
        sig = flatten_functype(_Flattening(cx.options.memory64, options.is_async), item.type, "lower")
        if options.is_async:
            return self._host(name, lowered.call_async, sig.params, sig.results)
        if item.type.is_async:
            return self._func(name, lowered.call_sync, sig.params, sig.results, blocks=True)
        if getattr(item.callee, "may_block", False):
            self.inst.may_outlast = True
            return self._func(name, lowered.call_sync, sig.params, sig.results, blocks=True)
        if self.can_always_leave and isinstance(item.callee, LiftedFunc) and links_directly(self.inst, item):
            return item.callee.core_func
        lowered.may_wait = False
        return self._host(name, lowered.core_call(), sig.params, sig.results)

    def _resource(self, name: str, rt: ResourceType) -> CoreFunc:
        rep = "i64" if rt.rep64 else I32
        params, results = {
            "resource.new": ((rep,), (I32,)),
            "resource.drop": ((I32,), ()),
            "resource.rep": ((I32,), (rep,)),
        }[name]
        return self._host(name, partial(_RESOURCE[name], self.inst, rt), params, results)

    def _task_return(self, definition: p.TaskReturn) -> CoreFunc:
        cx = self.context(definition.options)
        ref = definition.result
        result = self.scope.get(Sort.TYPE, ref) if isinstance(ref, int) else ref
        flat = () if result is None else flatten_type(result, cx.options.memory64)
        if len(flat) > _MAX_FLAT:
            flat = (pointer_type(cx.options.memory64),)
        return self._host("task.return", tasks.TaskReturn(cx, result), flat, ())

    def _context(self, definition: p.ContextBuiltin) -> CoreFunc:
        func: Callable[..., object]
        if definition.name == "context.get":
            func = partial(contexts.canon_context_get, self.inst, definition.slot)
            return self._host(definition.name, func, (), (definition.type,))
        func = partial(contexts.canon_context_set, self.inst, definition.slot)
        return self._host(definition.name, func, (definition.type,), ())

    def _waitable_set(self, definition: p.WaitableSetBuiltin) -> CoreFunc:
        memory: CoreMemory = self.scope.get(Sort.CORE_MEMORY, definition.memory)
        params = (I32, pointer_type(memory.is64))
        func: Callable[..., object]
        if definition.name == "waitable-set.wait":
            func = partial(waitables.canon_waitable_set_wait, self.inst, memory, False)
            return self._func(definition.name, func, params, (I32,), blocks=True)
        func = partial(waitables.canon_waitable_set_poll, self.inst, memory, False)
        return self._host(definition.name, func, params, (I32,))

    def _transmit(self, definition: p.TransmitBuiltin | p.TransmitCopy | p.TransmitCancel) -> CoreFunc:
        name = definition.name
        transmit = self.scope.get(Sort.TYPE, definition.type)
        if not isinstance(transmit, StreamType if name.startswith("stream") else FutureType):
            raise LinkError(f"`{name}` needs the type of a stream or future")
        element = transmit.payload
        if isinstance(definition, p.TransmitCopy):
            return self._copy(definition, transmit)
        if isinstance(definition, p.TransmitCancel):
            func = partial(_CANCEL[name], self.inst, element, definition.is_async)
            return self._func(name, func, (I32,), (I32,), blocks=not definition.is_async)
        if name in _NEW:
            numeric = element is None or element in NUMERIC
            return self._host(name, partial(_NEW[name], self.inst, transmit, numeric), (), ("i64",))
        return self._host(name, partial(_DROP[name], self.inst, element), (I32,), ())

    def _copy(self, definition: p.TransmitCopy, transmit: Any) -> CoreFunc:
        cx = self.context(definition.options)
        copy = transmits.Copy.of(cx, transmit, is_async=definition.options.is_async)
        pointer = pointer_type(cx.options.memory64)
        is_stream = definition.name.startswith("stream")
        params = (I32, pointer, pointer) if is_stream else (I32, pointer)
        results = (pointer,) if is_stream else (I32,)
        if definition.name == "stream.read" and copy.element is Prim.U8 and self.inst.store.observation is None:
            func = transmits.byte_stream_reader(copy)
        else:
            func = partial(_COPY[definition.name], copy)
        return self._func(definition.name, func, params, results, blocks=not copy.is_async)

    def _error_context(self, definition: p.ErrorContextBuiltin) -> CoreFunc:
        cx = self.context(definition.options)
        pointer = pointer_type(cx.options.memory64)
        func: Callable[..., object]
        if definition.name == "error-context.new":
            func = partial(error_contexts.canon_error_context_new, cx)
            return self._host(definition.name, func, (pointer, pointer), (I32,))
        func = partial(error_contexts.canon_error_context_debug_message, cx)
        return self._host(definition.name, func, (I32, pointer), ())

    def _note_threads(self, name: str) -> None:
        """Have calls run on threads of their own where the guest sees them: a call without one has no index."""
        if name.startswith("thread."):
            self.inst.can_block = True

    def _thread_new_indirect(self, definition: p.ThreadNewIndirect) -> CoreFunc:
        self._note_threads("thread.new-indirect")
        table = self.scope.get(Sort.CORE_TABLE, definition.table)
        start = self.scope.get(Sort.CORE_TYPE, definition.type)
        sig = CoreSig(start.params, start.results)
        func = partial(threads.canon_thread_new_indirect, self.inst, sig, table)
        params = (pointer_type(table.is64), *start.params)
        return self._host("thread.new-indirect", func, params, (I32,))


def check_sig(core_func: CoreFunc, sig: CoreSig, what: str) -> None:
    """Check the type of a core function that will be called without a further look.

    The validator has done so already, but for the difference between 32 and 64 bits when it was given a narrowed
    skeleton; see `weft.component.narrow`.

    Raises:
        LinkError: it has another type than `sig`.
    """
    if core_func.sig != sig:
        raise LinkError(f"{what} must have type `{core_text(sig)}`, but has type `{core_text(core_func.sig)}`")


@final
@define
class _Flattening:
    memory64: bool
    is_async: bool
    callback: int | None = None
