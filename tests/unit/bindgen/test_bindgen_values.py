"""Generated classes are what goes into calls and what comes out."""

from __future__ import annotations

import enum
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import weft

if TYPE_CHECKING:
    from types import ModuleType


def test_records(world: Any, package: ModuleType) -> None:
    """A record goes in and comes out as its frozen class, alone and in lists."""
    point = package.values.Point(1, 2)
    assert world.values.echo_point_sync(point) == point
    assert world.values.echo_points_sync([point, point]) == [point, point]
    assert type(world.values.echo_points_sync((point,))[0]) is package.values.Point
    with pytest.raises(AttributeError):
        point.x = 3


def test_variants(world: Any, package: ModuleType) -> None:
    """A case goes in and comes out as its class, and can be matched."""
    values = package.values
    assert world.values.echo_shape_sync(values.ShapeEmpty()) == values.ShapeEmpty()
    match world.values.echo_shape_sync(values.ShapeSize(3)):
        case values.ShapeSize(value=size):
            assert size == 3
        case other:
            pytest.fail(repr(other))


def test_flags(world: Any, package: ModuleType) -> None:
    """Flags are an enum.Flag."""
    mode = package.values.Mode
    assert issubclass(mode, enum.Flag)
    assert world.values.echo_mode_sync(mode.READ | mode.WRITE) is mode.READ | mode.WRITE


def test_option(world: Any) -> None:
    """An option is the value or None."""
    assert [world.values.echo_maybe_sync(value) for value in (None, 0, 5)] == [None, 0, 5]


def test_host_gets_generated_classes(world: Any, package: ModuleType, host: Any) -> None:
    """The arguments of host functions are instances of the generated classes; a field may be called as a builtin."""
    level = package.host.Level
    assert world.exported_host.invert_sync(level.LOW) is level.VERY_HIGH
    world.exported_host.check_sync(package.host.Point(1, list=4))
    assert host.got == [level.LOW, package.host.Point(1, 4)]


def test_shared_types(package: ModuleType) -> None:
    """An interface that uses the types of another has the same classes."""
    assert package.exported_host.Level is package.host.Level
    assert package.things.Counter is package.host.Counter


def test_errors(world: Any, package: ModuleType) -> None:
    """An error of a result is raised with a payload of the generated class."""
    with pytest.raises(weft.Err) as raised:
        world.exported_host.check_sync(package.host.Point(2, 0))
    assert raised.value.value is package.host.Level.VERY_HIGH


def test_functions_of_the_world(world: Any) -> None:
    """Functions that are in no interface are imported by `add_imports` and exported as methods of the world."""
    assert world.now_sync() == 7


def test_async_methods(engine: weft.Engine, component: weft.Component, package: ModuleType, host: Any) -> None:
    """Every function has a method to await beside others."""
    linker = weft.Linker(engine)
    package.host.add_host(linker, host)
    package.add_imports(linker, host)
    point = package.values.Point(3, 4)

    async def run() -> Any:
        async with weft.Store(engine) as store:
            world = package.World(await linker.instantiate(store, component))
            return await store.run_concurrent(lambda accessor: world.values.echo_points(accessor, [point]))

    assert anyio.run(run) == [point]


def test_load_leaves_no_modules(package: ModuleType) -> None:
    """`load` keeps the package out of `sys.modules`."""
    assert package.__name__ not in sys.modules
    assert package.host.__name__ not in sys.modules
    assert "``echo-point: func(point: point) -> point``" in package.values.Values.echo_point.__doc__
