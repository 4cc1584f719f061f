"""The resource ``fields``, as far as it is the same in both versions of wasi:http/types."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

from weft.wasi.http.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from weft import LinkerInstance, Store
    from weft.wasi.ctx import Getter


def define_fields(
    api: LinkerInstance, getter: Getter, growing: Callable[[], AbstractContextManager[None]] = nullcontext
) -> None:
    """Define the resource and its functions.

    Args:
        api: the interface.
        getter: finds the context of a guest.
        growing: entered around what can make fields longer.
    """
    api.object_resource("fields")
    api.func_wrap("[constructor]fields", lambda store: Fields(getter(store.data)))

    @api.func_wrap("[static]fields.from-list")
    def from_list(store: Store, entries: list[tuple[str, bytes]]) -> Fields:
        with growing():
            return Fields.from_list(getter(store.data), entries)

    @api.func_wrap("[method]fields.set")
    def set_(_store: Store, fields: Fields, name: str, values: list[bytes]) -> None:
        with growing():
            fields.set(name, values)

    @api.func_wrap("[method]fields.append")
    def append(_store: Store, fields: Fields, name: str, value: bytes) -> None:
        with growing():
            fields.append(name, value)

    for method, func in _METHODS.items():
        api.func_wrap(f"[method]fields.{method}", func)


def _get(_store: Store, fields: Fields, name: str) -> list[bytes]:
    return list(fields.get(name))


def _has(_store: Store, fields: Fields, name: str) -> bool:
    return fields.has(name)


def _delete(_store: Store, fields: Fields, name: str) -> None:
    fields.delete(name)


def _clone(_store: Store, fields: Fields) -> Fields:
    return fields.clone()


def entries(_store: Store, fields: Fields) -> list[tuple[str, bytes]]:
    """Return all pairs of a name and a value, which each version has under a name of its own."""
    return list(fields)


_METHODS: Final[Mapping[str, Callable[..., object]]] = {"get": _get, "has": _has, "delete": _delete, "clone": _clone}

__all__ = ["define_fields", "entries"]
