"""Value types and function types, as the Canonical ABI sees them: resolved, structural, hashable.

Two types are equal when the Component Model says they are: names of records and the like do not count, resources
are compared by identity. Source: Explainer.md, "Type Definitions".
"""

from __future__ import annotations

import enum
from typing import TypeAlias, final

from attrs import field, frozen


@final
class Prim(enum.Enum):
    """A primitive value type; the value is its name in WIT."""

    BOOL = "bool"
    S8 = "s8"
    U8 = "u8"
    S16 = "s16"
    U16 = "u16"
    S32 = "s32"
    U32 = "u32"
    S64 = "s64"
    U64 = "u64"
    F32 = "f32"
    F64 = "f64"
    CHAR = "char"
    STRING = "string"
    ERROR_CONTEXT = "error-context"


@final
@frozen(cache_hash=True)
class ListType:
    """``list<element>``, or ``list<element, length>`` when `length` is given (🔧)."""

    element: ValType
    length: int | None = None


@final
@frozen(cache_hash=True)
class Field:
    """One field of a record."""

    name: str
    type: ValType


@final
@frozen(cache_hash=True)
class RecordType:
    """``record { ... }``; at least one field."""

    fields: tuple[Field, ...]
    name: str | None = field(default=None, eq=False)


@final
@frozen(cache_hash=True)
class TupleType:
    """``tuple<...>``; at least one type."""

    types: tuple[ValType, ...]


@final
@frozen(cache_hash=True)
class Case:
    """One case of a variant."""

    name: str
    type: ValType | None


@final
@frozen(cache_hash=True)
class VariantType:
    """``variant { ... }``; at least one case."""

    cases: tuple[Case, ...]
    name: str | None = field(default=None, eq=False)


@final
@frozen(cache_hash=True)
class EnumType:
    """``enum { ... }``; at least one label."""

    labels: tuple[str, ...]
    name: str | None = field(default=None, eq=False)


@final
@frozen(cache_hash=True)
class FlagsType:
    """``flags { ... }``; 1 to 32 labels."""

    labels: tuple[str, ...]
    name: str | None = field(default=None, eq=False)


@final
@frozen(cache_hash=True)
class OptionType:
    """``option<payload>``."""

    payload: ValType


@final
@frozen(cache_hash=True)
class ResultType:
    """``result<ok, err>``; either may be absent."""

    ok: ValType | None
    err: ValType | None


@final
@frozen(cache_hash=True)
class MapType:
    """``map<key, value>`` (🗺️): lowered as ``list<tuple<key, value>>``."""

    key: ValType
    value: ValType


@final
@frozen(cache_hash=True)
class OwnType:
    """``own<resource>``; `resource` is compared by identity."""

    resource: object


@final
@frozen(cache_hash=True)
class BorrowType:
    """``borrow<resource>``; `resource` is compared by identity."""

    resource: object


@final
@frozen(cache_hash=True)
class StreamType:
    """``stream<payload>`` or plain ``stream``."""

    payload: ValType | None


@final
@frozen(cache_hash=True)
class FutureType:
    """``future<payload>`` or plain ``future``."""

    payload: ValType | None


ValType: TypeAlias = (
    Prim
    | ListType
    | RecordType
    | TupleType
    | VariantType
    | EnumType
    | FlagsType
    | OptionType
    | ResultType
    | MapType
    | OwnType
    | BorrowType
    | StreamType
    | FutureType
)


@final
@frozen(cache_hash=True)
class Param:
    """One parameter of a function."""

    name: str
    type: ValType


@final
@frozen(cache_hash=True)
class FuncType:
    """``func(params) -> result``, or ``async func`` when `is_async`."""

    params: tuple[Param, ...]
    result: ValType | None
    is_async: bool = False


__all__ = [
    "BorrowType",
    "Case",
    "EnumType",
    "Field",
    "FlagsType",
    "FuncType",
    "FutureType",
    "ListType",
    "MapType",
    "OptionType",
    "OwnType",
    "Param",
    "Prim",
    "RecordType",
    "ResultType",
    "StreamType",
    "TupleType",
    "ValType",
    "VariantType",
]
