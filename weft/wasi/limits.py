"""How much of the host's memory and of the system's resources the guests of one context may take."""

from __future__ import annotations

import errno
import resource
from typing import Final, final

from attrs import define, field, frozen, validators

_IS_SIZE: Final = [validators.instance_of(int), validators.ge(0)]


def _size(default: int) -> int:
    size: int = field(default=default, validator=_IS_SIZE)
    return size


def _half_the_descriptors() -> int:
    """Return half of what the process may open now, so that something is left for others; 10,000 at the most."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if soft == resource.RLIM_INFINITY else min(10_000, soft // 2)


@final
@frozen
class WasiLimits:
    """Limits of one `weft.wasi.WasiCtx`.

    Attributes:
        handles: how many files, directories, sockets and the like may be open at once; by default half of what the
            process may open, and 10,000 at the most.
        random_byte_length: how many random bytes one call may ask for.
        buffer_byte_length: how many bytes the host holds for a guest that does not take them, or for a peer that is
            slower than the guest, in each direction of each stream.
        header_byte_length: how long all the headers, or all the trailers, of one HTTP message may be together.
        directory_entries: how many entries of a directory are read ahead.
        held_byte_length: how many bytes the objects of guests may hold together that have no handle, headers, requests,
            responses, and with them the entries of directories that were read ahead.
    """

    handles: int = field(factory=_half_the_descriptors, validator=_IS_SIZE)
    random_byte_length: int = _size(64 << 20)
    buffer_byte_length: int = _size(1 << 20)
    header_byte_length: int = _size(128 << 10)
    directory_entries: int = _size(1024)
    held_byte_length: int = _size(64 << 20)


@final
@define(eq=False)
class HandleCount:
    """How many handles are open; every object that holds a descriptor of the system's takes one and gives it back.

    Attributes:
        limit: how many there may be.
        open: how many there are.
    """

    limit: int
    open: int = 0

    def acquire(self) -> None:
        """Count one more.

        Raises:
            OSError: there are too many (``EMFILE``).
        """
        if self.open >= self.limit:
            raise OSError(errno.EMFILE, f"the guest may not have more than {self.limit} handles open")
        self.open += 1

    def release(self) -> None:
        """Count one less."""
        self.open -= 1


@final
@define(eq=False)
class ByteCount:
    """How many bytes are held for guests by objects that have no handle.

    Attributes:
        limit: how many there may be.
        held: how many there are.
    """

    limit: int
    held: int = 0

    def add(self, byte_length: int) -> None:
        """Count more, or less if `byte_length` is negative.

        Raises:
            OSError: there are too many (``ENOMEM``).
        """
        if byte_length > 0 and self.held + byte_length > self.limit:
            raise OSError(errno.ENOMEM, f"the guest may not have the host hold more than {self.limit} bytes")
        self.held += byte_length


__all__ = ["ByteCount", "HandleCount", "WasiLimits"]
