"""Streams of changes, which hold no writer up and take no room without end."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, final

import weft

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyvalue.bindings.buckets import Change

_ENTRY_BYTE_LENGTH: Final = 200
"""About what a change takes beside its key and value."""


@final
class Watch(weft.StreamProducer):
    """The changes that were not read yet, the last one of each key, in the order in which the keys first changed.

    Args:
        prefix: of the keys it is about.
        byte_length: how much it may keep; it ends when that is not enough.
        on_close: called with it when nobody reads it any more.
    """

    def __init__(self, prefix: str, byte_length: int, on_close: Callable[[Watch], None]) -> None:
        self._prefix = prefix
        self._room = byte_length
        self._on_close = on_close
        self._unread: dict[str, Change] = {}
        self._overrun = False
        self._waker: weft.Waker | None = None

    def tell(self, change: Change) -> None:
        """Take note of a change, and tell the reader if it waits."""
        if self._overrun or not change.key.startswith(self._prefix):
            return
        earlier = self._unread.get(change.key)
        self._room += (0 if earlier is None else _byte_length(earlier)) - _byte_length(change)
        if self._room < 0:
            self._overrun = True
        else:
            self._unread[change.key] = change
        if self._waker is not None:
            self._waker.wake()

    def poll_produce(self, waker: weft.Waker, destination: weft.Destination, finish: bool) -> weft.StreamAnswer:
        """Give as many changes as the reader has room for: what is not given can still be replaced by later ones."""
        self._waker = waker
        if self._unread:
            changes = [self._unread[key] for key in list(islice(self._unread, destination.remaining))]
            for change in changes:
                del self._unread[change.key]
                self._room += _byte_length(change)
            destination.write(changes)
            return weft.StreamResult.COMPLETED
        if self._overrun:
            return weft.StreamResult.DROPPED
        return weft.CANCELLED if finish else weft.PENDING

    def close(self) -> None:
        """Forget the watch."""
        self._unread.clear()
        self._on_close(self)


def _byte_length(change: Change) -> int:
    return _ENTRY_BYTE_LENGTH + 4 * len(change.key) + len(change.value or b"")
