"""WIT text as tokens."""

from __future__ import annotations

import re
from typing import Final, final

from attrs import frozen

from weft.errors import WitError

_TOKEN: Final = re.compile(
    r"(?P<space>\s+|//[^\n]*)"
    r"|(?P<comment>/\*)"
    r"|(?P<name>%?[A-Za-z][0-9A-Za-z]*(?:-[0-9A-Za-z]+)*)"
    r"|(?P<version>\d+\.\d+\.\d+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)"
    r"|(?P<number>\d+)"
    r"|(?P<mark>->|[{}()<>=:;,./@*_])"
)
_COMMENT: Final = re.compile(r"/\*|\*/")


@final
@frozen
class Token:
    """A token.

    Attributes:
        kind: "name", "version", "number", "mark", or "end" after the last one.
        text: names keep their ``%``, so that they are no keywords.
        doc: the text of the comments for readers of the interface that stand before it.
    """

    kind: str
    text: str
    line: int
    doc: str = ""


def tokens(text: str, file: str) -> list[Token]:
    """Take a text apart.

    Raises:
        WitError: a character that WIT has no use for, or a comment without an end.
    """
    found: list[Token] = []
    docs: list[str] = []
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise WitError(f"{file}:{line}: unexpected {text[at]!r}")
        end = _comment_end(text, at, f"{file}:{line}") if match.lastgroup == "comment" else match.end()
        if match.lastgroup not in {"space", "comment"}:
            found.append(Token(str(match.lastgroup), match[0], line, "\n".join(docs).strip()))
            docs = []
        docs += _doc(text[at:end])
        line += text.count("\n", at, end)
        at = end
    return [*found, Token("end", "the end", line)]


def _doc(text: str) -> list[str]:
    """Return the lines of a comment that documents what follows; of other texts none."""
    if text.startswith("///"):
        return [_printable(text[3:])]
    if text.startswith("/**") and text != "/**/":
        return [_printable(line.strip().removeprefix("*")) for line in text[3:-2].split("\n")]
    return []


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text).strip()


def _comment_end(text: str, start: int, place: str) -> int:
    """Return where a comment ends that begins at `start` and may hold others."""
    depth = 0
    for match in _COMMENT.finditer(text, start):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    raise WitError(f"{place}: a comment without an end")


__all__ = ["Token", "tokens"]
