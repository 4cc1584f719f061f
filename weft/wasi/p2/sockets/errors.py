"""The error codes of wasi:sockets 0.2, and functions that fail with them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from weft import Err
from weft.wasi.sockets.errors import CODES, SocketError, error_code

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def enum_code(error: SocketError | OSError) -> str:
    """Return what an error is called in the interfaces, which have no code for a connection that is broken."""
    code = error_code(error)
    return "unknown" if code in {"other", "connection-broken"} else code


def network_error_code(error: OSError) -> str | None:
    """Return what an error of a stream's is called, if it is one of the network's."""
    return enum_code(error) if error.errno in CODES else None


def failing(func: Callable[..., T]) -> Callable[..., T]:
    """Return a host function that fails with an error code where `func` raises."""

    @wraps(func)
    def fail(*args: Any) -> T:
        try:
            return func(*args)
        except (SocketError, OSError) as error:
            raise Err(enum_code(error)) from error

    return fail


__all__ = ["enum_code", "failing", "network_error_code"]
