"""What a guest may use of the host."""

from __future__ import annotations

from typing import final

from attrs import define, frozen

import weft
from keyvalue.bindings import buckets


@final
@frozen
class Limits:
    """How much guests may ask for.

    Attributes:
        key_byte_length: of one key, in UTF-8.
        value_byte_length: of one value.
        page_length: how many keys one listing returns.
        buckets: how many may be open.
        watches: how many may be read.
        watch_byte_length: about how much memory the changes may take that one watch has not read yet.
    """

    key_byte_length: int = 1024
    value_byte_length: int = 64 * 1024
    page_length: int = 100
    buckets: int = 100
    watches: int = 20
    watch_byte_length: int = 1024 * 1024

    def check_key(self, key: str) -> None:
        """Refuse a key that is too long."""
        if len(key.encode()) > self.key_byte_length:
            raise weft.Err(buckets.ErrorKeyTooLong(self.key_byte_length))

    def check_value(self, value: bytes) -> None:
        """Refuse a value that is too large."""
        if len(value) > self.value_byte_length:
            raise weft.Err(buckets.ErrorValueTooLarge(self.value_byte_length))


@final
@define(eq=False)
class Places:
    """Counts what is open of one kind."""

    limit: int
    taken: int = 0

    def take(self) -> None:
        """Take a place, or refuse when there is none."""
        if self.taken >= self.limit:
            raise weft.Err(buckets.ErrorTooMany(self.limit))
        self.taken += 1

    def leave(self) -> None:
        """Give a place back."""
        self.taken -= 1
