"""What guests have as standard input, output and error.

`DescriptorInput` and `DescriptorOutput` use what belongs to the process; `MemoryInput`, `Capture` and `Discard` stay
within the program. Anything with the methods of `ByteInput` or `ByteOutput` will do as well.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from functools import partial
from typing import TYPE_CHECKING, Final, final

import anyio
import anyio.lowlevel
from anyio.lowlevel import RunVar

from weft.wasi.shared_wait import SharedWait

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from weft.wasi.byte_io import ByteInput, ByteOutput

PIPE_BUF: Final = select.PIPE_BUF
"""How much can always be written to a pipe that polls as writable, without blocking (POSIX)."""


def _never_waits(fd: int) -> bool:
    """Whether no read or write of a descriptor waits: files, directories, and devices other than terminals."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISCHR(mode):
        return not os.isatty(fd)
    return stat.S_ISREG(mode) or stat.S_ISBLK(mode) or stat.S_ISDIR(mode)


def _is_ready(fd: int, event: int) -> bool:
    poll = select.poll()
    poll.register(fd, event)
    return bool(poll.poll(0))


_WAITS: Final[RunVar[dict[tuple[int, Callable[[int], Awaitable[None]]], SharedWait]]] = RunVar("weft_stdio_waits")
"""Waits for descriptors by who they are: stores share stdio, and an event loop lets one task wait for a descriptor."""


def _shared_wait(fd: int, wait: Callable[[int], Awaitable[None]]) -> SharedWait:
    waits = _WAITS.get(None)
    if waits is None:
        waits = {}
        _WAITS.set(waits)
    return waits.setdefault((fd, wait), SharedWait(partial(wait, fd)))


class _Descriptor:
    """A descriptor of the process's that is left as it is: others may share it, and do not expect `O_NONBLOCK`.

    Invariant: a read or write happens only after `poll` said that it would not block.
    """

    __slots__ = ("_always_ready", "_event", "_wait", "fd")

    def __init__(self, fd: int, event: int, wait: Callable[[int], Awaitable[None]]) -> None:
        self.fd = fd
        self._event = event
        self._always_ready = _never_waits(fd)
        self._wait = wait

    @property
    def is_terminal(self) -> bool:
        """Whether a person may sit at the other end."""
        return os.isatty(self.fd)

    def is_ready(self) -> bool:
        """Whether the next operation would not block."""
        return self._always_ready or _is_ready(self.fd, self._event)

    def check_ready(self) -> None:
        """Raise a BlockingIOError when the next operation would block."""
        if not self.is_ready():
            raise BlockingIOError(errno.EAGAIN, "not ready")

    async def wait(self) -> None:
        """Wait until the next operation would not block."""
        if self._always_ready:
            await anyio.lowlevel.checkpoint()
        else:
            await _shared_wait(self.fd, self._wait)()


@final
class DescriptorInput:
    """Reads from a descriptor of the process's, which stays open.

    Args:
        fd: the descriptor; it may block, and is never asked for what is not there.
    """

    __slots__ = ("_descriptor",)

    def __init__(self, fd: int) -> None:
        self._descriptor = _Descriptor(fd, select.POLLIN, anyio.wait_readable)

    @property
    def is_terminal(self) -> bool:
        """Whether it is a terminal."""
        return self._descriptor.is_terminal

    def read_into(self, view: memoryview) -> int:
        """Read what is there."""
        self._descriptor.check_ready()
        return os.readv(self._descriptor.fd, [view])

    def is_readable(self) -> bool:
        """Whether something is there."""
        return self._descriptor.is_ready()

    async def wait_readable(self) -> None:
        """Wait until something is there."""
        await self._descriptor.wait()


@final
class DescriptorOutput:
    """Writes to a descriptor of the process's, which stays open.

    Args:
        fd: the descriptor; it may block, and is never given more than it takes. A terminal may take less than it says,
            and then holds up the event loop until somebody looks at it.
    """

    __slots__ = ("_descriptor", "_limit")

    def __init__(self, fd: int) -> None:
        self._descriptor = _Descriptor(fd, select.POLLOUT, anyio.wait_writable)
        self._limit = 1 << 20 if _never_waits(fd) else PIPE_BUF

    @property
    def is_terminal(self) -> bool:
        """Whether it is a terminal."""
        return self._descriptor.is_terminal

    def write_from(self, view: memoryview) -> int:
        """Write as much as goes without waiting; what stops it after that is the next call's to tell."""
        written = 0
        while written < len(view):
            try:
                self._descriptor.check_ready()
                written += os.write(self._descriptor.fd, view[written : written + self._limit])
            except OSError:
                if not written:
                    raise
                break
        return written

    async def wait_writable(self) -> None:
        """Wait until something can be written."""
        await self._descriptor.wait()


@final
class MemoryInput:
    """Gives bytes that are there already, and then ends."""

    __slots__ = ("_at", "_data")

    is_terminal: Final = False

    def __init__(self, data: bytes = b"") -> None:
        self._data = memoryview(data)
        self._at = 0

    def read_into(self, view: memoryview) -> int:
        """Read the next bytes."""
        chunk = self._data[self._at : self._at + len(view)]
        view[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)

    def is_readable(self) -> bool:
        """Everything is there."""
        return True

    async def wait_readable(self) -> None:
        """Return: everything is there."""
        await anyio.lowlevel.checkpoint()


@final
class Capture:
    """Keeps what guests write, up to a limit; beyond it writing fails as on a full disk (``ENOSPC``).

    Args:
        limit: how many bytes to keep.
    """

    __slots__ = ("_data", "_limit")

    is_terminal: Final = False

    def __init__(self, limit: int = 1 << 20) -> None:
        self._data = bytearray()
        self._limit = limit

    @property
    def data(self) -> bytes:
        """What was written so far."""
        return bytes(self._data)

    @property
    def text(self) -> str:
        """The same as text, where it is UTF-8; the rest is replaced."""
        return self._data.decode(errors="replace")

    def write_from(self, view: memoryview) -> int:
        """Keep what there is room for."""
        room = self._limit - len(self._data)
        if room <= 0:
            raise OSError(errno.ENOSPC, f"the guest wrote more than {self._limit} bytes")
        self._data += view[:room]
        return min(room, len(view))

    async def wait_writable(self) -> None:
        """Return: there is room, or an error to be had."""
        await anyio.lowlevel.checkpoint()


@final
class Discard:
    """Takes everything and keeps nothing."""

    __slots__ = ()

    is_terminal: Final = False

    def write_from(self, view: memoryview) -> int:
        """Take everything."""
        return len(view)

    async def wait_writable(self) -> None:
        """Return: there is always room."""
        await anyio.lowlevel.checkpoint()


def is_terminal(stdio: ByteInput | ByteOutput) -> bool:
    """Return whether one of these, or of an embedder's own making, is a terminal."""
    return bool(getattr(stdio, "is_terminal", False))


__all__ = [
    "Capture",
    "DescriptorInput",
    "DescriptorOutput",
    "Discard",
    "MemoryInput",
    "is_terminal",
]
