"""The resource ``fields`` of wasi:http/types 0.2."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from weft import Err, Trap, TrapCode
from weft.wasi.http.field_methods import define_fields, entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft import LinkerInstance
    from weft.wasi.ctx import Getter


def define(api: LinkerInstance, getter: Getter) -> None:
    """Define the resource and its functions."""
    define_fields(api, getter, _limited)
    api.func_wrap("[method]fields.entries", entries)


@contextmanager
def _limited() -> Iterator[None]:
    """Trap where there is no more room: this version has no error for that."""
    try:
        yield
    except Err as error:
        if error.value == "size-exceeded":
            raise Trap(TrapCode.OTHER, "the guest's HTTP fields are longer than its limits allow") from error
        raise


__all__ = ["define"]
