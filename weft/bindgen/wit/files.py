"""WIT files and directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.bindgen.wit.parser import Parser
from weft.bindgen.wit.resolve import Packages, Worlds
from weft.bindgen.wit.tree import PackageTree
from weft.errors import WitError

if TYPE_CHECKING:
    from pathlib import Path

    from weft.component.externs import Scope


def read_wit(path: Path, world: str | None = None) -> Scope:
    """Return what a world imports and exports, for `weft.bindgen.generate` and `weft.bindgen.write`.

    Items that are ``@unstable`` are left out.

    Args:
        path: a WIT file; or a directory, whose WIT files are one package, with the packages it needs in ``deps``.
        world: the label of a world of that package. When it is not given, the package's only one is taken; in a package
            without worlds, one that imports all of its interfaces.

    Raises:
        WitError: the text is no WIT, a name in it is unknown, or a world must be chosen. The text says where.
        OSError: a file cannot be read.
    """
    try:
        packages = Packages()
        main = _read_package(path, packages)
        deps = path / "deps"
        for dependency in sorted(deps.iterdir()) if deps.is_dir() else ():
            if dependency.is_dir() or dependency.suffix == ".wit":
                _read_package(dependency, packages)
        return Worlds(packages).read(main, world)
    except RecursionError:
        raise WitError(f"{path}: something is nested too deep") from None


def _read_package(path: Path, packages: Packages) -> PackageTree:
    """Read one package, and what is nested in its files."""
    parsers = [_parse(file) for file in (sorted(path.glob("*.wit")) if path.is_dir() else [path])]
    named = {(p.context.package, p.context.version) for p in parsers if p.context.package is not None}
    if len(named) > 1:
        raise WitError(f"{path}: files of one directory are of different packages")
    own = [parser.packages.pop(parser.context) for parser in parsers]
    nested = [package for parser in parsers for package in parser.packages.values()]
    if named:
        ((name, version),) = named
        main = PackageTree(str(name), version)
        for parser, part in zip(parsers, own, strict=True):
            parser.context.package, parser.context.version = name, version
            packages.merge(main, part)
        nested.insert(0, main)
    elif any(part.interfaces or part.worlds for part in own):
        raise WitError(f"{path}: no file says `package`")
    if not nested:
        raise WitError(f"{path}: there is no WIT package here")
    for package in nested:
        packages.add(package)
    return nested[0]


def _parse(file: Path) -> Parser:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise WitError(f"{file}: {error}") from None
    parser = Parser(text, str(file))
    parser.parse()
    return parser


__all__ = ["read_wit"]
