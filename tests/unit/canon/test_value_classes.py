from __future__ import annotations

import enum
import gc
import weakref

import pytest

from weft.canon.names import camel_name, class_name, snake_name, unique_camel_names, upper_name
from weft.canon.types import Case, EnumType, Field, FlagsType, OwnType, Prim, RecordType, VariantType
from weft.canon.values import Err, Ok, Some, python_class

POINT = RecordType((Field("x-axis", Prim.F64), Field("class", Prim.U8)), "map-point")
SHAPE = VariantType((Case("circle", Prim.F64), Case("none", None)), "shape")


def test_names():
    """Labels become Python names; what Python reserves gets a trailing underscore."""
    assert [snake_name(n) for n in ("a-URL", "class", "self", "x")] == ["a_url", "class_", "self_", "x"]
    assert upper_name("read-only") == "READ_ONLY"
    assert [camel_name(n) for n in ("line-string", "none", "HTTP")] == ["LineString", "None_", "HTTP"]
    assert unique_camel_names(["a-b", "AB", "x"]) == ("AB", "AB_", "x".upper())
    assert [class_name(n, "Record") for n in (None, "a b", "pt")] == ["Record", "Record", "Pt"]


def test_record():
    """A record is a frozen class with slots, named from the type, with the fields in snake case."""
    cls = python_class(POINT)
    point = cls(1.5, class_=2)
    assert repr(point) == "MapPoint(x_axis=1.5, class_=2)"
    assert point == cls(1.5, 2)
    assert not hasattr(point, "__dict__")
    with pytest.raises(AttributeError):
        point.class_ = 3


def test_variant():
    """A variant's cases are subclasses reachable from its class, each knowing its WIT label."""
    shape = python_class(SHAPE)
    circle, none = shape.Circle(1.5), shape.None_()
    assert isinstance(circle, shape)
    assert (circle.case, circle.value) == ("circle", 1.5)
    assert (none.case, none.value) == ("none", None)
    assert repr(circle) == "Shape.Circle(value=1.5)"
    match circle:
        case shape.Circle(radius):
            assert radius == 1.5


def test_enum_and_flags():
    """An enum's members have the WIT labels as values; bit i of flags is label i."""
    color = python_class(EnumType(("red", "dark-blue"), "color"))
    assert color.DARK_BLUE.value == "dark-blue"
    assert issubclass(color, enum.Enum)
    perms = python_class(FlagsType(("read", "write"), "perms"))
    assert (perms.READ | perms.WRITE).value == 3


def test_identity():
    """Equal types share a class when they have one name, and not when they have two; the class is not kept alive."""
    other = RecordType(POINT.fields, "spot")
    again = RecordType(POINT.fields, "map-point")
    assert python_class(POINT) is python_class(again)
    assert python_class(POINT) is not python_class(other)
    seen = weakref.ref(python_class(RecordType((Field("only-here", Prim.U8),))))
    gc.collect()
    assert seen() is None


def test_resources_are_not_kept():
    """A class of a type with resources does not keep the resource type alive."""

    class Resource:
        pass

    resource = Resource()
    cls = python_class(RecordType((Field("r", OwnType(resource)),), "holder"))
    seen = weakref.ref(resource)
    del resource
    gc.collect()
    assert seen() is None
    assert cls.__name__ == "Holder"


def test_plain_classes():
    """Ok, Err and Some are frozen, and Ok and Err may go without a payload."""
    assert Ok() == Ok(None) != Err()
    assert [Ok.case, Err.case, Some.case] == ["ok", "error", "some"]
    with pytest.raises(AttributeError):
        Some(1).value = 2


def test_no_class():
    """A type whose values are plain Python has no class to ask for."""
    with pytest.raises(TypeError, match="no class of their own"):
        python_class(Prim.U8)
