"""The resource ``request-options`` of wasi:http/types 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.http.options import RequestOptions

if TYPE_CHECKING:
    from weft import LinkerInstance, Store
    from weft.wasi.ctx import Getter

_TIMEOUTS = {
    "connect-timeout": "connect_ns",
    "first-byte-timeout": "first_byte_ns",
    "between-bytes-timeout": "between_bytes_ns",
}


def define(api: LinkerInstance, getter: Getter) -> None:
    """Define the resource and its functions."""
    api.object_resource("request-options")
    api.func_wrap("[constructor]request-options", lambda store: RequestOptions(getter(store.data)))
    for name, attribute in _TIMEOUTS.items():
        _define_timeout(api, name, attribute)


def _define_timeout(api: LinkerInstance, name: str, attribute: str) -> None:
    @api.func_wrap(f"[method]request-options.{name}")
    def get(_store: Store, options: RequestOptions) -> int | None:
        return getattr(options, attribute)  # type: ignore[no-any-return]

    @api.func_wrap(f"[method]request-options.set-{name}")
    def set_(_store: Store, options: RequestOptions, duration: int | None) -> None:
        setattr(options, attribute, duration)


__all__ = ["define"]
