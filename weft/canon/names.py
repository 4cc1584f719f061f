"""WIT labels as Python names: snake_case fields, CamelCase classes, UPPER_SNAKE members.

Source: Explainer.md, "Name Uniqueness": labels of one type differ by more than case.
"""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def snake_name(label: str) -> str:
    """Return the attribute name of a field: ``a-URL`` is ``a_url``; keywords and ``self`` get a trailing ``_``."""
    name = label.replace("-", "_").lower()
    return f"{name}_" if keyword.iskeyword(name) or name == "self" else name


def upper_name(label: str) -> str:
    """Return the member name of an enum or flags label: ``read-only`` is ``READ_ONLY``."""
    return label.replace("-", "_").upper()


def camel_name(label: str) -> str:
    """Return the class name of a label: ``line-string`` is ``LineString``, ``none`` is ``None_``."""
    name = "".join(word[:1].upper() + word[1:] for word in label.split("-"))
    return f"{name}_" if keyword.iskeyword(name) else name


def class_name(label: str | None, fallback: str) -> str:
    """Return the class name of a named type, or `fallback` when it has no name that Python could use."""
    name = camel_name(label) if label else fallback
    return name if name.isidentifier() else fallback


def unique_camel_names(labels: Iterable[str]) -> tuple[str, ...]:
    """Return one class name a label, in order; ``a-b`` and ``AB`` meet in ``AB``, so the later one becomes ``AB_``."""
    taken: set[str] = set()
    names = []
    for label in labels:
        name = camel_name(label)
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    return tuple(names)


__all__ = ["camel_name", "class_name", "snake_name", "unique_camel_names", "upper_name"]
