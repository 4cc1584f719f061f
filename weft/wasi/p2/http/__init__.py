"""wasi:http 0.2: types and outgoing-handler.

A host that calls a guest's ``wasi:http/incoming-handler`` gives it an `IncomingRequest` and a `ResponseOutparam`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p2.http import (
    errors,
    fields,
    handler,
    incoming,
    incoming_body,
    options,
    outgoing,
    outgoing_body,
    outparam,
)
from weft.wasi.p2.http.incoming import IncomingRequest
from weft.wasi.p2.http.outparam import ResponseOutparam
from weft.wasi.p2.io.error import VERSION

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import both interfaces."""
    types = linker.instance(f"wasi:http/types@{VERSION}")
    for made_in in (fields, options, outgoing):
        made_in.define(types, getter)
    for resource in (errors, handler, incoming, incoming_body, outgoing_body, outparam):
        resource.define(types)
    handler.add_to_linker(linker, getter)


__all__ = ["IncomingRequest", "ResponseOutparam", "add_to_linker"]
