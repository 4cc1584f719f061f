"""Validate a component: by Wasmtime on its skeleton, and by our own checks where the skeleton says less.

Function bodies, data and elements of core modules are validated when Wasmtime compiles the real modules.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from weft.component.checks import check
from weft.component.decoder import decode_noting
from weft.component.hyphens import hyphens_matter
from weft.component.skeleton import skeleton
from weft.errors import ValidationError

if TYPE_CHECKING:
    from weft.component.plan import ComponentPlan

# Offsets in the engine's message count in the skeleton, so they would mislead.
_NOISE: Final = re.compile(r"^failed to parse WebAssembly module\s+Caused by:\s+|\s*\(at offset 0x[0-9a-f]+\)")

_WIDE: Final = "`cm64` feature"
"""What the engine says of 64-bit memories in canonical options, which nothing can make it accept."""

_LIMITS: Final = (
    "root-level component imports are not supported",
    "exporting a component from the root component is not supported",
    "is a reexport of an imported function which is not implemented",
)
"""What the engine says of valid components that it cannot run: it has validated them by then, and we can."""


class Validator(Protocol):
    """What validates a whole component: the engine."""

    def validate_component(self, skeleton: bytes) -> None:
        """Raise `ValidationError` when the component is not valid."""


def validate(data: bytes, plan: ComponentPlan, engine: Validator) -> None:
    """Check that the component `data`, decoded as `plan`, is valid.

    Args:
        data: the whole component.
        plan: what `weft.component.decoder.decode` made of it.
        engine: validates the skeleton.

    Raises:
        ValidationError: it is not; the text is the engine's where the engine found the fault.
    """
    names = hyphens_matter(plan.definitions)
    fault = _fault(engine, skeleton(data, decode_noting(data, names=True) if names else plan))
    if fault is not None and _WIDE in fault:
        wide = decode_noting(data, names=names, wide=True)
        fault = _fault(engine, skeleton(data, wide, narrowed=True))
    if fault is not None:
        raise ValidationError(fault)
    check(plan)


def _fault(engine: Validator, small: bytes) -> str | None:
    """Return what the engine finds wrong, or None."""
    try:
        engine.validate_component(small)
    except ValidationError as error:
        text = _NOISE.sub("", str(error)).strip()
        return None if text.endswith(_LIMITS) else text
    return None


__all__ = ["Validator", "validate"]
