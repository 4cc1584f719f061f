"""Streams of bytes as memory that a system call can fill or send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.errors import LowerError
from weft.host.streams.transmits import describe

if TYPE_CHECKING:
    from weft.host.streams.destination import Destination
    from weft.host.streams.source import Source


def room_for_bytes(destination: Destination) -> memoryview:
    """Return what `Destination.direct` does, for a stream of bytes.

    Raises:
        LowerError: the elements are no bytes.
    """
    return _checked(destination.direct(), destination)


def bytes_offered(source: Source) -> memoryview:
    """Return what `Source.direct` does, for a stream of bytes.

    Raises:
        LowerError: the elements are no bytes.
    """
    return _checked(source.direct(), source)


def _checked(view: memoryview, end: Destination | Source) -> memoryview:
    if view.itemsize != 1:
        raise LowerError(f"expected a stream of bytes, this one has {describe(end.payload)}")
    return view


__all__ = ["bytes_offered", "room_for_bytes"]
