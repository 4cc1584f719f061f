"""Names that differ in hyphens only, which the validating engine takes for equal though the specification does not.

Where a component has such names, its skeleton spells every name so that the engine sees the difference.

Source: Explainer.md, "Name Uniqueness".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from weft.component.names import unique_key
from weft.component.plan import (
    ComponentTypeDef,
    EnumDef,
    Export,
    ExportDecl,
    FlagsDef,
    FromExports,
    FuncDef,
    Import,
    InstanceTypeDef,
    NestedComponent,
    RecordDef,
    TypeDef,
    VariantDef,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weft.component.plan import Definition, DefType, TypeDecl

_SPELLED: Final = {"-": "-qz-", "q": "qx", "Q": "QX"}
_TO_SPELL: Final = re.compile("[-qQ]")


def spell(name: str) -> str:
    """Spell a name so that names that were different stay so without hyphens; kebab case stays kebab case."""
    name, at, version = name.partition("@")
    return _TO_SPELL.sub(lambda found: _SPELLED[found[0]], name) + at + version


def hyphens_matter(definitions: Iterable[Definition | TypeDecl]) -> bool:
    """Whether in some scope two strongly unique names are equal once hyphens are gone."""
    return any(_clash(names) for names in _name_lists(definitions))


def _clash(names: list[str]) -> bool:
    keys = set(map(unique_key, names))
    return len({key.replace("-", "") for key in keys}) < len(keys)


def _name_lists(definitions: Iterable[Definition | TypeDecl]) -> Iterator[list[str]]:
    imports: list[str] = []
    exports: list[str] = []
    for definition in definitions:
        match definition:
            case Import(name=name):
                imports.append(name)
            case Export(name=name) | ExportDecl(name=name):
                exports.append(name)
            case FromExports(exports=inline):
                yield [export.name for export in inline]
            case NestedComponent(plan=plan):
                yield from _name_lists(plan.definitions)
            case TypeDef(type=defined):
                yield from _labels(defined)
            case _:
                pass
    yield imports
    yield exports


def _labels(defined: DefType) -> Iterator[list[str]]:
    match defined:
        case RecordDef(fields=items) | FuncDef(params=items):
            yield [item.name for item in items]
        case VariantDef(cases=cases):
            yield [case.name for case in cases]
        case FlagsDef(labels=labels) | EnumDef(labels=labels):
            yield list(labels)
        case ComponentTypeDef(decls=decls) | InstanceTypeDef(decls=decls):
            yield from _name_lists(decls)
        case _:
            pass


__all__ = ["hyphens_matter", "spell"]
