"""The resource ``request`` of wasi:http/types 0.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.wasi.http.body import Body
from weft.wasi.http.request import Request
from weft.wasi.http.words import method_of, method_variant, scheme_of, scheme_variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import FutureReader, LinkerInstance, Store, StreamProducer, StreamReader
    from weft.wasi.ctx import Getter
    from weft.wasi.http.fields import Fields
    from weft.wasi.http.options import RequestOptions
    from weft.wasi.outcome import Outcome


def define(api: LinkerInstance, getter: Getter) -> None:
    """Define the resource and its functions."""
    api.object_resource("request")

    @api.func_wrap("[static]request.new")
    def new(
        store: Store,
        headers: Fields,
        contents: StreamReader | None,
        trailers: FutureReader,
        options: RequestOptions | None,
    ) -> tuple[Request, Outcome]:
        body = Body(store, contents, trailers)
        return Request(getter(store.data), headers, body, options), body.result

    api.func_wrap("[static]request.consume-body", _consume_body)
    for name, func in _METHODS.items():
        api.func_wrap(f"[method]request.{name}", func)


def _consume_body(
    _store: Store, request: Request, result: FutureReader
) -> tuple[StreamReader | StreamProducer, FutureReader]:
    return request.body.consume(result)


def _get_method(_store: Store, request: Request) -> str | tuple[str, str]:
    return method_variant(request.method)


def _set_method(_store: Store, request: Request, method: Any) -> None:
    request.set_method(method_of(method))


def _get_path_with_query(_store: Store, request: Request) -> str | None:
    return request.path_with_query


def _set_path_with_query(_store: Store, request: Request, path: str | None) -> None:
    request.set_path_with_query(path)


def _get_scheme(_store: Store, request: Request) -> str | tuple[str, str] | None:
    return scheme_variant(request.scheme)


def _set_scheme(_store: Store, request: Request, scheme: Any) -> None:
    request.set_scheme(scheme_of(scheme))


def _get_authority(_store: Store, request: Request) -> str | None:
    return request.authority


def _set_authority(_store: Store, request: Request, authority: str | None) -> None:
    request.set_authority(authority)


def _get_options(_store: Store, request: Request) -> RequestOptions | None:
    return None if request.options is None else request.options.view()


def _get_headers(_store: Store, request: Request) -> Fields:
    return request.headers.view()


_METHODS: dict[str, Callable[..., object]] = {
    "get-method": _get_method,
    "set-method": _set_method,
    "get-path-with-query": _get_path_with_query,
    "set-path-with-query": _set_path_with_query,
    "get-scheme": _get_scheme,
    "set-scheme": _set_scheme,
    "get-authority": _get_authority,
    "set-authority": _set_authority,
    "get-options": _get_options,
    "get-headers": _get_headers,
}

__all__ = ["define"]
