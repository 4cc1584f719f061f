"""Decode core instances and core types.

Of a rec group only function types are kept; other types are walked over so that indices stay right.

Source: Binary.md, "Instance Definitions" and "Type Definitions"; core specification, binary format, "Types".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.component import narrow
from weft.component.plan import (
    AliasOuter,
    Arg,
    ConcreteRef,
    CoreExportDecl,
    CoreFromExports,
    CoreFuncDesc,
    CoreFuncType,
    CoreGlobalDesc,
    CoreImportDecl,
    CoreInstantiate,
    CoreMemoryDesc,
    CoreModuleType,
    CoreOtherType,
    CoreRecGroup,
    CoreTableDesc,
    CoreTagDesc,
    CoreTypeDef,
    InlineExport,
    Sort,
    SortIndex,
)

if TYPE_CHECKING:
    from weft.component.plan import CoreExternDesc
    from weft.component.reader import Reader

CORE_SORTS: Final = {
    0x00: Sort.CORE_FUNC,
    0x01: Sort.CORE_TABLE,
    0x02: Sort.CORE_MEMORY,
    0x03: Sort.CORE_GLOBAL,
    0x04: Sort.CORE_TAG,
    0x10: Sort.CORE_TYPE,
    0x11: Sort.CORE_MODULE,
    0x12: Sort.CORE_INSTANCE,
}
"""Source: Binary.md, core:sort."""

_NUMBERS: Final = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
_HEAP_TYPES: Final = {
    0x75: "nocont",
    0x74: "noexn",
    0x73: "nofunc",
    0x72: "noextern",
    0x71: "none",
    0x70: "func",
    0x6F: "extern",
    0x6E: "any",
    0x6D: "eq",
    0x6C: "i31",
    0x6B: "struct",
    0x6A: "array",
    0x69: "exn",
    0x68: "cont",
}
_PACKED: Final = {0x78: "i8", 0x77: "i16"}


def core_export_sort(reader: Reader) -> Sort:
    """Read the sort of a core export: func, table, memory, global or tag."""
    value = reader.byte()
    if value > 0x04:
        raise reader.invalid_byte(value, "external kind")
    return CORE_SORTS[value]


def core_instance(reader: Reader) -> CoreInstantiate | CoreFromExports:
    """Read a ``core:instance``."""
    match reader.byte():
        case 0x00:
            return CoreInstantiate(reader.u32(), reader.vec(_core_arg))
        case 0x01:
            return CoreFromExports(reader.vec(_core_inline_export))
        case other:
            raise reader.invalid_byte(other, "core instance")


def _core_arg(reader: Reader) -> Arg:
    name = reader.name()
    reader.expect(0x12, "instantiation arg kind")
    return Arg(name, SortIndex(Sort.CORE_INSTANCE, reader.u32()))


def _core_inline_export(reader: Reader) -> InlineExport:
    name = reader.name()
    return InlineExport(name, SortIndex(core_export_sort(reader), reader.u32()))


def core_type_def(reader: Reader) -> CoreTypeDef:
    """Read a ``core:type``: a module type or a rectype, where a non-final sub is marked by a leading 0x00."""
    match reader.peek():
        case 0x50:
            reader.byte()
            return CoreTypeDef(CoreModuleType(reader.vec(_module_decl)))
        case 0x00:
            reader.byte()
            if reader.peek() != 0x50:
                raise reader.invalid_byte(0x00, "core type")
        case _:
            pass
    return CoreTypeDef(rec_group(reader))


def _module_decl(reader: Reader) -> CoreImportDecl | CoreExportDecl | CoreRecGroup | AliasOuter:
    match reader.byte():
        case 0x00:
            module, name = reader.name(), reader.name()
            return CoreImportDecl(module, name, _extern_desc(reader))
        case 0x01:
            group = core_type_def(reader).type
            if isinstance(group, CoreModuleType):
                raise reader.error("a module type may not hold a module type")
            return group
        case 0x02:
            reader.expect(0x10, "outer alias kind")
            reader.expect(0x01, "outer alias target")
            return AliasOuter(Sort.CORE_TYPE, reader.u32(), reader.u32())
        case 0x03:
            return CoreExportDecl(reader.name(), _extern_desc(reader))
        case other:
            raise reader.invalid_byte(other, "module type declaration")


def _extern_desc(reader: Reader) -> CoreExternDesc:
    match reader.byte():
        case 0x00:
            return CoreFuncDesc(reader.u32())
        case 0x01:
            return core_table(reader)
        case 0x02:
            return core_memory(reader)
        case 0x03:
            return core_global(reader)
        case 0x04:
            reader.expect(0x00, "tag attribute")
            return CoreTagDesc(reader.u32())
        case other:
            raise reader.invalid_byte(other, "external kind")


def core_table(reader: Reader) -> CoreTableDesc:
    """Read a core table type."""
    element = reference_type(reader)
    minimum, maximum, flags = _limits(reader, allowed=0x07)
    return CoreTableDesc(element, minimum, maximum, is64=bool(flags & 4), shared=bool(flags & 2))


def core_memory(reader: Reader) -> CoreMemoryDesc:
    """Read a core memory type."""
    minimum, maximum, flags = _limits(reader, allowed=0x0F)
    page_size_log2 = reader.u32() if flags & 8 else 16
    return CoreMemoryDesc(minimum, maximum, bool(flags & 4), bool(flags & 2), page_size_log2)


def core_global(reader: Reader) -> CoreGlobalDesc:
    """Read a core global type."""
    value_type = core_value_type(reader)
    flags = reader.byte()
    if flags > 3:
        raise reader.invalid_byte(flags, "global mutability")
    return CoreGlobalDesc(value_type, mutable=bool(flags & 1), shared=bool(flags & 2))


def _limits(reader: Reader, allowed: int) -> tuple[int, int | None, int]:
    start = reader.position
    flags = reader.byte()
    if flags & ~allowed:
        raise reader.invalid_byte(flags, "limits flags")
    read = reader.u64 if flags & 4 else reader.u32
    minimum = read()
    maximum = read() if flags & 1 else None
    if flags & 4:
        reader.note_wide(start, narrow.limits(flags, minimum, maximum))
    return minimum, maximum, flags


def rec_group(reader: Reader) -> CoreRecGroup:
    """Read a core ``rectype``."""
    if reader.peek() == 0x4E:
        reader.byte()
        return CoreRecGroup(reader.vec(_sub_type))
    return CoreRecGroup((_sub_type(reader),))


def _sub_type(reader: Reader) -> CoreFuncType | CoreOtherType:
    if reader.peek() in {0x4F, 0x50}:
        reader.byte()
        reader.vec(type(reader).u32)
    return _composite_type(reader)


def _composite_type(reader: Reader) -> CoreFuncType | CoreOtherType:
    code = reader.byte()
    if shared := code == 0x65:
        code = reader.byte()
    match code:
        case 0x60:
            func = CoreFuncType(reader.vec(core_value_type), reader.vec(core_value_type))
            return CoreOtherType() if shared else func
        case 0x5F:
            reader.vec(_field_type)
        case 0x5E:
            _field_type(reader)
        case 0x5D:
            reader.s33()
        case other:
            raise reader.invalid_byte(other, "core type")
    return CoreOtherType()


def _field_type(reader: Reader) -> None:
    if reader.peek() in _PACKED:
        reader.byte()
    else:
        core_value_type(reader)
    reader.flag("field mutability")


def is_func_import(reader: Reader) -> bool:
    """Read an import of a core module and say whether it imports a function."""
    reader.name()
    reader.name()
    return isinstance(_extern_desc(reader), CoreFuncDesc)


def core_value_type(reader: Reader) -> str:
    """Read a core value type and return its name in the text format."""
    start = reader.position
    if (name := _NUMBERS.get(reader.peek())) is not None:
        reader.byte()
        if name in narrow.CORE_TYPES:
            reader.note_wide(start, narrow.CORE_TYPES[name])
        return name
    return reference_type(reader)


def reference_type(reader: Reader) -> str:
    """Read a core reference type and return its name in the text format, short where there is a short one."""
    code = reader.byte()
    if (heap := _HEAP_TYPES.get(code)) is not None:
        return _short_name(heap)
    if code == 0x65:
        return f"(ref null (shared {_abstract_heap_type(reader)}))"
    if code not in {0x63, 0x64}:
        raise reader.invalid_byte(code, "core value type")
    heap = _heap_type(reader)
    if code == 0x63:
        return _short_name(heap) if heap in _HEAP_TYPES.values() else f"(ref null {heap})"
    return f"(ref {heap})"


def _short_name(heap: str) -> str:
    shorts = {"none": "nullref", "nofunc": "nullfuncref", "noextern": "nullexternref"}
    shorts |= {"noexn": "nullexnref", "nocont": "nullcontref"}
    return shorts.get(heap, f"{heap}ref")


def _heap_type(reader: Reader) -> str:
    code = reader.peek()
    if code == 0x65:
        reader.byte()
        return f"(shared {_abstract_heap_type(reader)})"
    if code == 0x62:
        reader.byte()
        return f"(exact {reader.u32()})"
    if code in _HEAP_TYPES:
        return _abstract_heap_type(reader)
    start = reader.position
    if (index := reader.s33()) < 0:
        raise reader.error("invalid heap type", start)
    reader.note_gated(start, ConcreteRef())
    return str(index)


def _abstract_heap_type(reader: Reader) -> str:
    code = reader.byte()
    if (heap := _HEAP_TYPES.get(code)) is None:
        raise reader.invalid_byte(code, "heap type")
    return heap


__all__ = [
    "CORE_SORTS",
    "core_export_sort",
    "core_global",
    "core_instance",
    "core_memory",
    "core_table",
    "core_type_def",
    "core_value_type",
    "is_func_import",
    "rec_group",
    "reference_type",
]
