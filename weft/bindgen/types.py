"""Component types as Python annotations, and as expressions that turn what weft lifts into generated classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from weft.bindgen.text import function_of
from weft.canon.names import snake_name
from weft.canon.types import Prim
from weft.component.externs import TypeEntry
from weft.component.plan import (
    BorrowDef,
    EnumDef,
    FlagsDef,
    FutureDef,
    ListDef,
    MapDef,
    OptionDef,
    OwnDef,
    RecordDef,
    ResourceDef,
    ResultDef,
    Sort,
    StreamDef,
    TupleDef,
    VariantDef,
)
from weft.errors import ValidationError

if TYPE_CHECKING:
    from weft.bindgen.world import Module, Owner, World
    from weft.component.externs import Scope
    from weft.component.plan import DefType, ValTypeRef

_MAX_DEPTH: Final = 100
_MAX_STRUCTURES: Final = 1_000_000

_PRIMS: Final = {
    Prim.BOOL: "bool",
    Prim.F32: "float",
    Prim.F64: "float",
    Prim.CHAR: "str",
    Prim.STRING: "str",
    Prim.ERROR_CONTEXT: "weft.ErrorContext",
}

_NOMINAL: Final = (RecordDef, VariantDef, EnumDef, FlagsDef)


@final
class Types:
    """Types as one module writes them.

    Attributes:
        foreign: what the module has to import: (where from, name there) to the name here.
    """

    def __init__(self, world: World, module: Module) -> None:
        self.world = world
        self.module = module
        self.foreign: dict[tuple[str, str], str] = {}
        self._guests: dict[int, bool] = {}
        self._converts: dict[int, bool] = {}
        self._depth = 0
        self._left = _MAX_STRUCTURES

    def owner(self, entry: TypeEntry) -> Owner | None:
        """Return where a type is declared."""
        return self.world.owners.get(id(entry.root))

    def refer(self, owner: Owner) -> str:
        """Return the name of a declared type in this module."""
        return self._import(owner, owner.class_name)

    def lift_name(self, owner: Owner) -> str:
        """Return the name in this module of the function that makes values of a declared type."""
        return self._import(owner, f"lift_{snake_name(owner.label)}")

    def _import(self, owner: Owner, name: str) -> str:
        if owner.module is self.module:
            return name
        key = (owner.module.path, name)
        if key not in self.foreign:
            self.foreign[key] = self.module.names.claim(name)
        return self.foreign[key]

    def annotation(self, ref: ValTypeRef | None, scope: Scope, *, given: bool = False) -> str:
        """Return the annotation of a value.

        Args:
            ref: the type; None is that of no value.
            scope: where its index counts.
            given: whether weft takes the value rather than gives it: then more is accepted.
        """
        if ref is None:
            return "None"
        if isinstance(ref, Prim):
            return _PRIMS.get(ref, "int")
        entry = self.entry(ref, scope)
        owner = self.owner(entry)
        if owner is not None and _is_class(entry.definition):
            return self.refer(owner)
        self._enter()
        text = self.structure(entry.definition, entry.scope, given=given)
        self._depth -= 1
        return text

    def structure(self, definition: DefType | None, scope: Scope, *, given: bool = False) -> str:
        """Return the annotation of a type that has no class of its own."""
        match definition:
            case Prim():
                return _PRIMS.get(definition, "int")
            case ListDef(element=element):
                if self.is_prim(element, scope, Prim.U8):
                    return "BytesLike" if given else "bytes"
                return f"{'Sequence' if given else 'list'}[{self.annotation(element, scope, given=given)}]"
            case TupleDef(types=types):
                return f"tuple[{', '.join(self.annotation(item, scope, given=given) for item in types)}]"
            case OptionDef(payload=payload):
                inner = self.annotation(payload, scope, given=given)
                return f"weft.Some[{inner}] | None" if self.is_option(payload, scope) else f"{inner} | None"
            case ResultDef(ok=ok, err=err):
                texts = [self.annotation(part, scope, given=given) for part in (ok, err)]
                return f"weft.Ok[{texts[0]}] | weft.Err[{texts[1]}]"
            case MapDef(key=key, value=value):
                inner = f"{self.annotation(key, scope, given=given)}, {self.annotation(value, scope, given=given)}"
                return f"{'Mapping' if given else 'dict'}[{inner}]"
            case StreamDef(payload=payload):
                if given:
                    return f"StreamLike[{self.annotation(payload, scope, given=True)}]"
                return f"weft.StreamReader[{self._chunk(payload, scope)}]"
            case FutureDef(payload=payload):
                outer = "FutureLike" if given else "weft.FutureReader"
                return f"{outer}[{self.annotation(payload, scope, given=given)}]"
            case OwnDef(resource=resource) | BorrowDef(resource=resource):
                owner = self.owner(self.entry(resource, scope))
                return "weft.Resource" if owner is None else self.refer(owner)
        return "Any"

    def _chunk(self, payload: ValTypeRef | None, scope: Scope) -> str:
        """Return the annotation of what a read of a stream returns."""
        if payload is not None and self.is_prim(payload, scope, Prim.U8):
            return "bytes"
        return f"list[{self.annotation(payload, scope)}]"

    def lift(self, ref: ValTypeRef | None, scope: Scope, value: str, exports: str) -> str:
        """Return the expression for a value of the generated classes; `value` itself when it needs no change.

        Args:
            ref: the type.
            scope: where its index counts.
            value: the expression of the value as weft lifts it; it is evaluated any number of times.
            exports: the expression of the `Exports`, for handles.
        """
        if ref is None or isinstance(ref, Prim) or not self.converts(ref, scope):
            return value
        entry = self.entry(ref, scope)
        owner = self.owner(entry)
        root = entry.definition
        if owner is not None and isinstance(root, EnumDef | FlagsDef):
            return f"{self.refer(owner)}({value}.value)"
        if owner is not None and isinstance(root, _NOMINAL):
            first = f"{exports}, " if self.has_guests(ref, scope) else ""
            return f"{self.lift_name(owner)}({first}{value})"
        self._enter()
        text = self._lift_structure(root, entry.scope, value, exports)
        self._depth -= 1
        return text

    def _lift_structure(self, definition: DefType | None, scope: Scope, value: str, exports: str) -> str:
        name = f"item{self._depth}"
        match definition:
            case ListDef(element=element):
                return f"[{self.lift(element, scope, name, exports)} for {name} in {value}]"
            case TupleDef(types=types):
                items = [self.lift(item, scope, f"{value}[{i}]", exports) for i, item in enumerate(types)]
                return f"({', '.join(items)},)"
            case OptionDef(payload=payload) if self.is_option(payload, scope):
                inner = self.lift(payload, scope, f"{value}.value", exports)
                return f"(None if {value} is None else weft.Some({inner}))"
            case OptionDef(payload=payload):
                return f"(None if {value} is None else {self.lift(payload, scope, value, exports)})"
            case ResultDef(ok=ok, err=err):
                parts = [self.lift(part, scope, name, exports) for part in (ok, err)]
                return f"lifted_result({value}, lambda {name}: {parts[0]}, lambda {name}: {parts[1]})"
            case MapDef(key=key, value=item):
                inner = self.lift(item, scope, name, exports)
                return f"{{{self.lift(key, scope, 'key', exports)}: {inner} for key, {name} in {value}.items()}}"
            case StreamDef(payload=payload) | FutureDef(payload=payload):
                lift = "lifted_stream" if isinstance(definition, StreamDef) else "lifted_future"
                return f"{lift}({value}, {function_of(name, self.lift(payload, scope, name, exports))})"
            case OwnDef(resource=resource) | BorrowDef(resource=resource):
                owner = self.owner(self.entry(resource, scope))
                return value if owner is None else f"{self.refer(owner)}({exports}, {value})"
        return value

    def converts(self, ref: ValTypeRef | None, scope: Scope) -> bool:
        """Whether `lift` changes values of a type."""
        return self._any(ref, scope, self._converts, nominal=True)

    def has_guests(self, ref: ValTypeRef | None, scope: Scope) -> bool:
        """Whether values of a type may hold handles of the guest's resources."""
        return self._any(ref, scope, self._guests, nominal=False)

    def _any(self, ref: ValTypeRef | None, scope: Scope, memo: dict[int, bool], *, nominal: bool) -> bool:
        if ref is None or isinstance(ref, Prim):
            return False
        entry = self.entry(ref, scope)
        known = memo.get(id(entry.root))
        if known is not None:
            return known
        root = entry.definition
        match root:
            case OwnDef(resource=resource) | BorrowDef(resource=resource):
                owner = self.owner(self.entry(resource, entry.scope))
                answer = owner is not None and owner.direction == "export"
            case _ if nominal and isinstance(root, _NOMINAL) and self.owner(entry) is not None:
                answer = True
            case _:
                self._enter()
                answer = any(self._any(part, entry.scope, memo, nominal=nominal) for part in _parts(root))
                self._depth -= 1
        memo[id(entry.root)] = answer
        return answer

    def entry(self, ref: int, scope: Scope) -> TypeEntry:
        """Return the entry at the end of the chain of names of a type."""
        found = scope.get(Sort.TYPE, ref)
        if not isinstance(found, TypeEntry):
            raise ValidationError(f"type index {ref} is no type")
        return found.root

    def definition(self, ref: ValTypeRef | None, scope: Scope) -> DefType | None:
        """Return what a reference is a name of."""
        return ref if ref is None or isinstance(ref, Prim) else self.entry(ref, scope).definition

    def is_prim(self, ref: ValTypeRef, scope: Scope, prim: Prim) -> bool:
        """Whether a reference stands for `prim`."""
        return self.definition(ref, scope) is prim

    def is_option(self, ref: ValTypeRef, scope: Scope) -> bool:
        """Whether a reference stands for an ``option``."""
        return isinstance(self.definition(ref, scope), OptionDef)

    def _enter(self) -> None:
        self._depth += 1
        self._left -= 1
        if self._depth > _MAX_DEPTH or self._left < 0:
            raise ValidationError("a type is too deep or too large to write")


def _is_class(definition: DefType | None) -> bool:
    return definition is None or isinstance(definition, (*_NOMINAL, ResourceDef))


def _parts(definition: DefType | None) -> tuple[ValTypeRef | None, ...]:
    """Return the types that values of a type hold values of, now or later."""
    match definition:
        case RecordDef(fields=fields):
            return tuple(item.type for item in fields)
        case VariantDef(cases=cases):
            return tuple(case.type for case in cases)
        case ListDef(element=element):
            return (element,)
        case TupleDef(types=types):
            return tuple(types)
        case OptionDef(payload=payload):
            return (payload,)
        case ResultDef(ok=ok, err=err):
            return (ok, err)
        case MapDef(key=key, value=value):
            return (key, value)
        case StreamDef(payload=payload) | FutureDef(payload=payload):
            return (payload,)
    return ()


__all__ = ["Types"]
