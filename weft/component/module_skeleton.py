"""The skeleton of a core module: types, imports and exports without code and data.

Source: core specification, binary format, "Modules".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.component import _encode, narrow
from weft.component._const_expr import skip_expression
from weft.component._decode_core import core_global, core_memory, core_table, is_func_import, rec_group
from weft.component.plan import ConcreteRef
from weft.component.reader import Reader
from weft.errors import DecodeError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from weft.component.plan import GatedUse

_TYPE, _IMPORT, _FUNCTION, _EXPORT, _CODE = 1, 2, 3, 7, 10
_DROPPED: Final = frozenset({0, 8, 9, 11, 12})
"""Custom, start, element, data, data count. Nothing else refers to them once bodies are gone."""

_ORDER: Final = (1, 2, 3, 4, 5, 13, 6, 7, 10)
"""The order of the sections that are kept; 13 holds tags."""

_STUB: Final = b"\x03\x00\x00\x0b"
"""A code entry: 3 bytes, no locals, ``unreachable``, ``end``."""

DONATED: Final = "weft: [i32 i32] -> [i32]"
"""The name under which a donor module exports a function of that type."""

_TABLE_WITH_VALUE: Final = 0x40

_DONATED_TYPE: Final = b"\x60\x02\x7f\x7f\x01\x7f"


def module_skeleton(module: bytes, *, donor: bool = False, narrowed: bool = False, leaves: bool = False) -> bytes:
    """Return a core module without its code, data, elements, start function and custom sections.

    A module whose sections cannot be walked is returned whole, so that the validator can say what is wrong with it.

    Args:
        module: the module, preamble included.
        donor: also export a function `DONATED`.
        narrowed: make what is 64 bits wide 32 bits wide; see `weft.component.narrow`.
        leaves: the module, or one beside it, leaves its component as a value.

    Raises:
        ValidationError: a module that `leaves` has references to types of its own: over those the engine aborts.
    """
    try:
        sections = _kept_sections(module)
        if narrowed or leaves:
            noted = [(section_id, body, _noted(section_id, body)) for section_id, body in sections]
            if leaves:
                _check_refs(use for _, _, uses in noted for use in uses)
            if narrowed:
                sections = [(section_id, _narrowed(body, uses)) for section_id, body, uses in noted]
        if donor:
            sections = _with_donation(sections)
    except DecodeError:
        return module
    return b"".join((module[:8], *(_encode.section(section_id, body) for section_id, body in sections)))


def _kept_sections(module: bytes) -> list[tuple[int, bytes]]:
    reader = Reader(module, 8, len(module))
    kept: list[tuple[int, bytes]] = []
    functions = 0
    while not reader.at_end():
        section_id = reader.byte()
        section = reader.window(reader.u32())
        if section_id == _FUNCTION:
            functions = Reader(module, section.position, section.end).count()
        if section_id == _CODE:
            kept.append((_CODE, _encode.leb(functions) + _STUB * functions))
        elif section_id not in _DROPPED:
            kept.append((section_id, section.bytes(section.end - section.position)))
    return kept


def _noted(section_id: int, body: bytes) -> list[GatedUse]:
    if (item := _ITEMS.get(section_id)) is None:
        return []
    reader = Reader(body, 0, len(body), notes_wide=True)
    reader.vec(item)
    return reader.gated


def _check_refs(uses: Iterable[GatedUse]) -> None:
    if any(isinstance(use.what, ConcreteRef) for use in uses):
        raise ValidationError("a core module that is exported cannot refer to types of its own in its types")


def _narrowed(body: bytes, uses: Iterable[GatedUse]) -> bytes:
    chunks: list[bytes] = []
    position = 0
    for use in uses:
        if isinstance(use.what, bytes):
            chunks += (body[position : use.start], use.what)
            position = use.end
    return b"".join((*chunks, body[position:]))


def _table(reader: Reader) -> None:
    has_value = reader.peek() == _TABLE_WITH_VALUE
    if has_value:
        reader.bytes(2)
    core_table(reader)
    if has_value:
        skip_expression(reader)


def _global(reader: Reader) -> None:
    declared = core_global(reader)
    start = reader.position
    skip_expression(reader)
    if declared.type in narrow.CORE_TYPES:
        reader.note_wide(start, narrow.ZERO)


_ITEMS: Final[dict[int, Callable[[Reader], object]]] = {
    _TYPE: rec_group,
    _IMPORT: is_func_import,
    4: _table,
    5: core_memory,
    6: _global,
}
"""The sections that have types, and what reads an item of theirs."""


def _with_donation(sections: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    bodies = dict(sections)
    if len(bodies) != len(sections):
        raise DecodeError("section out of order", 0)
    types = _count(bodies.get(_TYPE, b"\0"), lambda reader: len(rec_group(reader).types))
    function = _count(bodies.get(_IMPORT, b"\0"), is_func_import) + _reader(bodies.get(_FUNCTION, b"\0")).count()
    _append(bodies, _TYPE, _DONATED_TYPE)
    _append(bodies, _FUNCTION, _encode.leb(types))
    _append(bodies, _EXPORT, _encode.name(DONATED) + b"\0" + _encode.leb(function))
    _append(bodies, _CODE, _STUB)
    return [(section_id, bodies.pop(section_id)) for section_id in _ORDER if section_id in bodies] + [*bodies.items()]


def _reader(body: bytes) -> Reader:
    return Reader(body, 0, len(body))


def _count(body: bytes, item: Callable[[Reader], int]) -> int:
    return sum(_reader(body).vec(item))


def _append(bodies: dict[int, bytes], section_id: int, item: bytes) -> None:
    body = bodies.get(section_id, b"\0")
    reader = _reader(body)
    length = reader.u32() + 1
    bodies[section_id] = _encode.leb(length) + body[reader.position :] + item


__all__ = ["DONATED", "module_skeleton"]
