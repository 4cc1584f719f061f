"""Our own scripts hold every canonical built-in and every trap that a guest can cause."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from weft.cli import script
from weft.cli._runtime import TextError, assemble
from weft.component import plan as p
from weft.component.decoder import decode
from weft.errors import DecodeError, TrapCode

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPTS = sorted(Path(__file__).parent.rglob("*.wast"))

TRANSMITS = ("stream", "future")
PLAIN = (
    "backpressure.inc backpressure.dec task.cancel subtask.drop error-context.drop waitable-set.new waitable-set.drop "
    "waitable.join thread.index thread.resume-later resource.new resource.drop resource.rep task.return "
    "thread.yield thread.suspend thread.suspend-then-resume thread.yield-then-resume thread.suspend-then-promote "
    "thread.yield-then-promote thread.new-indirect waitable-set.wait waitable-set.poll error-context.new "
    "error-context.debug-message"
)
BUILTINS = {
    *PLAIN.split(),
    *(f"context.{verb} {slot}" for verb in ("get", "set") for slot in (0, 1)),
    *(f"{kind}.{verb}" for kind in TRANSMITS for verb in ("new", "drop-readable", "drop-writable")),
    *(
        f"{kind}.{cancel}{verb} {mode}"
        for kind in TRANSMITS
        for verb in ("read", "write")
        for cancel in ("", "cancel-")
        for mode in ("sync", "async")
    ),
    *(f"subtask.cancel {mode}" for mode in ("sync", "async")),
    *(f"lower {mode}" for mode in ("sync", "async")),
    *(f"lift {abi} of {kind}" for abi in ("sync",) for kind in ("sync", "async")),
    "lift stackful of async",
    "lift callback of async",
    "lift post-return",
    *(f"encoding {name}" for name in ("utf8", "utf16", "latin1+utf16")),
}

UNREACHABLE_TRAPS = {
    # Numbers of Wasmtime's for engine features that no component here uses, or that only its own checks raise.
    *(TrapCode.HEAP_MISALIGNED, TrapCode.ATOMIC_WAIT_NON_SHARED_MEMORY, TrapCode.NULL_REFERENCE),
    *(TrapCode.ARRAY_OUT_OF_BOUNDS, TrapCode.ALLOCATION_TOO_LARGE, TrapCode.CAST_FAILURE, TrapCode.UNHANDLED_TAG),
    *(TrapCode.CONTINUATION_ALREADY_CONSUMED, TrapCode.DISABLED_OPCODE),
    *(TrapCode.DEBUG_ASSERT_STRING_ENCODING_FINISHED, TrapCode.DEBUG_ASSERT_EQUAL_CODE_UNITS),
    *(TrapCode.DEBUG_ASSERT_POINTER_ALIGNED, TrapCode.DEBUG_ASSERT_UPPER_BITS_UNSET),
    *(TrapCode.REFERENCE_COUNT_OVERFLOW, TrapCode.INTEGER_OVERFLOW, TrapCode.BAD_CONVERSION_TO_INTEGER),
    *(TrapCode.INDIRECT_CALL_TO_NULL, TrapCode.BAD_SIGNATURE),
    # Of the host's doing: unit tests have them.
    *(TrapCode.INTERRUPT, TrapCode.OUT_OF_FUEL, TrapCode.HOST_LIMIT, TrapCode.OTHER),
    # A table of 2**28 handles, strings of 2**31 bytes: unit tests have them, with smaller limits.
    *(TrapCode.HANDLE_TABLE_FULL, TrapCode.STRING_TOO_LONG, TrapCode.LIST_TOO_LONG),
    # Told as `WAITABLE_SYNC_AND_ASYNC`.
    TrapCode.WAITABLE_IN_USE,
}

WORDED_OTHERWISE = {
    TrapCode.HANDLE_TYPE_MISMATCH: "handle is not a",
    TrapCode.COPY_STATE: "cannot read from",
    TrapCode.SAME_INSTANCE_COPY: "cannot read from and write to intra-component",
    TrapCode.INVALID_STRING: "invalid utf-8",
    TrapCode.STACK_OVERFLOW: "call stack exhausted",
    TrapCode.THREAD_NEW_INDIRECT_INVALID_TYPE: "start function does not match expected type",
    TrapCode.THREAD_NEW_INDIRECT_UNINITIALIZED: "points to an uninitialized function",
    TrapCode.TABLE_OUT_OF_BOUNDS: "out of bounds table access",
    TrapCode.ASYNC_DEADLOCK: "deadlock detected",
    TrapCode.UNREACHABLE: "unreachable",
    TrapCode.TASK_CANCEL_OR_RETURN_TWICE: "called more than once for current task",
}


def directives() -> Iterator[object]:
    for path in SCRIPTS:
        yield from script.parse_script(path.read_text()).directives


def plans(directive: object) -> Iterator[p.ComponentPlan]:
    """Yield the components that a directive gives in text."""
    if isinstance(directive, script.AssertTrap):
        directive = directive.action
    if isinstance(directive, script.Component | script.ComponentDefinition):
        source = directive.source
        try:
            yield decode(source.data if isinstance(source, script.Binary) else assemble(source.text))
        except (TextError, DecodeError):
            return  # a core module, or a directive that `test_wast.py` reports


def is_async_func(plan: p.ComponentPlan, index: int) -> bool:
    types: list[object] = []
    for definition in plan.definitions:
        match definition:
            case p.TypeDef(type=found):
                types.append(found)
            case _ if p.sort_added(definition) is p.Sort.TYPE:
                types.append(None)
    found = types[index]
    return isinstance(found, p.FuncDef) and found.is_async


def mode(is_async: bool) -> str:
    return "async" if is_async else "sync"


def names_of(plan: p.ComponentPlan) -> Iterator[str]:
    """Yield what a component defines canonically, and what its nested components do."""
    for definition in plan.definitions:
        match definition:
            case p.NestedComponent(plan=nested):
                yield from names_of(nested)
            case p.Lift(options=options):
                abi = "callback" if options.callback is not None else "stackful" if options.is_async else "sync"
                yield f"lift {abi} of {mode(is_async_func(plan, definition.type))}"
                if options.post_return is not None:
                    yield "lift post-return"
                if options.memory is not None:
                    yield f"encoding {options.encoding}"
            case p.Lower(options=options):
                yield f"lower {mode(options.is_async)}"
            case p.TaskReturn():
                yield "task.return"
            case p.ThreadNewIndirect():
                yield "thread.new-indirect"
            case p.ContextBuiltin(name=name, slot=slot):
                yield f"{name} {slot}"
            case p.SubtaskCancel(is_async=is_async):
                yield f"subtask.cancel {mode(is_async)}"
            case p.TransmitCopy(name=name, options=options):
                yield f"{name} {mode(options.is_async)}"
            case p.TransmitCancel(name=name, is_async=is_async):
                yield f"{name} {mode(is_async)}"
            case (
                p.PlainBuiltin(name=name)
                | p.ResourceBuiltin(name=name)
                | p.TransmitBuiltin(name=name)
                | p.ErrorContextBuiltin(name=name)
                | p.WaitableSetBuiltin(name=name)
                | p.ThreadSwitch(name=name)
            ):
                yield name


@pytest.fixture(scope="module")
def defined() -> set[str]:
    return {name for directive in directives() for plan in plans(directive) for name in names_of(plan)}


def test_every_builtin_is_in_a_script(defined: set[str]) -> None:
    """Each canonical built-in, sync and async, stands in a script; `test_wast.py` holds that all of them pass."""
    assert defined >= BUILTINS, sorted(BUILTINS - defined)


def test_no_builtin_is_unheard_of(defined: set[str]) -> None:
    """The list above knows every built-in that the scripts use."""
    assert defined <= BUILTINS, sorted(defined - BUILTINS)


def test_every_trap_is_in_a_script() -> None:
    """Each trap code that a guest can cause is the expected end of some directive."""
    expected = [d.message for d in directives() if isinstance(d, script.AssertTrap)]
    missing = [
        code.name
        for code in TrapCode
        if code not in UNREACHABLE_TRAPS
        and not any(
            (text := WORDED_OTHERWISE.get(code, code.message)) in message or message in text for message in expected
        )
    ]
    assert not missing


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_assert_something(path: Path) -> None:
    """Every script has directives that can fail, and each component in it is used by one."""
    kinds = [type(directive) for directive in script.parse_script(path.read_text()).directives]
    assert any(kind in (script.AssertReturn, script.AssertTrap) for kind in kinds)
