"""The resource ``fields`` of wasi:http/types 0.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.http.field_methods import define_fields, entries

if TYPE_CHECKING:
    from weft import LinkerInstance, Store
    from weft.wasi.ctx import Getter
    from weft.wasi.http.fields import Fields


def define(api: LinkerInstance, getter: Getter) -> None:
    """Define the resource and its functions."""
    define_fields(api, getter)
    api.func_wrap("[method]fields.copy-all", entries)
    api.func_wrap("[method]fields.get-and-delete", _get_and_delete)


def _get_and_delete(_store: Store, fields: Fields, name: str) -> list[bytes]:
    return list(fields.delete(name))


__all__ = ["define"]
