"""What generated modules import: types of arguments, exported functions by name, conversions."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast, final

import anyio.abc

from weft.canon.values import Err, Ok
from weft.host.streams.readers import FutureReader, StreamReader
from weft.host.streams.transmits import FutureProducer, StreamProducer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.host.accessor import Accessor
    from weft.host.func import Func
    from weft.host.instance import Instance
    from weft.host.store import Store

T = TypeVar("T")
E = TypeVar("E")

BytesLike: TypeAlias = bytes | bytearray | memoryview
"""What a ``list<u8>`` can be made of."""

StreamLike: TypeAlias = (
    StreamReader[Any]
    | StreamProducer
    | Iterable[T | Sequence[T]]
    | AsyncIterable[T | Sequence[T]]
    | anyio.abc.ByteReceiveStream
    | anyio.abc.ObjectReceiveStream[Any]
)
"""What a ``stream`` of some element type can be made of; an iterable gives elements or runs of them."""

FutureLike: TypeAlias = FutureReader[Any] | FutureProducer | Awaitable[T]
"""What a ``future`` of some type can be made of."""


@final
class Exports:
    """The exported functions of one interface of an instance, or of the instance itself; looked up once each.

    Args:
        instance: the instance.
        interface: the interface; None for the functions of the instance itself.
    """

    __slots__ = ("_funcs", "_instance", "_path", "store")

    def __init__(self, instance: Instance, interface: str | None = None) -> None:
        self._instance = instance
        self._path = () if interface is None else (interface,)
        self._funcs: dict[str, Func] = {}
        self.store: Store = instance.store

    def of(self, interface: str | None) -> Exports:
        """Return the functions of another interface of the same instance."""
        return self if self._path == ((interface,) if interface else ()) else Exports(self._instance, interface)

    def func(self, name: str) -> Func:
        """Return a function.

        Raises:
            LookupError: when the instance does not export it.
        """
        found = self._funcs.get(name)
        if found is None:
            found = self._funcs[name] = self._instance.get_func(*self._path, name)
        return found


@final
class _PerStore:
    """Functions of what `get` finds in the data of the store that calls them."""

    __slots__ = ("_get",)

    def __init__(self, get: Callable[[Any], object]) -> None:
        self._get = get

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(context: Store | Accessor, *args: object) -> Any:
            return getattr(self._get(context.data), name)(context, *args)

        return call


def per_store(get: Callable[[Any], T]) -> T:
    """Return an implementation of an interface that is another one in each store, for ``add_...(linker, impl)``.

    One linker then serves stores whose guests share nothing.

    Args:
        get: finds the implementation in the data of a store: ``per_store(lambda data: data.keyvalue)``.
    """
    return cast("T", _PerStore(get))


def lifted_result(value: Ok[Any] | Err[Any], ok: Callable[[Any], T], err: Callable[[Any], E]) -> Ok[T] | Err[E]:
    """Return a result whose payload went through `ok` or `err`."""
    return Ok(ok(value.value)) if isinstance(value, Ok) else Err(err(value.value))


def lifted_stream(reader: StreamReader[Any], lift: Callable[[Any], T]) -> StreamReader[list[T]]:
    """Return a reader whose items go through `lift`."""
    return reader.lifted(lift)


def lifted_future(reader: FutureReader[Any], lift: Callable[[Any], T]) -> FutureReader[T]:
    """Return a reader whose value goes through `lift`."""
    return reader.lifted(lift)


@contextmanager
def lifted_error(lift: Callable[[Any], object]) -> Iterator[None]:
    """Put the payload of an `Err` that is raised inside through `lift`."""
    try:
        yield
    except Err as error:
        error.value = lift(error.value)
        error.args = (error.value,)
        raise


__all__ = [
    "BytesLike",
    "Exports",
    "FutureLike",
    "StreamLike",
    "lifted_error",
    "lifted_future",
    "lifted_result",
    "lifted_stream",
]
