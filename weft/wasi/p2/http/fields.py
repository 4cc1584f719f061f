"""The resource ``fields`` of wasi:http/types 0.2."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from weft import Err, Trap, TrapCode
from weft.wasi.http.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weft import LinkerInstance, Store
    from weft.wasi.ctx import Getter


@contextmanager
def _limited() -> Iterator[None]:
    """Trap where there is no more room: this version has no error for that."""
    try:
        yield
    except Err as error:
        if error.value == "size-exceeded":
            raise Trap(TrapCode.OTHER, "the guest's HTTP fields are longer than its limits allow") from error
        raise


def define(api: LinkerInstance, getter: Getter) -> None:
    """Define the resource and its functions."""
    api.object_resource("fields")
    api.func_wrap("[constructor]fields", lambda store: Fields(getter(store.data)))

    @api.func_wrap("[static]fields.from-list")
    def from_list(store: Store, entries: list[tuple[str, bytes]]) -> Fields:
        with _limited():
            return Fields.from_list(getter(store.data), entries)

    for name, func in _METHODS.items():
        api.func_wrap(f"[method]fields.{name}", func)


def _get(_store: Store, fields: Fields, name: str) -> list[bytes]:
    return list(fields.get(name))


def _has(_store: Store, fields: Fields, name: str) -> bool:
    return fields.has(name)


def _set(_store: Store, fields: Fields, name: str, values: list[bytes]) -> None:
    with _limited():
        fields.set(name, values)


def _delete(_store: Store, fields: Fields, name: str) -> None:
    fields.delete(name)


def _append(_store: Store, fields: Fields, name: str, value: bytes) -> None:
    with _limited():
        fields.append(name, value)


def _entries(_store: Store, fields: Fields) -> list[tuple[str, bytes]]:
    return list(fields)


def _clone(_store: Store, fields: Fields) -> Fields:
    return fields.clone()


_METHODS: dict[str, Callable[..., object]] = {
    "get": _get,
    "has": _has,
    "set": _set,
    "delete": _delete,
    "append": _append,
    "entries": _entries,
    "clone": _clone,
}

__all__ = ["define"]
