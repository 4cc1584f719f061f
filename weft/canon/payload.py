"""Payloads of streams and futures: how elements of one type lie in a guest's memory.

Source: CanonicalABI.md, "Buffer State".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from attrs import frozen

from weft.canon.compile import compile_load_list, compile_store_list
from weft.canon.layout import alignment, elem_size
from weft.canon.types import Prim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weft.canon.compile import ValueOptions
    from weft.canon.types import ValType

NUMERIC = frozenset({Prim.U8, Prim.S8, Prim.U16, Prim.S16, Prim.U32, Prim.S32, Prim.U64, Prim.S64, Prim.F32, Prim.F64})


@final
@frozen(eq=False)
class Payload:
    """One element type under one set of options.

    Attributes:
        type: the element type.
        size: bytes an element takes in memory.
        alignment: of an element, in bytes.
        numeric: whether every bit pattern is a value, so that elements can be copied as bytes.
        load: lift elements at an address: (context, pointer, count).
        store: lower elements to an address: (context, values, pointer).
    """

    type: ValType
    size: int
    alignment: int
    numeric: bool
    load: Callable[..., Sequence[object]]
    store: Callable[..., None]

    @classmethod
    def of(cls, element: ValType, options: ValueOptions) -> Payload:
        """Compile the payload of `element`."""
        return cls(
            element,
            elem_size(element, options.memory64),
            alignment(element, options.memory64),
            element in NUMERIC,
            compile_load_list(element, options),
            compile_store_list(element, options),
        )
