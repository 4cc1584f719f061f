"""Python objects as the resources of the host: which number stands for which object."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, final

from attrs import define, field

from weft.errors import LowerError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.runtime.store import StoreState


@final
@define(eq=False)
class ObjectTable:
    """The objects behind the resources of one type (`weft.runtime.resource.HostObjects`).

    Attributes:
        owned: the objects that guests own, by representation.
        lent: the objects that guests may have borrowed; host code keeps them alive.
    """

    owned: dict[int, object] = field(factory=dict)
    lent: dict[int, weakref.ref[object]] = field(factory=dict)
    _lent_reps: dict[int, int] = field(factory=dict)  # by id(), of the objects in `lent`
    _numbers: Iterator[int] = field(factory=lambda: itertools.count(1))

    def adopt(self, value: object, /) -> int:
        """Return a representation for an object that a guest comes to own."""
        if value is None:
            raise LowerError("expected an object that is a resource, got None")
        rep = next(self._numbers)
        self.owned[rep] = value
        return rep

    def lend(self, value: object, /) -> int:
        """Return a representation for an object that host code keeps, the same one every time."""
        known = self._lent_reps.get(id(value))
        if known is not None:
            return known
        rep, identity = next(self._numbers), id(value)

        def forget(_reference: object) -> None:
            del self.lent[rep], self._lent_reps[identity]

        try:
            self.lent[rep] = weakref.ref(value, forget)
        except TypeError:
            kind = type(value).__name__
            raise LowerError(f"a {kind} cannot be lent to a guest: it does not support weak references") from None
        self._lent_reps[identity] = rep
        return rep

    def take(self, rep: int, /) -> object:
        """Return the object of a representation, which no guest owns any more."""
        return self.owned.pop(rep)

    def get(self, rep: int, /) -> object:
        """Return the object of a representation."""
        if rep in self.owned:
            return self.owned[rep]
        reference = self.lent.get(rep)
        value = None if reference is None else reference()
        if value is None:
            raise StoreError("host code let go of an object while a guest had it on loan")
        return value

    def drop(self, _store: StoreState | None, rep: int, /) -> None:
        """Let go of an object whose owner dropped it, and tell it so."""
        on_drop = getattr(self.owned.pop(rep), "on_drop", None)
        if on_drop is not None:
            on_drop()


__all__ = ["ObjectTable"]
