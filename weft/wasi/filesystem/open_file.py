"""Descriptors of the system's that have several users."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Self, final

if TYPE_CHECKING:
    from weft.wasi.limits import HandleCount


@final
class OpenFile:
    """A file or directory, open until nobody uses it any more: the guest's handle, its streams, calls in threads.

    As a context manager it is one use more. Users come and go in the thread of the event loop only.

    Attributes:
        fd: the descriptor, which this owns; -1 once it is closed.
        mode: its type and permissions when it was opened (``st_mode``).

    Args:
        fd: the descriptor.
        mode: its ``st_mode``.
        handles: gets back the one that was taken for it.
    """

    __slots__ = ("_handles", "_users", "fd", "mode")

    def __init__(self, fd: int, mode: int, handles: HandleCount) -> None:
        self.fd = fd
        self.mode = mode
        self._handles = handles
        self._users = 1

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.mode)

    def retain(self) -> Self:
        """Count one user more."""
        self._users += 1
        return self

    def release(self) -> None:
        """Count one user less; after the last it is closed."""
        self._users -= 1
        if not self._users:
            self._close()

    def _close(self) -> None:
        fd, self.fd = self.fd, -1
        self._handles.release()
        os.close(fd)

    def __enter__(self) -> Self:
        return self.retain()

    def __exit__(self, *_exception: object) -> None:
        self.release()

    def __del__(self) -> None:
        if self.fd >= 0:  # its owner was never told to drop it: a guest stopped before it owned it
            self._close()


__all__ = ["OpenFile"]
