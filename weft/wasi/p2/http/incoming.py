"""The resources ``incoming-request`` and ``incoming-response`` of wasi:http/types 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft import Err
from weft.wasi.http.words import method_variant, scheme_variant
from weft.wasi.p2.http.incoming_body import IncomingBody

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import LinkerInstance, Store
    from weft.wasi.http.fields import Fields
    from weft.wasi.http.request import Request
    from weft.wasi.http.response import Response


class Incoming:
    """A message that a guest receives, and the body of which it takes once."""

    __slots__ = ("_consumed", "_received")

    def __init__(self, received: Request | Response) -> None:
        self._received = received
        self._consumed = False

    @property
    def headers(self) -> Fields:
        """The headers."""
        return self._received.headers

    def consume(self, store: Store) -> IncomingBody:
        """Return the body, once.

        Raises:
            Err: it was returned before.
        """
        if self._consumed:
            raise Err
        self._consumed = True
        return IncomingBody(store, self._received.body)

    def on_drop(self) -> None:
        """Drop the body with it, unless the guest has it."""
        if not self._consumed:
            self._received.on_drop()


@final
class IncomingRequest(Incoming):
    """A request for a guest to handle.

    Attributes:
        message: what it is in both versions of WASI.
    """

    __slots__ = ("message",)

    def __init__(self, message: Request) -> None:
        super().__init__(message)
        self.message = message


@final
class IncomingResponse(Incoming):
    """A response to a guest's request.

    Attributes:
        message: what it is in both versions of WASI.
    """

    __slots__ = ("message",)

    def __init__(self, message: Response) -> None:
        super().__init__(message)
        self.message = message


def _headers(_store: Store, incoming: Incoming) -> Fields:
    return incoming.headers.view()


def _consume(store: Store, incoming: Incoming) -> IncomingBody:
    return incoming.consume(store)


def _status(_store: Store, incoming: IncomingResponse) -> int:
    return incoming.message.status


def _method(_store: Store, incoming: IncomingRequest) -> str | tuple[str, str]:
    return method_variant(incoming.message.method)


def _scheme(_store: Store, incoming: IncomingRequest) -> str | tuple[str, str] | None:
    return scheme_variant(incoming.message.scheme)


def _authority(_store: Store, incoming: IncomingRequest) -> str | None:
    return incoming.message.authority


def _path_with_query(_store: Store, incoming: IncomingRequest) -> str | None:
    return incoming.message.path_with_query


_METHODS: dict[str, Callable[..., object]] = {
    "incoming-request.method": _method,
    "incoming-request.scheme": _scheme,
    "incoming-request.authority": _authority,
    "incoming-request.path-with-query": _path_with_query,
    "incoming-request.headers": _headers,
    "incoming-request.consume": _consume,
    "incoming-response.status": _status,
    "incoming-response.headers": _headers,
    "incoming-response.consume": _consume,
}


def define(api: LinkerInstance) -> None:
    """Define the resources and their functions."""
    api.object_resource("incoming-request")
    api.object_resource("incoming-response")
    for name, func in _METHODS.items():
        api.func_wrap(f"[method]{name}", func)


__all__ = ["Incoming", "IncomingRequest", "IncomingResponse", "define"]
