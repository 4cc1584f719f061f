"""Types of a plan: value, function, component, instance and resource types, and descriptions of externs.

Source: Binary.md, "Type Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from attrs import frozen

from weft.canon.types import Prim
from weft.component._plan_refs import NO_ATTRIBUTES, AliasExport, AliasOuter, Attributes, Sort, ValTypeRef

if TYPE_CHECKING:
    from weft.component._plan_core import CoreTypeDef


@final
@frozen
class Labeled:
    """A record field or function parameter."""

    name: str
    type: ValTypeRef


@final
@frozen
class CaseDef:
    """One case of a variant."""

    name: str
    type: ValTypeRef | None


@final
@frozen
class RecordDef:
    """``(record (field ...)+)``."""

    fields: tuple[Labeled, ...]


@final
@frozen
class VariantDef:
    """``(variant (case ...)+)``."""

    cases: tuple[CaseDef, ...]


@final
@frozen
class ListDef:
    """``(list element)``, or ``(list element length)`` 🔧 when `length` (> 0) is given."""

    element: ValTypeRef
    length: int | None = None


@final
@frozen
class TupleDef:
    """``(tuple ...)``."""

    types: tuple[ValTypeRef, ...]


@final
@frozen
class FlagsDef:
    """``(flags ...)``: 1 to 32 labels."""

    labels: tuple[str, ...]


@final
@frozen
class EnumDef:
    """``(enum ...)``: at least one label."""

    labels: tuple[str, ...]


@final
@frozen
class OptionDef:
    """``(option payload)``."""

    payload: ValTypeRef


@final
@frozen
class ResultDef:
    """``(result ok? (error err)?)``."""

    ok: ValTypeRef | None
    err: ValTypeRef | None


@final
@frozen
class MapDef:
    """``(map key value)`` 🗺️."""

    key: ValTypeRef
    value: ValTypeRef


@final
@frozen
class OwnDef:
    """``(own resource)``: `resource` is a type index."""

    resource: int


@final
@frozen
class BorrowDef:
    """``(borrow resource)``: `resource` is a type index."""

    resource: int


@final
@frozen
class StreamDef:
    """``(stream payload?)``."""

    payload: ValTypeRef | None


@final
@frozen
class FutureDef:
    """``(future payload?)``."""

    payload: ValTypeRef | None


@final
@frozen
class FuncDef:
    """``(func async? (param ...)* (result ...)?)``."""

    params: tuple[Labeled, ...]
    result: ValTypeRef | None
    is_async: bool = False


@final
@frozen
class ResourceDef:
    """``(resource (rep ...) (dtor ...)?)``: each evaluation makes a fresh resource type.

    Attributes:
        rep: 'i32', or 'i64' 🐘.
        dtor: a core function index of the component, or None.
    """

    rep: str
    dtor: int | None


@final
@frozen
class Import:
    """``(import name desc)``, of a component or of a component type. Adds one definition of the desc's sort."""

    name: str
    desc: ExternDesc
    attributes: Attributes = NO_ATTRIBUTES


@final
@frozen
class ExportDecl:
    """``(export name desc)`` of a component or instance type. Adds one definition of the desc's sort to that scope."""

    name: str
    desc: ExternDesc
    attributes: Attributes = NO_ATTRIBUTES


TypeDecl: TypeAlias = "CoreTypeDef | TypeDef | AliasExport | AliasOuter | Import | ExportDecl"


@final
@frozen
class ComponentTypeDef:
    """``(component decl*)``: a scope of its own, with index spaces empty at first."""

    decls: tuple[TypeDecl, ...]


@final
@frozen
class InstanceTypeDef:
    """``(instance decl*)``: a scope of its own, with index spaces empty at first. It has no imports."""

    decls: tuple[TypeDecl, ...]


DefValType: TypeAlias = (
    Prim
    | RecordDef
    | VariantDef
    | ListDef
    | TupleDef
    | FlagsDef
    | EnumDef
    | OptionDef
    | ResultDef
    | MapDef
    | OwnDef
    | BorrowDef
    | StreamDef
    | FutureDef
)
DefType: TypeAlias = DefValType | FuncDef | ComponentTypeDef | InstanceTypeDef | ResourceDef


@final
@frozen
class TypeDef:
    """``(type ...)``. Adds one type."""

    type: DefType


@final
@frozen
class CoreModuleDesc:
    """``(core module (type i))``: `type` is a core type index."""

    type: int


@final
@frozen
class FuncDesc:
    """``(func (type i))``: `type` is a type index."""

    type: int


@final
@frozen
class ValueEqDesc:
    """``(value (eq i))`` 🪙: `value` is a value index."""

    value: int


@final
@frozen
class ValueDesc:
    """``(value t)`` 🪙."""

    type: ValTypeRef


@final
@frozen
class TypeEqDesc:
    """``(type (eq i))``: `type` is a type index."""

    type: int


@final
@frozen
class SubResourceDesc:
    """``(type (sub resource))``: a fresh abstract resource type."""


@final
@frozen
class ComponentDesc:
    """``(component (type i))``: `type` is a type index."""

    type: int


@final
@frozen
class InstanceDesc:
    """``(instance (type i))``: `type` is a type index."""

    type: int


ExternDesc: TypeAlias = (
    CoreModuleDesc | FuncDesc | ValueEqDesc | ValueDesc | TypeEqDesc | SubResourceDesc | ComponentDesc | InstanceDesc
)


def sort_of_desc(desc: ExternDesc) -> Sort:
    """Return the sort of definition that an import or export of this description is."""
    match desc:
        case CoreModuleDesc():
            return Sort.CORE_MODULE
        case FuncDesc():
            return Sort.FUNC
        case ValueEqDesc() | ValueDesc():
            return Sort.VALUE
        case TypeEqDesc() | SubResourceDesc():
            return Sort.TYPE
        case ComponentDesc():
            return Sort.COMPONENT
        case InstanceDesc():
            return Sort.INSTANCE
