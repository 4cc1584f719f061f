"""The "component-name" custom section: names for messages, never a reason to reject a component.

Source: Binary.md, "Name Section".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.component._decode_types import sort_of
from weft.component.plan import Names
from weft.errors import DecodeError

if TYPE_CHECKING:
    from weft.component.plan import Sort
    from weft.component.reader import Reader

NAME_SECTION: Final = "component-name"


def read_name_section(reader: Reader) -> Names:
    """Read what follows the section's own name; keep what came before the first fault."""
    component: str | None = None
    definitions: dict[tuple[Sort, int], str] = {}
    try:
        while not reader.at_end():
            kind = reader.byte()
            subsection = reader.window(reader.u32())
            if kind == 0:
                component = subsection.name()
            elif kind == 1:
                _read_sort_names(subsection, definitions)
    except DecodeError:
        pass
    return Names(component, definitions)


def _read_sort_names(reader: Reader, into: dict[tuple[Sort, int], str]) -> None:
    named = sort_of(reader, "sort of names")
    for _ in range(reader.count()):
        index = reader.u32()
        into[named, index] = reader.name()


__all__ = ["NAME_SECTION", "read_name_section"]
