"""What every part of a plan refers to: sorts, indices, names, aliases."""

from __future__ import annotations

import enum
from typing import Literal, TypeAlias, final

from attrs import frozen

from weft.canon.types import Prim

ValTypeRef: TypeAlias = Prim | int
"""A value type in a plan: a primitive, or an index into the type index space of the scope it stands in."""

StringEncoding: TypeAlias = Literal["utf8", "utf16", "latin1+utf16"]


@final
class Sort(enum.Enum):
    """The sort of a definition: one index space each."""

    CORE_FUNC = "core func"
    CORE_TABLE = "core table"
    CORE_MEMORY = "core memory"
    CORE_GLOBAL = "core global"
    CORE_TAG = "core tag"
    CORE_TYPE = "core type"
    CORE_MODULE = "core module"
    CORE_INSTANCE = "core instance"
    FUNC = "func"
    VALUE = "value"
    TYPE = "type"
    COMPONENT = "component"
    INSTANCE = "instance"


@final
@frozen
class SortIndex:
    """One definition, named by its sort and its index in that sort's index space."""

    sort: Sort
    index: int


@final
@frozen
class Arg:
    """``(with name (sort index))`` of an instantiation. For core instantiation the sort is always CORE_INSTANCE."""

    name: str
    target: SortIndex


@final
@frozen
class Attributes:
    """What may stand beside an import or export name (🏷️, 🔗); it never takes part in type checks or uniqueness."""

    implements: str | None = None
    version_suffix: str | None = None
    external_id: str | None = None


NO_ATTRIBUTES = Attributes()


@final
@frozen
class InlineExport:
    """``(export name (sort index))`` of an instance made from exports. `attributes` are empty in core instances."""

    name: str
    target: SortIndex
    attributes: Attributes = NO_ATTRIBUTES


@final
@frozen
class AliasExport:
    """``(alias export instance name (sort))``. Adds one definition of `sort`. `instance` is an instance index."""

    sort: Sort
    instance: int
    name: str


@final
@frozen
class AliasCoreExport:
    """``(alias core export instance name (sort))``. Adds one definition of core sort `sort`.

    `instance` is a core instance index.
    """

    sort: Sort
    instance: int
    name: str


@final
@frozen
class AliasOuter:
    """``(alias outer count index (sort))``. Adds one definition of `sort`.

    `index` counts in the `sort` index space of the scope `count` levels out; 0 is the scope of the alias itself.
    `sort` is CORE_MODULE, CORE_TYPE, TYPE or COMPONENT.
    """

    sort: Sort
    count: int
    index: int
