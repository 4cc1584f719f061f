"""Telling whether there is something to read, of sources that can only tell by reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final, runtime_checkable

from weft.wasi.stdio import is_terminal

if TYPE_CHECKING:
    from weft.wasi.byte_io import ByteInput

READ_AHEAD_BYTE_LENGTH: Final = 16 << 10
"""How much is read to find out whether there is anything."""


@runtime_checkable
class ReadableInput(Protocol):
    """A `ByteInput` that can tell, without reading, whether reading would have to wait."""

    def read_into(self, view: memoryview) -> int:
        """As `ByteInput.read_into`."""
        ...

    async def wait_readable(self) -> None:
        """As `ByteInput.wait_readable`."""
        ...

    def is_readable(self) -> bool:
        """Whether `read_into` would not raise a BlockingIOError now."""
        ...


def with_read_ahead(source: ByteInput) -> ReadableInput:
    """Return `source` itself where it can tell whether it is readable, and else something that reads ahead to tell."""
    return source if isinstance(source, ReadableInput) else ReadAhead(source)


@final
class ReadAhead:
    """Reads a little ahead when asked whether there is anything to read.

    Args:
        source: what is read; nobody else should read it, who would miss what was read ahead.
    """

    __slots__ = ("_ahead", "_ended", "_error", "_source")

    def __init__(self, source: ByteInput) -> None:
        self._source = source
        self._ahead = memoryview(b"")
        self._ended = False
        self._error: OSError | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether the source is a terminal."""
        return is_terminal(self._source)

    def _knows(self) -> bool:
        return bool(self._ahead) or self._ended or self._error is not None

    def read_into(self, view: memoryview) -> int:
        """Read what was read ahead, and then the source."""
        if self._ahead:
            chunk, self._ahead = self._ahead[: len(view)], self._ahead[len(view) :]
            view[: len(chunk)] = chunk
            return len(chunk)
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return 0 if self._ended else self._source.read_into(view)

    def is_readable(self) -> bool:
        """Whether anything is there: bytes, the end or an error."""
        if not self._knows():
            self._look()
        return self._knows()

    def _look(self) -> None:
        buffer = memoryview(bytearray(READ_AHEAD_BYTE_LENGTH))
        try:
            count = self._source.read_into(buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._error = error
            return
        self._ahead = buffer[:count].toreadonly()
        self._ended = not count

    async def wait_readable(self) -> None:
        """Wait until something is there."""
        if not self._knows():
            await self._source.wait_readable()


__all__ = ["READ_AHEAD_BYTE_LENGTH", "ReadAhead", "ReadableInput", "with_read_ahead"]
