"""The error codes of wasi:sockets 0.3, and functions that fail with them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from weft import Err
from weft.wasi.sockets.errors import SocketError, describe, error_code

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

WireCode: TypeAlias = "str | tuple[str, str | None]"
"""A case of ``error-code``; ``other`` has a text, or none."""

_OTHERS: Final = frozenset({"other", "would-block", "new-socket-limit", "concurrency-conflict", "not-in-progress"})


def wire_code(error: SocketError | OSError) -> WireCode:
    """Return what an error is called in the interfaces."""
    code = error_code(error)
    return ("other", describe(error)) if code in _OTHERS else code


def failing(func: Callable[..., T]) -> Callable[..., T]:
    """Return a host function that fails with an error code where `func` raises."""

    @wraps(func)
    def fail(*args: Any) -> T:
        try:
            return func(*args)
        except (SocketError, OSError) as error:
            raise Err(wire_code(error)) from error

    return fail


def failing_async(func: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """Return an async host function that fails with an error code where `func` raises."""

    @wraps(func)
    async def fail(*args: Any) -> T:
        try:
            return await func(*args)
        except (SocketError, OSError) as error:
            raise Err(wire_code(error)) from error

    return fail


__all__ = ["WireCode", "failing", "failing_async", "wire_code"]
