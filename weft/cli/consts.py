"""The constants of a script: ``(u8.const 1)``, ``(record.const (field "x" ...))`` and the others, untyped.

A constant is written twice in a script: as an argument and as an expected result. Both are read into the same tree
here; `weft.cli.matching` gives it meaning against a component type.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias, final

from attrs import frozen

from weft.cli.sexpr import Atom, Node, SList, Str

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@final
@frozen
class BoolConst:
    """``bool.const``."""

    value: bool


@final
@frozen
class IntConst:
    """``u8.const`` and the other seven integers; `kind` is the type's name in WIT."""

    kind: str
    value: int


@final
@frozen
class FloatConst:
    """``f32.const`` or ``f64.const``. An f32 is already rounded. Every NaN pattern is the one Python NaN."""

    kind: str
    value: float


@final
@frozen
class CharConst:
    """``char.const``."""

    value: str


@final
@frozen
class StrConst:
    """``str.const``."""

    value: str


@final
@frozen
class ListConst:
    """``list.const``."""

    items: tuple[Const, ...]


@final
@frozen
class RecordConst:
    """``record.const``, its fields in the order in which they are written."""

    fields: tuple[tuple[str, Const], ...]


@final
@frozen
class TupleConst:
    """``tuple.const``."""

    items: tuple[Const, ...]


@final
@frozen
class VariantConst:
    """``variant.const``."""

    case: str
    payload: Const | None


@final
@frozen
class EnumConst:
    """``enum.const``."""

    label: str


@final
@frozen
class OptionConst:
    """``option.some``, or ``option.none`` when `payload` is None."""

    payload: Const | None


@final
@frozen
class ResultConst:
    """``result.ok`` or ``result.err``."""

    is_ok: bool
    payload: Const | None


@final
@frozen
class FlagsConst:
    """``flags.const``."""

    labels: tuple[str, ...]


@final
@frozen
class OtherConst:
    """A constant that no component value matches: one of core WebAssembly."""

    head: str


Const: TypeAlias = (
    BoolConst
    | IntConst
    | FloatConst
    | CharConst
    | StrConst
    | ListConst
    | RecordConst
    | TupleConst
    | VariantConst
    | EnumConst
    | OptionConst
    | ResultConst
    | FlagsConst
    | OtherConst
)

_INTEGER: Final = re.compile(r"[+-]?(?:0x[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|[0-9]+(?:_[0-9]+)*)")
_NAN: Final = re.compile(r"[+-]?nan(?::(?:canonical|arithmetic|0x[0-9a-fA-F_]+))?")
_HEX_FLOAT: Final = re.compile(r"([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?[0-9]+))?")
_WIDTHS: Final = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "s8": 8, "s16": 16, "s32": 32, "s64": 64}


def parse_const(node: SList) -> Const:
    """Read one parenthesised constant.

    Raises:
        SyntaxFault: it is not one.
    """
    if node.head is None:
        raise node.fault("expected a constant")
    return _Fields(node, iter(node)).const()


@final
class _Fields:
    """The remaining children of one list."""

    def __init__(self, owner: SList, rest: Iterator[Node]) -> None:
        self.owner = owner
        self.rest = rest

    def atom(self) -> str:
        """Take a word."""
        node = next(self.rest, None)
        if not isinstance(node, Atom):
            raise self.owner.fault("expected a word")
        return node.text

    def string(self) -> str:
        """Take a string of valid UTF-8."""
        node = next(self.rest, None)
        if not isinstance(node, Str):
            raise self.owner.fault("expected a string")
        try:
            return node.value.decode()
        except UnicodeDecodeError:
            raise self.owner.fault("the string is not valid UTF-8") from None

    def strings(self) -> tuple[str, ...]:
        """Take all the strings that remain."""
        found = []
        for node in self.rest:
            if not isinstance(node, Str):
                raise self.owner.fault("expected strings only")
            found.append(node.text)
        return tuple(found)

    def consts(self) -> tuple[Const, ...]:
        """Take all the constants that remain."""
        return tuple(self._const_of(node) for node in self.rest)

    def payload(self) -> Const | None:
        """Take the constant that remains, if there is one."""
        found = self.consts()
        if len(found) > 1:
            raise self.owner.fault("expected at most one payload")
        return found[0] if found else None

    def fields(self) -> tuple[tuple[str, Const], ...]:
        """Take the fields of a record. A field's constant stands in its list without parentheses of its own."""
        found = []
        for node in self.rest:
            if not isinstance(node, SList) or node.head != "field":
                raise self.owner.fault("expected (field ...)")
            inner = _Fields(node, iter(node))
            inner.atom()
            found.append((inner.string(), inner.const()))
        return tuple(found)

    def const(self) -> Const:
        """Take a constant whose head is the next word."""
        following = next(self.rest, None)
        if isinstance(following, SList):
            return self._const_of(following)
        head = following.text if isinstance(following, Atom) else "?"
        read = _READERS.get(head)
        if read is None:
            if head.split(".")[0] in {"i32", "i64", "v128", "ref", "either"}:
                return OtherConst(head)
            raise self.owner.fault(f"unknown constant {head}")
        try:
            found = read(self)
        except ValueError as error:
            raise self.owner.fault(str(error)) from None
        if next(self.rest, None) is not None:
            raise self.owner.fault(f"{head} has too many operands")
        return found

    def _const_of(self, node: Node) -> Const:
        if not isinstance(node, SList):
            raise self.owner.fault("expected a constant in parentheses")
        return parse_const(node)


def _read_bool(fields: _Fields) -> BoolConst:
    word = fields.atom()
    if word not in {"true", "false"}:
        raise ValueError(f"bool.const {word}: expected true or false")
    return BoolConst(word == "true")


def _read_char(fields: _Fields) -> CharConst:
    text = fields.string()
    if len(text) != 1:
        raise ValueError("char.const takes a string of one character")
    return CharConst(text)


def _int_reader(kind: str) -> Callable[[_Fields], IntConst]:
    def read(fields: _Fields) -> IntConst:
        return IntConst(kind, parse_int(fields.atom(), kind))

    return read


def _float_reader(kind: str) -> Callable[[_Fields], FloatConst]:
    def read(fields: _Fields) -> FloatConst:
        return FloatConst(kind, parse_float(fields.atom(), kind))

    return read


_READERS: Final[dict[str, Callable[[_Fields], Const]]] = {
    "bool.const": _read_bool,
    "char.const": _read_char,
    "str.const": lambda fields: StrConst(fields.string()),
    "list.const": lambda fields: ListConst(fields.consts()),
    "record.const": lambda fields: RecordConst(fields.fields()),
    "tuple.const": lambda fields: TupleConst(fields.consts()),
    "variant.const": lambda fields: VariantConst(fields.string(), fields.payload()),
    "enum.const": lambda fields: EnumConst(fields.string()),
    "option.some": lambda fields: OptionConst(fields.const()),
    "option.none": lambda fields: OptionConst(None),
    "result.ok": lambda fields: ResultConst(is_ok=True, payload=fields.payload()),
    "result.err": lambda fields: ResultConst(is_ok=False, payload=fields.payload()),
    "flags.const": lambda fields: FlagsConst(fields.strings()),
    **{f"{kind}.const": _int_reader(kind) for kind in _WIDTHS},
    "f32.const": _float_reader("f32"),
    "f64.const": _float_reader("f64"),
}


def parse_int(word: str, kind: str) -> int:
    """Read an integer of the text format. A signed type also takes the unsigned spelling of its bits.

    Raises:
        ValueError: it is not an integer, or does not fit.
    """
    if not _INTEGER.fullmatch(word):
        raise ValueError(f"{kind}.const {word}: expected an integer")
    value = int(word.replace("_", ""), 0 if "0x" in word else 10)
    span = 1 << _WIDTHS[kind]
    if kind[0] == "s" and span // 2 <= value < span:
        return value - span
    lowest = -span // 2 if kind[0] == "s" else 0
    if not lowest <= value < span:
        raise ValueError(f"{kind}.const {word}: out of range")
    return value


def parse_float(word: str, kind: str) -> float:
    """Read a float of the text format, rounded once to the nearest `kind` (``f32`` or ``f64``).

    Raises:
        ValueError: it is not a float, or is too large.
    """
    if _NAN.fullmatch(word):
        return math.nan
    digits = word.replace("_", "").lower()
    try:
        value = float.fromhex(digits) if "0x" in digits else float(digits)
    except (ValueError, OverflowError):
        raise ValueError(f"{kind}.const {word}: expected a float") from None
    if math.isinf(value) != digits.endswith("inf"):
        raise ValueError(f"{kind}.const {word}: out of range")
    if kind == "f64" or value == 0 or math.isinf(value):
        return value
    # Rounding the text to f64 first and then to f32 could round twice.
    return round_to_f32(_exact(digits), f"{kind}.const {word}")


def _exact(digits: str) -> Fraction:
    """Return the exact value of a float's text, decimal or hexadecimal."""
    match = _HEX_FLOAT.fullmatch(digits)
    if match is None:
        return Fraction(digits)
    sign, whole, part, exponent = match.groups(default="")
    scale = Fraction(2) ** (int(exponent or "0") - 4 * len(part))
    return int(f"{sign}{whole}{part}", 16) * scale


def round_to_f32(exact: Fraction, what: str = "value") -> float:
    """Round to the nearest f32, ties to even.

    Raises:
        ValueError: the result would be infinite; `what` begins the message.
    """
    if exact == 0:
        return 0.0
    exponent = math.frexp(exact)[1]
    quantum = Fraction(2) ** max(exponent - 24, -149)
    value = float(round(exact / quantum) * quantum)
    if abs(value) >= 2.0**128:
        raise ValueError(f"{what}: out of range")
    return math.copysign(value, exact)


__all__ = [
    "BoolConst",
    "CharConst",
    "Const",
    "EnumConst",
    "FlagsConst",
    "FloatConst",
    "IntConst",
    "ListConst",
    "OptionConst",
    "OtherConst",
    "RecordConst",
    "ResultConst",
    "StrConst",
    "TupleConst",
    "VariantConst",
    "parse_const",
    "parse_float",
    "parse_int",
    "round_to_f32",
]
