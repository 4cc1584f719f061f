"""Every exception of weft, by who is to blame.

A guest that breaks a rule gets a `Trap`. A host program that passes a bad value gets a `LowerError`, a wrong
component a `DecodeError`, `ValidationError` or `LinkError`. `InternalError` is a bug of weft itself.
"""

from __future__ import annotations

import enum
from typing import final


class WeftError(Exception):
    """Base of everything weft raises on its own account."""


class InternalError(WeftError):
    """A bug in weft. This should never happen; please report it."""


@final
class DecodeError(WeftError):
    """The bytes are not a component.

    Attributes:
        offset: byte offset from the start of the outermost input where decoding stopped.
        reason: what is wrong there.
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason, offset)
        self.reason = reason
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.reason} (at offset {self.offset:#x})"


@final
class ValidationError(WeftError):
    """The bytes decode, but the component breaks a validation rule."""


@final
class WitError(WeftError):
    """WIT text cannot be read, or it names something that is not there; the text says where."""


@final
class LinkError(WeftError):
    """An import is missing, or what was given for it does not fit."""


class LowerError(WeftError, TypeError):
    """A Python value does not fit the type a guest expects.

    Attributes:
        path: where in the value, outermost first, e.g. ``("argument 'p'", "record field 'x'", "list index 3")``.
        reason: what is wrong there.
    """

    def __init__(self, reason: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def within(self, step: str) -> LowerError:
        """Return the same error, one step further out."""
        return LowerError(self.reason, (step, *self.path))

    def __str__(self) -> str:
        return ": ".join(("; ".join(self.path), self.reason)) if self.path else self.reason


class StoreError(WeftError):
    """A store, or a thing that belongs to one, was used in a state that does not allow it."""


@final
class CallCancelledError(StoreError):
    """The outcome of a call that the host cancelled, and whose guest acknowledged that, or had not begun."""


@final
class CallAbortedError(StoreError):
    """The outcome of a call that the host aborted, and of every other call that was stopped with it."""


class ResourceTableError(WeftError):
    """A `weft.ResourceTable` was asked for what it has not, or cannot do; base of the four below."""


@final
class ResourceNotPresentError(ResourceTableError, LookupError):
    """There is no entry of that representation."""


@final
class ResourceWrongTypeError(ResourceTableError, TypeError):
    """The entry holds an object of another class."""


@final
class ResourceHasChildrenError(ResourceTableError):
    """The entry has children, and cannot be deleted before them."""


@final
class ResourceTableFullError(ResourceTableError):
    """The table holds as many entries as it may."""


@final
class ProducerError(WeftError):
    """A producer of the host broke a rule of `poll_produce`; the guest that reads from it traps."""


@final
class ConsumerError(WeftError):
    """A consumer of the host broke a rule of `poll_consume`; the guest that writes to it traps."""


@final
class WriterTrappedError(WeftError):
    """The guest that wrote a stream or future trapped before it was done; the trap is the cause of this error."""


@final
class TrapCode(enum.IntEnum):
    """Why a guest trapped. Numbers up to 49 are Wasmtime's; `message` is its text.

    Codes from 100 are traps for which Wasmtime has a text but no number.
    """

    message: str

    def __new__(cls, value: int, message: str) -> TrapCode:
        """Make the member whose number is `value`."""
        self = int.__new__(cls, value)
        self._value_ = value
        self.message = message
        return self

    STACK_OVERFLOW = 0, "call stack exhausted"
    MEMORY_OUT_OF_BOUNDS = 1, "out of bounds memory access"
    HEAP_MISALIGNED = 2, "unaligned atomic"
    TABLE_OUT_OF_BOUNDS = 3, "undefined element: out of bounds table access"
    INDIRECT_CALL_TO_NULL = 4, "uninitialized element"
    BAD_SIGNATURE = 5, "indirect call type mismatch"
    INTEGER_OVERFLOW = 6, "integer overflow"
    INTEGER_DIVISION_BY_ZERO = 7, "integer divide by zero"
    BAD_CONVERSION_TO_INTEGER = 8, "invalid conversion to integer"
    UNREACHABLE = 9, "wasm `unreachable` instruction executed"
    INTERRUPT = 10, "interrupt"
    OUT_OF_FUEL = 11, "all fuel consumed by WebAssembly"
    ATOMIC_WAIT_NON_SHARED_MEMORY = 12, "atomic wait on non-shared memory"
    NULL_REFERENCE = 13, "null reference"
    ARRAY_OUT_OF_BOUNDS = 14, "out of bounds array access"
    ALLOCATION_TOO_LARGE = 15, "allocation size too large"
    CAST_FAILURE = 16, "cast failure"
    CANNOT_ENTER_COMPONENT = 17, "cannot enter component instance"
    NO_ASYNC_RESULT = 18, "async-lifted export failed to produce a result"
    UNHANDLED_TAG = 19, "unhandled tag"
    CONTINUATION_ALREADY_CONSUMED = 20, "continuation already consumed"
    DISABLED_OPCODE = 21, "pulley opcode disabled at compile time was executed"
    ASYNC_DEADLOCK = 22, "deadlock detected: event loop cannot make further progress"
    CANNOT_LEAVE_COMPONENT = 23, "cannot leave component instance"
    CANNOT_BLOCK_SYNC_TASK = 24, "cannot block a synchronous task before returning"
    INVALID_CHAR = 25, "invalid `char` bit pattern"
    DEBUG_ASSERT_STRING_ENCODING_FINISHED = 26, "should have finished string encoding"
    DEBUG_ASSERT_EQUAL_CODE_UNITS = 27, "code units should be equal"
    DEBUG_ASSERT_POINTER_ALIGNED = 28, "pointer should be aligned"
    DEBUG_ASSERT_UPPER_BITS_UNSET = 29, "upper bits should be unset"
    STRING_OUT_OF_BOUNDS = 30, "string content out-of-bounds"
    LIST_OUT_OF_BOUNDS = 31, "list content out-of-bounds"
    INVALID_DISCRIMINANT = 32, "invalid variant discriminant"
    UNALIGNED_POINTER = 33, "unaligned pointer"
    TASK_CANCEL_NOT_CANCELLED = 34, "`task.cancel` called by task which has not been cancelled"
    TASK_CANCEL_OR_RETURN_TWICE = 35, "`task.return` or `task.cancel` called more than once for current task"
    SUBTASK_CANCEL_AFTER_TERMINAL = 36, "`subtask.cancel` called after terminal status delivered"
    TASK_RETURN_INVALID = 37, "invalid `task.return` signature and/or options for current task"
    WAITABLE_SET_DROP_HAS_WAITERS = 38, "cannot drop waitable set with waiters"
    SUBTASK_DROP_NOT_RESOLVED = 39, "cannot drop a subtask which has not yet resolved"
    THREAD_NEW_INDIRECT_INVALID_TYPE = (
        40,
        "start function does not match expected type (currently only `(i32) -> ()` is supported)",
    )
    THREAD_NEW_INDIRECT_UNINITIALIZED = 41, "the start function index points to an uninitialized function"
    BACKPRESSURE_OVERFLOW = 42, "backpressure counter overflow"
    UNSUPPORTED_CALLBACK_CODE = 43, "unsupported callback code"
    CANNOT_RESUME_THREAD = 44, "cannot resume thread which is not suspended"
    CONCURRENT_FUTURE_STREAM_OP = 45, "cannot have concurrent operations active on a future/stream"
    REFERENCE_COUNT_OVERFLOW = 46, "reference count overflow"
    STREAM_OP_TOO_BIG = 47, "stream read/write count too large"
    WAITABLE_SYNC_AND_ASYNC = 48, "waitable cannot be used synchronously while added to a waitable set"
    UNCAUGHT_EXCEPTION = 49, "uncaught exception propagated out of component"
    UNKNOWN_HANDLE = 100, "unknown handle index"
    HANDLE_TYPE_MISMATCH = 101, "handle index used with the wrong type"
    HANDLE_TABLE_FULL = 102, "handle table is full"
    BORROW_HANDLES_REMAIN = 103, "borrow handles still remain at the end of the call"
    RESOURCE_LENT = 104, "cannot remove owned resource while borrowed"
    COPY_STATE = 105, "stream or future end is not in a state that allows this operation"
    WAITABLE_SET_NOT_EMPTY = 106, "cannot drop waitable set with members"
    WAITABLE_IN_USE = 107, "waitable cannot join a set while a synchronous operation waits on it"
    FUTURE_DROPPED_UNWRITTEN = 108, "cannot drop future write end without first writing a value"
    SAME_INSTANCE_COPY = 109, "cannot read from and write to intra-component stream/future with non-numeric payload"
    LIST_TOO_LONG = 110, "list size overflows"
    STRING_TOO_LONG = 111, "string is longer than the maximum byte length"
    REALLOC_OUT_OF_BOUNDS = 112, "realloc return: beyond end of memory"
    INVALID_STRING = 113, "invalid string encoding"
    HOST_LIMIT = 115, "a limit of the host was exceeded"
    OTHER = 199, "trap"


class Trap(WeftError):
    """A guest broke a rule and was stopped; its component instance cannot be entered again.

    Attributes:
        code: which rule.
        message: the text, in Wasmtime's words where it has them.
        frames: the Wasm backtrace, innermost first, as ``(function name or None, function index, module offset)``.
    """

    def __init__(
        self,
        code: TrapCode,
        message: str | None = None,
        frames: tuple[tuple[str | None, int, int], ...] = (),
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = code.message if message is None else message
        self.frames = frames

    def __str__(self) -> str:
        return f"wasm trap: {self.message}"


@final
class DeadlockError(Trap):
    """Nothing can run any more, and something is still awaited.

    Attributes:
        report: one line for each blocked task: which export it came from and what it waits for.
    """

    def __init__(self, report: tuple[str, ...] = ()) -> None:
        super().__init__(TrapCode.ASYNC_DEADLOCK)
        self.report = report

    def __str__(self) -> str:
        return "\n  ".join((super().__str__(), *self.report))


__all__ = [
    "CallAbortedError",
    "CallCancelledError",
    "ConsumerError",
    "DeadlockError",
    "DecodeError",
    "InternalError",
    "LinkError",
    "LowerError",
    "ProducerError",
    "ResourceHasChildrenError",
    "ResourceNotPresentError",
    "ResourceTableError",
    "ResourceTableFullError",
    "ResourceWrongTypeError",
    "StoreError",
    "Trap",
    "TrapCode",
    "ValidationError",
    "WeftError",
    "WitError",
    "WriterTrappedError",
]
