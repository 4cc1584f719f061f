"""How a guest ends its program from anywhere in it."""

from __future__ import annotations

from typing import final


@final
class Exit(Exception):
    """A guest called ``exit``: raised in the guest, which it unwinds, and so out of the call that the host made.

    Attributes:
        code: the status, 0 for success.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the guest exited with status {code}")
        self.code = code


__all__ = ["Exit"]
