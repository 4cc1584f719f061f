"""Source text of what the host implements: a Protocol for each imported interface, and the function to register it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.bindgen.functions import RESERVED_METHODS, Function, Functions, body
from weft.bindgen.text import call, docstring, indented, quoted
from weft.bindgen.world import Names
from weft.canon.names import camel_name, snake_name

if TYPE_CHECKING:
    from weft.bindgen.types import Types
    from weft.bindgen.world import Owner


@final
class HostWriter:
    """Writes the imports of one module."""

    def __init__(self, types: Types) -> None:
        self.types = types
        self.module = types.module
        self.functions = Functions(types, "import", self.module.imported)
        self._resources: list[str] = []
        self._methods: dict[str, dict[str, str]] = {}

    def resource(self, owner: Owner, doc: str) -> list[str]:
        """Return the Protocol of a resource; `doc` is what WIT text says of it."""
        self._resources.append(owner.label)
        names = Names(RESERVED_METHODS)
        lines = docstring(
            f"``resource {owner.label}``, which the host implements.",
            *([*doc.splitlines(), ""] if doc else []),
            "A guest that drops one it owns calls its method ``on_drop()``, if it has one.",
        )
        for function in self.functions.methods(owner.label):
            name = names.claim(function.member.python_name)
            self._methods.setdefault(owner.label, {})[function.wit_name] = name
            lines += ["", *_declaration(function, name)]
        return [f"class {owner.class_name}(Protocol):", *indented(lines)]

    def lines(self, title: str) -> list[str]:
        """Return the Protocol of the functions, and the function to register it.

        Args:
            title: what docstrings call the interface.
        """
        label = self.module.class_label or "imports"
        class_name = self.module.names.claim(camel_name(label), camel_name(f"{label}-interface"))
        names = Names(RESERVED_METHODS)
        members = {f.wit_name: names.claim(f.member.python_name) for f in self.functions.plain()}
        lines = docstring(f"{title}, which the host implements.", *self.module.doc.splitlines())
        for function in self.functions.plain():
            lines += ["", *_declaration(function, members[function.wit_name])]
        register = self.module.names.claim(snake_name(f"add-{label}"))
        return [
            f"class {class_name}(Protocol):",
            *indented(lines),
            "",
            "",
            f"def {register}(linker: weft.Linker, impl: {class_name}) -> None:",
            *indented(docstring(f"Let components import {title[0].lower()}{title[1:]} from `impl`.")),
            *indented(self._registration(members)),
        ]

    def _registration(self, members: dict[str, str]) -> list[str]:
        where = "linker.root" if self.module.interface is None else "linker.instance(INTERFACE)"
        lines = [f"instance = {where}"]
        lines += [f"instance.object_resource({quoted(label)})" for label in self._resources]
        for function in self.functions.all:
            lines += self._wrap(function, members)
        return lines if len(lines) > 1 else [*lines, "del instance, impl"]

    def _wrap(self, function: Function, members: dict[str, str]) -> list[str]:
        """Return what defines one function: the method of `impl` itself where arguments come as they should."""
        kind = "async" if function.blocks else "concurrent"
        register = f"func_wrap_{kind}" if function.is_async else "func_wrap"
        lifted = [self.types.lift(p.type, function.param_scope, p.name, "None") for p in function.params]
        plain = lifted == [param.name for param in function.params]
        method = function.member.resource if function.member.kind == "method" else None
        if method is None and plain:
            return [f"instance.{register}({quoted(function.wit_name)}, impl.{members[function.wit_name]})"]
        if method is None:
            target, first = f"impl.{members[function.wit_name]}", []
        else:
            target = f"self.{self._methods[method][function.wit_name]}"
            first = [f"self: {self._resource_class(method)}"]
        context = "accessor: weft.Accessor" if function.is_async else "store: weft.Store"
        params = [context, *first, *(f"{param.name}: Any" for param in function.params)]
        invoke = f"{'await ' if function.is_async else ''}{target}"
        returned = "" if function.result == "None" else "return "
        name = self._local(function)
        return [
            "",
            *call(f"{'async ' if function.is_async else ''}def {name}", params, f" -> {function.result}:", level=1),
            *indented(call(f"{returned}{invoke}", [context.partition(":")[0], *lifted], "", level=2)),
            "",
            f"instance.{register}({quoted(function.wit_name)}, {name})",
        ]

    def _resource_class(self, label: str) -> str:
        entry = self.module.types.get(label)
        owner = None if entry is None else self.types.owner(entry)
        return "Any" if owner is None else self.types.refer(owner)

    @staticmethod
    def _local(function: Function) -> str:
        """Return the name of a wrapper; nothing else in the function begins so."""
        kind = function.member.kind
        name = f"call_{function.member.resource or ''}_{kind}_{function.member.label}"
        return Names().claim(name.replace("-", "_").lower())


def _declaration(function: Function, name: str) -> list[str]:
    context = "accessor: weft.Accessor" if function.is_async else "store: weft.Store"
    head = function.head(name, ["self", context], is_async=function.is_async)
    return [*head, *body(function, ["..."])]


__all__ = ["HostWriter"]
