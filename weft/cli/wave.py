"""WAVE, the text of component values: a parser guided by the type.

Source: the WebAssembly Value Encoding of wasm-tools (the ``wasm-wave`` crate), its README and EBNF.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from weft.canon.types import (
    EnumType,
    FlagsType,
    ListType,
    MapType,
    OptionType,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)
from weft.cli import shapes
from weft.cli.consts import parse_float

if TYPE_CHECKING:
    from collections.abc import Callable

_SPACE: Final = re.compile(r"(?:[ \t\r\n]+|//[^\n]*)*")
_NUMBER: Final = re.compile(r"-?(?:inf\b|nan\b|(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?)")
_LABEL: Final = re.compile(r"%?([a-zA-Z][a-zA-Z0-9]*(?:-[a-zA-Z0-9]+)*)")
_BLOCK_STRING: Final = re.compile(r'"""\r?\n(.*?)^([ ]*)"""', re.DOTALL | re.MULTILINE)
_STRING: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_CHAR: Final = re.compile(r"'((?:[^'\\\n]|\\u\{[0-9a-fA-F]+\}|\\.)[^'\\\n]*)'")
_ESCAPE: Final = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|(.)|)", re.DOTALL)
_SIMPLE: Final = {"t": "\t", "n": "\n", "r": "\r", "'": "'", '"': '"', "\\": "\\"}
KEYWORDS: Final = frozenset({"true", "false", "inf", "nan", "some", "none", "ok", "err"})
"""Words that a case may only be called with ``%`` in front."""

_BITS: Final = {
    Prim.U8: (0, 8),
    Prim.U16: (0, 16),
    Prim.U32: (0, 32),
    Prim.U64: (0, 64),
    Prim.S8: (1, 7),
    Prim.S16: (1, 15),
    Prim.S32: (1, 31),
    Prim.S64: (1, 63),
}


@final
class WaveError(ValueError):
    """The text is not a value of the type asked for.

    Attributes:
        reason: what is wrong.
        column: where in the text, in characters counted from 1.
    """

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(reason, column)
        self.reason = reason
        self.column = column

    def __str__(self) -> str:
        return f"column {self.column}: {self.reason}"


def parse(text: str, type_: ValType) -> object:
    """Read one value of a type.

    Returns:
        A value as a guest function takes it.

    Raises:
        WaveError: the text is something else, or the type has no values that can be written.
    """
    parser = _Parser(text)
    value = parser.value(type_)
    parser.end()
    return value


@final
class _Parser:
    """A cursor over the text. Every method skips the space before what it reads."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def fault(self, reason: str) -> WaveError:
        """Return an error that points at the cursor."""
        return WaveError(reason, self.position + 1)

    def skip(self) -> None:
        """Move over space and comments."""
        match = _SPACE.match(self.text, self.position)
        if match is not None:
            self.position = match.end()

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Move over `pattern` if it stands here."""
        self.skip()
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        return match

    def accept(self, mark: str) -> bool:
        """Move over a punctuation mark if it stands here."""
        self.skip()
        found = self.text.startswith(mark, self.position)
        self.position += len(mark) if found else 0
        return found

    def expect(self, mark: str, what: str = "") -> None:
        """Move over a punctuation mark."""
        if not self.accept(mark):
            raise self.fault(f"expected `{mark}`{what}")

    def end(self) -> None:
        """Check that nothing is left."""
        self.skip()
        if self.position < len(self.text):
            raise self.fault("unexpected text after the value")

    def sequence(self, opening: str, closing: str, item: Callable[[], None], what: str) -> None:
        """Read items with commas between them; one comma more may stand at the end."""
        self.expect(opening, f" of a {what}")
        while not self.accept(closing):
            item()
            if not self.accept(","):
                self.expect(closing, f" or `,` in a {what}")
                return

    def label(self, what: str) -> tuple[str, bool]:
        """Read a label: its name, and whether it is a keyword that ``%`` does not quote."""
        match = self.take(_LABEL)
        if match is None:
            raise self.fault(f"expected {what}")
        return match[1], match[1] in KEYWORDS and match[0] == match[1]

    def keyword(self, *words: str) -> str | None:
        """Move over one of some keywords if it stands here, unquoted."""
        start = self.position
        match = self.take(_LABEL)
        if match is not None and match[0] in words:
            return match[0]
        self.position = start
        return None

    def value(self, type_: ValType) -> object:
        """Read a value."""
        self.skip()
        match type_:
            case Prim():
                return self.primitive(type_)
            case ListType():
                return self.list_value(type_)
            case TupleType(types=types):
                return self.tuple_value(types)
            case RecordType():
                return self.record(type_)
            case VariantType():
                return self.variant(type_)
            case EnumType(labels=labels):
                return shapes.make_enum(type_, self.case(labels, "enum"))
            case FlagsType():
                return self.flags(type_)
            case OptionType():
                return self.option(type_)
            case ResultType():
                return self.result(type_)
            case MapType():
                return self.map_value(type_)
            case _:
                raise self.fault(f"a value of type {shapes.type_text(type_)} cannot be written")

    def primitive(self, type_: Prim) -> object:
        """Read a value of a primitive type."""
        match type_:
            case Prim.BOOL:
                word = self.keyword("true", "false")
                if word is None:
                    raise self.fault("expected a bool: true or false")
                return word == "true"
            case Prim.CHAR:
                return self.char()
            case Prim.STRING:
                return self.string()
            case Prim.F32 | Prim.F64:
                return self.float_value(type_)
            case Prim.ERROR_CONTEXT:
                raise self.fault("a value of type error-context cannot be written")
        return self.integer(type_)

    def integer(self, type_: Prim) -> int:
        """Read an integer and check its range."""
        start = self.position
        match = self.take(_NUMBER)
        if match is None or match[1] or match[2] or not match[0].lstrip("-").isdigit():
            self.position = start
            raise self.fault(f"expected an integer of type {type_.value}")
        signed, bits = _BITS[type_]
        value = int(match[0])
        if not -signed << bits <= value < 1 << bits:
            self.position = match.start()
            raise self.fault(f"{value} does not fit in {type_.value}")
        return value

    def float_value(self, type_: Prim) -> float:
        """Read a float, rounded to the type."""
        match = self.take(_NUMBER)
        if match is None or match[0] == "-nan":
            raise self.fault(f"expected a number of type {type_.value}")
        try:
            return parse_float(match[0], type_.value)
        except ValueError:
            self.position = match.start()
            raise self.fault(f"{match[0]} does not fit in {type_.value}") from None

    def char(self) -> str:
        """Read a char."""
        match = self.take(_CHAR)
        if match is None:
            raise self.fault("expected a char in single quotes")
        text = self.unescape(match[1], match.start(1))
        if len(text) != 1:
            self.position = match.start()
            raise self.fault("a char is one Unicode scalar value")
        return text

    def string(self) -> str:
        """Read a string, in one line or in a block between triple quotes."""
        block = self.take(_BLOCK_STRING)
        if block is not None:
            return self.unescape(self.dedent(block), block.start(1))
        match = self.take(_STRING)
        if match is None or (match[0] == '""' and self.text.startswith('"', match.end())):
            raise self.fault("expected a string in double quotes")
        return self.unescape(match[1], match.start(1))

    def dedent(self, block: re.Match[str]) -> str:
        """Take the indentation of the closing quotes off every line of a block string."""
        indent = block[2]
        lines = block[1].splitlines()
        for line in lines:
            if line and not line.startswith(indent):
                self.position = block.start()
                raise self.fault("a line of the string is indented less than its closing quotes")
        return "\n".join(line.removeprefix(indent) for line in lines)

    def unescape(self, body: str, offset: int) -> str:
        """Undo the escapes of a string that begins at `offset`."""

        def replace(match: re.Match[str]) -> str:
            digits, simple = match.groups()
            value = int(digits, 16) if digits else -1
            if 0 <= value < 0xD800 or 0xE000 <= value < 0x110000:
                return chr(value)
            if simple not in _SIMPLE:
                raise WaveError(f"invalid escape {match[0]}", offset + match.start() + 1)
            return _SIMPLE[simple]

        return _ESCAPE.sub(replace, body)

    def list_value(self, type_: ListType) -> list[object]:
        """Read a list."""
        items: list[object] = []
        start = self.position
        self.sequence("[", "]", lambda: items.append(self.value(type_.element)), "list")
        if type_.length is not None and len(items) != type_.length:
            self.position = start
            raise self.fault(f"expected {type_.length} elements and not {len(items)}")
        return items

    def tuple_value(self, types: tuple[ValType, ...]) -> tuple[object, ...]:
        """Read a tuple."""
        items: list[object] = []

        def item() -> None:
            if len(items) == len(types):
                raise self.fault(f"a tuple of {len(types)} has no more elements")
            items.append(self.value(types[len(items)]))

        start = self.position
        self.sequence("(", ")", item, "tuple")
        if len(items) != len(types):
            self.position = start
            raise self.fault(f"expected {len(types)} elements and not {len(items)}")
        return tuple(items)

    def record(self, type_: RecordType) -> object:
        """Read a record; optional fields may be left out."""
        types = {field.name: field.type for field in type_.fields}
        found: dict[str, object] = {}
        start = self.position

        def item() -> None:
            name = self.label_of(types, "field")
            if name in found:
                raise self.fault(f"field `{name}` stands there twice")
            self.expect(":", f" after field `{name}`")
            found[name] = self.value(types[name])

        if not self.empty_braces():
            self.sequence("{", "}", item, "record")
        for name, field_type in types.items():
            if name not in found and not isinstance(field_type, OptionType):
                self.position = start
                raise self.fault(f"field `{name}` is missing")
        ordered = {name: found.get(name) for name in types}
        return shapes.make_record(type_, ordered)

    def empty_braces(self) -> bool:
        """Move over ``{:}`` if it stands here."""
        start = self.position
        if self.accept("{") and self.accept(":") and self.accept("}"):
            return True
        self.position = start
        return False

    def label_of(self, known: object, what: str) -> str:
        """Read a label that must be in the container `known`."""
        self.skip()
        start = self.position
        name, _ = self.label(f"the name of a {what}")
        if name not in known:  # type: ignore[operator]
            self.position = start
            raise self.fault(f"unknown {what} `{name}`")
        return name

    def case(self, labels: tuple[str, ...], what: str) -> str:
        """Read the label of a case of an enum or a variant."""
        self.skip()
        start = self.position
        name, is_keyword = self.label(f"a case of the {what}")
        if name in labels and not is_keyword:
            return name
        self.position = start
        if is_keyword and name in labels:
            raise self.fault(f"`{name}` is a keyword; write `%{name}`")
        raise self.fault(f"unknown case `{name}`; expected one of {', '.join(labels)}")

    def variant(self, type_: VariantType) -> object:
        """Read a variant."""
        types = {case.name: case.type for case in type_.cases}
        name = self.case(tuple(types), "variant")
        return shapes.make_variant(type_, name, self.payload(types[name], f"case `{name}`"))

    def payload(self, type_: ValType | None, what: str) -> object:
        """Read a payload in parentheses, when there is a type for it."""
        if type_ is None:
            if self.accept("("):
                raise self.fault(f"{what} has no payload")
            return None
        self.expect("(", f" and a payload of {what}")
        value = self.value(type_)
        self.expect(")", f" after the payload of {what}")
        return value

    def flags(self, type_: FlagsType) -> object:
        """Read a set of flags."""
        found: list[str] = []
        self.sequence("{", "}", lambda: found.append(self.label_of(type_.labels, "flag")), "set of flags")
        return shapes.make_flags(type_, found)

    def option(self, type_: OptionType) -> object:
        """Read an option: ``some(x)``, ``none``, or ``x`` alone when `x` is no option or result itself."""
        word = self.keyword("some", "none")
        if word == "none":
            return None
        if word == "some":
            return shapes.make_some(type_, self.payload(type_.payload, "`some`"))
        if isinstance(type_.payload, OptionType | ResultType):
            raise self.fault("expected `some(...)` or `none`")
        return shapes.make_some(type_, self.value(type_.payload))

    def result(self, type_: ResultType) -> object:
        """Read a result: ``ok(x)``, ``err(e)``, or ``x`` alone when `x` is no option or result itself."""
        word = self.keyword("ok", "err")
        if word is not None:
            payload_type = type_.ok if word == "ok" else type_.err
            return shapes.make_result(word == "ok", self.payload(payload_type, f"`{word}`"))
        if type_.ok is None or isinstance(type_.ok, OptionType | ResultType):
            raise self.fault("expected `ok` or `err`")
        return shapes.make_result(True, self.value(type_.ok))

    def map_value(self, type_: MapType) -> object:
        """Read a map: ``{key: value}``, ``{:}`` or ``{}`` when it is empty."""
        found: dict[object, object] = {}

        def item() -> None:
            key = self.value(type_.key)
            self.expect(":", " after a key")
            found[key] = self.value(type_.value)

        if not self.empty_braces():
            self.sequence("{", "}", item, "map")
        return found


__all__ = ["KEYWORDS", "WaveError", "parse"]
