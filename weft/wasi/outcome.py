"""The future that says how a stream ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from weft import CANCELLED, PENDING, Err, Ok, Produced

if TYPE_CHECKING:
    from weft import FutureAnswer, Waker

_UNSETTLED: Final = object()


@final
class Outcome:
    """A ``future<result<...>>`` whose value becomes known later (`weft.FutureProducer`)."""

    __slots__ = ("_value", "_waker")

    def __init__(self) -> None:
        self._value: Any = _UNSETTLED
        self._waker: Waker | None = None

    @property
    def settled(self) -> bool:
        """Whether the value is known."""
        return self._value is not _UNSETTLED

    def succeed(self, value: Any = None) -> None:
        """Settle with ``ok``; what was settled before stays."""
        self._settle(Ok(value))

    def fail(self, code: Any) -> None:
        """Settle with an error code; what was settled before stays."""
        self._settle(Err(code))

    def _settle(self, value: Any) -> None:
        if self.settled:
            return
        self._value = value
        if self._waker is not None:
            self._waker.wake()

    def poll_produce(self, waker: Waker, finish: bool) -> FutureAnswer:
        """Answer with the value, once it is known."""
        if self.settled:
            return Produced(self._value)
        self._waker = waker
        return CANCELLED if finish else PENDING


__all__ = ["Outcome"]
