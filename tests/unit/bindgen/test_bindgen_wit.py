"""Worlds read from WIT text are those of the components that have them."""

from __future__ import annotations

import ast
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from weft import ValidationError, WitError, bindgen
from weft.cli import main
from weft.component.decoder import decode
from weft.component.wit import component_wit
from weft.engine import wat2wasm

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
GUESTS = ["tests/integration/tiny.wat", "examples/host_package/guest.wat", "examples/keyvalue/guest.wat"]


@pytest.fixture
def generate(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Return a function that writes files of WIT and generates the package of their world."""

    def generate(text: str = "", world: str | None = None, **files: str) -> dict[str, str]:
        for name, content in {"main": text, **files}.items():
            path = tmp_path / f"{name.replace('__', '/')}.wit"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(content)
        return bindgen.generate(bindgen.read_wit(tmp_path, world))

    return generate


@pytest.mark.parametrize("guest", GUESTS)
def test_wit_of_a_component_says_the_same(guest: str, tmp_path: Path) -> None:
    """What is written for a component is what is written for the WIT that `weft inspect` prints of it."""
    plan = decode(wat2wasm((ROOT / guest).read_text()))
    path = tmp_path / "printed.wit"
    path.write_text(component_wit(plan))
    assert list(bindgen.generate(bindgen.read_wit(path)).items()) == list(bindgen.generate(plan).items())


TYPES = """
package a:b@1.0.0;
/* a comment /* in a comment */ */
interface types {
  use-later: func(x: later) -> result;  // types may be declared after their use
  type later = list<tuple<u8, %type>>;
  enum %type { one, two-three, }
  flags mode { read, write }
  record point { x: s32, @since(version = 1.0.0) label: option<option<string>> }
  variant shape { nothing, dots(list<point>) }
  type fixed = list<u8, 4>;
  type table = map<string, point>;
  resource file {
    constructor(name: string);
    read: async func() -> result<stream<u8>, error-context>;
    with: static func(f: file, other: borrow<file>, g: own<file>) -> result<file>;
    @unstable(feature = soon)
    later: func();
  }
  @deprecated(version = 1.0.0)
  when: async func(it: future<point>) -> future;
  nothing: func() -> result<_, string>;
  @unstable(feature = soon)
  never: func();
}
"""


def test_types_of_every_kind(generate: Callable[..., dict[str, str]]) -> None:
    """Declared types become classes in any order, functions their signatures; what is unstable is left out."""
    text = generate(TYPES)["types.py"]
    for line in (
        "def use_later(self, store: weft.Store, x: list[tuple[int, Type]]) -> None:",
        "Later: TypeAlias = list[tuple[int, Type]]",
        'TWO_THREE = "two-three"',
        "label: weft.Some[str | None] | None",
        "class ShapeDots:",
        "Table: TypeAlias = dict[str, Point]",
        "async def read(self, accessor: weft.Accessor) -> StreamLike[int]:",
        "def new_file(self, store: weft.Store, name: str) -> File:",
        "def file_with(self, store: weft.Store, f: File, other: File, g: File) -> File:",
        "def nothing(self, store: weft.Store) -> None:",
        'instance.object_resource("file")',
    ):
        assert line in text
    assert "never" not in text
    assert "later()" not in text
    compile(text, "types.py", "exec")


def test_worlds(generate: Callable[..., dict[str, str]]) -> None:
    """A world has its own types and functions, what it includes under other names, and what its interfaces use."""
    files = generate(
        """package a:b;
        use c:d/base@0.1.0 as other;
        interface own { use other.{thing as item}; take: func(x: item); }
        world part { import log: func(text: string); export run: func(); import inner: interface { f: func(); } }
        world main {
          include part with { log as print };
          use own.{item};
          record pair { left: item, right: item }
          import swap: func(p: pair) -> pair;
          export own;
          export other;
        }""",
        "main",
        deps__base="package c:d@0.1.0; interface base { record thing { n: u8 } }",
    )
    assert list(files) == ["__init__.py", "inner.py", "base.py", "own.py", "exported_base.py", "exported_own.py"]
    assert "from .base import Thing" in files["own.py"]  # what is imported uses what is imported,
    assert "from .exported_base import Thing" in files["exported_own.py"]  # and what is exported what is exported
    assert 'INTERFACE: Final = "c:d/base@0.1.0"' in files["exported_base.py"]
    assert "def print(self, store: weft.Store, text: str) -> None:" in files["__init__.py"]
    assert "left: Thing" in files["__init__.py"]
    assert "async def run(self, accessor: weft.Accessor) -> None:" in files["__init__.py"]


def test_packages_in_one_file(generate: Callable[..., dict[str, str]]) -> None:
    """A file may hold packages; those of several versions are told apart; a package without worlds gives all it has."""
    versions = "".join(f"package c:d@{v} {{ interface base {{ type n = u{bits}; }} }} " for v, bits in VERSIONS)
    files = generate(f"package a:b; {versions} interface i {{ use c:d/base@0.2.0-rc.1.{{n}}; f: func(x: n); }}")
    assert list(files) == ["__init__.py", "base.py", "i.py"]
    assert 'INTERFACE: Final = "c:d/base@0.2.0-rc.1"' in files["base.py"]
    assert "class World" not in files["__init__.py"]  # nothing is exported


DOCUMENTED = r"""package a:b;
/// Of the interface.
interface i {
  // no documentation
  /** Of the record.
    * In two lines. */
  record point {
    /// Of the
    /// field.
    x: u8,
    y: u8,
  }
  /// Of the variant.
  variant shape {
    /// Of the case.
    dot(point),
  }
  /// Of the enum: Q and NUL \
  @since(version = 1.0.0)
  enum colour {
    /// Of the label.
    red-ish,
  }
  /// Of the resource.
  resource file {
    /// Of the method.
    read: func() -> result;
  }
  /// Of the function, Any and Mapping.
  f: func(p: point, s: shape, c: colour, f: file);
}""".replace("Q", '"""').replace("NUL", "\0")


def test_comments_become_docstrings(generate: Callable[..., dict[str, str]]) -> None:
    """What WIT says of interfaces, functions, types and their parts is there in Python, and cannot end a docstring."""
    text = generate(DOCUMENTED)["i.py"]
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    docs = {node.name: (ast.get_docstring(node) or "").splitlines()[2:] for node in nodes}
    assert docs["Point"] == ["Of the record.", "In two lines.", "", "Attributes:", "    x: Of the field."]
    assert docs["ShapeDot"] == ["Of the case."]
    assert docs["Colour"] == ["Of the enum: ''' and   \\", "", "Attributes:", "    RED_ISH: Of the label."]
    assert docs["File"][0] == "Of the resource."
    assert docs["read"] == ["Of the method.", "", "Raises:", "    weft.Err[None]: the error of the result."]
    assert docs["f"] == ["Of the function, Any and Mapping."]
    assert docs["I"] == ["Of the interface."]
    assert "Mapping" not in text.partition("class ")[0]


VERSIONS = (("0.1.0", 8), ("0.2.0-rc.1", 16))

WRONG = {
    "no package": ("interface i {}", "no file says `package`"),
    "nothing": ("package a:b;", "is empty"),
    "a character": ("package a:b; interface i { ! }", "main.wit:1: unexpected '!'"),
    "a comment": ("package a:b; /* /* */", "without an end"),
    "an item": ("package a:b;\n\ninterface i { x }", "main.wit:3: expected a function or a type, found `x`"),
    "the end": ("package a:b; interface i {", "found `the end`"),
    "a gate": ("package a:b; @since(version", "found `the end`"),
    "a mark": ("package a:b; interface i { f: func(x u8); }", "expected `:`, found `u8`"),
    "no type": ("package a:b; interface i { f: func(x: thing); }", "a:b/i has no type `thing`"),
    "no interface": ("package a:b; interface i { use j.{t}; }", "`a:b` has no interface `j`"),
    "no used type": ("package a:b; interface j {} interface i { use j.{t}; }", "`j` has no type `t`"),
    "no other package": ("package a:b; interface i { use c:d/j.{t}; }", "there is no package `c:d`"),
    "twice": ("package a:b; interface i {} interface i {}", "`i` is there twice"),
    "a type twice": ("package a:b; interface i { type t = u8; enum t { a } }", "`t` is declared twice"),
    "a function twice": ("package a:b; interface i { f: func(); f: func(); }", "`f` is declared twice"),
    "a circle of types": ("package a:b; interface i { type t = list<t>; }", "`t` holds itself"),
    "a circle of uses": ("package a:b; interface i { use j.{t}; } interface j { use i.{t}; }", "uses itself"),
    "a circle of worlds": ("package a:b; world w { include w; }", "includes itself"),
    "a deep type": (f"package a:b; interface i {{ type t = {'list<' * 200}u8{'>' * 200}; }}", "too deep"),
    "deep packages": (f"package a:b; {'package c:d { ' * 5000}", "too deep"),
    "no argument": ("package a:b; interface i { type t = option<u8, u8>; }", "does not take 2 types"),
    "a hole": ("package a:b; interface i { type t = tuple<_>; }", "takes no `_`"),
    "no resource": ("package a:b; interface i { f: func(x: borrow<u8>); }", "the name of a resource"),
    "a plain borrow": ("package a:b; interface i { type t = u8; f: func(x: borrow<t>); }", "`t` is no resource"),
    "no world": ("package a:b; world v {} world w {}", "choose a world of a:b: v, w"),
    "no included world": ("package a:b; world w { include v; }", "`a:b` has no world `v`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name: str, generate: Callable[..., dict[str, str]]) -> None:
    """Text that is no WIT, and names that lead nowhere, are errors that say what and where."""
    text, message = WRONG[name]
    with pytest.raises(WitError) as raised:
        generate(text)
    assert message in str(raised.value)


def test_damaged_wit_is_refused_or_read(generate: Callable[..., dict[str, str]]) -> None:
    """Text with a piece missing, doubled or moved gives a package that compiles, or an error; never anything else."""
    source, refused = random.Random(5), 0
    for _ in range(300):
        start, end, to = sorted(source.choices(range(len(TYPES)), k=3))
        end = min(end, start + 40)
        text = source.choice((TYPES[:start] + TYPES[end:], TYPES[:to] + TYPES[start:end] + TYPES[to:]))
        try:
            for name, module in generate(text).items():
                compile(module, name, "exec")
        except (WitError, ValidationError):
            refused += 1
    assert 100 < refused < 300


def test_types_from_elsewhere() -> None:
    """An interface that was written before is imported: its module, and the types that others use of it."""
    wit = bindgen.read_wit(ROOT / "examples" / "demo" / "wit")
    files = bindgen.generate(wit, {"demo:pipeline/host@0.1.0": "library.host"})
    assert "host.py" not in files
    assert "from library import host as host" in files["__init__.py"]
    assert "from library.host import Counter as Counter" in files["jobs.py"]
    alone = bindgen.generate(wit, {"demo:pipeline/host@0.1.0": "library"})
    assert "import library as host" in alone["__init__.py"].splitlines()
    with pytest.raises(ValidationError, match="not imported"):
        bindgen.generate(wit, {"demo:pipeline/jobs@0.1.0": "library.jobs"})


def test_functions_that_await_while_the_guest_waits(generate: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    """A function that is no ``async func`` can be an ``async def``, and so can all of an interface."""
    generate(
        "package a:b; interface i { f: func(); g: async func(); resource r { h: func(); } } world w { import i; "
        "import f: func(); export run: func(); }"
    )
    wit = bindgen.read_wit(tmp_path)
    one = bindgen.generate(wit, awaited=["a:b/i#[method]r.h", "#f"])
    assert "async def h(self, accessor: weft.Accessor)" in one["i.py"]
    assert 'func_wrap_async("[method]r.h"' in one["i.py"]
    assert 'func_wrap("f"' in one["i.py"]
    assert 'func_wrap_async("f"' in one["__init__.py"]
    assert "def run_sync" in one["__init__.py"]  # exports are not concerned
    each = bindgen.generate(wit, awaited=["a:b/i"])["i.py"]
    assert [each.count(f"func_wrap_{kind}(") for kind in ("async", "concurrent")] == [2, 1]
    for name in ("a:b/i#k", "a:b/j", "#run", ""):
        with pytest.raises(ValidationError, match="no function that is imported"):
            bindgen.generate(bindgen.read_wit(ROOT / "examples" / "demo" / "wit"), awaited=[name])


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``weft bindgen`` takes WIT files and directories, and asks for a world when there are several."""
    wit = str(ROOT / "examples" / "keyvalue" / "wit")
    assert main(["bindgen", wit, "-o", str(tmp_path)]) == 1
    assert "choose a world of example:keyvalue: imports, visits" in capsys.readouterr().err
    assert main(["bindgen", wit, "--world", "imports", "-o", str(tmp_path)]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()] == ["__init__.py", "buckets.py"]
    assert main(["bindgen", str(tmp_path / "none.wit"), "-o", str(tmp_path)]) == 1
    assert "none.wit: No such file" in capsys.readouterr().err
    assert main(["bindgen", str(ROOT / GUESTS[0]), "--world", "w", "-o", str(tmp_path)]) == 2
    with pytest.raises(SystemExit):
        main(["bindgen", wit, "--with", "example:keyvalue/buckets@0.1.0", "-o", str(tmp_path)])
    (tmp_path / "binary.wit").write_bytes(b"\xff")
    assert main(["bindgen", str(tmp_path / "binary.wit"), "-o", str(tmp_path)]) == 1
    assert "WitError" in capsys.readouterr().err
