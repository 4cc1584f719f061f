"""A component's world as a Python package: file names and their source text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from weft.bindgen.classes import ClassWriter
from weft.bindgen.clients import ClientWriter
from weft.bindgen.hosts import HostWriter
from weft.bindgen.text import docstring, quoted
from weft.bindgen.types import Types
from weft.bindgen.world import Names, World
from weft.canon.names import snake_name
from weft.component.externs import FuncEntry, Scope, read_externs
from weft.component.plan import ResourceDef

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from weft.bindgen.world import Module
    from weft.component.externs import Entry, TypeEntry
    from weft.component.plan import ComponentPlan

_TYPING: Final = ("Any", "ClassVar", "Final", "Literal", "Protocol", "TypeAlias", "final")
_ABC: Final = ("Mapping", "Sequence")
_SUPPORT: Final = (
    *("BytesLike", "Exports", "FutureLike", "StreamLike"),
    *("lifted_future", "lifted_result", "lifted_stream", "lifted_error"),
)


def generate(
    source: ComponentPlan | Scope, elsewhere: Mapping[str, str] | None = None, awaited: Collection[str] = ()
) -> dict[str, str]:
    """Return the modules of a package for a component's world, as source text by file name.

    Args:
        source: the decoded component, or a world that `weft.bindgen.read_wit` has read. What it says is not checked
            beyond what writing needs.
        elsewhere: modules that were written before, by the names of imported interfaces: for
            ``{"a:b/c@0.1.0": "library.bindings.c"}`` the types of that interface are imported from there.
        awaited: functions that are no ``async func``, but that the host implements with an ``async def`` while the
            guest waits: ``"a:b/c@0.1.0#read"``, or all of an interface.

    Raises:
        ValidationError: the component is not valid, or too large to look through, or does not import what the other
            arguments name.
    """
    world = World(source if isinstance(source, Scope) else read_externs(source), elsewhere, awaited)
    files = {}
    clients: dict[str, str] = {}
    for module in world.modules:
        text, client = _interface(world, module)
        if module.elsewhere is None:
            files[f"{module.name}.py"] = text
        if client is not None:
            clients[module.name] = client
    return {"__init__.py": _package(world, clients), **files}


def _interface(world: World, module: Module) -> tuple[str, str | None]:
    """Return the text of one interface's module, and the name of its client class."""
    types = Types(world, module)
    hosts, clients = HostWriter(types), ClientWriter(types)
    title = f"The interface ``{module.interface}``"
    blocks = [[f"INTERFACE: Final = {quoted(module.interface or '')}"], *_types(types, hosts, clients)]
    if _has_code(module.imported, types):
        blocks.append(hosts.lines(title))
    client = None
    if hosts.functions.all == [] and clients.functions.all:
        client, lines = clients.lines(title)
        blocks.append(lines)
    return _text(f"{title} of a component. Written by ``weft bindgen``.", types, blocks), client


def _has_code(entries: Mapping[str, Entry], types: Types) -> bool:
    """Whether the host has anything to implement."""
    owners = (types.owner(entry) for entry in types.module.types.values() if entry.root.definition is None)
    declares = any(owner is not None and owner.module is types.module for owner in owners)
    return bool(entries) and (declares or any(isinstance(entry, FuncEntry) for entry in entries.values()))


def _types(types: Types, hosts: HostWriter, clients: ClientWriter) -> list[list[str]]:
    blocks = []
    writer = ClassWriter(types)
    for name, entry in types.module.types.items():
        owner = types.owner(entry)
        if owner is None or not _is_resource(entry) or (owner.module, owner.label) != (types.module, name):
            blocks.append(writer.lines(name, entry))
        elif owner.direction == "import":
            blocks.append(hosts.resource(owner, entry.docs.get("", "")))
        else:
            blocks.append(clients.resource(owner, entry.docs.get("", "")))
    return blocks


def _is_resource(entry: TypeEntry) -> bool:
    return entry.root.definition is None or isinstance(entry.root.definition, ResourceDef)


def _package(world: World, clients: dict[str, str]) -> str:
    """Return the text of the package itself: the types and functions of the world, and its interfaces."""
    module = world.root
    types = Types(world, module)
    hosts, writer = HostWriter(types), ClientWriter(types)
    blocks = _types(types, hosts, writer)
    if _has_code(module.imported, types):
        blocks.append(hosts.lines("What the world imports by itself"))
    names = Names()
    members = {names.claim(snake_name(name)): f"{name}.{client}(instance)" for name, client in clients.items()}
    if members or writer.functions.all:
        blocks.append(writer.lines("What the world exports", members)[1])
    submodules = [_import(item) for item in world.modules]
    return _text("The world of a component. Written by ``weft bindgen``.", types, blocks, submodules)


def _import(module: Module) -> str:
    """Return the statement that makes a module an attribute of the package."""
    package, _, name = module.path.rpartition(".")
    source = f"from {package or '.'} " if package or module.elsewhere is None else ""
    return f"{source}import {name} as {module.name}"


def _text(title: str, types: Types, blocks: list[list[str]], submodules: list[str] | None = None) -> str:
    """Return a module's text, with the imports that its blocks need."""
    code = "\n\n\n".join("\n".join(block) for block in blocks if block)
    words = set(re.findall(r"\w+", re.sub('""".*?"""', "", code, flags=re.DOTALL)))
    lines = [*docstring(title), "", "from __future__ import annotations", ""]
    lines += [f"import {name}" for name in ("builtins", "enum") if name in words]
    abc = [name for name in _ABC if name in words]
    lines += [f"from collections.abc import {', '.join(abc)}"] if abc else []
    typing = [name for name in _TYPING if name in words]
    lines += [f"from typing import {', '.join(typing)}"] if typing else []
    lines += [""] * (lines[-1] != "")
    lines += ["import attrs"] * ("attrs" in words) + ["import weft"] * ("weft" in words)
    support = [name for name in _SUPPORT if name in words]
    lines += [f"from weft.bindgen.support import {', '.join(support)}"] if support else []
    lines += submodules or ()
    for (module, name), here in sorted(types.foreign.items()):
        lines.append(f"from {module} import {name} as {here}")
    return "\n".join([*lines, "", "", code]).rstrip() + "\n"


__all__ = ["generate"]
