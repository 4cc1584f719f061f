import itertools

import pytest

from weft.component.names import (
    InterfaceName,
    PlainName,
    Version,
    compatibility_key,
    compatible,
    conflict,
    is_canonical_version,
    is_label,
    parse_name,
    parse_version,
    split_version,
    unique_key,
)


@pytest.mark.parametrize(
    "text", ["a", "a-b-c", "a1-2-3", "A", "A-B-C", "A1-2-3", "a11-w0rds", "m1x3d-4CR0NYMS", "is-XML"]
)
def test_labels(text: str) -> None:
    """Labels are words and acronyms joined by hyphens."""
    assert is_label(text)
    assert parse_name(text) == PlainName("label", text)


@pytest.mark.parametrize("text", ["", "1", "1-2-3", "a-", "-a", "a--b", "aB", "Ab", "a_b", "a.b", "ä", "a-1bC", "a\n"])
def test_no_labels(text: str) -> None:
    """A label starts with a letter and mixes no case within a fragment."""
    assert not is_label(text)
    assert parse_name(text) is None


def test_annotated_names() -> None:
    """Annotated names are split into resource and label."""
    assert parse_name("[constructor]r") == PlainName("constructor", "r", "r")
    assert parse_name("[method]r.f-g") == PlainName("method", "f-g", "r")
    assert parse_name("[static]R.f") == PlainName("static", "f", "R")


@pytest.mark.parametrize(
    "text", ["[method]r", "[constructor]", "[static]a.b.c", "[other]a", "[method].a", "[method]a."]
)
def test_no_annotated_names(text: str) -> None:
    """A method or static function has two labels, a constructor one."""
    assert parse_name(text) is None


def test_interface_names() -> None:
    """Interface names have a namespace, a package, an interface and perhaps a version."""
    assert parse_name("wasi:http/types") == InterfaceName("wasi", "http", "types")
    assert parse_name("a-1:b/C-2@1.2.3-rc.1+x") == InterfaceName("a-1", "b", "C-2", "1.2.3-rc.1+x")
    assert parse_name("a:b/c@0.2") == InterfaceName("a", "b", "c", "0.2")


@pytest.mark.parametrize(
    "text",
    [
        *("a:b", "a:b/c@", "a:b/c@1.", "a:b/c@a.2", "a:b/c@2.0x0", "a:b/c@2.0.0+", "a:b/c@2.0.0-", "a:b:c/d"),
        *("a:b/c/d", "A:b/c", "a:B/c", "a:b/c@01.0.0", "a:b/c@0", "a:b/c@1.0.0-01", "a:b/c@1.0.0\n"),
    ],
)
def test_no_interface_names(text: str) -> None:
    """Other shapes, and versions that are no semantic versions, are not names."""
    assert parse_name(text) is None


def test_hostile_names_take_no_time() -> None:
    """Matching is linear in the length of the name."""
    for text in ("a-" + "1-" * 50_000 + "!", "a:b/c@1.0.0-" + "1." * 50_000 + "!", "a:" + "b-1" * 50_000 + "!"):
        assert parse_name(text) is None


def test_version_order() -> None:
    """Versions sort as Semantic Versioning 2.0 says."""
    texts = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.10.0 2.0.0"
    versions = [parse_version(text) for text in texts.split()]
    for lower, higher in itertools.pairwise(versions):
        assert lower is not None
        assert higher is not None
        assert lower.precedence < higher.precedence


def test_version_parts() -> None:
    """Prerelease and build are kept apart."""
    assert parse_version("1.2.3-rc.1+b.7") == Version(1, 2, 3, ("rc", "1"), "b.7")
    assert parse_version("1" * 21 + ".0.0") is None


@pytest.mark.parametrize(
    ("text", "canonical", "suffix"),
    [
        ("1.2.3", "1", ".2.3"),
        ("0.2.6-rc.1", "0.2", ".6-rc.1"),
        ("0.0.1-alpha", "0.0.1", "-alpha"),
        ("0.0.0", "0.0.0", ""),
    ],
)
def test_canonical_versions(text: str, canonical: str, suffix: str) -> None:
    """A version is cut after its first number that is not zero."""
    assert split_version(text) == (canonical, suffix)
    assert is_canonical_version(canonical)


def test_not_canonical() -> None:
    """A version with more than its canonical part is not canonical."""
    assert not any(map(is_canonical_version, ("1.0", "0", "0.0", "0.2.1", "01", "")))
    assert split_version("0.2") is None


UNIQUE = ("foo", "foo-bar", "[constructor]foo", "[method]foo.bar", "[static]foo.baz", "foo:bar/baz")


def test_strongly_unique() -> None:
    """The specification's list of strongly unique names has no conflict."""
    assert conflict(UNIQUE) is None


@pytest.mark.parametrize(
    "added",
    [
        *("foo", "FOO", "foo-BAR", "[constructor]FOO", "[method]foo.BAR", "[static]foo.bar", "[method]foo.baz"),
        *("[method]foo.foo", "[static]foo-BAR.FOO-bar", "foo:bar/BAZ"),
    ],
)
def test_not_strongly_unique(added: str) -> None:
    """Each of the specification's further names conflicts with one of the list."""
    found = conflict((*UNIQUE, added))
    assert found is not None
    assert found[1] == added


def test_hyphens_count() -> None:
    """Names that differ in a hyphen are strongly unique."""
    assert unique_key("a-1") != unique_key("a1")


HOST = (
    "ns:p/i@0.2.1",
    "ns:p/i@0.2.9",
    "ns:p/i@0.3.0",
    "ns:p/i@0.3.1-rc.1",
    "ns:p/i@1.4.0",
    "ns:p/i@0.0.3",
    "ns:p/j@0.2.4",
    "f",
)


@pytest.mark.parametrize(
    ("wanted", "served"),
    [
        ("ns:p/i@0.2.1", "ns:p/i@0.2.1"),
        ("ns:p/i@0.2.4", "ns:p/i@0.2.9"),
        ("ns:p/i@0.2.10", "ns:p/i@0.2.9"),
        ("ns:p/i@0.2", "ns:p/i@0.2.9"),
        ("ns:p/i@0.3.7", "ns:p/i@0.3.0"),
        ("ns:p/i@0.3.1-rc.1", "ns:p/i@0.3.1-rc.1"),
        ("ns:p/i@0.3.0-rc.1", None),
        ("ns:p/i@1.0.0", "ns:p/i@1.4.0"),
        ("ns:p/i@2.0.0", None),
        ("ns:p/i@0.0.3", "ns:p/i@0.0.3"),
        ("ns:p/i@0.0.4", None),
        ("ns:p/i@0.1.0", None),
        ("ns:p/i", None),
        ("f", "f"),
        ("F", None),
    ],
)
def test_compatible(wanted: str, served: str | None) -> None:
    """The exact name is best, then the highest compatible version; prereleases are exact only."""
    assert compatible(HOST, wanted) == served
    assert compatible(iter(HOST), wanted) == served


def test_compatibility_key() -> None:
    """Names that can serve each other have the same key."""
    assert compatibility_key("a:b/c@0.2.7") == compatibility_key("a:b/c@0.2") == "a:b/c@0.2"
    assert compatibility_key("a:b/c@1.2.3+build") == "a:b/c@1"
    assert compatibility_key("a:b/c") is None
    assert compatibility_key("a:b/c@1.0.0-rc") is None
