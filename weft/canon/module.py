"""A generated Python module: the text of its functions, and the objects that text refers to by name.

Text and objects are apart so that code objects can be cached by text for as long as the process lives, and yet hold
no resource type, no class and no store.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, final

from attrs import Factory, define

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType


@final
@define(eq=False)
class Body:
    """The body of one function, being written line by line."""

    header: str
    lines: list[str] = Factory(list)
    depth: int = 1
    temps: int = 0

    def line(self, text: str) -> None:
        """Write one line at the current depth."""
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Write `header`, and what is written inside one level deeper."""
        self.line(header)
        self.depth += 1
        yield
        self.depth -= 1

    def temp(self) -> str:
        """Return the name of a new local variable."""
        self.temps += 1
        return f"t{self.temps}"

    def assign(self, expression: str) -> str:
        """Write an assignment to a new local variable and return its name."""
        name = self.temp()
        self.line(f"{name} = {expression}")
        return name

    def text(self) -> str:
        """Return the whole function."""
        return "\n".join((self.header, *self.lines, ""))


@final
@define(eq=False)
class Module:
    """The functions of one generated module."""

    _bodies: list[Body] = Factory(list)
    _namespace: dict[str, Any] = Factory(dict)
    _names: dict[int, str] = Factory(dict)

    def bind(self, value: object) -> str:
        """Return the global name of `value`; the same object has one name."""
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"c{len(self._names)}"
            self._namespace[name] = value  # which keeps its id from being used again
        return name

    def function(self, params: str, name: str | None = None) -> tuple[str, Body]:
        """Add a function and return its name and its body, still to be written."""
        name = name or f"f{len(self._bodies)}"
        body = Body(f"def {name}({params}):")
        self._bodies.append(body)
        return name, body

    def source(self) -> str:
        """Return the text of the module."""
        return "\n".join(body.text() for body in self._bodies)

    def build(self, name: str) -> Any:
        """Run the module and return its function called `name`."""
        exec(_compile(self.source()), self._namespace)
        return self._namespace[name]


@lru_cache(maxsize=4096)
def _compile(source: str) -> CodeType:
    return compile(source, "<weft lift and lower>", "exec")


__all__ = ["Body", "Module"]
