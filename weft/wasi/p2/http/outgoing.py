"""The resources ``outgoing-request`` and ``outgoing-response`` of wasi:http/types 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from weft import Err, FutureReader
from weft.wasi.http.body import Body
from weft.wasi.http.errors import HttpError
from weft.wasi.http.request import Request
from weft.wasi.http.response import Response
from weft.wasi.http.words import method_of, method_variant, scheme_of, scheme_variant
from weft.wasi.outcome import Outcome
from weft.wasi.p2.http.outgoing_body import OutgoingBody

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import LinkerInstance, Store
    from weft.wasi.ctx import Getter, WasiCtx
    from weft.wasi.http.fields import Fields


class Outgoing:
    """A message that a guest makes, until it is sent.

    Attributes:
        message: what it is in both versions of WASI; its body is `body`, where there is one.
        body: what the guest writes, None while it has not asked for it.
    """

    size_error = ""

    __slots__ = ("_sent", "_store", "body", "message")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sent = False
        self.body: OutgoingBody | None = None
        self.message: Any = None

    def take_body(self) -> OutgoingBody:
        """Return the body, once.

        Raises:
            Err: it was returned before, or the headers contradict each other.
        """
        if self.body is not None:
            raise Err
        try:
            self.body = OutgoingBody(self.message.headers, self.size_error)
        except HttpError as error:
            raise Err from error
        self.message.body.drop()
        self.message.body = self.body.body(self._store)
        return self.body

    def send(self) -> Any:
        """Return the message, which is somebody else's from now on."""
        self._sent = True
        return self.message

    def on_drop(self) -> None:
        """Drop what was not sent."""
        if not self._sent:
            self.message.on_drop()


def _no_body(store: Store) -> Body:
    trailers = Outcome()
    trailers.succeed()
    return Body(store, None, FutureReader.new(store, trailers))


@final
class OutgoingRequest(Outgoing):
    """A request to be sent."""

    size_error = "HTTP-request-body-size"

    __slots__ = ()

    def __init__(self, store: Store, ctx: WasiCtx, headers: Fields) -> None:
        super().__init__(store)
        self.message = Request(ctx, headers, _no_body(store))


@final
class OutgoingResponse(Outgoing):
    """A response to be sent."""

    size_error = "HTTP-response-body-size"

    __slots__ = ()

    def __init__(self, store: Store, ctx: WasiCtx, headers: Fields) -> None:
        super().__init__(store)
        self.message = Response(ctx, headers, _no_body(store))


def _headers(_store: Store, outgoing: Outgoing) -> Fields:
    headers: Fields = outgoing.message.headers.view()
    return headers


def _body(_store: Store, outgoing: Outgoing) -> OutgoingBody:
    return outgoing.take_body()


def _status_code(_store: Store, response: OutgoingResponse) -> int:
    status: int = response.message.status
    return status


def _set_status_code(_store: Store, response: OutgoingResponse, status: int) -> None:
    response.message.set_status(status)


def _method(_store: Store, request: OutgoingRequest) -> str | tuple[str, str]:
    return method_variant(request.message.method)


def _set_method(_store: Store, request: OutgoingRequest, method: Any) -> None:
    request.message.set_method(method_of(method))


def _scheme(_store: Store, request: OutgoingRequest) -> str | tuple[str, str] | None:
    return scheme_variant(request.message.scheme)


def _set_scheme(_store: Store, request: OutgoingRequest, scheme: Any) -> None:
    request.message.set_scheme(scheme_of(scheme))


def _authority(_store: Store, request: OutgoingRequest) -> str | None:
    authority: str | None = request.message.authority
    return authority


def _set_authority(_store: Store, request: OutgoingRequest, authority: str | None) -> None:
    request.message.set_authority(authority)


def _path_with_query(_store: Store, request: OutgoingRequest) -> str | None:
    path: str | None = request.message.path_with_query
    return path


def _set_path_with_query(_store: Store, request: OutgoingRequest, path: str | None) -> None:
    request.message.set_path_with_query(path)


_METHODS: dict[str, Callable[..., object]] = {
    "outgoing-request.method": _method,
    "outgoing-request.set-method": _set_method,
    "outgoing-request.scheme": _scheme,
    "outgoing-request.set-scheme": _set_scheme,
    "outgoing-request.authority": _authority,
    "outgoing-request.set-authority": _set_authority,
    "outgoing-request.path-with-query": _path_with_query,
    "outgoing-request.set-path-with-query": _set_path_with_query,
    "outgoing-request.headers": _headers,
    "outgoing-request.body": _body,
    "outgoing-response.status-code": _status_code,
    "outgoing-response.set-status-code": _set_status_code,
    "outgoing-response.headers": _headers,
    "outgoing-response.body": _body,
}


def define(api: LinkerInstance, getter: Getter) -> None:
    """Define the resources and their functions."""
    for name, kind in (("outgoing-request", OutgoingRequest), ("outgoing-response", OutgoingResponse)):
        api.object_resource(name)
        _define_constructor(api, getter, name, kind)
    for name, func in _METHODS.items():
        api.func_wrap(f"[method]{name}", func)


def _define_constructor(
    api: LinkerInstance, getter: Getter, name: str, kind: type[OutgoingRequest | OutgoingResponse]
) -> None:
    @api.func_wrap(f"[constructor]{name}")
    def new(store: Store, headers: Fields) -> OutgoingRequest | OutgoingResponse:
        return kind(store, getter(store.data), headers)


__all__ = ["Outgoing", "OutgoingRequest", "OutgoingResponse", "define"]
