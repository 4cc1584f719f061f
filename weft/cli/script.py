"""The directives of a ``.wast`` script, as values.

Component text is kept as the exact slice of the script, for the text parser of the engine. Forms of core WebAssembly
are recognised and kept as `Unsupported`, so that they are counted and not lost.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Final, TypeAlias, final

from attrs import frozen

from weft.cli.consts import Const, parse_const
from weft.cli.sexpr import Atom, Node, SList, Str, SyntaxFault, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@final
@frozen
class Text:
    """A component in the text format."""

    text: str | bytes


@final
@frozen
class Binary:
    """A component in the binary format."""

    data: bytes


Source: TypeAlias = Text | Binary


@final
@frozen
class Component:
    """``(component $name? ...)``: define and instantiate, and make the instance the current one."""

    line: int
    name: str | None
    source: Source


@final
@frozen
class ComponentDefinition:
    """``(component definition $name? ...)``: define only."""

    line: int
    name: str | None
    source: Source


@final
@frozen
class ComponentInstance:
    """``(component instance $name? $definition?)``: instantiate a definition."""

    line: int
    name: str | None
    definition: str | None


@final
@frozen
class Invoke:
    """``(invoke $instance? "func" args*)``; the current instance when none is named."""

    line: int
    instance: str | None
    func: str
    args: tuple[Const, ...]


@final
@frozen
class AssertReturn:
    """``(assert_return action expected*)``."""

    line: int
    action: Invoke
    expected: tuple[Const, ...]


@final
@frozen
class AssertTrap:
    """``(assert_trap action-or-component "message")``."""

    line: int
    action: Invoke | Component | ComponentInstance
    message: str


@final
@frozen
class AssertRejected:
    """``(assert_invalid component "message")``, or ``assert_malformed`` when `malformed`."""

    line: int
    source: Source
    message: str
    malformed: bool


@final
@frozen
class AssertUnlinkable:
    """``(assert_unlinkable component "message")``."""

    line: int
    source: Source
    message: str


@final
@frozen
class Register:
    """``(register "name" $instance?)``: later components may import the instance under that name."""

    line: int
    name: str
    instance: str | None


@final
@frozen
class Unsupported:
    """A directive that this runner does not run; it counts as skipped."""

    line: int
    head: str
    reason: str


@final
@frozen
class Broken:
    """A directive that could not be read; it counts as failed."""

    line: int
    head: str
    reason: str


Directive: TypeAlias = (
    Component
    | ComponentDefinition
    | ComponentInstance
    | Invoke
    | AssertReturn
    | AssertTrap
    | AssertRejected
    | AssertUnlinkable
    | Register
    | Unsupported
    | Broken
)


@final
@frozen
class Script:
    """A whole script.

    Attributes:
        features: the keys of its leading ``;;!`` lines, or None when it has none.
        directives: in the order of the file.
    """

    features: Mapping[str, object] | None
    directives: tuple[Directive, ...]


_FEATURE_MARK: Final = ";;!"
_CORE_HEADS: Final = {"module", "get", "assert_exception", "assert_exhaustion", "assert_suspension", "thread", "wait"}


def parse_script(text: str) -> Script:
    """Read a script. A directive that cannot be read becomes `Broken`; the others are kept.

    Raises:
        SyntaxFault: the parentheses, strings or comments of the file do not close, or its feature lines are wrong.
    """
    return Script(_features(text), tuple(_directive_or_broken(node) for node in read(text)))


def _features(text: str) -> Mapping[str, object] | None:
    lines = []
    for line in text.splitlines():
        if not line.startswith(_FEATURE_MARK):
            break
        lines.append(line.removeprefix(_FEATURE_MARK))
    if not lines:
        return None
    try:
        return tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError as error:
        raise SyntaxFault(f"invalid feature lines: {error}", 1, 1) from None


def _directive_or_broken(node: Node) -> Directive:
    if not isinstance(node, SList):
        return Broken(node.line, "?", "expected a directive in parentheses")
    try:
        return _directive(node)
    except SyntaxFault as fault:
        return Broken(fault.line, node.head or "?", fault.reason)


def _directive(node: SList) -> Directive:
    match node.head:
        case "component":
            return _component(node)
        case "invoke":
            return _invoke(node)
        case "assert_return":
            return _assert_return(node)
        case "assert_trap":
            return _assert_trap(node)
        case "assert_invalid" | "assert_malformed" | "assert_unlinkable":
            return _assert_rejected(node)
        case "register":
            return _register(node)
        case str(head) if head in _CORE_HEADS:
            return Unsupported(node.line, head, f"`{head}` is a directive of core WebAssembly")
    raise node.fault("unknown directive")


def _component(node: SList) -> Component | ComponentDefinition | ComponentInstance:
    second = node.peek(1)
    word = second.text if isinstance(second, Atom) else ""
    if word == "instance" and _is_instance_form(node):
        name, definition = (*_ids(node, 2), None, None)[:2]
        # One identifier alone names the instance, of the latest definition.
        return ComponentInstance(node.line, name, definition)
    if word == "definition":
        return ComponentDefinition(node.line, _name(node, 2), _source(node, 2))
    return Component(node.line, _name(node, 1), _source(node, 1))


def _is_instance_form(node: SList) -> bool:
    return all(isinstance(child, Atom) and child.is_id for child in list(node)[2:])


def _ids(node: SList, index: int) -> list[str]:
    return [child.text for child in list(node)[index:] if isinstance(child, Atom)]


def _name(node: SList, index: int) -> str | None:
    child = node.peek(index)
    return child.text if isinstance(child, Atom) and child.is_id else None


def _source(node: SList, index: int) -> Source:
    """Return the component of a list whose own keywords end at `index`: its text, its bytes or its quoted text."""
    form = node.peek(index + (_name(node, index) is not None))
    word = form.text if isinstance(form, Atom) else ""
    if word == "binary":
        return Binary(b"".join(_strings(node)))
    if word == "quote":
        return Text(b"(component " + b" ".join(_strings(node)) + b")")
    if index == 1:
        return Text(node.source)
    keyword = node.peek(index - 1)
    return Text("(component" + node.source[keyword.end - node.start :] if keyword is not None else node.source)


def _strings(node: SList) -> Iterator[bytes]:
    for child in node:
        if isinstance(child, Str):
            yield child.value
        elif isinstance(child, SList):
            raise child.fault("expected strings only")


def _invoke(node: SList) -> Invoke:
    instance = _name(node, 1)
    first = 1 + (instance is not None)
    func = node.peek(first)
    if not isinstance(func, Str):
        raise node.fault("expected the name of a function")
    return Invoke(node.line, instance, func.text, _consts(list(node)[first + 1 :], node))


def _consts(nodes: list[Node], owner: SList) -> tuple[Const, ...]:
    found = []
    for node in nodes:
        if not isinstance(node, SList):
            raise owner.fault("expected a constant in parentheses")
        found.append(parse_const(node))
    return tuple(found)


def _assert_return(node: SList) -> AssertReturn | Unsupported:
    action = node.peek(1)
    if not isinstance(action, SList):
        raise node.fault("expected an action")
    if action.head == "get":
        return Unsupported(node.line, "assert_return", "`get` is an action of core WebAssembly")
    if action.head != "invoke":
        raise action.fault("expected an action")
    return AssertReturn(node.line, _invoke(action), _consts(list(node)[2:], node))


def _assert_trap(node: SList) -> AssertTrap | Unsupported:
    subject, message = _subject_and_message(node)
    match subject.head:
        case "invoke":
            return AssertTrap(node.line, _invoke(subject), message)
        case "component":
            component = _component(subject)
            if isinstance(component, ComponentDefinition):
                raise subject.fault("a definition cannot trap")
            return AssertTrap(node.line, component, message)
        case "module" | "get":
            return Unsupported(node.line, "assert_trap", f"`{subject.head}` is a form of core WebAssembly")
    raise subject.fault("expected an action or a component")


def _assert_rejected(node: SList) -> AssertRejected | AssertUnlinkable | Unsupported:
    head = str(node.head)
    subject, message = _subject_and_message(node)
    if subject.head == "module":
        return Unsupported(node.line, head, "`module` is a form of core WebAssembly")
    if subject.head != "component":
        raise subject.fault("expected a component")
    component = _component(subject)
    if isinstance(component, ComponentInstance):
        raise subject.fault("expected a component")
    if head == "assert_unlinkable":
        return AssertUnlinkable(node.line, component.source, message)
    return AssertRejected(node.line, component.source, message, malformed=head == "assert_malformed")


def _subject_and_message(node: SList) -> tuple[SList, str]:
    match list(node)[1:]:
        case [SList() as subject, Str() as message]:
            return subject, message.text
    raise node.fault("expected a form and a message")


def _register(node: SList) -> Register:
    match list(node)[1:]:
        case [Str() as name]:
            return Register(node.line, name.text, None)
        case [Str() as name, Atom(is_id=True) as instance]:
            return Register(node.line, name.text, instance.text)
    raise node.fault("expected a name and an optional identifier")


__all__ = [
    "AssertRejected",
    "AssertReturn",
    "AssertTrap",
    "AssertUnlinkable",
    "Binary",
    "Broken",
    "Component",
    "ComponentDefinition",
    "ComponentInstance",
    "Directive",
    "Invoke",
    "Register",
    "Script",
    "Source",
    "Text",
    "Unsupported",
    "parse_script",
]
