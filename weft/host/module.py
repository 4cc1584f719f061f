"""Core modules that components import."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.component.component import to_binary
from weft.component.items import ModuleItem

if TYPE_CHECKING:
    from weft.host.config import Engine


@final
class Module:
    """A compiled core module, for `LinkerInstance.module`. Immutable; belongs to its engine."""

    __slots__ = ("engine", "item")

    def __init__(self, engine: Engine, source: bytes | str) -> None:
        """Make a module of its binary form or its text.

        Raises:
            ValidationError: when it is not a valid core module.
            WatError: when text does not parse.
        """
        self.engine = engine
        self.item = ModuleItem(engine.core.compile(to_binary(source)))
