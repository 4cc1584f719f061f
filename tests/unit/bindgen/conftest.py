"""A component with every kind of named type, resources of both sides, and what it imports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field

import weft
from weft import bindgen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

GUEST = Path(__file__).with_name("guest.wat")


@define(eq=False)
class Counter:
    value: int
    dropped: list[int]

    def add(self, _store: weft.Store, amount: int) -> int:
        self.value += amount
        return self.value

    def on_drop(self) -> None:
        self.dropped.append(self.value)


@define(eq=False)
class Host:
    """Implements what the guest imports; remembers what it got."""

    package: Any
    got: list[Any] = field(factory=list)
    dropped: list[int] = field(factory=list)

    def now(self, _store: weft.Store) -> int:
        return 7

    def new_counter(self, _store: weft.Store, start: int) -> Counter:
        return Counter(start, self.dropped)

    def counter_alive(self, _store: weft.Store) -> int:
        return 0

    def invert(self, _store: weft.Store, level: Any) -> Any:
        self.got.append(level)
        levels = self.package.host.Level
        return levels.LOW if level is levels.VERY_HIGH else levels.VERY_HIGH

    def check(self, _store: weft.Store, point: Any) -> None:
        self.got.append(point)
        if point.x > 1:
            raise weft.Err(self.package.host.Level.VERY_HIGH)


@pytest.fixture(scope="module")
def engine() -> weft.Engine:
    return weft.Engine()


@pytest.fixture(scope="module")
def component(engine: weft.Engine) -> weft.Component:
    return weft.Component.from_file(engine, GUEST)


@pytest.fixture(scope="module")
def package(component: weft.Component) -> ModuleType:
    return bindgen.load(component)


@pytest.fixture
def host(package: ModuleType) -> Host:
    return Host(package)


@pytest.fixture
def world(engine: weft.Engine, component: weft.Component, package: ModuleType, host: Host) -> Iterator[Any]:
    """The guest, instantiated, as its generated world."""
    linker = weft.Linker(engine)
    package.host.add_host(linker, host)
    package.add_imports(linker, host)
    with weft.Store(engine) as store:
        yield package.World(linker.instantiate_sync(store, component))
