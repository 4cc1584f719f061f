"""wasi:http/client 0.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft import Err
from weft.wasi.http.errors import HttpError
from weft.wasi.http.sending import send_request

if TYPE_CHECKING:
    from weft import Accessor, Linker
    from weft.wasi.ctx import Getter
    from weft.wasi.http.request import Request
    from weft.wasi.http.response import Response


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""

    @linker.instance("wasi:http/client@0.3.0").func_wrap_concurrent("send")
    async def send(accessor: Accessor, request: Request) -> Response:
        request.ctx = getter(accessor.data)  # whoever made it: who sends it must be allowed to
        try:
            return await send_request(accessor, request)
        except HttpError as error:
            raise Err(error.code) from error


__all__ = ["add_to_linker"]
