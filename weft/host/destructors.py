"""Destructors of the host's resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.host.accessor import Accessor
    from weft.host.store import Store
    from weft.runtime.store import StoreState


@final
class HostDestructor:
    """A plain function, which is over when the guest goes on (`weft.runtime.resource.Destructor`)."""

    __slots__ = ("_func",)

    def __init__(self, func: Callable[[int], object]) -> None:
        self._func = func

    def __call__(self, _store: StoreState | None, rep: int, /) -> None:
        """Destroy the representation `rep`."""
        self._func(rep)


@final
class ConcurrentDestructor:
    """A function that awaits, run as a background task of the store (`weft.runtime.resource.Destructor`)."""

    __slots__ = ("_func", "_name")

    def __init__(self, name: str, func: Callable[[Accessor, int], Awaitable[object]]) -> None:
        self._name = name
        self._func = func

    def __call__(self, state: StoreState | None, rep: int, /) -> None:
        """Begin to destroy the representation `rep`.

        Raises:
            StoreError: when there is no store, or no event loop.
        """
        if state is None:
            raise StoreError(
                f"the destructor of {self._name} awaits and runs in a store: "
                "drop a handle that no guest has had as `Resource(type, rep, store=store.state)`"
            )
        store: Store = state.owner  # type: ignore[assignment]
        store.spawn(self._func, rep)


__all__ = ["ConcurrentDestructor", "HostDestructor"]
