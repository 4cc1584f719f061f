"""Python objects as the resources of the host: a guest's handle stands for the object itself."""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.host.store import Store
    from weft.runtime.store import StoreState


def drop_object(_state: StoreState | None, value: object, /) -> None:
    """Tell an object that its owner dropped it (`weft.runtime.resource.Destructor`).

    Raises:
        TypeError: its `on_drop` is an ``async def``, for which a store that closes has no time.
    """
    on_drop = getattr(value, "on_drop", None)
    if on_drop is None:
        return
    answer: object = on_drop()
    if type(answer) is CoroutineType:
        answer.close()
        raise TypeError(f"`on_drop` of a {type(value).__name__} cannot await: let it tell a task that does")


def let_go_of_object(state: StoreState | None, value: object, /) -> None:
    """Tell an object that its owner was stopped; an error of its own is raised by the store's loop, or when it closes.

    What stops a guest goes on whatever one object does: the others must be told, too.
    """
    try:
        drop_object(state, value)
    except Exception as error:  # noqa: BLE001 - a method of the embedder's
        assert state is not None
        store: Store = state.owner  # type: ignore[assignment]
        store.raise_later(error)


__all__ = ["drop_object", "let_go_of_object"]
