"""Decode component-level types, aliases, names with attributes and extern descriptions.

Source: Binary.md, "Alias Definitions", "Type Definitions" and "Import and Export Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.canon.types import Prim
from weft.component import narrow
from weft.component._decode_core import CORE_SORTS, core_type_def, core_value_type
from weft.component.plan import (
    NO_ATTRIBUTES,
    AliasCoreExport,
    AliasExport,
    AliasOuter,
    Attributes,
    BorrowDef,
    CaseDef,
    ComponentDesc,
    ComponentTypeDef,
    CoreModuleDesc,
    EnumDef,
    ExportDecl,
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
    Sort,
    SortIndex,
    StreamDef,
    SubResourceDesc,
    TupleDef,
    TypeDef,
    TypeEqDesc,
    ValueDesc,
    ValueEqDesc,
    VariantDef,
)

if TYPE_CHECKING:
    from weft.component.plan import DefType, DefValType, ExternDesc, TypeDecl, ValTypeRef
    from weft.component.reader import Reader

PRIMITIVES: Final = {
    0x7F: Prim.BOOL,
    0x7E: Prim.S8,
    0x7D: Prim.U8,
    0x7C: Prim.S16,
    0x7B: Prim.U16,
    0x7A: Prim.S32,
    0x79: Prim.U32,
    0x78: Prim.S64,
    0x77: Prim.U64,
    0x76: Prim.F32,
    0x75: Prim.F64,
    0x74: Prim.CHAR,
    0x73: Prim.STRING,
    0x64: Prim.ERROR_CONTEXT,
}
"""Source: Binary.md, primvaltype."""

_SORTS: Final = {
    0x01: Sort.FUNC,
    0x02: Sort.VALUE,
    0x03: Sort.TYPE,
    0x04: Sort.COMPONENT,
    0x05: Sort.INSTANCE,
}
_OUTER_SORTS: Final = frozenset({Sort.CORE_MODULE, Sort.CORE_TYPE, Sort.TYPE, Sort.COMPONENT})


def sort_of(reader: Reader, what: str) -> Sort:
    """Read a ``sort``; `what` says in an error what it is for."""
    code = reader.byte()
    sort = CORE_SORTS.get(code := reader.byte()) if code == 0x00 else _SORTS.get(code)
    if sort is None:
        raise reader.invalid_byte(code, what)
    return sort


def sort_index(reader: Reader) -> SortIndex:
    """Read a ``sortidx`` of something a component can import or export: no core sort but core module."""
    start = reader.position
    sort = sort_of(reader, "component external kind")
    if sort not in _SORTS.values() and sort is not Sort.CORE_MODULE:
        raise reader.error(f"invalid component external kind: {sort.value}", start)
    return SortIndex(sort, reader.u32())


def alias(reader: Reader) -> AliasExport | AliasCoreExport | AliasOuter:
    """Read an ``alias``."""
    start = reader.position
    sort = sort_of(reader, "component outer alias kind")
    match reader.byte():
        case 0x00:
            if sort not in _SORTS.values() and sort is not Sort.CORE_MODULE:
                raise reader.error(f"a component instance cannot export a {sort.value}", start)
            return AliasExport(sort, reader.u32(), reader.label())
        case 0x01:
            if sort.value[:4] != "core" or sort in {Sort.CORE_TYPE, Sort.CORE_MODULE, Sort.CORE_INSTANCE}:
                raise reader.error(f"a core instance cannot export a {sort.value}", start)
            return AliasCoreExport(sort, reader.u32(), reader.name())
        case 0x02:
            if sort not in _OUTER_SORTS:
                raise reader.error(f"invalid component outer alias kind: {sort.value}", start)
            return AliasOuter(sort, reader.u32(), reader.u32())
        case other:
            raise reader.invalid_byte(other, "alias")


def value_type(reader: Reader) -> ValTypeRef:
    """Read a ``valtype``: a primitive code, or a type index as a nonnegative SLEB128."""
    start = reader.position
    code = reader.peek()
    if (prim := PRIMITIVES.get(code)) is not None:
        reader.byte()
        _note_primitive(reader, prim, start)
        return prim
    if (index := reader.s33()) < 0:
        raise reader.error(f"invalid leading byte ({code:#x}) for component value type", start)
    return index


def _optional_value_type(reader: Reader) -> ValTypeRef | None:
    return reader.optional(value_type, "optional component value type")


def result_list(reader: Reader) -> ValTypeRef | None:
    """Read a ``resultlist``: 0x00 and a value type, or 0x01 0x00."""
    match reader.byte():
        case 0x00:
            return value_type(reader)
        case 0x01:
            reader.expect(0x00, "number of results")
            return None
        case other:
            raise reader.invalid_byte(other, "component function results")


def type_def(reader: Reader) -> TypeDef:
    """Read a ``type``."""
    return TypeDef(_deftype(reader))


def _deftype(reader: Reader) -> DefType:
    match reader.peek():
        case 0x3F:
            reader.byte()
            rep = core_value_type(reader)
            return ResourceDef(rep, reader.optional(type(reader).u32, "resource destructor"))
        case 0x40 | 0x43 as code:
            reader.byte()
            return FuncDef(reader.vec(_labeled), result_list(reader), is_async=code == 0x43)
        case 0x41:
            reader.byte()
            return ComponentTypeDef(_declarations(reader, imports=True))
        case 0x42:
            reader.byte()
            return InstanceTypeDef(_declarations(reader, imports=False))
        case _:
            return _defvaltype(reader)


def _defvaltype(reader: Reader) -> DefValType:
    start = reader.position
    code = reader.byte()
    match code:
        case 0x72:
            return RecordDef(reader.vec(_labeled))
        case 0x71:
            return VariantDef(reader.vec(_case))
        case 0x70:
            return ListDef(value_type(reader))
        case 0x67:
            return _fixed_list(reader, start)
        case 0x6F:
            return TupleDef(reader.vec(value_type))
        case 0x6E:
            return FlagsDef(reader.vec(type(reader).label))
        case 0x6D:
            return EnumDef(reader.vec(type(reader).label))
        case 0x6B:
            return OptionDef(value_type(reader))
        case 0x6A:
            return ResultDef(_optional_value_type(reader), _optional_value_type(reader))
        case 0x69:
            return OwnDef(reader.u32())
        case 0x68:
            return BorrowDef(reader.u32())
        case 0x66:
            return StreamDef(_optional_value_type(reader))
        case 0x65:
            return FutureDef(_optional_value_type(reader))
        case 0x63:
            return MapDef(value_type(reader), value_type(reader))
        case _:
            return _primitive(reader, code, start)


def _primitive(reader: Reader, code: int, start: int) -> Prim:
    if (prim := PRIMITIVES.get(code)) is None:
        raise reader.invalid_byte(code, "component defined type")
    _note_primitive(reader, prim, start)
    return prim


def _note_primitive(reader: Reader, prim: Prim, start: int) -> None:
    if prim is Prim.ERROR_CONTEXT:
        reader.note_gated(start, prim)
    elif (narrower := narrow.PRIMITIVES.get(prim)) is not None:
        reader.note_wide(start, narrower)


def _fixed_list(reader: Reader, start: int) -> ListDef:
    fixed = ListDef(value_type(reader), reader.u32())
    reader.note_gated(start, fixed)
    return fixed


def _labeled(reader: Reader) -> Labeled:
    return Labeled(reader.label(), value_type(reader))


def _case(reader: Reader) -> CaseDef:
    case = CaseDef(reader.label(), _optional_value_type(reader))
    reader.expect(0x00, "zero byte required")
    return case


def _declarations(reader: Reader, *, imports: bool) -> tuple[TypeDecl, ...]:
    what = "component type declaration" if imports else "instance type declaration"
    reader.descend()
    decls: list[TypeDecl] = []
    for _ in range(reader.count()):
        if imports and reader.peek() == 0x03:
            reader.byte()
            decls.append(import_def(reader))
        else:
            decls.append(_declaration(reader, what))
    reader.depth -= 1
    return tuple(decls)


def _declaration(reader: Reader, what: str) -> TypeDecl:
    match reader.byte():
        case 0x00:
            return core_type_def(reader)
        case 0x01:
            return type_def(reader)
        case 0x02:
            return _alias_decl(reader)
        case 0x04:
            name, attributes = extern_name(reader)
            return ExportDecl(name, extern_desc(reader), attributes)
        case other:
            raise reader.invalid_byte(other, what)


def _alias_decl(reader: Reader) -> AliasExport | AliasOuter:
    start = reader.position
    declared = alias(reader)
    if isinstance(declared, AliasCoreExport):
        raise reader.error("a type cannot alias a core export", start)
    return declared


def import_def(reader: Reader) -> Import:
    """Read an ``import`` or ``importdecl``."""
    name, attributes = extern_name(reader)
    return Import(name, extern_desc(reader), attributes)


def extern_name(reader: Reader) -> tuple[str, Attributes]:
    """Read ``nameattributes``: a name, its grammar unchecked, and its attributes."""
    match reader.byte():
        case 0x00 | 0x01:
            return reader.label(), NO_ATTRIBUTES
        case 0x02:
            return reader.label(), _attributes(reader)
        case other:
            raise reader.invalid_byte(other, "component name")


def _attributes(reader: Reader) -> Attributes:
    found: dict[int, str] = {}
    for _ in range(reader.count()):
        kind = reader.byte()
        if kind > 0x02:
            raise reader.invalid_byte(kind, "name option")
        if kind in found:
            raise reader.error("duplicate attribute of a name", reader.position - 1)
        found[kind] = reader.name()
    return Attributes(found.get(0x00), found.get(0x01), found.get(0x02))


def extern_desc(reader: Reader) -> ExternDesc:
    """Read an ``externtype``."""
    match reader.byte():
        case 0x00:
            reader.expect(0x11, "component external kind")
            return CoreModuleDesc(reader.u32())
        case 0x01:
            return FuncDesc(reader.u32())
        case 0x02:
            is_type = reader.flag("value bound")
            return ValueDesc(value_type(reader)) if is_type else ValueEqDesc(reader.u32())
        case 0x03:
            is_resource = reader.flag("type bound")
            return SubResourceDesc() if is_resource else TypeEqDesc(reader.u32())
        case 0x04:
            return ComponentDesc(reader.u32())
        case 0x05:
            return InstanceDesc(reader.u32())
        case other:
            raise reader.invalid_byte(other, "component external kind")


__all__ = [
    "PRIMITIVES",
    "alias",
    "extern_desc",
    "extern_name",
    "import_def",
    "result_list",
    "sort_index",
    "sort_of",
    "type_def",
    "value_type",
]
