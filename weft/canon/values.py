"""Python classes of component values: `Ok`, `Err`, `Some`, and classes generated for named types.

A record becomes a frozen attrs class, a variant a base class with one frozen subclass a case, an enum an `enum.Enum`
and flags an `enum.Flag`. Two types of the same name and labels share one class for as long as somebody holds it.
"""

from __future__ import annotations

import enum
from typing import Any, ClassVar, Generic, TypeVar, final
from weakref import WeakValueDictionary

import attrs

from weft.canon.names import class_name, snake_name, unique_camel_names, upper_name
from weft.canon.types import EnumType, FlagsType, RecordType, ValType, VariantType

T = TypeVar("T")


@final
@attrs.frozen
class Ok(Generic[T]):
    """The ``ok`` case of a ``result``; `value` is None when it has no payload."""

    value: T = None  # type: ignore[assignment]
    case: ClassVar[str] = "ok"


@final
class Err(Exception, Generic[T]):
    """The ``error`` case of a ``result``; `value` is None when it has no payload.

    A value like any other inside other values. As the result of a function of its own it is raised, by host functions
    as by calls of guests.
    """

    case: ClassVar[str] = "error"

    def __init__(self, value: T = None) -> None:  # type: ignore[assignment]
        super().__init__(value)
        self.value = value

    def __eq__(self, other: object) -> bool:
        return self.value == other.value if isinstance(other, Err) else NotImplemented

    def __hash__(self) -> int:
        return hash((Err, self.value))

    def __repr__(self) -> str:
        return f"Err(value={self.value!r})"


@final
class RepeatingMap(dict[Any, Any]):
    """A map that a guest gave with a key in it more than once; as a dict it has the last value of each.

    Attributes:
        pairs: what the guest gave, in order: another guest gets just that.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[Any, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def lifted_map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return what a guest's list of pairs is to Python."""
    result = dict(pairs)
    return result if len(result) == len(pairs) else RepeatingMap(pairs)


@final
@attrs.frozen
class Some(Generic[T]):
    """The ``some`` case of an ``option``; needed only where the payload is itself an ``option``."""

    value: T
    case: ClassVar[str] = "some"


class VariantValue:
    """Base of the base classes of variants.

    Attributes:
        case: the WIT label of the case.
        value: the payload, None for a case without one.
    """

    __slots__ = ()

    case: ClassVar[str]
    value: Any = None


@attrs.frozen
class _WithPayload(VariantValue):
    value: Any  # what all cases with a payload have; a class of attrs' own for each would take milliseconds each


@attrs.frozen
class _WithoutPayload(VariantValue):
    pass


# By what the class is made of and not by the type: the type may hold a resource type, and through it a whole store.
_classes: WeakValueDictionary[tuple[object, ...], type] = WeakValueDictionary()


def python_class(t: ValType) -> type:
    """Return the class of the values of a record, variant, enum or flags type.

    Args:
        t: the type. Equal types of different names have different classes.

    Raises:
        TypeError: values of `t` have no class of their own.
    """
    key: tuple[object, ...]
    match t:
        case RecordType():
            key = (RecordType, t.name, tuple(field.name for field in t.fields))
        case VariantType():
            key = (VariantType, t.name, tuple((case.name, case.type is None) for case in t.cases))
        case EnumType() | FlagsType():
            key = (type(t), t.name, t.labels)
        case _:
            raise TypeError(f"values of {t} have no class of their own")
    found = _classes.get(key)
    if found is None:
        found = _classes[key] = _make_class(t)
    return found


def _make_class(t: RecordType | VariantType | EnumType | FlagsType) -> type:
    match t:
        case RecordType():
            return _make_record(t)
        case VariantType():
            return _make_variant(t)
        case EnumType():
            return _make_enum(t)
        case FlagsType():
            return _make_flags(t)


def _make_record(t: RecordType) -> type:
    names = [snake_name(field.name) for field in t.fields]
    made = attrs.make_class(class_name(t.name, "Record"), names, frozen=True, slots=True)
    made.__doc__ = f"Record {t.name or ''} of a component.".replace("  ", " ")
    made.__module__ = __name__
    return made


def _make_variant(t: VariantType) -> type:
    name = class_name(t.name, "Variant")
    base = type(name, (VariantValue,), {"__slots__": (), "__module__": __name__})
    for case, case_name in zip(t.cases, unique_camel_names(case.name for case in t.cases), strict=True):
        shape = _WithoutPayload if case.type is None else _WithPayload
        namespace = {
            "__slots__": (),
            "__module__": __name__,
            "__qualname__": f"{name}.{case_name}",
            "__match_args__": () if case.type is None else ("value",),
            "case": case.name,
        }
        setattr(base, case_name, type(case_name, (base, shape), namespace))
    return base


def _make_enum(t: EnumType) -> type:
    members = {upper_name(label): label for label in t.labels}
    return enum.Enum(class_name(t.name, "Enum"), members, module=__name__)  # type: ignore[return-value]


def _make_flags(t: FlagsType) -> type:
    members = {upper_name(label): 1 << i for i, label in enumerate(t.labels)}
    return enum.Flag(class_name(t.name, "Flags"), members, module=__name__)  # type: ignore[return-value]


def case_classes(t: VariantType) -> tuple[type, ...]:
    """Return the class of each case of `t`, in order."""
    base = python_class(t)
    return tuple(getattr(base, name) for name in unique_camel_names(case.name for case in t.cases))


__all__ = ["Err", "Ok", "Some", "VariantValue", "case_classes", "python_class"]
