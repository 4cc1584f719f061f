"""Calls of sync functions while somebody observes: a task each, where otherwise a fused call has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from weft.errors import InternalError
from weft.runtime.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.canon.lift import LiftedFunc
    from weft.runtime.task import Caller


@final
class _ResultKeeper:
    """The caller of one call, in place of the true one, whose name and number it has."""

    __slots__ = ("args", "error", "name", "number", "resolved", "result")

    def __init__(self, args: tuple[object, ...], caller: Caller | None) -> None:
        self.args = args
        self.name: str | None = getattr(caller, "name", None)
        self.number: int = getattr(caller, "number", 0)
        self.resolved = False
        self.result: Any = None
        self.error: BaseException | None = None

    def on_start(self) -> tuple[object, ...]:
        return self.args

    def on_resolve(self, result: object) -> None:
        self.resolved = True
        self.result = result

    def on_fail(self, error: BaseException) -> None:
        self.error = error


def observed_caller(lifted: LiftedFunc, run: Callable[[Task], None]) -> Callable[..., Any]:
    """Return `LiftedFunc.call_direct` for a store that is observed; `run` is what the task does."""
    inst = lifted.cx.instance

    def call_direct(args: tuple[object, ...], caller: Caller | None = None) -> Any:
        inst.root.check_enter()
        keeper = _ResultKeeper(args, caller)
        task = Task(lifted, inst, keeper)
        task.implicit_thread.may_suspend = False
        task.begin(lambda: run(task))
        if keeper.error is not None:
            raise keeper.error
        if not keeper.resolved:
            raise InternalError(f"{lifted.name} runs to its end, but did not")
        return keeper.result

    return call_direct


__all__ = ["observed_caller"]
