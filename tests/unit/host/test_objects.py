"""Resources of the host that are Python objects."""

from __future__ import annotations

import gc

import pytest
from attrs import define

from weft import Engine, Linker, LowerError, StoreError
from weft.host.objects import ObjectTable


@define(eq=False)
class Thing:
    dropped: bool = False

    def on_drop(self) -> None:
        self.dropped = True


def test_ownership() -> None:
    """An object that a guest owns is the same object again when the guest gives it back, and is then gone."""
    table, thing = ObjectTable(), Thing()
    rep = table.adopt(thing)
    assert table.get(rep) is thing
    assert table.take(rep) is thing
    assert not table.owned


def test_drop() -> None:
    """An object is told when its owner drops it; one that has no `on_drop` is just let go."""
    table, thing = ObjectTable(), Thing()
    table.drop(None, table.adopt(thing))
    table.drop(None, table.adopt("plain"))
    assert thing.dropped
    assert not table.owned


def test_loan() -> None:
    """A lent object has one number as long as it lives, and is not kept alive."""
    table, thing = ObjectTable(), Thing()
    rep = table.lend(thing)
    assert table.lend(thing) == rep
    assert table.get(rep) is thing
    del thing
    gc.collect()
    assert not table.lent
    with pytest.raises(StoreError, match="let go"):
        table.get(rep)


def test_refusals() -> None:
    """None is no resource, and what cannot be referred to weakly cannot be lent."""
    table = ObjectTable()
    with pytest.raises(LowerError, match="None"):
        table.adopt(None)
    with pytest.raises(LowerError, match="weak"):
        table.lend(5)


def test_linker_defines_object_resources() -> None:
    """`object_resource` defines a resource type under its name, whose resources are objects."""
    rt = Linker(Engine()).instance("a:b/c").object_resource("thing")
    assert rt.name == "thing"
    assert isinstance(rt.objects, ObjectTable)
