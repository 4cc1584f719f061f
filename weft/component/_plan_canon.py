"""Canonical definitions of a plan: lift, lower and one class a family of built-ins.

Source: Binary.md, "Canonical Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from attrs import field, frozen

if TYPE_CHECKING:
    from weft.component._plan_refs import StringEncoding, ValTypeRef


@final
@frozen
class CanonOptions:
    """The options of one canonical definition; every number is a core index of the component.

    Attributes:
        encoding: 'utf8' when no option says otherwise.
        memory: a core memory index.
        realloc: a core function index.
        post_return: a core function index.
        is_async: the ``async`` option.
        callback: a core function index.
        encoding_given: whether an encoding option stood there.
    """

    encoding: StringEncoding = "utf8"
    memory: int | None = None
    realloc: int | None = None
    post_return: int | None = None
    is_async: bool = False
    callback: int | None = None
    encoding_given: bool = field(default=False, eq=False)


@final
@frozen
class Lift:
    """``(canon lift ...)``. Adds one func.

    `core_func` is a core function index, `type` the type index of its function type.
    """

    core_func: int
    options: CanonOptions
    type: int


@final
@frozen
class Lower:
    """``(canon lower ...)``. Adds one core func. `func` is a func index."""

    func: int
    options: CanonOptions


@final
@frozen
class PlainBuiltin:
    """A built-in without immediates. Adds one core func.

    `name` is one of: backpressure.inc, backpressure.dec, task.cancel, subtask.drop, error-context.drop,
    waitable-set.new, waitable-set.drop, waitable.join, thread.index, thread.resume-later.
    """

    name: str


@final
@frozen
class ResourceBuiltin:
    """resource.new, resource.drop or resource.rep. Adds one core func. `type` is a type index (a resource)."""

    name: str
    type: int


@final
@frozen
class TaskReturn:
    """``task.return`` with the result type of the task's function. Adds one core func."""

    result: ValTypeRef | None
    options: CanonOptions


@final
@frozen
class ContextBuiltin:
    """context.get or context.set. Adds one core func. `type` is 'i32' or 'i64' 🐘; `slot` is unchecked by `decode`."""

    name: str
    type: str
    slot: int


@final
@frozen
class SubtaskCancel:
    """``subtask.cancel``. Adds one core func."""

    is_async: bool


@final
@frozen
class TransmitBuiltin:
    """{stream,future}.{new,drop-readable,drop-writable}. Adds one core func.

    `type` is the type index of the stream or future type itself.
    """

    name: str
    type: int


@final
@frozen
class TransmitCopy:
    """{stream,future}.{read,write}. Adds one core func. `type` is the type index of the stream or future type."""

    name: str
    type: int
    options: CanonOptions


@final
@frozen
class TransmitCancel:
    """{stream,future}.cancel-{read,write}. Adds one core func. `type` is the index of the stream or future type."""

    name: str
    type: int
    is_async: bool


@final
@frozen
class ErrorContextBuiltin:
    """error-context.new or error-context.debug-message 📝. Adds one core func."""

    name: str
    options: CanonOptions


@final
@frozen
class WaitableSetBuiltin:
    """waitable-set.wait or waitable-set.poll. Adds one core func. `memory` is a core memory index."""

    name: str
    memory: int


@final
@frozen
class ThreadSwitch:
    """A built-in that lets other threads run. Adds one core func.

    `name` is one of: thread.yield, thread.suspend, thread.suspend-then-resume, thread.yield-then-resume,
    thread.suspend-then-promote, thread.yield-then-promote.
    """

    name: str


@final
@frozen
class ThreadNewIndirect:
    """``thread.new-indirect`` 🧵. Adds one core func. `type` is a core type index, `table` a core table index."""

    type: int
    table: int


@final
@frozen
class ThreadSpawn:
    """thread.spawn-ref, thread.spawn-indirect or thread.available-parallelism 🧵②. Adds one core func.

    `type` is a core type index, `table` a core table index; None where the built-in has none. No engine runs these.
    """

    name: str
    shared: bool
    type: int | None = None
    table: int | None = None


Builtin: TypeAlias = (
    PlainBuiltin
    | ResourceBuiltin
    | TaskReturn
    | ContextBuiltin
    | SubtaskCancel
    | TransmitBuiltin
    | TransmitCopy
    | TransmitCancel
    | ErrorContextBuiltin
    | WaitableSetBuiltin
    | ThreadSwitch
    | ThreadNewIndirect
    | ThreadSpawn
)
Canon: TypeAlias = Lift | Lower | Builtin
