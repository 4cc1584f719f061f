"""Accessors: what code that runs beside guests holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.host.func import Func
    from weft.host.store import Store
    from weft.host.tasks import JoinHandle


@final
class Accessor:
    """Access to a store for code that runs in its event loop: the closure of `Store.run_concurrent`, host functions.

    A package that ships host functions can keep to a part of the store's data, whatever the rest is. It takes from its
    user a getter, which finds that part::

        def add_to_linker(linker, getter):
            @linker.instance("lab:clock/now@0.1.0").func_wrap_concurrent("now")
            async def now(accessor):
                return accessor.with_getter(getter).get().clock.read()

        add_to_linker(linker, lambda data: data.clocks)

    Attributes:
        store: the store.
    """

    __slots__ = ("_getter", "store")

    def __init__(self, store: Store, getter: Callable[[Any], Any] | None = None) -> None:
        self.store = store
        self._getter = getter

    @property
    def data(self) -> Any:
        """The embedder's own object, given to the store when it was made."""
        return self.store.data

    def with_getter(self, getter: Callable[[Any], Any]) -> Accessor:
        """Return an accessor of the same store whose `get` returns ``getter(data)``.

        Plain host functions, which have no accessor, use `Store.with_getter`.
        """
        return Accessor(self.store, getter)

    def get(self) -> Any:
        """Return the part of the store's data that this accessor is for, found anew each time; all of it by default."""
        return self.store.data if self._getter is None else self._getter(self.store.data)

    async def wait_no_interesting_tasks(self) -> None:
        """Wait until no task of a guest is live; see `Store.wait_no_interesting_tasks`."""
        await self.store.wait_no_interesting_tasks()

    async def ready_for_concurrent_call(self, func: Func) -> None:
        """Wait until a call of `func` would not have to wait to be let in; see `weft.Func.wait_ready`."""
        await func.wait_ready(self)

    def spawn(self, func: Callable[..., Awaitable[object]], *args: object) -> JoinHandle:
        """Run ``func(accessor, *args)`` in the background, as long as the store is open.

        Returns:
            A handle to await or abort it; an exception it raises fails the store's event loop, unless awaited.
        """
        if self._getter is None:
            return self.store.spawn(func, *args)
        return self.store.spawn(lambda _accessor: func(self, *args))


StoreLike: TypeAlias = "Store | Accessor"


def as_store(store: StoreLike) -> Store:
    """Return the store behind either."""
    return store.store if isinstance(store, Accessor) else store
