"""What is there later, and can be had once: the futures of wasi:http 0.2."""

from __future__ import annotations

from typing import Any, Final, final

import anyio

from weft import Err, Ok

_NOTHING: Final = object()


@final
class Once:
    """A value to come (`weft.wasi.p2.io.Readiness`)."""

    __slots__ = ("_event", "_taken", "_value")

    def __init__(self) -> None:
        self._value: Any = _NOTHING
        self._taken = False
        self._event = anyio.Event()

    def settle(self, value: Any) -> None:
        """Let it be there."""
        self._value = value
        self._event.set()

    def is_ready(self) -> bool:
        """Whether it is there."""
        return self._value is not _NOTHING

    async def wait_ready(self) -> None:
        """Wait until it is there."""
        await self._event.wait()

    def get(self) -> Ok[Any] | Err[None] | None:
        """Return None while it is not there, then the value as ``ok``, and then only ``err``."""
        if self._value is _NOTHING:
            return None
        if self._taken:
            return Err()
        self._taken = True
        value, self._value = self._value, None
        return Ok(value)

    def discard(self) -> Any:
        """Return the value when it is there and nobody had it; None otherwise."""
        if self._taken or self._value is _NOTHING:
            return None
        self._taken = True
        value, self._value = self._value, None
        return value


__all__ = ["Once"]
