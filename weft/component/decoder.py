"""Bytes to plan: preambles, sections and nested components.

Source: Binary.md, "Component Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from attrs import define, field

from weft.component import _decode_core, _decode_types
from weft.component._decode_canon import canon
from weft.component.name_section import NAME_SECTION, read_name_section
from weft.component.plan import (
    Arg,
    ComponentPlan,
    CoreModule,
    Export,
    FromExports,
    InlineExport,
    Instantiate,
    Names,
    NestedComponent,
    Start,
    Value,
)
from weft.component.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.component.plan import Definition

MAGIC: Final = b"\0asm"
COMPONENT_VERSION: Final = b"\x0d\0\x01\0"
MODULE_VERSION: Final = b"\x01\0\0\0"


def decode(data: bytes) -> ComponentPlan:
    """Decode the binary form of a component.

    Only the shape of the encoding is checked, not what indices and names mean: see `weft.component.validate`.
    Time and memory are linear in the length of `data`.

    Args:
        data: the whole component, preamble included.

    Returns:
        The plan; embedded core modules are copied into it as bytes.

    Raises:
        DecodeError: these bytes are not the encoding of a component.
    """
    return _component(Reader(bytes(data), 0, len(data)))


def decode_noting(data: bytes, *, names: bool = False, wide: bool = False) -> ComponentPlan:
    """Decode a component and note where some things stand, for the skeleton.

    Args:
        data: the whole component.
        names: note its names, for `weft.component.hyphens`.
        wide: note types of 64 bits, for `weft.component.narrow`.
    """
    return _component(Reader(data, 0, len(data), notes_labels=names, notes_wide=wide))


def is_component(data: bytes) -> bool:
    """Whether `data` begins as a component does (and not as a core module, or anything else)."""
    return data[:8] == MAGIC + COMPONENT_VERSION


@final
@define(eq=False)
class _Collected:
    """What the sections of one component give."""

    definitions: list[Definition] = field(factory=list)
    offsets: list[int] = field(factory=list)
    names: Names = field(factory=Names)

    def add(self, definition: Definition, offset: int) -> None:
        """Append one definition."""
        self.definitions.append(definition)
        self.offsets.append(offset)


def _component(reader: Reader) -> ComponentPlan:
    reader.descend()
    _preamble(reader, COMPONENT_VERSION, "component")
    into = _Collected()
    while not reader.at_end():
        start = reader.position
        section_id = reader.byte()
        if section_id > 12:
            raise reader.error(f"malformed section id: {section_id}", start)
        section = reader.window(reader.u32())
        _section(section_id, section, into)
    return ComponentPlan(tuple(into.definitions), into.names, tuple(into.offsets), tuple(reader.gated))


def _preamble(reader: Reader, version: bytes, what: str) -> None:
    start = reader.position
    if reader.bytes(4) != MAGIC:
        raise reader.error("magic header not detected", start)
    if reader.bytes(4) != version:
        raise reader.error(f"unknown binary version: expected a version header for a {what}", start + 4)


def _section(section_id: int, section: Reader, into: _Collected) -> None:
    start = section.position
    match section_id:
        case 0:
            _custom(section, into)
        case 1:
            _preamble(section, MODULE_VERSION, "module")
            into.add(CoreModule(section.data[start : section.end], start), start)
        case 4:
            # The nested component notes its gated uses for itself.
            nested = Reader(section.data, start, section.end, section.depth)
            nested.notes_labels, nested.notes_wide = section.notes_labels, section.notes_wide
            into.add(NestedComponent(_component(nested)), start)
        case 9:
            into.add(_start(section), start)
            section.finish("the start section")
        case _:
            item = _ITEMS[section_id]
            for _ in range(section.count()):
                offset = section.position
                into.add(item(section), offset)
            section.finish("the section")


def _custom(section: Reader, into: _Collected) -> None:
    if section.name() == NAME_SECTION and into.names == Names():
        into.names = read_name_section(section)


def _instance(reader: Reader) -> Definition:
    match reader.byte():
        case 0x00:
            return Instantiate(reader.u32(), reader.vec(_arg))
        case 0x01:
            return FromExports(reader.vec(_inline_export))
        case other:
            raise reader.invalid_byte(other, "instance")


def _arg(reader: Reader) -> Arg:
    return Arg(reader.label(), _decode_types.sort_index(reader))


def _inline_export(reader: Reader) -> InlineExport:
    name, attributes = _decode_types.extern_name(reader)
    return InlineExport(name, _decode_types.sort_index(reader), attributes)


def _start(reader: Reader) -> Start:
    return Start(reader.u32(), reader.vec(Reader.u32), reader.u32())


def _export(reader: Reader) -> Export:
    name, attributes = _decode_types.extern_name(reader)
    target = _decode_types.sort_index(reader)
    desc = reader.optional(_decode_types.extern_desc, "optional component export type")
    return Export(name, target, desc, attributes)


def _value(reader: Reader) -> Value:
    value_type = _decode_types.value_type(reader)
    return Value(value_type, reader.bytes(reader.u32()))


_ITEMS: Final[dict[int, Callable[[Reader], Definition]]] = {
    2: _decode_core.core_instance,
    3: _decode_core.core_type_def,
    5: _instance,
    6: _decode_types.alias,
    7: _decode_types.type_def,
    8: canon,
    10: _decode_types.import_def,
    11: _export,
    12: _value,
}

__all__ = ["COMPONENT_VERSION", "MAGIC", "MODULE_VERSION", "decode", "decode_noting", "is_component"]
