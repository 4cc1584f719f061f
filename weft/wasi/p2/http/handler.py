"""wasi:http/outgoing-handler 0.2, and the resource ``future-incoming-response`` of wasi:http/types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import anyio

from weft import Err, Ok
from weft.wasi.http.errors import HttpError
from weft.wasi.http.sending import send_request
from weft.wasi.p2.http.incoming import IncomingResponse
from weft.wasi.p2.http.once import Once
from weft.wasi.p2.io import Pollable
from weft.wasi.p2.io.error import VERSION

if TYPE_CHECKING:
    from weft import Accessor, Linker, LinkerInstance, Store
    from weft.wasi.ctx import Getter
    from weft.wasi.http.options import RequestOptions
    from weft.wasi.http.request import Request
    from weft.wasi.p2.http.outgoing import OutgoingRequest


@final
class FutureIncomingResponse:
    """The response to come to a request that is being sent."""

    __slots__ = ("_request", "_scope", "result")

    def __init__(self, store: Store, request: Request) -> None:
        self._request = request
        self._scope = anyio.CancelScope()
        self.result = Once()
        store.spawn(self._send)

    async def _send(self, accessor: Accessor) -> None:
        with self._scope:
            try:
                self.result.settle(Ok(IncomingResponse(await send_request(accessor, self._request))))
            except HttpError as error:
                self.result.settle(Err(error.code))
        if self._scope.cancel_called:
            self._drop_result()

    def on_drop(self) -> None:
        """Wait for the response no more; one that is there and that nobody had is dropped."""
        self._scope.cancel()
        self._drop_result()

    def _drop_result(self) -> None:
        result = self.result.discard()
        if isinstance(result, Ok):
            result.value.on_drop()


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import wasi:http/outgoing-handler."""

    @linker.instance(f"wasi:http/outgoing-handler@{VERSION}").func_wrap("handle")
    def handle(store: Store, request: OutgoingRequest, options: RequestOptions | None) -> FutureIncomingResponse:
        message = request.send()
        message.ctx = getter(store.data)  # whoever made it: who sends it must be allowed to
        message.options = options
        return FutureIncomingResponse(store, message)


def _subscribe(_store: Store, future: FutureIncomingResponse) -> Pollable:
    return Pollable(future.result)


def _get(_store: Store, future: FutureIncomingResponse) -> Any:
    return future.result.get()


def define(api: LinkerInstance) -> None:
    """Define the resource and its functions."""
    api.object_resource("future-incoming-response")
    api.func_wrap("[method]future-incoming-response.subscribe", _subscribe)
    api.func_wrap("[method]future-incoming-response.get", _get)


__all__ = ["FutureIncomingResponse", "add_to_linker", "define"]
