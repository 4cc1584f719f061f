"""Where the random numbers of guests come from."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable


@final
class Randomness:
    """Random bytes, secure ones and others.

    Args:
        seed: makes everything repeatable, the secure bytes too: for tests only. None takes them from the system.
    """

    __slots__ = ("insecure_bytes", "insecure_seed", "secure_bytes")

    secure_bytes: Callable[[int], bytes]
    insecure_bytes: Callable[[int], bytes]
    insecure_seed: tuple[int, int]

    def __init__(self, seed: int | None = None) -> None:
        source = random.Random(seed)
        self.insecure_bytes = source.randbytes
        self.secure_bytes = os.urandom if seed is None else random.Random(~seed).randbytes
        self.insecure_seed = (source.getrandbits(64), source.getrandbits(64))


__all__ = ["Randomness"]
