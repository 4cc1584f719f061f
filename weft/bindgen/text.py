"""Pieces of Python source text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LINE_LENGTH: Final = 120


def indented(lines: Iterable[str]) -> list[str]:
    """Return lines one level further in."""
    return [f"    {line}" if line else "" for line in lines]


def docstring(text: str, *more: str) -> list[str]:
    """Return a docstring of one line, or of a line and more after a blank one; what is in it cannot end it."""
    first, *rest = [line.replace("\\", "\\\\").replace('"""', "'''") for line in (text, *more)]
    return [f'"""{first}"""'] if not rest else [f'"""{first}', "", *rest, '"""']


def quoted(text: str) -> str:
    """Return a string literal, in double quotes where that is simple."""
    return repr(text) if "'" in text or '"' in text or not text.isprintable() else f'"{repr(text)[1:-1]}"'


def call(head: str, arguments: Sequence[str], tail: str, *, level: int = 0) -> list[str]:
    """Return ``head(arguments)tail``: on one line where it fits, else one line an argument."""
    line = f"{head}({', '.join(arguments)}){tail}"
    if not arguments or len(line) + 4 * level <= LINE_LENGTH:
        return [line]
    return [f"{head}(", *indented([f"{argument}," for argument in arguments]), f"){tail}"]


def function_of(parameter: str, expression: str) -> str:
    """Return a function of one parameter: what `expression` calls with nothing else, or else a lambda."""
    plain = re.fullmatch(rf"(\w+)\({parameter}\)", expression)
    return f"lambda {parameter}: {expression}" if plain is None else plain[1]


__all__ = ["call", "docstring", "function_of", "indented", "quoted"]
