"""Resource types, the handles a guest holds, and the handles host code holds.

Source: CanonicalABI.md, "Resource State"; Concurrency.md, "Borrows".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, final

from attrs import define, field

if TYPE_CHECKING:
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.store import StoreState


class BorrowScope(Protocol):
    """What a borrow handle lives within: the task it was passed to."""

    num_borrows: int


class Destructor(Protocol):
    """Runs when the last owner of a resource drops it."""

    def __call__(self, store: StoreState | None, rep: Any, /) -> None:
        """Destroy the representation `rep`; `store` is None when the host drops a handle that it made itself."""


@final
@define(eq=False, repr=False)
class ResourceType:
    """A resource type; each instantiation of a component that defines one makes another.

    Attributes:
        name: what it is called in WIT, for messages.
        impl: the component instance that defines it, or None when the host does.
        destructor: called with the store and the representation when an owned handle is dropped.
        rep64: whether representations are 64 bits wide (🐘).
        let_go: makes the representations Python objects, which host code sees in place of a `Resource`; it is called
            instead of the destructor for what a guest owned that was stopped, and does not raise.
    """

    name: str
    impl: ComponentInstance | None
    destructor: Destructor | None = None
    rep64: bool = False
    let_go: Destructor | None = None

    def __repr__(self) -> str:
        return f"<resource {self.name}{'' if self.impl else ' of the host'}>"

    @property
    def kind(self) -> str:
        """How messages speak of it."""
        return "guest-defined resource" if self.impl else "host-defined resource"


@final
@define(eq=False)
class ResourceHandle:
    """An element of a guest's handle table.

    Invariant: `num_lends` is the number of unresolved calls this handle was lent to; only then may it not be dropped.
    Invariant: `borrow_scope` is None exactly when `own`.
    """

    type: ResourceType
    rep: Any
    own: bool
    borrow_scope: BorrowScope | None = None
    num_lends: int = 0


@final
@define(eq=False)
class Resource:
    """A resource as a Python value: what ``own<T>`` and ``borrow<T>`` become in host code.

    Attributes:
        type: which resource type.
        rep: the representation: a number that means something to whoever defines the type, or an object of the host's.
        owned: whether dropping it is this handle's duty. Passing an owned handle to a guest gives it away.
    """

    type: ResourceType
    rep: Any
    owned: bool = field(default=True)
    _store: StoreState | None = field(default=None, repr=False, alias="store")

    def give_away(self) -> Any:
        """Hand the ownership on and return the representation; ValueError when this handle has none."""
        if not self.owned:
            raise ValueError("this handle is borrowed, or was given away before")
        self.owned = False
        return self.rep

    def drop(self) -> None:
        """Drop the resource that this handle owns: its destructor runs.

        Raises:
            ValueError: when this handle owns nothing.
            Trap: when the destructor is a guest's and traps.
        """
        rep = self.give_away()
        if self.type.destructor is not None:
            self.type.destructor(self._store, rep)
