"""The resource ``response`` of wasi:http/types 0.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.http.body import Body
from weft.wasi.http.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import FutureReader, LinkerInstance, Store, StreamProducer, StreamReader
    from weft.wasi.ctx import Getter
    from weft.wasi.http.fields import Fields
    from weft.wasi.outcome import Outcome


def define(api: LinkerInstance, getter: Getter) -> None:
    """Define the resource and its functions."""
    api.object_resource("response")

    @api.func_wrap("[static]response.new")
    def new(
        store: Store, headers: Fields, contents: StreamReader | None, trailers: FutureReader
    ) -> tuple[Response, Outcome]:
        body = Body(store, contents, trailers)
        return Response(getter(store.data), headers, body), body.result

    api.func_wrap("[static]response.consume-body", _consume_body)
    for name, func in _METHODS.items():
        api.func_wrap(f"[method]response.{name}", func)


def _consume_body(
    _store: Store, response: Response, result: FutureReader
) -> tuple[StreamReader | StreamProducer, FutureReader]:
    return response.body.consume(result)


def _get_status_code(_store: Store, response: Response) -> int:
    return response.status


def _set_status_code(_store: Store, response: Response, status: int) -> None:
    response.set_status(status)


def _get_headers(_store: Store, response: Response) -> Fields:
    return response.headers.view()


_METHODS: dict[str, Callable[..., object]] = {
    "get-status-code": _get_status_code,
    "set-status-code": _set_status_code,
    "get-headers": _get_headers,
}

__all__ = ["define"]
