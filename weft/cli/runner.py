"""Run the directives of a script, one after the other, whatever fails on the way.

Source: the script format of the component model's own suite; how Wasmtime's runner matches the text of traps.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final, final

from attrs import define, field, frozen

from weft.cli import script as ast
from weft.cli._runtime import TextError
from weft.cli.matching import MismatchError, check, to_value
from weft.cli.results import Result, Status
from weft.cli.sexpr import SyntaxFault
from weft.errors import DecodeError, LinkError, LowerError, Trap, TrapCode, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from weft.cli._runtime import Func, Instance, Runtime

_SAME_TRAP: Final = ("cannot write", "cannot read", "null reference", "uninitialized element")
"""Beginnings that are enough to call two trap texts the same: engines word the rest differently."""

_THROWN: Final = "thrown Wasm exception"
"""What Wasmtime says of an exception that leaves a component while its caller is not the one that waits."""

_NEEDS_FAILED: Final = "it needs the component of line {}, which failed"
_NEEDS_SKIPPED: Final = "it needs the component of line {}, which was skipped"


@final
class _FailError(Exception):
    """The directive failed, for the reason given."""


@final
class _SkipError(Exception):
    """The directive cannot be run here, for the reason given."""


@final
@frozen(eq=False)
class _Missing:
    """Stands where an instance or a definition would be, had the directive that makes it passed."""

    error: _FailError | _SkipError


def run_script(path: Path, make_runtime: Callable[[Mapping[str, object] | None], Runtime]) -> Iterator[Result]:
    """Run a script and yield a result a directive.

    Args:
        path: the script.
        make_runtime: gives the runtime for the script's feature lines (None when it has none).
    """
    file = str(path)
    try:
        script = ast.parse_script(path.read_bytes().decode())
        runner = _Runner(make_runtime(script.features), file)
    except (SyntaxFault, UnicodeDecodeError, OSError) as error:
        line = error.line if isinstance(error, SyntaxFault) else 1
        yield Result("script", Status.FAILED, file, line, str(error))
    except Exception as error:  # noqa: BLE001 - one script must not hide the others
        yield _unexpected("script", file, 1, error)
    else:
        for directive in script.directives:
            yield runner.run(directive)
        yield from runner.close()


@define(eq=False)
class _Runner:
    """The state of a script between two directives."""

    runtime: Runtime
    file: str
    current: Instance | _Missing = field(factory=lambda: _Missing(_FailError("no component came before")))
    instances: dict[str, Instance | _Missing] = field(factory=dict)
    # The latest definition is also kept under None: `(component instance $i)` names no definition.
    definitions: dict[str | None, object | _Missing] = field(factory=dict)

    def run(self, directive: ast.Directive) -> Result:
        """Run one directive."""
        kind, line = kind_of(directive), directive.line
        try:
            note = self._execute(directive)
        except _SkipError as error:
            return Result(kind, Status.SKIPPED, self.file, line, str(error))
        except _FailError as error:
            return Result(kind, Status.FAILED, self.file, line, str(error))
        except Exception as error:  # noqa: BLE001 - a bug behind one directive must not hide the others
            return _unexpected(kind, self.file, line, error)
        return Result(kind, Status.PASSED, self.file, line, note)

    def close(self) -> Iterator[Result]:
        """Close the runtime; one that does not close is a failure."""
        try:
            self.runtime.close()
        except Exception as error:  # noqa: BLE001 - likewise
            yield _unexpected("close", self.file, 1, error)

    def _execute(self, directive: ast.Directive) -> str:
        match directive:
            case ast.Component():
                self._component(directive)
            case ast.ComponentDefinition():
                self._definition(directive)
            case ast.ComponentInstance():
                self._make_current(directive.name, directive.line, lambda: self._instance_of(directive.definition))
            case ast.Invoke():
                self._invoke(directive)
            case ast.AssertReturn():
                self._assert_return(directive)
            case ast.AssertTrap():
                self._assert_trap(directive)
            case ast.AssertRejected():
                return self._assert_rejected(directive)
            case ast.AssertUnlinkable():
                return self._assert_unlinkable(directive)
            case ast.Register():
                self.runtime.register(directive.name, self._instance(directive.instance))
            case ast.Unsupported():
                raise _SkipError(directive.reason)
            case ast.Broken():
                raise _FailError(directive.reason)
        return ""

    def _component(self, directive: ast.Component) -> None:
        def make() -> Instance:
            self._definition(directive)
            return self._instance_of(directive.name)

        self._make_current(directive.name, directive.line, make)

    def _definition(self, directive: ast.Component | ast.ComponentDefinition) -> None:
        found: object = _Missing(_FailError(_NEEDS_FAILED.format(directive.line)))
        try:
            found = self._compile(directive.source)
        except _SkipError:
            found = _Missing(_SkipError(_NEEDS_SKIPPED.format(directive.line)))
            raise
        finally:
            self.definitions[directive.name] = self.definitions[None] = found

    def _compile(self, source: ast.Source) -> object:
        data = source.data if isinstance(source, ast.Binary) else self._assemble(source.text)
        try:
            return self.runtime.compile(data)
        except (DecodeError, ValidationError) as error:
            raise _FailError(f"{type(error).__name__}: {error}") from error

    def _assemble(self, text: str | bytes) -> bytes:
        try:
            return self.runtime.assemble(text)
        except TextError as error:
            raise _SkipError(f"the text parser rejects it: {_first_line(error)}") from error

    def _make_current(self, name: str | None, line: int, make: Callable[[], Instance]) -> None:
        """Make an instance, and remember it, or that there is none, as the current one and under its name."""
        found: Instance | _Missing = _Missing(_FailError(_NEEDS_FAILED.format(line)))
        try:
            found = make()
            if name is not None:
                self.runtime.register(name.removeprefix("$"), found)
        except _SkipError:
            found = _Missing(_SkipError(_NEEDS_SKIPPED.format(line)))
            raise
        finally:
            self.current = found
            if name is not None:
                self.instances[name] = found

    def _instance_of(self, definition: str | None) -> Instance:
        """Instantiate a definition; a trap is a failure."""
        try:
            return self.runtime.instantiate(self._component_of(definition))
        except (Trap, LinkError) as error:
            raise _FailError(f"not instantiated: {type(error).__name__}: {error}") from error

    def _component_of(self, definition: str | None) -> object:
        found = self.definitions.get(definition)
        if found is None:
            raise _FailError(f"no definition named {definition}")
        if isinstance(found, _Missing):
            raise found.error
        return found

    def _instance(self, name: str | None) -> Instance:
        found = self.current if name is None else self.instances.get(name)
        if found is None:
            raise _FailError(f"no instance named {name}")
        if isinstance(found, _Missing):
            raise found.error
        return found

    def _invoke(self, action: ast.Invoke) -> tuple[Func, Any]:
        """Call a function; a trap is a failure."""
        func, args = self._prepare(action)
        try:
            return func, _call(func, args)
        except Trap as trap:
            raise _FailError(f"trapped: {trap}") from trap

    def _prepare(self, action: ast.Invoke) -> tuple[Func, list[object]]:
        func = self._instance(action.instance).func((action.func,))
        if func is None:
            raise _FailError(f"no function named {action.func!r}")
        params = func.type.params
        if len(params) != len(action.args):
            raise _FailError(f"{action.func!r} takes {len(params)} arguments, not {len(action.args)}")
        try:
            return func, [to_value(const, param.type) for const, param in zip(action.args, params, strict=True)]
        except MismatchError as error:
            raise _FailError(f"argument of {action.func!r}: {error}") from error

    def _assert_return(self, directive: ast.AssertReturn) -> None:
        func, value = self._invoke(directive.action)
        result = func.type.result
        if len(directive.expected) != (result is not None):
            raise _FailError(f"expected {len(directive.expected)} results, found {int(result is not None)}")
        if result is None:
            return
        try:
            check(directive.expected[0], result, value)
        except MismatchError as error:
            raise _FailError(f"result of {directive.action.func!r}: {error}") from error

    def _assert_trap(self, directive: ast.AssertTrap) -> None:
        try:
            value = self._action(directive.action)
        except Trap as trap:
            if not same_trap(directive.message, trap):
                raise _FailError(f"expected trap {directive.message!r}, found {trap.message!r}") from trap
            return
        raise _FailError(f"expected trap {directive.message!r}, returned {value!r}")

    def _action(self, action: ast.Invoke | ast.Component | ast.ComponentInstance) -> object:
        """Do what may trap, and let the trap through."""
        match action:
            case ast.Invoke():
                return _call(*self._prepare(action))
            case ast.Component():
                component = self._compile(action.source)
            case ast.ComponentInstance():
                component = self._component_of(action.definition)
        try:
            self.runtime.instantiate(component)
        except LinkError as error:
            raise _FailError(f"LinkError: {error}") from error
        return "an instance"

    def _assert_rejected(self, directive: ast.AssertRejected) -> str:
        source = directive.source
        try:
            data = source.data if isinstance(source, ast.Binary) else self.runtime.assemble(source.text)
            self.runtime.compile(data)
        except (TextError, DecodeError, ValidationError) as error:
            return _wording(directive.message, error)
        raise _FailError(f"expected {directive.message!r}, but the component was accepted")

    def _assert_unlinkable(self, directive: ast.AssertUnlinkable) -> str:
        component = self._compile(directive.source)
        try:
            self.runtime.instantiate(component)
        except LinkError as error:
            return _wording(directive.message, error)
        except Trap as trap:
            raise _FailError(f"expected {directive.message!r}, but instantiation trapped: {trap}") from trap
        raise _FailError(f"expected {directive.message!r}, but the component was linked")


def _unexpected(kind: str, file: str, line: int, error: Exception) -> Result:
    message = f"unexpected {type(error).__name__}: {error}"
    return Result(kind, Status.FAILED, file, line, message, "".join(traceback.format_exception(error)))


def _call(func: Func, args: list[object]) -> Any:
    """Call a function, and let traps through."""
    try:
        return func.call(args)
    except LowerError as error:
        raise _FailError(f"the host refuses the arguments: {error}") from error


def _wording(expected: str, error: Exception) -> str:
    """Return "" when an error says what a script expects, or else a note with both texts."""
    actual = str(error)
    return "" if expected in actual else f"expected {expected!r}, rejected with {_first_line(actual)!r}"


def _first_line(error: object) -> str:
    return str(error).strip().split("\n", 1)[0]


def same_trap(expected: str, trap: Trap) -> bool:
    """Whether a trap has the text that a script expects: one holds the other, or both begin the same known way."""
    actual = str(trap)
    if expected in actual or (trap.message and trap.message in expected):
        return True
    if trap.code is TrapCode.UNCAUGHT_EXCEPTION and expected == _THROWN:
        return True
    return any(mark in expected and mark in actual for mark in _SAME_TRAP)


def kind_of(directive: ast.Directive) -> str:
    """Return a directive's keyword."""
    match directive:
        case ast.Unsupported(head=head) | ast.Broken(head=head):
            return head
        case ast.AssertRejected(malformed=malformed):
            return "assert_malformed" if malformed else "assert_invalid"
    return _KINDS[type(directive)]


_KINDS: Final[dict[type, str]] = {
    ast.Component: "component",
    ast.ComponentDefinition: "component definition",
    ast.ComponentInstance: "component instance",
    ast.Invoke: "invoke",
    ast.AssertReturn: "assert_return",
    ast.AssertTrap: "assert_trap",
    ast.AssertUnlinkable: "assert_unlinkable",
    ast.Register: "register",
}


__all__ = ["kind_of", "run_script", "same_trap"]
