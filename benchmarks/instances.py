"""A store and an instance of a small component, made and freed."""

from __future__ import annotations

import weft
from benchmarks import guest
from benchmarks.case import Case, Runners, loop
from benchmarks.peer import Peer
from benchmarks.raw import core_module, instantiator


def _instantiate() -> Runners:
    component = guest.load("values")
    linker = weft.Linker(component.engine)

    def make() -> None:
        with weft.Store(component.engine) as store:
            linker.instantiate_sync(store, component)

    return Runners(loop(make), loop(instantiator(core_module(component))), loop(Peer(guest.text("values")).instantiate))


CASES = (Case("store and instance", _instantiate),)
