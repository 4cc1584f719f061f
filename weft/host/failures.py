"""Errors that stopped instances, and who raises them.

An error in a guest fails every call that waits for its instance, and then reaches whoever ran the guest, mostly the
store's loop. One of them raises it, the others one that it caused.
"""

from __future__ import annotations

from collections import deque
from typing import final

from weft.errors import CallAbortedError, StoreError, Trap

_RECENT = 8


@final
class Failure:
    """An error, and what became of it.

    Attributes:
        error: the error.
        claimed: whether some host code waits for what failed, and will raise it: then the loop need not.
        taken: whether somebody has raised it.
    """

    __slots__ = ("claimed", "error", "taken")

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.claimed = False
        self.taken = False

    def take(self) -> BaseException:
        """Return the error for the first who raises it, and an error caused by it for the others."""
        if not self.taken:
            self.taken = True
            return self.error
        again = _again(self.error)
        again.__cause__ = self.error
        return again


def _again(error: BaseException) -> Exception:
    if isinstance(error, Trap):
        return Trap(error.code, error.message, error.frames)
    if isinstance(error, CallAbortedError):
        return CallAbortedError(*error.args)
    if isinstance(error, StoreError):
        return StoreError(*error.args)
    return StoreError("the instance was stopped: a call into it failed")


@final
class Failures:
    """The failures of a store whose errors are still on their way up.

    An error is told to the calls it fails at once, and reaches the loop right after. So a few are enough.
    """

    __slots__ = ("_recent",)

    def __init__(self) -> None:
        self._recent: deque[Failure] = deque(maxlen=_RECENT)

    def of(self, error: BaseException) -> Failure:
        """Return the failure of `error`: the same for everyone whom it concerns."""
        for failure in self._recent:
            if failure.error is error:
                return failure
        failure = Failure(error)
        self._recent.append(failure)
        return failure

    def take(self, error: BaseException) -> None:
        """Note that who ran the guest raises `error`: it has come up, and whomever else it concerns is second."""
        for failure in self._recent:
            if failure.error is error:
                failure.taken = True
        self.settle(error)

    def settle(self, error: BaseException) -> bool:
        """Note that `error` has come up; whether somebody else raises it."""
        for failure in self._recent:
            if failure.error is error:
                self._recent.remove(failure)
                return failure.claimed
        return False


__all__ = ["Failure", "Failures"]
