"""Components, ready to be instantiated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, final

from weft.component.component import CompiledComponent, to_binary

if TYPE_CHECKING:
    import os

    from weft.component.plan import ComponentPlan
    from weft.host.config import Engine


@final
class Component:
    """A component, decoded, validated and compiled. Immutable; belongs to its engine."""

    def __init__(self, engine: Engine, source: bytes | str) -> None:
        """Make a component of its binary form or its text.

        Raises:
            DecodeError: when the bytes are not a component.
            ValidationError: when it breaks a rule.
            WatError: when text does not parse.
        """
        self.engine = engine
        self.compiled = CompiledComponent(engine.core, to_binary(source))

    @classmethod
    def from_bytes(cls, engine: Engine, data: bytes) -> Component:
        """Make a component of its binary form, or of its text as bytes."""
        return cls(engine, data)

    @classmethod
    def from_file(cls, engine: Engine, path: str | os.PathLike[str]) -> Component:
        """Make a component of a file's contents.

        Raises:
            OSError: when the file cannot be read.
        """
        return cls(engine, Path(path).read_bytes())

    @property
    def plan(self) -> ComponentPlan:
        """What the binary says, definition by definition."""
        return self.compiled.plan
