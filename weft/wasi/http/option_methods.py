"""The resource ``request-options``, as far as it is the same in both versions of wasi:http/types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.wasi.http.options import RequestOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weft import LinkerInstance, Store
    from weft.wasi.ctx import Getter

_TIMEOUTS: Final[Mapping[str, str]] = {
    "connect-timeout": "connect_ns",
    "first-byte-timeout": "first_byte_ns",
    "between-bytes-timeout": "between_bytes_ns",
}


def define_options(api: LinkerInstance, getter: Getter, get: str) -> None:
    """Define the resource and its functions.

    Args:
        api: the interface.
        getter: finds the context of a guest.
        get: what the names of the methods that return a time begin with.
    """
    api.object_resource("request-options")
    api.func_wrap("[constructor]request-options", lambda store: RequestOptions(getter(store.data)))
    for name, attribute in _TIMEOUTS.items():
        _define_timeout(api, f"{get}{name}", f"set-{name}", attribute)


def _define_timeout(api: LinkerInstance, getter_name: str, setter_name: str, attribute: str) -> None:
    @api.func_wrap(f"[method]request-options.{getter_name}")
    def get(_store: Store, options: RequestOptions) -> int | None:
        return getattr(options, attribute)  # type: ignore[no-any-return]

    @api.func_wrap(f"[method]request-options.{setter_name}")
    def set_(_store: Store, options: RequestOptions, duration: int | None) -> None:
        options.check_mutable()
        setattr(options, attribute, duration)


__all__ = ["define_options"]
