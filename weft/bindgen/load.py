"""Generated packages in memory and on disk."""

from __future__ import annotations

import itertools
import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.util import spec_from_loader
from typing import TYPE_CHECKING, Final, final

from weft.bindgen.package import generate
from weft.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from importlib.machinery import ModuleSpec
    from pathlib import Path
    from types import ModuleType

    from weft.component.externs import Scope
    from weft.component.plan import ComponentPlan
    from weft.host.component import Component

_numbers: Final = itertools.count(1)


@final
class _Texts(MetaPathFinder, Loader):
    """Imports modules whose source texts are at hand.

    Args:
        package: the name of the package.
        files: its modules, by file name.
    """

    def __init__(self, package: str, files: dict[str, str]) -> None:
        self.package = package
        self.texts = {f"{package}.{name.removesuffix('.py')}": text for name, text in files.items()}
        self.texts[package] = self.texts.pop(f"{package}.__init__")

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        """Find one of the modules."""
        del path, target
        if fullname not in self.texts:
            return None
        return spec_from_loader(fullname, self, is_package=fullname == self.package)

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's text."""
        name = module.__name__
        exec(compile(self.texts[name], f"<{name}>", "exec"), module.__dict__)


def load(component: Component, awaited: Collection[str] = ()) -> ModuleType:
    """Return the package that `write` would make for a component, without writing files.

    The interfaces are attributes of the module. Nothing stays in `sys.modules`.

    Args:
        component: the component. It has been validated, so every name in it is a label.
        awaited: as for `generate`.
    """
    texts = _Texts(f"weft_bindings_{next(_numbers)}", generate(component.plan, None, awaited))
    sys.meta_path.insert(0, texts)
    try:
        return import_module(texts.package)
    finally:
        sys.meta_path.remove(texts)
        for name in texts.texts:
            sys.modules.pop(name, None)


def write(
    source: ComponentPlan | Scope,
    directory: Path,
    elsewhere: Mapping[str, str] | None = None,
    awaited: Collection[str] = (),
) -> list[Path]:
    """Write the package for a component's world and return its files.

    Args:
        source: the decoded component, or a world that `weft.bindgen.read_wit` has read.
        directory: the package; it is made if needed, and files in it that have the same names are replaced.
        elsewhere: as for `generate`.
        awaited: likewise.

    Raises:
        ValidationError: the component is not valid, or two of its interfaces differ in case only.
        OSError: a file cannot be written.
    """
    files = generate(source, elsewhere, awaited)
    if len({name.lower() for name in files}) != len(files):
        raise ValidationError("two interfaces would have the same file")
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in files.items():
        path = directory / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


__all__ = ["load", "write"]
