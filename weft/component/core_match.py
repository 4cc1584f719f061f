"""Core modules against core module types: may a module be used where a type of module is wanted?

A module may export more and import less than its type says; what both name must match as imports of core modules do.

Source: Explainer.md, "Core Type Definitions"; core specification, "Matching".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

from attrs import define, field

from weft.component import plan as p
from weft.component.items import ModuleItem, TypeClosure
from weft.component.plan import Sort
from weft.engine.coretypes import CoreSig, GlobalType, MemoryType, TableType, TagType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from weft.engine.coretypes import ExternType

ModuleLike: TypeAlias = ModuleItem | TypeClosure

_KINDS = {CoreSig: "func", TableType: "table", MemoryType: "memory", GlobalType: "global", TagType: "tag"}


@final
@define(eq=False)
class ModuleShape:
    """The imports, by module and name, and the exports of a core module or of a core module type."""

    imports: dict[tuple[str, str], ExternType] = field(factory=dict)
    exports: dict[str, ExternType] = field(factory=dict)

    @classmethod
    def of(cls, item: ModuleLike) -> ModuleShape:
        """Return the shape of a compiled module, or of a module type in its scope."""
        if isinstance(item, TypeClosure):
            return _declared(item)
        module = item.module
        return cls(
            {(entry.module, entry.name): entry.type for entry in module.imports},
            {entry.name: entry.type for entry in module.exports},
        )


def module_mismatch(wanted: ModuleLike, offered: ModuleLike) -> str | None:
    """Say why `offered` cannot be used as a `wanted`, with both types; None when it can."""
    want, have = ModuleShape.of(wanted), ModuleShape.of(offered)
    for key, needed in have.imports.items():
        if (given := want.imports.get(key)) is None:
            return f"module import `{'::'.join(key)}` not defined: the module needs it, the import's type has it not"
        if (reason := _mismatch(needed, given)) is not None:
            return f"module import `{'::'.join(key)}` has the wrong type: {reason}"
    for name, needed in want.exports.items():
        if (given := have.exports.get(name)) is None:
            return f"module export `{name}` not defined; the module exports {_listed(have.exports)}"
        if (reason := _mismatch(needed, given)) is not None:
            return f"module export `{name}` has the wrong type: {reason}"
    return None


def _listed(exports: Mapping[str, ExternType]) -> str:
    return ", ".join(sorted(exports)[:10]) or "nothing"


def _declared(closure: TypeClosure) -> ModuleShape:
    assert isinstance(closure.definition, p.CoreModuleType)
    shape = ModuleShape()
    types: list[p.CoreFuncType | p.CoreOtherType] = []
    for decl in closure.definition.decls:
        match decl:
            case p.CoreRecGroup(types=group):
                types += group
            case p.AliasOuter(count=0, index=index):
                types.append(types[index])
            case p.AliasOuter(count=count, index=index):
                types.append(closure.scope.outer(count - 1).get(Sort.CORE_TYPE, index))
            case p.CoreImportDecl(module=module, name=name, desc=desc):
                shape.imports[module, name] = _extern(desc, types)
            case p.CoreExportDecl(name=name, desc=desc):
                shape.exports[name] = _extern(desc, types)
    return shape


def _extern(desc: p.CoreExternDesc, types: list[p.CoreFuncType | p.CoreOtherType]) -> ExternType:
    match desc:
        case p.CoreFuncDesc(type=index):
            return _signature(types[index])
        case p.CoreTagDesc(type=index):
            return TagType(_signature(types[index]))
        case p.CoreTableDesc(element=element, minimum=minimum, maximum=maximum, is64=is64):
            return TableType(element, minimum, maximum, is64)
        case p.CoreMemoryDesc(minimum, maximum, is64, shared, page_size_log2):
            return MemoryType(minimum, maximum, is64, shared, page_size_log2)
        case p.CoreGlobalDesc(type=content, mutable=mutable):
            return GlobalType(content, mutable)


def _signature(core_type: p.CoreFuncType | p.CoreOtherType) -> CoreSig:
    assert isinstance(core_type, p.CoreFuncType)
    return CoreSig(core_type.params, core_type.results)


def _mismatch(needed: ExternType, given: ExternType) -> str | None:
    """Say why `given` cannot be linked where `needed` is imported; None when it can."""
    if type(needed) is not type(given):
        return f"expected {_KINDS[type(needed)]} found {_KINDS[type(given)]}"
    if _fits(needed, given):
        return None
    return f"expected type `{core_text(needed)}`, found type `{core_text(given)}`"


def _fits(needed: ExternType, given: ExternType) -> bool:
    match needed, given:
        case TableType(), TableType():
            same = needed.element == given.element and needed.is64 == given.is64
            return same and _limits_fit(needed, given)
        case MemoryType(), MemoryType():
            same = (needed.is64, needed.shared, needed.page_size_log2) == (
                given.is64,
                given.shared,
                given.page_size_log2,
            )
            return same and _limits_fit(needed, given)
        case _:
            return needed == given


def _limits_fit(needed: TableType | MemoryType, given: TableType | MemoryType) -> bool:
    if given.minimum < needed.minimum:
        return False
    return needed.maximum is None or (given.maximum is not None and given.maximum <= needed.maximum)


def core_text(core_type: ExternType) -> str:
    """Return a core type as the text format writes it."""
    match core_type:
        case CoreSig():
            return f"(func{_signature_text(core_type)})"
        case TagType(sig=sig):
            return f"(tag{_signature_text(sig)})"
        case TableType(element=element):
            return f"(table {' '.join(_limits_text(core_type))} {element})"
        case MemoryType(shared=shared, page_size_log2=page_size_log2):
            words = [*_limits_text(core_type), *["shared"] * shared]
            words += [f"(pagesize {1 << page_size_log2:#x})"] * (page_size_log2 != 16)
            return f"(memory {' '.join(words)})"
        case GlobalType(content=content, mutable=mutable):
            return f"(global {f'(mut {content})' if mutable else content})"


def _limits_text(limited: TableType | MemoryType) -> Iterator[str]:
    if limited.is64:
        yield "i64"
    yield str(limited.minimum)
    if limited.maximum is not None:
        yield str(limited.maximum)


def _signature_text(sig: CoreSig) -> str:
    params = f" (param {' '.join(sig.params)})" if sig.params else ""
    return params + (f" (result {' '.join(sig.results)})" if sig.results else "")


__all__ = ["ModuleLike", "ModuleShape", "core_text", "module_mismatch"]
