"""The plan: a component as the binary format gives it, typed, immutable and with every index still an index.

`weft.component.decoder.decode` makes it, `weft.component.validate` checks it, the linker walks it. Definitions stay in
file order because every index space grows in that order. Each class says which index space its numbers refer to, and
to which index space it adds.

Source: Binary.md.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - attrs and docs resolve it at run time
from typing import Literal, TypeAlias, final

from attrs import field, frozen

from weft.canon.types import Prim
from weft.component._plan_canon import (
    Builtin,
    Canon,
    CanonOptions,
    ContextBuiltin,
    ErrorContextBuiltin,
    Lift,
    Lower,
    PlainBuiltin,
    ResourceBuiltin,
    SubtaskCancel,
    TaskReturn,
    ThreadNewIndirect,
    ThreadSpawn,
    ThreadSwitch,
    TransmitBuiltin,
    TransmitCancel,
    TransmitCopy,
    WaitableSetBuiltin,
)
from weft.component._plan_core import (
    ConcreteRef,
    CoreExportDecl,
    CoreExternDesc,
    CoreFromExports,
    CoreFuncDesc,
    CoreFuncType,
    CoreGlobalDesc,
    CoreImportDecl,
    CoreInstantiate,
    CoreMemoryDesc,
    CoreModule,
    CoreModuleType,
    CoreOtherType,
    CoreRecGroup,
    CoreTableDesc,
    CoreTagDesc,
    CoreTypeDef,
)
from weft.component._plan_refs import (
    NO_ATTRIBUTES,
    AliasCoreExport,
    AliasExport,
    AliasOuter,
    Arg,
    Attributes,
    InlineExport,
    Sort,
    SortIndex,
    StringEncoding,
    ValTypeRef,
)
from weft.component._plan_types import (
    BorrowDef,
    CaseDef,
    ComponentDesc,
    ComponentTypeDef,
    CoreModuleDesc,
    DefType,
    DefValType,
    EnumDef,
    ExportDecl,
    ExternDesc,
    FlagsDef,
    FuncDef,
    FuncDesc,
    FutureDef,
    Import,
    InstanceDesc,
    InstanceTypeDef,
    Labeled,
    ListDef,
    MapDef,
    OptionDef,
    OwnDef,
    RecordDef,
    ResourceDef,
    ResultDef,
    StreamDef,
    SubResourceDesc,
    TupleDef,
    TypeDecl,
    TypeDef,
    TypeEqDesc,
    ValueDesc,
    ValueEqDesc,
    VariantDef,
    sort_of_desc,
)


@final
@frozen
class NestedComponent:
    """``(component ...)``. Adds one component."""

    plan: ComponentPlan


@final
@frozen
class Instantiate:
    """``(instance (instantiate component args))``. Adds one instance. `component` is a component index."""

    component: int
    args: tuple[Arg, ...]


@final
@frozen
class FromExports:
    """``(instance (export ...)*)``. Adds one instance."""

    exports: tuple[InlineExport, ...]


@final
@frozen
class Start:
    """``(start func args (result (value))*)`` 🪙. Adds `results` values. `func`: func index, `args`: value indices."""

    func: int
    args: tuple[int, ...]
    results: int


@final
@frozen
class Export:
    """``(export name (sort index) desc?)``. Adds one definition of the target's sort: a new index for the same thing.

    Attributes:
        name: the external name.
        target: what is exported; a component sort or CORE_MODULE.
        desc: the ascribed type, a supertype of the target's, or None.
        attributes: see `Attributes`.
    """

    name: str
    target: SortIndex
    desc: ExternDesc | None = None
    attributes: Attributes = NO_ATTRIBUTES


@final
@frozen
class Value:
    """``(value t ...)`` 🪙. Adds one value; `data` is its encoding, not looked into."""

    type: ValTypeRef
    data: bytes


Definition: TypeAlias = (
    CoreModule
    | CoreInstantiate
    | CoreFromExports
    | CoreTypeDef
    | NestedComponent
    | Instantiate
    | FromExports
    | AliasExport
    | AliasCoreExport
    | AliasOuter
    | TypeDef
    | Canon
    | Start
    | Import
    | Export
    | Value
)


@final
@frozen
class Names:
    """What the "component-name" custom section says; for messages only, so possibly wrong or incomplete.

    Attributes:
        component: the component's own name.
        definitions: sort and index to name.
    """

    component: str | None = None
    definitions: Mapping[tuple[Sort, int], str] = field(factory=dict, hash=False)


Gated: TypeAlias = Literal[Prim.ERROR_CONTEXT] | ListDef | Builtin | ConcreteRef | str | bytes


@final
@frozen
class GatedUse:
    """A use of a feature that the validating engine has no switch for (🧵, 🔧, 📝), or cannot stand (`ConcreteRef`).

    See `weft.component.skeleton`.

    Names are noted too when the decoder was asked to, see `weft.component.hyphens`; and so is what is 64 bits wide, as
    the bytes to write in its place, see `weft.component.narrow`.

    Attributes:
        start: where its encoding starts in the outermost input.
        end: where it ends.
        what: the value type, type, built-in or name encoded there, or a narrower encoding.
    """

    start: int
    end: int
    what: Gated


@final
@frozen
class ComponentPlan:
    """A decoded component.

    Attributes:
        definitions: in file order.
        names: names for messages.
        offsets: for each definition, where it starts in the outermost input.
        gated: in file order, without those of nested components.
    """

    definitions: tuple[Definition, ...]
    names: Names = field(factory=Names, eq=False)
    offsets: tuple[int, ...] = field(default=(), eq=False, repr=False)
    gated: tuple[GatedUse, ...] = field(default=(), eq=False, repr=False)


def sort_added(definition: Definition | ExportDecl) -> Sort | None:
    """Return the index space that `definition` appends to, or None for Start (it adds `results` values).

    Each appends one entry, except that a CoreTypeDef of a CoreRecGroup appends ``len(group.types)``.
    """
    match definition:
        case CoreModule():
            return Sort.CORE_MODULE
        case CoreInstantiate() | CoreFromExports():
            return Sort.CORE_INSTANCE
        case CoreTypeDef():
            return Sort.CORE_TYPE
        case NestedComponent():
            return Sort.COMPONENT
        case Instantiate() | FromExports():
            return Sort.INSTANCE
        case AliasExport(sort=sort) | AliasCoreExport(sort=sort) | AliasOuter(sort=sort):
            return sort
        case TypeDef():
            return Sort.TYPE
        case Lift():
            return Sort.FUNC
        case Start():
            return None
        case Import(desc=desc) | ExportDecl(desc=desc):
            return sort_of_desc(desc)
        case Export(target=target):
            return target.sort
        case Value():
            return Sort.VALUE
        case _:
            return Sort.CORE_FUNC


__all__ = [
    "NO_ATTRIBUTES",
    "AliasCoreExport",
    "AliasExport",
    "AliasOuter",
    "Arg",
    "Attributes",
    "BorrowDef",
    "Builtin",
    "Canon",
    "CanonOptions",
    "CaseDef",
    "ComponentDesc",
    "ComponentPlan",
    "ComponentTypeDef",
    "ConcreteRef",
    "ContextBuiltin",
    "CoreExportDecl",
    "CoreExternDesc",
    "CoreFromExports",
    "CoreFuncDesc",
    "CoreFuncType",
    "CoreGlobalDesc",
    "CoreImportDecl",
    "CoreInstantiate",
    "CoreMemoryDesc",
    "CoreModule",
    "CoreModuleDesc",
    "CoreModuleType",
    "CoreOtherType",
    "CoreRecGroup",
    "CoreTableDesc",
    "CoreTagDesc",
    "CoreTypeDef",
    "DefType",
    "DefValType",
    "Definition",
    "EnumDef",
    "ErrorContextBuiltin",
    "Export",
    "ExportDecl",
    "ExternDesc",
    "FlagsDef",
    "FromExports",
    "FuncDef",
    "FuncDesc",
    "FutureDef",
    "Gated",
    "GatedUse",
    "Import",
    "InlineExport",
    "InstanceDesc",
    "InstanceTypeDef",
    "Instantiate",
    "Labeled",
    "Lift",
    "ListDef",
    "Lower",
    "MapDef",
    "Names",
    "NestedComponent",
    "OptionDef",
    "OwnDef",
    "PlainBuiltin",
    "RecordDef",
    "ResourceBuiltin",
    "ResourceDef",
    "ResultDef",
    "Sort",
    "SortIndex",
    "Start",
    "StreamDef",
    "StringEncoding",
    "SubResourceDesc",
    "SubtaskCancel",
    "TaskReturn",
    "ThreadNewIndirect",
    "ThreadSpawn",
    "ThreadSwitch",
    "TransmitBuiltin",
    "TransmitCancel",
    "TransmitCopy",
    "TupleDef",
    "TypeDecl",
    "TypeDef",
    "TypeEqDesc",
    "ValTypeRef",
    "Value",
    "ValueDesc",
    "ValueEqDesc",
    "VariantDef",
    "WaitableSetBuiltin",
    "sort_added",
    "sort_of_desc",
]
