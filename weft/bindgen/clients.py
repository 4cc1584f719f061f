"""Source text of what the guest implements: a client class for each exported interface, handles for its resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.bindgen.functions import RESERVED_METHODS, Function, Functions, body
from weft.bindgen.text import call, docstring, function_of, indented, quoted
from weft.bindgen.world import Names
from weft.canon.names import camel_name

if TYPE_CHECKING:
    from weft.bindgen.types import Types
    from weft.bindgen.world import Owner


@final
class ClientWriter:
    """Writes the exports of one module."""

    def __init__(self, types: Types) -> None:
        self.types = types
        self.module = types.module
        self.functions = Functions(types, "export", self.module.exported)

    def resource(self, owner: Owner, doc: str) -> list[str]:
        """Return the class of the handles of a resource; `doc` is what WIT text says of it."""
        interface = "None" if self.module.interface is None else "INTERFACE"
        lines = [
            *docstring(f"A handle of ``resource {owner.label}``, which the guest implements.", *doc.splitlines()),
            "",
            '__slots__ = ("_exports", "resource")',
            "",
            "def __init__(self, exports: Exports, resource: weft.Resource) -> None:",
            f"    self._exports = exports.of({interface})",
            "    self.resource = resource",
            "",
            "def drop(self) -> None:",
            '    """Drop the resource, which this handle must own."""',
            "    self.resource.drop()",
        ]
        names = Names(RESERVED_METHODS)
        for function in self.functions.methods(owner.label):
            lines += self._methods(function, names)
        return ["@final", f"class {owner.class_name}:", *indented(lines)]

    def lines(self, title: str, members: dict[str, str] | None = None) -> tuple[str, list[str]]:
        """Return the name and the lines of the client class.

        Args:
            title: what the docstring calls the interface.
            members: attributes that the class has besides, with the expressions they are set to.
        """
        label = self.module.class_label or "world"
        class_name = self.module.names.claim(camel_name(label), camel_name(f"{label}-interface"))
        interface = "" if self.module.interface is None else ", INTERFACE"
        lines = [
            *docstring(f"{title} of one instance of the component.", *self.module.doc.splitlines()),
            "",
            "def __init__(self, instance: weft.Instance) -> None:",
            f"    self._exports = Exports(instance{interface})",
            *(f"    self.{name} = {value}" for name, value in (members or {}).items()),
        ]
        names = Names((*RESERVED_METHODS, *(members or {})))
        for function in self.functions.plain():
            lines += self._methods(function, names)
        return class_name, ["@final", f"class {class_name}:", *indented(lines)]

    def _methods(self, function: Function, names: Names) -> list[str]:
        """Return the methods that call one function: beside other calls, and, if it is sync, without an event loop."""
        name = names.claim(function.member.python_name)
        handle = ["self"] if function.member.kind == "method" else []
        given = [*handle, *(param.name for param in function.params)]
        func = f"self._exports.func({quoted(function.wit_name)})"
        target = f"await {func}.call_concurrent"
        lines = ["", *function.head(name, ["self", "accessor: weft.Accessor"], is_async=True)]
        lines += body(function, self._call(function, target, ["accessor", *given]))
        if not function.is_async:
            lines += ["", *function.head(names.claim(f"{name}_sync"), ["self"], is_async=False)]
            lines += body(function, self._call(function, f"{func}.call", ["self._exports.store", *given]))
        return lines

    def _call(self, function: Function, target: str, arguments: list[str]) -> list[str]:
        """Return the statements that call and return the result as the generated classes have it."""
        if function.ok is None:
            return self._guarded(function, call(target, arguments, "", level=2))
        lifted = self.types.lift(function.ok, function.scope, "result", "self._exports")
        annotation = function.result if lifted == "result" else "Any"
        lines = call(f"result: {annotation} = {target}", arguments, "", level=2)
        return [*self._guarded(function, lines), f"return {lifted}"]

    def _guarded(self, function: Function, lines: list[str]) -> list[str]:
        lifted = self.types.lift(function.err, function.scope, "error", "self._exports")
        if lifted == "error":
            return lines
        return [f"with lifted_error({function_of('error', lifted)}):", *indented(lines)]


__all__ = ["ClientWriter"]
