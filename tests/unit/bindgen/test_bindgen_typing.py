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
    (tmp_path / "user.py").write_text(USER)
    arguments = ["--strict", "--no-error-summary", "--hide-error-context", "--no-color-output", "user.py", "guest"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    found = {line.split(": error:")[0] for line in done.stdout.splitlines() if ": error:" in line}
    wrong = {f"user.py:{i}" for i, line in enumerate(USER.splitlines(), 1) if "# wrong" in line}
    assert found == wrong, done.stdout + done.stderr
