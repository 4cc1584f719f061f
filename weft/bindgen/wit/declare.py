"""Declarations of an interface or a world as entries of its scope, whatever order they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.bindgen.wit.tree import Applied, FuncTree, TypeTree, Use
from weft.canon.types import Prim
from weft.component.externs import FuncEntry, TypeEntry
from weft.component.plan import (
    BorrowDef,
    CaseDef,
    EnumDef,
    FlagsDef,
    FuncDef,
    FutureDef,
    Labeled,
    ListDef,
    MapDef,
    OptionDef,
    OwnDef,
    RecordDef,
    ResultDef,
    Sort,
    StreamDef,
    TupleDef,
    VariantDef,
)
from weft.errors import WitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.bindgen.wit.tree import Item, Path, TypeText
    from weft.component.externs import Entry, InstanceEntry, Scope
    from weft.component.plan import DefType, ValTypeRef


@final
class Declarations:
    """The items of an interface or a world.

    Args:
        scope: the scope they belong to.
        named: where their names go.
        items: what is declared.
        use: finds the interface that a path leads to.
    """

    def __init__(
        self,
        scope: Scope,
        named: dict[str, Entry],
        items: tuple[Item, ...],
        use: Callable[[Path], InstanceEntry],
    ) -> None:
        self._scope = scope
        self._named = named
        self._items = items
        self._use = use
        self._indices: dict[str, int | None] = {}  # None while a type is being looked at
        self._sources: dict[str, tuple[Use, str] | TypeTree] = {}
        for item in items:
            match item:
                case Use(names=names):
                    for name, alias in names:
                        self._declare(alias, (item, name))
                case TypeTree(name=name):
                    self._declare(name, item)

    def _declare(self, name: str, source: tuple[Use, str] | TypeTree) -> None:
        if name in self._sources:
            raise WitError(f"type `{name}` is declared twice")
        self._sources[name] = source

    def declare(self) -> None:
        """Enter everything.

        Raises:
            WitError: a name is unknown, or a type holds itself.
        """
        for item in self._items:
            match item:
                case Use(names=names):
                    for _, alias in names:
                        self._index(alias)
                case TypeTree(name=name):
                    self._index(name)
                case FuncTree(name=name):
                    if name in self._named:
                        raise WitError(f"`{name}` is declared twice")
                    self._named[name] = self.func(item)

    def func(self, func: FuncTree) -> FuncEntry:
        """Return the entry of a function."""
        params = tuple(Labeled(name, self._ref(text)) for name, text in func.params)
        result = None if func.result is None else self._ref(func.result)
        return FuncEntry(FuncDef(params, result, func.is_async), self._scope, func.doc)

    def _add(self, entry: TypeEntry) -> int:
        self._scope.add(Sort.TYPE, entry)
        return len(self._scope.spaces[Sort.TYPE]) - 1

    def _index(self, name: str) -> int:
        """Return the index of a declared type, which is entered the first time."""
        if name not in self._indices:
            source = self._sources.get(name)
            if source is None:
                raise WitError(f"{self._scope.interface or 'the world'} has no type `{name}`")
            self._indices[name] = None
            entry = self._named[name] = self._entry(name, source)
            self._indices[name] = self._add(entry)
        found = self._indices[name]
        if found is None:
            raise WitError(f"type `{name}` holds itself")
        return found

    def _entry(self, name: str, source: tuple[Use, str] | TypeTree) -> TypeEntry:
        if isinstance(source, tuple):
            use, original = source
            used = self._use(use.path).exports.get(original)
            if not isinstance(used, TypeEntry):
                raise WitError(f"{use.path.place}: `{use.path.name}` has no type `{original}`")
            return TypeEntry(self._scope, name=name, origin=used)
        if source.kind == "resource":
            return TypeEntry(self._scope, name=name, docs=source.docs)
        definition = self._definition(source)
        if isinstance(definition, int):
            origin = self._scope.get(Sort.TYPE, definition)
            assert isinstance(origin, TypeEntry)
        else:
            origin = TypeEntry(self._scope, definition)
        return TypeEntry(self._scope, name=name, origin=origin, docs=source.docs)

    def _definition(self, tree: TypeTree) -> DefType | int:
        parts = [(name, None if text is None else self._ref(text)) for name, text in tree.parts]
        labels = tuple(name for name, _ in parts)
        match tree.kind:
            case "variant":
                return VariantDef(tuple(CaseDef(name, ref) for name, ref in parts))
            case "enum":
                return EnumDef(labels)
            case "flags":
                return FlagsDef(labels)
        refs = [(name, ref) for name, ref in parts if ref is not None]
        return refs[0][1] if tree.kind == "type" else RecordDef(tuple(Labeled(name, ref) for name, ref in refs))

    def _ref(self, text: TypeText) -> ValTypeRef:
        """Return a reference to a type; what holds a resource by its name owns it."""
        if isinstance(text, Prim):
            return text
        if isinstance(text, Applied):
            return self._add(TypeEntry(self._scope, self._applied(text)))
        index = self._index(text)
        return self._add(TypeEntry(self._scope, OwnDef(index))) if self._is_resource(index) else index

    def _is_resource(self, index: int) -> bool:
        entry = self._scope.get(Sort.TYPE, index)
        return isinstance(entry, TypeEntry) and entry.root.definition is None

    def _resource(self, text: TypeText | None) -> int:
        if not isinstance(text, str):
            raise WitError("`own` and `borrow` take the name of a resource")
        index = self._index(text)
        if not self._is_resource(index):
            raise WitError(f"`{text}` is no resource")
        return index

    def _applied(self, text: Applied) -> DefType:
        if text.head in {"own", "borrow"}:
            (name,) = self._arguments(text, 1, 1)
            return (OwnDef if text.head == "own" else BorrowDef)(self._resource(name))
        least, most = {"result": (0, 2), "stream": (0, 1), "future": (0, 1), "map": (2, 2), "tuple": (1, 1 << 16)}.get(
            text.head, (1, 1)
        )
        args = [None if arg is None else self._ref(arg) for arg in self._arguments(text, least, most)]
        first, second = (*args, None, None)[:2]
        match text.head:
            case "result":
                return ResultDef(first, second)
            case "stream":
                return StreamDef(first)
            case "future":
                return FutureDef(first)
        refs = [arg for arg in args if arg is not None]
        if len(refs) != len(args):
            raise WitError(f"`{text.head}` takes no `_`")
        match text.head:
            case "list":
                return ListDef(refs[0], text.length)
            case "option":
                return OptionDef(refs[0])
            case "map":
                return MapDef(refs[0], refs[1])
        return TupleDef(tuple(refs))

    @staticmethod
    def _arguments(text: Applied, least: int, most: int) -> tuple[TypeText | None, ...]:
        if not least <= len(text.args) <= most:
            raise WitError(f"`{text.head}` does not take {len(text.args)} types")
        return text.args


__all__ = ["Declarations"]
