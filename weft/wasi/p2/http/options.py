"""The resource ``request-options`` of wasi:http/types 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.http.option_methods import define_options

if TYPE_CHECKING:
    from weft import LinkerInstance
    from weft.wasi.ctx import Getter


def define(api: LinkerInstance, getter: Getter) -> None:
    """Define the resource and its functions."""
    define_options(api, getter, get="")  # nothing gives a guest options that it may not change


__all__ = ["define"]
