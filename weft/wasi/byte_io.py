"""What bytes come from and go to: the shape that files, sockets and stdio share under both versions of WASI."""

from __future__ import annotations

from typing import Protocol


class ByteInput(Protocol):
    """Something to read from that never blocks."""

    def read_into(self, view: memoryview) -> int:
        """Fill a part of `view`, which is not empty, and return how long that is; 0 at the end.

        Raises:
            BlockingIOError: nothing is there yet.
            OSError: reading failed.
        """
        ...

    async def wait_readable(self) -> None:
        """Wait until `read_into` is worth a try. Any number of tasks may wait."""
        ...


class ByteOutput(Protocol):
    """Something to write to that never blocks."""

    def write_from(self, view: memoryview) -> int:
        """Write a part of `view`, which is not empty, and return how long that is.

        Raises:
            BlockingIOError: nothing can be written now.
            OSError: writing failed.
        """
        ...

    async def wait_writable(self) -> None:
        """Wait until `write_from` is worth a try. Any number of tasks may wait."""
        ...


__all__ = ["ByteInput", "ByteOutput"]
