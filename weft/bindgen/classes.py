"""Source text of the types that a module declares, except resources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

from weft.bindgen.text import docstring, indented, quoted
from weft.bindgen.world import BUILTINS, Names
from weft.canon.names import camel_name, snake_name, unique_camel_names, upper_name
from weft.component.plan import EnumDef, FlagsDef, RecordDef, VariantDef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from weft.bindgen.types import Types
    from weft.bindgen.world import Owner
    from weft.component.externs import Scope, TypeEntry
    from weft.component.plan import CaseDef, DefType

_BUILTIN: Final = re.compile(rf"(?<![.\w])({'|'.join(BUILTINS)})(?!\w)")


@final
class ClassWriter:
    """Writes the types of one module."""

    def __init__(self, types: Types) -> None:
        self.types = types

    def lines(self, name: str, entry: TypeEntry) -> list[str]:
        """Return the lines that declare a type that is no resource, or that make `name` stand for another."""
        owner = self.types.owner(entry)
        root = entry.root
        if owner is None or (owner.module, owner.label) != (self.types.module, name):
            return self._alias(name, owner)
        match root.definition:
            case RecordDef():
                return list(self._record(owner, root.definition, root, entry.docs))
            case VariantDef(cases=cases):
                return list(self._variant(owner, cases, root.scope, entry.docs))
            case EnumDef(labels=labels):
                return _members(owner, "Enum", {label: quoted(label) for label in labels}, entry.docs)
            case FlagsDef(labels=labels):
                return _members(owner, "Flag", {label: f"1 << {i}" for i, label in enumerate(labels)}, entry.docs)
        return self._structural(owner, root.definition, root.scope)

    def _structural(self, owner: Owner, definition: DefType | None, scope: Scope) -> list[str]:
        return [f"{owner.class_name}: TypeAlias = {self.types.structure(definition, scope)}"]

    def _alias(self, name: str, owner: Owner | None) -> list[str]:
        """Return what makes the name of another type importable from here."""
        if owner is None:
            return []
        here = self.types.refer(owner)
        wanted = camel_name(name)
        if wanted == here:
            return []
        return [f"{self.types.module.names.claim(wanted)}: TypeAlias = {here}"]

    def _record(self, owner: Owner, record: RecordDef, entry: TypeEntry, docs: Mapping[str, str]) -> Iterator[str]:
        fields = [(snake_name(item.name), item.type) for item in record.fields]
        shadowing = any(name in BUILTINS for name, _ in fields)
        yield "@final"
        yield "@attrs.frozen"
        yield f"class {owner.class_name}:"
        labels = {item.name: snake_name(item.name) for item in record.fields}
        yield from indented([*docstring(f"``record {owner.label}``.", *_doc(docs, labels)), ""])
        for name, ref in fields:
            text = self.types.annotation(ref, entry.scope)
            if shadowing:
                text = _BUILTIN.sub(r"builtins.\1", text)
            yield f"    {Names().claim(name)}: {text}"
        yield ""
        yield ""
        values = [self.types.lift(ref, entry.scope, f"value.{name}", "exports") for name, ref in fields]
        guests = any(self.types.has_guests(ref, entry.scope) for _, ref in fields)
        yield from self._lift_head(owner, guests=guests)
        yield from indented([f"return {owner.class_name}(", *indented([f"{value}," for value in values]), ")"])

    def _lift_head(self, owner: Owner, *, guests: bool) -> Iterator[str]:
        exports = "exports: Exports, " if guests else ""
        yield f"def {self.types.lift_name(owner)}({exports}value: Any) -> {owner.class_name}:"
        yield from indented(docstring(f"Make a `{owner.class_name}` of what weft lifts."))

    def _variant(
        self, owner: Owner, cases: tuple[CaseDef, ...], scope: Scope, docs: Mapping[str, str]
    ) -> Iterator[str]:
        camel = unique_camel_names(case.name for case in cases)
        names = [self.types.module.names.claim(owner.class_name + name.rstrip("_")) for name in camel]
        for name, case in zip(names, cases, strict=True):
            yield from ("@final", "@attrs.frozen", f"class {name}:")
            text = docs.get(case.name, "").splitlines()
            yield from indented([*docstring(f"The case ``{case.name}`` of ``variant {owner.label}``.", *text), ""])
            if case.type is not None:
                yield f"    value: {self.types.annotation(case.type, scope)}"
            yield f"    case: ClassVar[Literal[{quoted(case.name)}]] = {quoted(case.name)}"
            yield from ("", "")
        yield f"{owner.class_name}: TypeAlias = ("
        yield from indented([("| " if i else "") + name for i, name in enumerate(names)])
        yield ")"
        yield from docstring(f"``variant {owner.label}``.", *_doc(docs, {}))
        yield from ("", "")
        guests = any(self.types.has_guests(case.type, scope) for case in cases)
        yield from self._lift_head(owner, guests=guests)
        for name, case in zip(names, cases, strict=True):
            payload = "" if case.type is None else self.types.lift(case.type, scope, "value.value", "exports")
            yield from indented([f"if value.case == {quoted(case.name)}:", f"    return {name}({payload})"])
        yield "    raise AssertionError(value)"


def _members(owner: Owner, base: str, values: dict[str, str], docs: Mapping[str, str]) -> list[str]:
    members = [f"{Names().claim(upper_name(label))} = {value}" for label, value in values.items()]
    text = _doc(docs, {label: upper_name(label) for label in values})
    doc = docstring(f"``{'enum' if base == 'Enum' else 'flags'} {owner.label}``.", *text)
    return ["@final", f"class {owner.class_name}(enum.{base}):", *indented([*doc, "", *members])]


def _doc(docs: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """Return what is said of a type, and of those of its parts that have attributes: `names` by label."""
    lines = docs.get("", "").splitlines()
    parts = [f"    {names[label]}: {' '.join(docs[label].split())}" for label in names if docs.get(label)]
    return [*lines, *([""] if lines and parts else []), *(["Attributes:", *parts] if parts else [])]


__all__ = ["ClassWriter"]
