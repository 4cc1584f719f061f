"""wasi:http 0.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p3.http import client, fields, options, request, response

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import ``wasi:http/types`` and ``wasi:http/client``."""
    types = linker.instance("wasi:http/types@0.3.0")
    for resource in (fields, options, request, response):
        resource.define(types, getter)
    client.add_to_linker(linker, getter)


__all__ = ["add_to_linker"]
