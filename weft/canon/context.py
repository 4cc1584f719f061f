"""What lifting and lowering need of one guest: its memory, its allocator, its instance.

Source: CanonicalABI.md, "Lifting and Lowering Context".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.errors import InternalError
from weft.runtime.task import Task

if TYPE_CHECKING:
    from weft.canon.compile import ValueOptions
    from weft.engine import CoreFunc, CoreMemory
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.task import Lifted
    from weft.runtime.thread import Thread


@final
class LiftLowerContext:
    """The memory, allocator and string encoding that one canonical definition names, in one instance.

    Attributes:
        instance: the component instance.
        memory: its memory, or None when no value needs one.
        options: string encoding and pointer width.
        lifted: about how many bytes of Python objects the lift in progress has made.
    """

    __slots__ = ("_realloc", "instance", "lifted", "memory", "options")

    def __init__(
        self,
        instance: ComponentInstance,
        options: ValueOptions,
        memory: CoreMemory | None = None,
        realloc: CoreFunc | None = None,
    ) -> None:
        self.instance = instance
        self.options = options
        self.memory = memory
        self._realloc = realloc
        self.lifted = 0

    @property
    def lift_budget(self) -> int:
        """The most that `lifted` may become."""
        return self.instance.store.lift_budget

    def realloc(self, old: int, old_size: int, alignment: int, new_size: int) -> int:
        """Call the guest's allocator; sizes in bytes. The pointer that comes back is not checked here.

        Raises:
            Trap: when the guest traps.
        """
        if self._realloc is None:
            raise InternalError("a value that needs memory passed a definition without `realloc`")
        pointer = call_without_leaving(self.instance, self._realloc, old, old_size, alignment, new_size)
        assert isinstance(pointer, int)
        return pointer


class _NoFunction:
    """What a task runs that only serves `realloc`: a sync function of the instance."""

    name = "realloc"
    is_async = False
    needs_exclusive = False


class _NoCaller:
    """Nobody: such a task is never started nor resolved."""

    def on_start(self) -> tuple[object, ...]:
        return ()

    def on_resolve(self, result: object) -> None:
        del result

    def on_fail(self, error: BaseException) -> None:
        del error


def helper_thread(inst: ComponentInstance, lifted: Lifted | None = None) -> Thread:
    """Return a thread of `inst` for code that runs to its end at once and may not block."""
    thread = Task(_NoFunction() if lifted is None else lifted, inst, _NoCaller()).implicit_thread
    thread.may_suspend = False
    return thread


def call_without_leaving(inst: ComponentInstance, func: CoreFunc, *flat: object) -> object:
    """Call `func` on a fresh thread while the instance may not be left, as `realloc` is called."""
    store = inst.store
    previous = store.current
    store.current = helper_thread(inst)
    inst.may_leave = False
    try:
        return func.call(*flat)
    finally:
        inst.may_leave = True
        store.current = previous
