"""WIT text, parsed.

Source: WIT.md of the specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeVar, final

from weft.bindgen.wit.tokens import Token, tokens
from weft.bindgen.wit.tree import (
    Applied,
    Context,
    Extern,
    FuncTree,
    Include,
    InterfaceTree,
    Item,
    PackageTree,
    Path,
    TypeTree,
    Use,
    WorldTree,
)
from weft.canon.types import Prim
from weft.errors import WitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weft.bindgen.wit.tree import TypeText

T = TypeVar("T")

_PRIMS: Final = {prim.value: prim for prim in Prim}
_APPLIED: Final = {"list", "option", "result", "tuple", "stream", "future", "map", "own", "borrow"}
_BARE: Final = {"result", "stream", "future"}
_MAX_DEPTH: Final = 100


@final
class Parser:
    """Parses one file.

    Attributes:
        context: of the file's own package.
        packages: what the file declares, by context; the file's own package is the first.
    """

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._tokens = tokens(text, file)
        self._at = 0
        self._depth = 0
        self.context = Context()
        self.packages: dict[Context, PackageTree] = {self.context: PackageTree("", None)}

    # Tokens.

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _place(self) -> str:
        return f"{self._file}:{self._token.line}"

    def _fail(self, wanted: str) -> WitError:
        return WitError(f"{self._place()}: expected {wanted}, found `{self._token.text}`")

    def _skip(self, text: str) -> bool:
        """Go past a mark or keyword, if it comes next."""
        found = self._token.text == text and self._token.kind != "end"
        self._at += found
        return found

    def _next_is(self, text: str, ahead: int = 1) -> bool:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)].text == text

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise self._fail(f"`{text}`")

    def _take(self, kind: str) -> str:
        """Return the text of a token of some kind."""
        if self._token.kind != kind:
            raise self._fail(f"a {kind}")
        self._at += 1
        return self._tokens[self._at - 1].text

    def _name(self) -> str:
        return self._take("name").removeprefix("%")

    def _several(self, item: Callable[[], T], end: str) -> Iterator[T]:
        """Parse items with commas between them, up to a mark."""
        while not self._skip(end):
            yield item()
            if not self._skip(","):
                self._expect(end)
                return

    def _gates(self) -> tuple[bool, str]:
        """Go past ``@since`` and the like, to an item.

        Returns:
            Whether the item is there, for ``@unstable`` ones are not; and its documentation.
        """
        there, doc = True, self._token.doc
        while self._skip("@"):
            there &= self._name() != "unstable"
            if self._skip("("):
                while not self._skip(")"):
                    if self._token.kind == "end":
                        raise self._fail("`)`")
                    self._at += 1
        return there, doc or self._token.doc

    # Packages.

    def parse(self) -> None:
        """Parse the file into `packages`.

        Raises:
            WitError: it is no WIT; the text says where.
        """
        self._package_items(self.context, "the end")

    def _package_items(self, context: Context, end: str) -> None:
        while self._token.text != end:
            there, doc = self._gates()
            if self._skip("package"):
                self._package(context)
            elif self._skip("use"):
                path = self._path(context)
                context.uses[self._name() if self._skip("as") else path.name] = path
                self._expect(";")
            elif self._skip("interface"):
                interface = self._interface(context, self._name(), doc)
                if there:
                    self._add(self.packages[context].interfaces, interface)
            elif self._skip("world"):
                world = self._world(context)
                if there:
                    self._add(self.packages[context].worlds, world)
            else:
                raise self._fail("`package`, `use`, `interface` or `world`")

    def _add(self, items: dict[str, T], item: T) -> None:
        name: str = item.name  # type: ignore[attr-defined]
        if name in items:
            raise WitError(f"{self._place()}: `{name}` is there twice")
        items[name] = item

    def _package(self, context: Context) -> None:
        """Parse ``package ns:name@1.0.0;``, or one with a body, which is a package of its own."""
        name = self._name()
        while self._skip(":"):
            name += f":{self._name()}"
        version = self._take("version") if self._skip("@") else None
        if not self._skip("{"):
            self._expect(";")
            context.package, context.version = name, version
            return
        inner = Context(name, version)
        self.packages[inner] = PackageTree(name, version)
        self._package_items(inner, "}")
        self._expect("}")

    def _path(self, context: Context) -> Path:
        place, name = self._place(), self._name()
        package = None
        while self._skip(":"):
            name = f"{name}:{self._name()}"
        if self._skip("/"):
            package, name = name, self._name()
        version = self._take("version") if package is not None and self._skip("@") else None
        return Path(name, package, version, context, place)

    # Worlds.

    def _world(self, context: Context) -> WorldTree:
        name = self._name()
        self._expect("{")
        items: list[TypeTree | Use | Extern | Include] = []
        while not self._skip("}"):
            there, doc = self._gates()
            found = list(self._world_item(context, doc))
            items += found if there else []
        return WorldTree(name, tuple(items))

    def _world_item(self, context: Context, doc: str) -> Iterator[TypeTree | Use | Extern | Include]:
        if self._skip("import"):
            yield self._extern(context, "import", doc)
        elif self._skip("export"):
            yield self._extern(context, "export", doc)
        elif self._skip("include"):
            path = self._path(context)
            names = self._renames() if self._skip("with") else ()
            self._skip(";")
            yield Include(path, names)
        else:
            for item in self._item(context, doc):
                if isinstance(item, FuncTree):
                    raise self._fail("no function here")
                yield item

    def _extern(self, context: Context, direction: Literal["import", "export"], doc: str) -> Extern:
        if self._next_is(":") and self._next_is("interface", 2):
            name = self._name()
            self._at += 2
            return Extern(direction, self._interface(context, name, doc))
        if self._next_is(":") and (
            self._next_is("func", 2) or (self._next_is("async", 2) and self._next_is("func", 3))
        ):
            name = self._name()
            self._expect(":")
            return Extern(direction, self._func(name, doc))
        path = self._path(context)
        self._expect(";")
        return Extern(direction, path)

    def _renames(self) -> tuple[tuple[str, str], ...]:
        """Parse ``{a as b, c}``."""
        self._expect("{")

        def item() -> tuple[str, str]:
            name = self._name()
            return name, self._name() if self._skip("as") else name

        return tuple(self._several(item, "}"))

    # Interfaces.

    def _interface(self, context: Context, name: str, doc: str) -> InterfaceTree:
        self._expect("{")
        items: list[Item] = []
        while not self._skip("}"):
            there, item_doc = self._gates()
            found = list(self._item(context, item_doc))
            items += found if there else []
        return InterfaceTree(name, tuple(items), doc)

    def _item(self, context: Context, doc: str) -> Iterator[Item]:
        if self._next_is(":"):
            name = self._name()
            self._expect(":")
            yield self._func(name, doc)
            return
        kind = self._take("name")
        match kind:
            case "use":
                path = self._path(context)
                self._expect(".")
                yield Use(path, self._renames())
                self._expect(";")
            case "type":
                name = self._name()
                self._expect("=")
                yield TypeTree(name, "type", (("", self._type()),), {"": doc})
                self._expect(";")
            case "record" | "variant" | "enum" | "flags":
                name = self._name()
                self._expect("{")
                part = {"record": self._field, "variant": self._case}.get(kind, self._label)
                parts = list(self._several(lambda: (self._gates()[1], *part()), "}"))
                docs = {"": doc, **{label: text for text, label, _ in parts}}
                yield TypeTree(name, kind, tuple((label, type_) for _, label, type_ in parts), docs)
            case "resource":
                yield from self._resource(self._name(), doc)
            case _:
                self._at -= 1
                raise self._fail("a function or a type")

    def _field(self) -> tuple[str, TypeText | None]:
        name = self._name()
        self._expect(":")
        return name, self._type()

    def _case(self) -> tuple[str, TypeText | None]:
        name, payload = self._name(), None
        if self._skip("("):
            payload = self._type()
            self._expect(")")
        return name, payload

    def _label(self) -> tuple[str, TypeText | None]:
        return self._name(), None

    def _resource(self, resource: str, doc: str) -> Iterator[Item]:
        yield TypeTree(resource, "resource", (), {"": doc})
        if self._skip(";"):
            return
        self._expect("{")
        while not self._skip("}"):
            there, member_doc = self._gates()
            member = self._member(resource, member_doc)
            if there:
                yield member

    def _member(self, resource: str, doc: str) -> FuncTree:
        if self._token.text == "constructor" and self._next_is("("):
            self._at += 1
            made = Applied("own", (resource,))
            return self._signature(f"[constructor]{resource}", (), doc, is_async=False, otherwise=made)
        label = self._name()
        self._expect(":")
        if self._skip("static"):
            return self._func(f"[static]{resource}.{label}", doc)
        return self._func(f"[method]{resource}.{label}", doc, (("self", Applied("borrow", (resource,))),))

    def _func(self, name: str, doc: str, first: tuple[tuple[str, TypeText], ...] = ()) -> FuncTree:
        is_async = self._skip("async")
        self._expect("func")
        return self._signature(name, first, doc, is_async=is_async)

    def _signature(
        self,
        name: str,
        first: tuple[tuple[str, TypeText], ...],
        doc: str,
        *,
        is_async: bool,
        otherwise: TypeText | None = None,
    ) -> FuncTree:
        self._expect("(")
        params = tuple(self._several(self._param, ")"))
        result = self._type() if self._skip("->") else otherwise
        self._expect(";")
        return FuncTree(name, (*first, *params), result, is_async, doc)

    def _param(self) -> tuple[str, TypeText]:
        name = self._name()
        self._expect(":")
        return name, self._type()

    # Types.

    def _type(self) -> TypeText:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise WitError(f"{self._place()}: a type is too deep")
        name = self._take("name")
        found = self._applied(name) if name in _APPLIED else _PRIMS.get(name, name.removeprefix("%"))
        self._depth -= 1
        return found

    def _applied(self, head: str) -> Applied:
        if not self._skip("<"):
            if head not in _BARE:
                raise self._fail("`<`")
            return Applied(head, ())
        if head == "list":
            element = self._type()
            length = int(self._take("number")) if self._skip(",") else None
            self._expect(">")
            return Applied(head, (element,), length)
        return Applied(head, tuple(self._several(lambda: None if self._skip("_") else self._type(), ">")))


__all__ = ["Parser"]
