"""S-expressions with source spans: just enough of the text format to cut a script into its commands.

One pass makes a flat token table in which every opening parenthesis knows where its list ends. Nodes are windows on
that table, made when they are asked for, so the body of a component is never walked.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, TypeAlias, final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n\f]+|;;[^\r\n]*)
      | (?P<block>\(;)
      | (?P<annotation>\(@)
      | (?P<open>\()
      | (?P<close>\))
      | (?P<string>"(?:[^"\\\r\n]|\\.)*")
      | (?P<atom>[^\s()";]+)
    """,
    re.VERBOSE,
)
_BLOCK_EDGE: Final = re.compile(r"\(;|;\)")
_ESCAPE: Final = re.compile(rb"\\(?:u\{([0-9a-fA-F_]+)\}|([0-9a-fA-F]{2})|([tnr\"'\\])|)")
_SIMPLE_ESCAPES: Final = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b'"': b'"', b"'": b"'", b"\\": b"\\"}


@final
class SyntaxFault(Exception):
    """The text is not what a script may hold.

    Attributes:
        reason: what is wrong.
        line: the line, counted from 1.
        column: the column in characters, counted from 1.
    """

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(reason, line, column)
        self.reason = reason
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"{self.reason} (line {self.line}, column {self.column})"


@final
@frozen(eq=False)
class Atom:
    """A word: a keyword, a number or an identifier (``$name``)."""

    text: str
    start: int
    end: int
    line: int

    @property
    def is_id(self) -> bool:
        """Whether this is an identifier."""
        return self.text.startswith("$")


@final
@frozen(eq=False)
class Str:
    """A string with its escapes undone."""

    value: bytes
    start: int
    end: int
    line: int

    @property
    def text(self) -> str:
        """The string as text; bytes that are not UTF-8 become replacement characters."""
        return self.value.decode("utf-8", "replace")


@final
@frozen(eq=False)
class SList:
    """A parenthesised list. `start` and `end` are character offsets that enclose its parentheses."""

    _table: _TokenTable = field(alias="table")
    _opening: int = field(alias="opening")

    @property
    def start(self) -> int:
        """The offset of the opening parenthesis."""
        return self._table.starts[self._opening]

    @property
    def end(self) -> int:
        """The offset just after the closing parenthesis."""
        return self._table.ends[self._table.closings[self._opening]]

    @property
    def line(self) -> int:
        """The line of the opening parenthesis, counted from 1."""
        return self._table.line_of(self.start)

    @property
    def source(self) -> str:
        """The exact text of this list, parentheses included."""
        return self._table.text[self.start : self.end]

    @property
    def head(self) -> str | None:
        """The first word, or None when the list is empty or begins with something else."""
        first = self.peek(0)
        return first.text if isinstance(first, Atom) else None

    def peek(self, index: int) -> Node | None:
        """Return the child at `index`, or None past the end."""
        for position, node in enumerate(self):
            if position == index:
                return node
        return None

    def __iter__(self) -> Iterator[Node]:
        return self._table.nodes(self._opening + 1, self._table.closings[self._opening])

    def fault(self, reason: str) -> SyntaxFault:
        """Return an error that points at this list."""
        return self._table.fault(reason, self.start)


Node: TypeAlias = Atom | Str | SList


@define(eq=False)
class _TokenTable:
    """The tokens of one text as parallel lists.

    Invariant: `closings[i]` is the index of the matching close for an opening parenthesis, and -1 for other tokens.
    """

    text: str
    starts: list[int] = field(factory=list)
    ends: list[int] = field(factory=list)
    closings: list[int] = field(factory=list)
    _line_starts: list[int] = field(factory=list)

    def line_of(self, offset: int) -> int:
        """Return the line of a character offset, counted from 1."""
        if not self._line_starts:
            self._line_starts = [0, *(m.end() for m in re.finditer("\n", self.text))]
        return bisect_right(self._line_starts, offset)

    def fault(self, reason: str, offset: int) -> SyntaxFault:
        """Return an error that points at a character offset."""
        line = self.line_of(offset)
        return SyntaxFault(reason, line, offset - self._line_starts[line - 1] + 1)

    def add(self, start: int, end: int) -> None:
        """Append a token whose closing is not known yet."""
        self.starts.append(start)
        self.ends.append(end)
        self.closings.append(-1)

    def truncate(self, length: int) -> None:
        """Forget the tokens from index `length` on."""
        del self.starts[length:], self.ends[length:], self.closings[length:]

    def nodes(self, index: int, stop: int) -> Iterator[Node]:
        """Yield the nodes between two token indices."""
        while index < stop:
            yield self._node(index)
            closing = self.closings[index]
            index = (index if closing < 0 else closing) + 1

    def _node(self, index: int) -> Node:
        if self.closings[index] >= 0:
            return SList(table=self, opening=index)
        start, end = self.starts[index], self.ends[index]
        text = self.text[start:end]
        if text[0] == '"':
            return Str(self._unescape(text, start), start, end, self.line_of(start))
        return Atom(text, start, end, self.line_of(start))

    def _unescape(self, literal: str, offset: int) -> bytes:
        def replace(match: re.Match[bytes]) -> bytes:
            scalar, byte, simple = match.groups()
            if byte is not None:
                return bytes.fromhex(byte.decode())
            if simple is not None:
                return _SIMPLE_ESCAPES[simple]
            value = int(scalar, 16) if scalar is not None else -1
            if not (0 <= value < 0xD800 or 0xE000 <= value < 0x110000):
                raise self.fault("invalid escape in string", offset)
            return chr(value).encode()

        body = literal[1:-1].encode("utf-8", "surrogatepass")
        return _ESCAPE.sub(replace, body) if b"\\" in body else body


def read(text: str) -> list[Node]:
    """Read every node at the top level of a text. Comments and annotations are dropped.

    Raises:
        SyntaxFault: a parenthesis, comment or string is not closed, or a character may not stand here.
    """
    table = _TokenTable(text)
    # Each entry: the token index of the parenthesis, and whether it opens an annotation.
    stack: list[tuple[int, bool]] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise table.fault("unexpected character or unclosed string", position)
        kind, end = match.lastgroup, match.end()
        if kind == "block":
            end = _skip_block(table, position)
        elif kind in {"open", "annotation"}:
            stack.append((len(table.starts), kind == "annotation"))
            table.add(position, end)
        elif kind == "close":
            _close(table, stack, position, end)
        elif kind != "space":
            table.add(position, end)
        position = end
    if stack:
        raise table.fault("unclosed parenthesis", table.starts[stack[-1][0]])
    return list(table.nodes(0, len(table.starts)))


def _close(table: _TokenTable, stack: list[tuple[int, bool]], start: int, end: int) -> None:
    if not stack:
        raise table.fault("unexpected closing parenthesis", start)
    opening, is_annotation = stack.pop()
    if is_annotation:
        table.truncate(opening)
        return
    table.closings[opening] = len(table.starts)
    table.add(start, end)


def _skip_block(table: _TokenTable, start: int) -> int:
    """Return the offset after the block comment that begins at `start`; such comments nest."""
    depth = 0
    for edge in _BLOCK_EDGE.finditer(table.text, start):
        depth += 1 if edge.group() == "(;" else -1
        if depth == 0:
            return edge.end()
    raise table.fault("unclosed block comment", start)


__all__ = ["Atom", "Node", "SList", "Str", "SyntaxFault", "read"]
