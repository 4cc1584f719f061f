"""What a component with a 64-bit memory looks like with everything of 64 bits made 32 bits wide.

The validating engine knows no 64-bit memories in canonical options, and has no switch for them. So such a component's
skeleton is narrowed: memories and tables get 32-bit addresses, core i64 and f64 become i32, and so do the value types
that flatten to them. Every rule that relates component types to core types then holds of the skeleton when it holds of
the component: pointers and lengths become i32, and every join that gave i64 gives i32. What gets lost is the difference
between the two widths; see `weft.component.core_funcs` for the checks that make up for it when the component is
instantiated.

Source: CanonicalABI.md, "Flattening".
"""

from __future__ import annotations

from typing import Final

from weft.canon.types import Prim
from weft.component._encode import leb

PRIMITIVES: Final = {Prim.S64: b"\x7a", Prim.U64: b"\x79", Prim.F64: b"\x79"}
"""s32 for s64; u32 for u64 and f64, which must not become f32: joined with an f32 it gives i64."""

CORE_TYPES: Final = {"i64": b"\x7f", "f64": b"\x7f"}

ZERO: Final = b"\x41\x00\x0b"
"""The initial value of a narrowed global: ``i32.const 0``, ``end``."""

NEW_ENDS: Final = b"\x1f"
"""``waitable-set.new`` for ``stream.new`` and ``future.new``, whose i64 is one whatever the memory: [] -> [i32]."""

_MOST_PAGES: Final = 1 << 16
_ADDRESS64: Final = 4


def limits(flags: int, minimum: int, maximum: int | None) -> bytes:
    """Return limits with 64-bit addresses as limits with 32-bit ones; what was within other limits still is."""
    bounds = [bound for bound in (minimum, maximum) if bound is not None]
    return bytes([flags & ~_ADDRESS64]) + b"".join(leb(min(bound, _MOST_PAGES)) for bound in bounds)


__all__ = ["CORE_TYPES", "NEW_ENDS", "PRIMITIVES", "ZERO", "limits"]
