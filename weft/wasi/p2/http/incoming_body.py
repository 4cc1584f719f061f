"""The resources ``incoming-body`` and ``future-trailers`` of wasi:http/types 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from weft import Err, Ok, Trap, TrapCode
from weft.wasi.p2.http.body_source import BodySource
from weft.wasi.p2.http.once import Once
from weft.wasi.p2.io import InputStream, Pollable

if TYPE_CHECKING:
    from weft import Accessor, LinkerInstance, Store
    from weft.wasi.http.body import Body


@final
class IncomingBody:
    """What comes with a request or a response.

    Attributes:
        source: the contents and, after them, the trailers.
    """

    __slots__ = ("_stream_is_there", "_taken", "source")

    def __init__(self, store: Store, body: Body) -> None:
        self.source = BodySource(store, body.send(None, ""))
        self._taken = self._stream_is_there = False

    def stream(self) -> InputStream:
        """Return the contents, once.

        Raises:
            Err: they were returned before.
        """
        if self._taken:
            raise Err
        self._taken = self._stream_is_there = True
        return InputStream(self.source, release=self._stream_dropped)

    def _stream_dropped(self) -> None:
        self._stream_is_there = False

    def finish(self, store: Store) -> FutureTrailers:
        """Return the trailers to come, and skip what is left of the contents.

        Raises:
            Trap: the guest still has the stream.
        """
        if self._stream_is_there:
            raise Trap(TrapCode.OTHER, "`incoming-body.finish` was called while its stream was still there")
        return FutureTrailers(store, self.source)

    def on_drop(self) -> None:
        """Let go of the body, with all that was not read of it."""
        self.source.close()


@final
class FutureTrailers:
    """The trailers to come."""

    __slots__ = ("_source", "result")

    def __init__(self, store: Store, source: BodySource) -> None:
        self._source = source
        self.result = Once()
        store.spawn(self._wait)

    async def _wait(self, _accessor: Accessor) -> None:
        source = self._source
        await source.skip()
        self.result.settle(Ok(source.trailers) if source.error is None else Err(source.error))

    def on_drop(self) -> None:
        """Skip no more."""
        self._source.close()


def _stream(_store: Store, body: IncomingBody) -> InputStream:
    return body.stream()


def _finish(store: Store, body: IncomingBody) -> FutureTrailers:
    return body.finish(store)


def _subscribe(_store: Store, future: FutureTrailers) -> Pollable:
    return Pollable(future.result)


def _get(_store: Store, future: FutureTrailers) -> Any:
    return future.result.get()


def define(api: LinkerInstance) -> None:
    """Define the resources and their functions."""
    api.object_resource("incoming-body")
    api.object_resource("future-trailers")
    api.func_wrap("[method]incoming-body.stream", _stream)
    api.func_wrap("[static]incoming-body.finish", _finish)
    api.func_wrap("[method]future-trailers.subscribe", _subscribe)
    api.func_wrap("[method]future-trailers.get", _get)


__all__ = ["FutureTrailers", "IncomingBody", "define"]
