"""Producers made of whatever host code passes for a stream or a future."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import anyio.abc

from weft.errors import LowerError
from weft.host.streams import producers
from weft.host.streams.chunks import BYTES_LIKE

if TYPE_CHECKING:
    from weft.host.streams.transmits import FutureProducer, StreamProducer


def as_stream_producer(value: Any) -> StreamProducer:
    """Return `value` if it is a producer, or else one made of it.

    Args:
        value: a producer, bytes, a sequence, an iterable, an async iterable, or an anyio stream that receives.

    Raises:
        LowerError: it is none of these.
    """
    if hasattr(value, "poll_produce"):
        return value  # type: ignore[no-any-return]
    if isinstance(value, BYTES_LIKE):
        return producers.from_bytes(value)
    if isinstance(value, anyio.abc.ByteReceiveStream | anyio.abc.ObjectReceiveStream):
        return producers.from_receive_stream(value)
    if isinstance(value, AsyncIterable):
        return producers.from_async_iterable(value)
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return producers.from_iterable(value)
    raise LowerError(f"expected a stream, or something to make one of, got {type(value).__name__}")


def as_future_producer(value: Any) -> FutureProducer:
    """Return `value` if it is a producer, or else one made of it.

    Args:
        value: a producer, or an awaitable of the value.

    Raises:
        LowerError: it is neither; a value that is there already needs `producers.from_value`.
    """
    if hasattr(value, "poll_produce"):
        return value  # type: ignore[no-any-return]
    if isinstance(value, Awaitable) or inspect.isawaitable(value):
        return producers.from_awaitable(value)
    kind = type(value).__name__
    raise LowerError(f"expected a future or an awaitable, got {kind}; use producers.from_value for a value")


__all__ = ["as_future_producer", "as_stream_producer"]
