"""The resource ``response-outparam`` of wasi:http/types 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from weft import Err, Ok
from weft.wasi.http.errors import HttpError, internal_error
from weft.wasi.p2.http.once import Once

if TYPE_CHECKING:
    from weft import LinkerInstance, Store
    from weft.wasi.http.response import Response

NO_RESPONSE: Final = internal_error("the guest gave no response")


@final
class ResponseOutparam:
    """Where a guest puts its response; the host makes one for each request."""

    __slots__ = ("_result",)

    def __init__(self) -> None:
        self._result = Once()

    def set(self, result: Ok[Any] | Err[Any]) -> None:
        """Put it there."""
        self._result.settle(Ok(result.value.send()) if isinstance(result, Ok) else result)

    async def wait(self) -> Response:
        """Wait for the response.

        Raises:
            HttpError: the guest answered with an error, or not at all.
        """
        await self._result.wait_ready()
        result = self._result.discard()
        if isinstance(result, Err):
            raise HttpError(result.value)
        response: Response = result.value
        return response

    def on_drop(self) -> None:
        """Learn that there will be no response."""
        self._result.settle(Err(NO_RESPONSE))


def _set(_store: Store, outparam: ResponseOutparam, result: Ok[Any] | Err[Any]) -> None:
    outparam.set(result)


def define(api: LinkerInstance) -> None:
    """Define the resource and its functions."""
    api.object_resource("response-outparam")
    api.func_wrap("[static]response-outparam.set", _set)


__all__ = ["NO_RESPONSE", "ResponseOutparam", "define"]
