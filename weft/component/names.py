"""Import and export names: their grammar, their uniqueness, and which version serves which.

Source: Explainer.md, "Import and Export Definitions", "Name Uniqueness" and "Canonical Interface Name".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

# One way to match each label, so that a hostile one cannot make the matcher backtrack.
_LABEL: Final = r"(?:[a-z][0-9a-z]*|[A-Z][0-9A-Z]*)(?:-(?=[0-9A-Za-z])[0-9]*(?:[a-z][0-9a-z]*|[A-Z][0-9A-Z]*)?)*"
_WORDS: Final = r"[a-z][0-9a-z]*(?:-[0-9a-z]+)*"
_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_PRERELEASE_PART: Final = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"

_LABEL_PATTERN: Final = re.compile(_LABEL)
_PLAIN_PATTERN: Final = re.compile(
    rf"(?:\[(?P<kind>constructor)\])?(?P<label>{_LABEL})"
    rf"|\[(?P<kind2>method|static)\](?P<resource>{_LABEL})\.(?P<label2>{_LABEL})"
)
_INTERFACE_PATTERN: Final = re.compile(
    rf"(?P<namespace>{_WORDS}):(?P<package>{_WORDS})/(?P<interface>{_LABEL})(?:@(?P<version>.*))?", re.DOTALL
)
_SEMVER_PATTERN: Final = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-({_PRERELEASE_PART}(?:\.{_PRERELEASE_PART})*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_CANONICAL_PATTERN: Final = re.compile(r"[1-9][0-9]*|0\.[1-9][0-9]*|0\.0\.(?:0|[1-9][0-9]*)")
_ANNOTATION: Final = re.compile(r"\[(method|static)\]")


@final
@frozen
class PlainName:
    """A plain name: ``label``, ``[constructor]label``, ``[method]resource.label`` or ``[static]resource.label``.

    Attributes:
        kind: the annotation, or "label" for none.
        label: the label, or the last one; of a constructor the resource's.
        resource: the label of the resource, where there is an annotation.
    """

    kind: Literal["label", "constructor", "method", "static"]
    label: str
    resource: str | None = None


@final
@frozen
class InterfaceName:
    """``namespace:package/interface``, and the text after ``@`` when there is one."""

    namespace: str
    package: str
    interface: str
    version: str | None = None


ExternName: TypeAlias = PlainName | InterfaceName


@final
@frozen
class Version:
    """A semantic version; build metadata is kept but orders nothing."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()
    build: str = ""

    @property
    def canonical(self) -> str:
        """The canonical version: ``major``, ``0.minor`` or ``0.0.patch``, whichever is the first that is not zero."""
        if self.major:
            return str(self.major)
        if self.minor:
            return f"0.{self.minor}"
        return f"0.0.{self.patch}"

    @property
    def precedence(self) -> tuple[object, ...]:
        """A key that sorts versions as Semantic Versioning 2.0 does: a prerelease comes before its release."""
        parts = tuple((0, len(part), part) if part.isdigit() else (1, 0, part) for part in self.prerelease)
        return (self.major, self.minor, self.patch, not parts, parts)


def is_label(text: str) -> bool:
    """Whether `text` is a label in kebab case."""
    return _LABEL_PATTERN.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def parse_name(text: str) -> ExternName | None:
    """Parse an import or export name; None when it is not one. Its version may be a semver or a canonical version."""
    if (plain := _PLAIN_PATTERN.fullmatch(text)) is not None:
        if plain["resource"] is not None:
            return PlainName("method" if plain["kind2"] == "method" else "static", plain["label2"], plain["resource"])
        if plain["kind"]:
            return PlainName("constructor", plain["label"], plain["label"])
        return PlainName("label", plain["label"])
    if (found := _INTERFACE_PATTERN.fullmatch(text)) is None:
        return None
    version = found["version"]
    if version is not None and parse_version(version) is None and not is_canonical_version(version):
        return None
    return InterfaceName(found["namespace"], found["package"], found["interface"], version)


def parse_version(text: str) -> Version | None:
    """Parse a semantic version; None when `text` is not one."""
    found = _SEMVER_PATTERN.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, prerelease, build = found.groups()
    if max(map(len, (major, minor, patch))) > 20:
        return None
    parts = tuple(prerelease.split(".")) if prerelease else ()
    return Version(int(major), int(minor), int(patch), parts, build or "")


def is_canonical_version(text: str) -> bool:
    """Whether `text` is a ``canonversion`` 🔗."""
    return _CANONICAL_PATTERN.fullmatch(text) is not None


def split_version(text: str) -> tuple[str, str] | None:
    """Split a semantic version into its canonical version and the suffix that is cut off; None when it is not one."""
    version = parse_version(text)
    if version is None:
        return None
    canonical = version.canonical
    return canonical, text[len(canonical) :]


def unique_key(name: str) -> str:
    """Return what must differ between two names for them to be strongly unique."""
    lowered = name.lower()
    annotation = _ANNOTATION.match(lowered)
    if annotation is None:
        return lowered
    bare = lowered[annotation.end() :]
    resource, _, label = bare.partition(".")
    return resource if resource == label else bare


def conflict(names: Iterable[str]) -> tuple[str, str] | None:
    """Return the first name that is not strongly unique, after the earlier one it conflicts with; None when all are."""
    seen: dict[str, str] = {}
    for name in names:
        key = unique_key(name)
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None


@lru_cache(maxsize=4096)
def compatibility_key(name: str) -> str | None:
    """Return the name with its version made canonical; names with the same key can serve each other.

    None for names without a version, which only serve themselves, and for prereleases.
    """
    parsed = parse_name(name)
    if not isinstance(parsed, InterfaceName) or parsed.version is None:
        return None
    if is_canonical_version(parsed.version):
        canonical = parsed.version
    else:
        version = parse_version(parsed.version)
        if version is None or version.prerelease:
            return None
        canonical = version.canonical
    return f"{parsed.namespace}:{parsed.package}/{parsed.interface}@{canonical}"


def compatible(available: Iterable[str], wanted: str) -> str | None:
    """Choose the name that serves an import of `wanted`.

    The exact name is best. Otherwise it is the highest version of the same interface that is compatible by semantic
    versioning: same major version, or same minor under 0, or same patch under 0.0. It may be older than `wanted`;
    whether it has all that is wanted is for type checks to say. Prereleases only serve themselves.

    Args:
        available: the names on offer.
        wanted: the name of the import.

    Returns:
        One of `available`, or None.
    """
    names = list(available)
    if wanted in names:
        return wanted
    key = compatibility_key(wanted)
    if key is None:
        return None
    return max((name for name in names if compatibility_key(name) == key), key=_precedence, default=None)


def _precedence(name: str) -> tuple[object, ...]:
    version = parse_version(name.partition("@")[2])
    return (0,) if version is None else (1, *version.precedence, version.build)


__all__ = [
    "ExternName",
    "InterfaceName",
    "PlainName",
    "Version",
    "compatibility_key",
    "compatible",
    "conflict",
    "is_canonical_version",
    "is_label",
    "parse_name",
    "parse_version",
    "split_version",
    "unique_key",
]
