"""The guests themselves are what the other tests take them for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.component.decoder import decode
from weft.component.plan import ComponentPlan, Export, Import, Lift
from weft.engine.wat import wat2wasm

if TYPE_CHECKING:
    from pathlib import Path


def names(plan: ComponentPlan, kind: type[Import | Export]) -> set[str]:
    return {definition.name for definition in plan.definitions if isinstance(definition, kind)}


def test_the_demo_guest_imports_only_its_own_interface(demo_component: Path) -> None:
    """No WASI import is left in the demo guest, so a host that knows nothing of WASI can run it."""
    plan = decode(demo_component.read_bytes())
    assert names(plan, Import) == {"demo:pipeline/host@0.1.0"}


def test_the_demo_guest_exports_its_interfaces(demo_component: Path) -> None:
    """Every interface of the demo's world is there; componentize-py adds one of its own, `exports`."""
    plan = decode(demo_component.read_bytes())
    interfaces = {f"demo:pipeline/{name}@0.1.0" for name in ("jobs", "values", "bank", "trouble")}
    assert names(plan, Export) - {"exports"} == interfaces


def test_the_tiny_guest_lifts_in_every_way(tiny_component: Path) -> None:
    """The hand-written guest has a synchronous, a callback and a stackful lift."""
    plan = decode(wat2wasm(tiny_component.read_bytes()))
    lifts = [definition.options for definition in plan.definitions if isinstance(definition, Lift)]
    ways = {(options.is_async, options.callback is not None) for options in lifts}
    assert ways == {(False, False), (True, False), (True, True)}
