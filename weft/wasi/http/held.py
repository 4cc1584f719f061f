"""How much of the host's memory those objects of guests hold that have no descriptor of the system's."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from weft.wasi.limits import ByteCount


@final
class Held:
    """What one object takes of the memory that there is for all; given back when the object is gone.

    Objects move between guests and the host in many ways, and end in many: only their end as Python objects is one.
    """

    __slots__ = ("_count", "byte_length")

    def __init__(self, count: ByteCount, byte_length: int) -> None:
        self.byte_length = 0
        self._count = count
        self.resize(byte_length)

    def resize(self, byte_length: int) -> None:
        """Take more or less.

        Raises:
            OSError: there is no more (``ENOMEM``); nothing changed.
        """
        self._count.add(byte_length - self.byte_length)
        self.byte_length = byte_length

    def __del__(self) -> None:
        self._count.add(-self.byte_length)


__all__ = ["Held"]
