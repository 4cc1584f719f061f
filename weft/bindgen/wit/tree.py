"""WIT text as values, names not yet looked up.

Source: WIT.md of the specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weft.canon.types import Prim


@final
@define(eq=False)
class Context:
    """Where a path is written: the package of the file, and its ``use ... as`` at the top level.

    Attributes:
        package: its name, ``ns:name``; None until a file of the package says it.
        version: of the package, or None.
        uses: paths by the names they go by.
    """

    package: str | None = None
    version: str | None = None
    uses: dict[str, Path] = field(factory=dict)


@final
@frozen(eq=False)
class Path:
    """A reference to an interface or a world; without a package it is one of the file's own names."""

    name: str
    package: str | None
    version: str | None
    context: Context
    place: str


@final
@frozen
class Applied:
    """A type with arguments, such as ``list<u8>``; an argument is None for ``_``."""

    head: str
    args: tuple[TypeText | None, ...]
    length: int | None = None


TypeText: TypeAlias = "Prim | str | Applied"
"""A type: a primitive one, the name of a declared one, or one with arguments."""


@final
@frozen
class TypeTree:
    """A declared type.

    Attributes:
        parts: fields, cases or labels, the last without a type; of an alias the type it stands for.
        docs: what comments say of the type, under "", and of its parts.
    """

    name: str
    kind: Literal["record", "variant", "enum", "flags", "resource", "type"]
    parts: tuple[tuple[str, TypeText | None], ...]
    docs: Mapping[str, str] = field(factory=dict, eq=False)


@final
@frozen
class FuncTree:
    """A function, under the name it has among exports: ``[method]bucket.get``."""

    name: str
    params: tuple[tuple[str, TypeText], ...]
    result: TypeText | None
    is_async: bool
    doc: str = ""


@final
@frozen(eq=False)
class Use:
    """``use path.{name as alias}``."""

    path: Path
    names: tuple[tuple[str, str], ...]


Item: TypeAlias = TypeTree | FuncTree | Use


@final
@frozen(eq=False)
class InterfaceTree:
    """An interface; `name` is its label."""

    name: str
    items: tuple[Item, ...]
    doc: str = ""


@final
@frozen(eq=False)
class Extern:
    """What a world imports or exports."""

    direction: Literal["import", "export"]
    what: Path | FuncTree | InterfaceTree


@final
@frozen(eq=False)
class Include:
    """``include path with {name as alias}``."""

    path: Path
    names: tuple[tuple[str, str], ...]


@final
@frozen(eq=False)
class WorldTree:
    """A world."""

    name: str
    items: tuple[TypeTree | Use | Extern | Include, ...]


@final
@define(eq=False)
class PackageTree:
    """The interfaces and worlds of a package, by label."""

    name: str
    version: str | None
    interfaces: dict[str, InterfaceTree] = field(factory=dict)
    worlds: dict[str, WorldTree] = field(factory=dict)


__all__ = [
    "Applied",
    "Context",
    "Extern",
    "FuncTree",
    "Include",
    "InterfaceTree",
    "Item",
    "PackageTree",
    "Path",
    "TypeText",
    "TypeTree",
    "Use",
    "WorldTree",
]
