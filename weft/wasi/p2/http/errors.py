"""Errors of HTTP on their way through streams, and what guests may ask of them."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, final

from weft.wasi.http.errors import describe

if TYPE_CHECKING:
    from weft import LinkerInstance, Store
    from weft.wasi.http.errors import ErrorCode
    from weft.wasi.p2.io import Error


@final
class HttpIOError(OSError):
    """A body broke off.

    Attributes:
        code: the ``error-code`` of wasi:http.
    """

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(errno.EIO, describe(code))
        self.code = code


def http_error_code(_store: Store, error: Error) -> ErrorCode | None:
    """Return what an error of a body's stream is called in wasi:http; None for the errors of other streams."""
    return error.error.code if isinstance(error.error, HttpIOError) else None


def define(api: LinkerInstance) -> None:
    """Define the function."""
    api.func_wrap("http-error-code", http_error_code)


__all__ = ["HttpIOError", "define"]
