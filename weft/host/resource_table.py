"""Tables of the Python objects behind a host's resources.

Source: Wasmtime's ``ResourceTable``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, final, overload

from attrs import define, field

from weft.errors import (
    ResourceHasChildrenError,
    ResourceNotPresentError,
    ResourceTableFullError,
    ResourceWrongTypeError,
)
from weft.runtime.resource import Resource, ResourceType

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

DEFAULT_CAPACITY: Final = 1_000_000
"""How many entries a table has room for, if nothing else is said."""


@final
@define(eq=False)
class _Entry:
    """An object, and where it stands among the others.

    Invariant: `parent` is the representation of an entry that has this one's among its `children`, or None.
    """

    value: object
    parent: int | None = None
    children: dict[int, None] = field(factory=dict)


@final
class ResourceTable:
    """The objects behind resources of the host's, by representation: the number that a `weft.Resource` carries.

    ``table.new(type, value)`` makes an owned handle to return to a guest; ``table.get(handle, Kind)`` finds the object
    of a handle that a guest passed; the destructor deletes: ``api.resource("file", table.delete)``. Everything
    that takes a representation takes a handle as well.

    An entry may be the child of another, which then cannot be deleted before it: say, a directory's open files.
    Representations count from 1 and are used again after deletion.

    Args:
        capacity: how many entries there may be.

    Attributes:
        capacity: the same; a lower one than the number of entries deletes none, and lets no more in.
    """

    __slots__ = ("_entries", "_free", "capacity")

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self.capacity = capacity
        self._entries: dict[int, _Entry] = {}
        self._free: list[int] = []

    def __repr__(self) -> str:
        return f"<weft.ResourceTable of {len(self)}>"

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: int | Resource) -> bool:
        return _rep(key) in self._entries

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Iterate over representations and objects."""
        return ((rep, entry.value) for rep, entry in self._entries.items())

    # Adding.

    def push(self, value: object) -> int:
        """Add an object and return its representation.

        Raises:
            ResourceTableFullError: when there is no room.
        """
        if len(self._entries) >= self.capacity:
            raise ResourceTableFullError(f"the resource table has no room for more than {self.capacity} entries")
        rep = self._free.pop() if self._free else len(self._entries) + 1
        self._entries[rep] = _Entry(value)
        return rep

    def push_child(self, value: object, parent: int | Resource) -> int:
        """Add an object without which `parent` must not be, and return its representation.

        Raises:
            ResourceNotPresentError: when there is no such parent.
            ResourceTableFullError: when there is no room.
        """
        self._entry(parent)
        rep = self.push(value)
        self.add_child(rep, parent)
        return rep

    def new(self, resource_type: ResourceType, value: object, *, parent: int | Resource | None = None) -> Resource:
        """Add an object and return an owned handle, to be given to a guest.

        Args:
            resource_type: what `weft.LinkerInstance.resource` returned.
            value: the object.
            parent: of which entry it becomes a child, if of any.

        Raises:
            ResourceNotPresentError: when there is no such parent.
            ResourceTableFullError: when there is no room.
        """
        rep = self.push(value) if parent is None else self.push_child(value, parent)
        return Resource(resource_type, rep)

    # Looking up and deleting.

    @overload
    def get(self, key: int | Resource) -> Any: ...
    @overload
    def get(self, key: int | Resource, kind: type[T]) -> T: ...
    def get(self, key: int | Resource, kind: type[Any] = object) -> Any:
        """Return an object, which must be a `kind`.

        Raises:
            ResourceNotPresentError: when there is no such entry.
            ResourceWrongTypeError: when the object is something else.
        """
        return _checked(self._entry(key), kind)

    @overload
    def delete(self, key: int | Resource) -> Any: ...
    @overload
    def delete(self, key: int | Resource, kind: type[T]) -> T: ...
    def delete(self, key: int | Resource, kind: type[Any] = object) -> Any:
        """Take an object, which must be a `kind`, out of the table and return it.

        Raises:
            ResourceNotPresentError: when there is no such entry.
            ResourceWrongTypeError: when the object is something else.
            ResourceHasChildrenError: when it has children.
        """
        entry, rep = self._entry(key), _rep(key)
        value = _checked(entry, kind)
        if entry.children:
            raise ResourceHasChildrenError(f"resource {rep} has {len(entry.children)} children, to be deleted first")
        if entry.parent is not None:
            del self._entries[entry.parent].children[rep]
        del self._entries[rep]
        self._free.append(rep)
        return value

    # Children.

    def children(self, parent: int | Resource) -> tuple[int, ...]:
        """Return the representations of an entry's children, in the order in which they became that.

        Raises:
            ResourceNotPresentError: when there is no such entry.
        """
        return tuple(self._entry(parent).children)

    def add_child(self, child: int | Resource, parent: int | Resource) -> None:
        """Make an entry the child of another.

        Raises:
            ResourceNotPresentError: when there is no such entry.
            ValueError: when it has a parent already, or would be its own ancestor.
        """
        entry, rep = self._entry(child), _rep(child)
        self._entry(parent)
        if entry.parent is not None:
            raise ValueError(f"resource {rep} is a child of resource {entry.parent} already")
        ancestor: int | None = _rep(parent)
        while ancestor is not None:
            if ancestor == rep:
                raise ValueError(f"resource {rep} would be its own ancestor")
            ancestor = self._entries[ancestor].parent
        entry.parent = _rep(parent)
        self._entries[entry.parent].children[rep] = None

    def remove_child(self, child: int | Resource, parent: int | Resource) -> None:
        """Make a child an entry of its own again.

        Raises:
            ResourceNotPresentError: when there is no such entry.
            ValueError: when it is no child of `parent`.
        """
        entry = self._entry(child)
        siblings = self._entry(parent).children
        if entry.parent != _rep(parent):
            raise ValueError(f"resource {_rep(child)} is no child of resource {_rep(parent)}")
        del siblings[_rep(child)]
        entry.parent = None

    def _entry(self, key: int | Resource) -> _Entry:
        entry = self._entries.get(_rep(key))
        if entry is None:
            raise ResourceNotPresentError(f"there is no resource {_rep(key)} in the table")
        return entry


def _rep(key: int | Resource) -> int:
    return key.rep if isinstance(key, Resource) else key


def _checked(entry: _Entry, kind: type[Any]) -> Any:
    if not isinstance(entry.value, kind):
        raise ResourceWrongTypeError(f"expected a resource of {kind.__name__}, found {type(entry.value).__name__}")
    return entry.value


__all__ = ["ResourceTable"]
