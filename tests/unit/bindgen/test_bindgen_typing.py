"""Type checkers accept generated code and what uses it well, and find what uses it badly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from weft.cli import main

pytest.importorskip("mypy")

GUEST = Path(__file__).with_name("guest.wat")

USER = """
import weft
from guest import World, add_imports, host, things, values


class Counter:
    def __init__(self, value: int) -> None:
        self.value = value

    def add(self, store: weft.Store, amount: int) -> int:
        return self.value + amount


class Host:
    def now(self, store: weft.Store) -> int:
        return 7

    def new_counter(self, store: weft.Store, start: int) -> Counter:
        return Counter(start)

    def counter_alive(self, store: weft.Store) -> int:
        return 0

    def invert(self, store: weft.Store, level: host.Level) -> host.Level:
        return level

    def check(self, store: weft.Store, point: host.Point) -> None:
        raise weft.Err(host.Level.LOW)


class Half:
    def invert(self, store: weft.Store, level: host.Level) -> host.Level:
        return level


def link(linker: weft.Linker) -> None:
    add_imports(linker, Host())
    host.add_host(linker, Host())
    host.add_host(linker, Half())  # wrong: it lacks functions


def area(shape: values.Shape) -> int:
    match shape:
        case values.ShapeEmpty():
            return 0
        case values.ShapeSize(value=size):
            return size


async def use(accessor: weft.Accessor, world: World) -> None:
    point: values.Point = await world.values.echo_point(accessor, values.Point(1, 2))
    area(world.values.echo_shape_sync(values.ShapeSize(point.x)))
    account: things.Account = await world.things.new_account(accessor, point.y)
    number: int = account.number_sync()
    world.things.bump_sync(Counter(number), 1)
    name: str = await account.number(accessor)  # wrong: it is an int
    world.values.echo_point_sync(host.Point(1, 2))  # wrong: a point of another interface
"""


def test_mypy_strict(tmp_path: Path) -> None:
    """`mypy --strict` finds the lines marked as wrong, and nothing else, in the package and its user."""
    assert main(["bindgen", str(GUEST), "-o", str(tmp_path / "guest")]) == 0
    assert errors(tmp_path, "guest", USER) == wrong_lines(USER)


def errors(directory: Path, package: str, user: str) -> set[str]:
    """Return where mypy finds errors in a package and what uses it."""
    (directory / "user.py").write_text(user)
    arguments = ["--strict", "--no-error-summary", "--hide-error-context", "--no-color-output", "user.py", package]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments], cwd=directory, capture_output=True, text=True, check=False
    )
    print(done.stdout, done.stderr)
    return {line.split(": error:")[0] for line in done.stdout.splitlines() if ": error:" in line}


def wrong_lines(user: str) -> set[str]:
    """Return the lines that are marked."""
    return {f"user.py:{i}" for i, line in enumerate(user.splitlines(), 1) if "# wrong" in line}


STREAMS = """
package a:b;
interface flows {
  record point { x: u8 }
  change: async func(points: stream<point>) -> stream<point>;
  data: func() -> stream<u8>;
  later: func(x: future<point>) -> future<u32>;
}
world w { import flows; export flows; }
"""

STREAMS_USER = """
from collections.abc import AsyncIterator, Iterator

import weft
from flowing import World, flows


class Host:
    async def change(
        self, accessor: weft.Accessor, points: weft.StreamReader[list[flows.Point]]
    ) -> AsyncIterator[flows.Point]:
        async def doubled() -> AsyncIterator[flows.Point]:
            async for chunk in points.chunks(accessor):
                for point in chunk:
                    yield flows.Point(2 * point.x)
                    point.y  # wrong: a point has no y

        return doubled()

    def data(self, store: weft.Store) -> Iterator[bytes]:
        return iter([b"a", b"b"])

    def later(self, store: weft.Store, x: weft.FutureReader[flows.Point]) -> weft.FutureReader[int]:
        return weft.FutureReader.new(store, self.take(store, x))

    async def take(self, store: weft.Store, x: weft.FutureReader[flows.Point]) -> int:
        return (await x.read(store)).x


class Wrong(Host):
    def data(self, store: weft.Store) -> Iterator[str]:  # type: ignore[override]
        return iter("ab")


def link(linker: weft.Linker) -> None:
    flows.add_flows(linker, Host())
    flows.add_flows(linker, Wrong())  # wrong: bytes are no text


async def use(accessor: weft.Accessor, world: World) -> None:
    reader: weft.StreamReader = await world.exported_flows.data(accessor)
    data = await (await world.exported_flows.data(accessor)).read_all(accessor)
    data.decode()
    points = await world.exported_flows.change(accessor, await world.exported_flows.change(accessor, []))
    (await points.read(accessor)).decode()  # wrong: a list
    await world.exported_flows.change(accessor, [b"text"])  # wrong: no points
"""


def test_streams(tmp_path: Path) -> None:
    """Streams and futures are checked by what they carry, in and out; a bare `StreamReader` is one of anything."""
    (tmp_path / "flows.wit").write_text(STREAMS)
    assert main(["bindgen", str(tmp_path / "flows.wit"), "-o", str(tmp_path / "flowing")]) == 0
    assert errors(tmp_path, "flowing", STREAMS_USER) == wrong_lines(STREAMS_USER)
