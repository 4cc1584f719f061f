"""A component, decoded, validated and compiled: ready to be instantiated any number of times."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.component.decoder import decode
from weft.component.items import ComponentItem
from weft.component.plan import ComponentPlan, CoreModule, NestedComponent
from weft.component.validate import validate
from weft.engine import wat2wasm
from weft.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.engine import CoreEngine
    from weft.engine import CoreModule as CompiledModule


@final
class CompiledComponent:
    """A component and its compiled core modules.

    Attributes:
        plan: what the binary says.
        item: what instantiation starts from.
    """

    def __init__(self, engine: CoreEngine, data: bytes) -> None:
        """Decode, validate and compile.

        Raises:
            DecodeError: when `data` is not a component.
            ValidationError: when it breaks a rule.
        """
        self.engine = engine
        self.plan = decode(data)
        validate(data, self.plan, engine)
        modules: dict[int, CompiledModule] = {}
        for module in core_modules(self.plan):
            modules[id(module)] = engine.compile(module.data)
        self.item = ComponentItem(self.plan, modules)


def core_modules(plan: ComponentPlan) -> Iterator[CoreModule]:
    """Yield every core module of a component and of the components in it."""
    for definition in plan.definitions:
        if isinstance(definition, CoreModule):
            yield definition
        elif isinstance(definition, NestedComponent):
            yield from core_modules(definition.plan)


def to_binary(source: bytes | str) -> bytes:
    """Return the binary form of a component given in either form.

    Raises:
        ValidationError: when text does not parse.
    """
    if isinstance(source, bytes) and source.startswith(b"\0asm"):
        return source
    return wat2wasm(source)


__all__ = ["CompiledComponent", "ValidationError", "core_modules", "to_binary"]
