"""Core definitions of a plan: modules, instances and types of core WebAssembly.

Source: Binary.md, "Instance Definitions" and "Type Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from attrs import field, frozen

if TYPE_CHECKING:
    from weft.component._plan_refs import AliasOuter, Arg, InlineExport


@final
@frozen
class CoreModule:
    """An embedded core module, preamble included. Adds one core module.

    Attributes:
        data: the whole module.
        offset: where it starts in the outermost input.
    """

    data: bytes = field(repr=False)
    offset: int = field(default=0, eq=False)


@final
@frozen
class CoreInstantiate:
    """``(core instance (instantiate module args))``. Adds one core instance.

    Attributes:
        module: a core module index.
        args: import module name to core instance index; names in file order, unique.
    """

    module: int
    args: tuple[Arg, ...]


@final
@frozen
class CoreFromExports:
    """``(core instance (export ...)*)``. Adds one core instance; targets are core sorts."""

    exports: tuple[InlineExport, ...]


@final
@frozen
class CoreFuncType:
    """A core function type; value types by name ('i32', 'i64', 'f32', 'f64', 'v128', 'funcref', 'externref', ...)."""

    params: tuple[str, ...]
    results: tuple[str, ...]


@final
@frozen
class CoreOtherType:
    """A core type that is no function: a struct, an array or a continuation. Kept for its place in the index space."""


@final
@frozen
class ConcreteRef:
    """A use of a core type as the type of a reference; see `weft.component.skeleton`."""


@final
@frozen
class CoreRecGroup:
    """A core rectype. Adds ``len(types)`` core types; a plain ``(core type (func ...))`` is a group of one."""

    types: tuple[CoreFuncType | CoreOtherType, ...]


@final
@frozen
class CoreFuncDesc:
    """``(func (type i))`` in a module type: `type` is an index into the core types of that module type."""

    type: int


@final
@frozen
class CoreTableDesc:
    """``(table ...)`` in a module type; limits in elements."""

    element: str
    minimum: int
    maximum: int | None
    is64: bool
    shared: bool


@final
@frozen
class CoreMemoryDesc:
    """``(memory ...)`` in a module type; limits in pages of ``1 << page_size_log2`` bytes."""

    minimum: int
    maximum: int | None
    is64: bool
    shared: bool
    page_size_log2: int = 16


@final
@frozen
class CoreGlobalDesc:
    """``(global ...)`` in a module type."""

    type: str
    mutable: bool
    shared: bool = False


@final
@frozen
class CoreTagDesc:
    """``(tag (type i))`` in a module type: `type` is an index into the core types of that module type."""

    type: int


CoreExternDesc: TypeAlias = CoreFuncDesc | CoreTableDesc | CoreMemoryDesc | CoreGlobalDesc | CoreTagDesc


@final
@frozen
class CoreImportDecl:
    """``(import module name desc)`` of a module type."""

    module: str
    name: str
    desc: CoreExternDesc


@final
@frozen
class CoreExportDecl:
    """``(export name desc)`` of a module type."""

    name: str
    desc: CoreExternDesc


@final
@frozen
class CoreModuleType:
    """``(core type (module ...))``. Adds one core type. It has a core type index space of its own, empty at first.

    In `decls`, a CoreRecGroup and an AliasOuter of sort CORE_TYPE (count 0 is the module type's own scope) add to it.
    """

    decls: tuple[CoreImportDecl | CoreExportDecl | CoreRecGroup | AliasOuter, ...]


@final
@frozen
class CoreTypeDef:
    """``(core type ...)``. Adds one core type, or as many as its rec group has."""

    type: CoreRecGroup | CoreModuleType
