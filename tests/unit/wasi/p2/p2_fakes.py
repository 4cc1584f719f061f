"""A source, a sink and a clock that do what a test says."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from attrs import define, field

import weft

if TYPE_CHECKING:
    from collections.abc import Iterator


def engine() -> weft.Engine:
    return weft.Engine(weft.Config(cache_dir=None, opt_level="none"))


@define(eq=False)
class Changing:
    """Lets others wait for the next change."""

    waiting: int = 0
    changed: anyio.Event = field(factory=anyio.Event)

    def change(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()

    async def wait(self) -> None:
        self.waiting += 1
        try:
            await self.changed.wait()
        finally:
            self.waiting -= 1


@define(eq=False)
class FakeInput(Changing):
    """A `ByteInput` that gives what it was fed: bytes, b"" for the end, or an error."""

    fed: list[bytes | OSError] = field(factory=list)
    asked: list[int] = field(factory=list)

    def feed(self, *items: bytes | OSError) -> None:
        self.fed += items
        self.change()

    def read_into(self, view: memoryview) -> int:
        self.asked.append(len(view))
        if not self.fed:
            raise BlockingIOError(errno.EAGAIN, "nothing is there")
        item = self.fed[0]
        if isinstance(item, OSError):
            raise item
        chunk = item[: len(view)]
        view[: len(chunk)] = chunk
        if item:
            self.fed[:1] = [item[len(chunk) :]] if len(chunk) < len(item) else []
        return len(chunk)

    async def wait_readable(self) -> None:
        await self.wait()


@define(eq=False)
class FakeOutput(Changing):
    """A `ByteOutput` with room for so many bytes, that has an error once it is given one."""

    room: int = 1 << 30
    taken: bytearray = field(factory=bytearray)
    error: OSError | None = None
    most: int = 1 << 30

    def give_room(self, room: int) -> None:
        self.room += room
        self.change()

    def fail(self, error: OSError) -> None:
        self.error = error
        self.change()

    def write_from(self, view: memoryview) -> int:
        if self.error is not None:
            raise self.error
        if not self.room:
            raise BlockingIOError(errno.EAGAIN, "full")
        count = min(len(view), self.room, self.most)
        self.taken += view[:count]
        self.room -= count
        return count

    async def wait_writable(self) -> None:
        await self.wait()


@define(eq=False)
class DrainedOutput(FakeOutput):
    """A sink that keeps what it took until it is allowed to let it go."""

    drains: int = 0
    may_drain: anyio.Event = field(factory=anyio.Event)

    async def drain(self) -> None:
        await self.may_drain.wait()
        self.drains += 1
        if self.error is not None:
            raise self.error


@define(eq=False)
class FakeClock(Changing):
    """A clock that goes on when it is told to."""

    time_ns: int = 0

    def now_ns(self) -> int:
        return self.time_ns

    def resolution_ns(self) -> int:
        return 1

    def go_on(self, nanoseconds: int) -> None:
        self.time_ns += nanoseconds
        self.change()

    async def wait_until_ns(self, deadline_ns: int) -> None:
        while self.time_ns < deadline_ns:
            await self.wait()


@contextmanager
def fails(expected: str | int) -> Iterator[None]:
    """Expect a ``stream-error``: ``closed``, or that an operation failed with an error number."""
    with pytest.raises(weft.Err) as caught:
        yield
    value: Any = caught.value.value
    if isinstance(expected, str):
        assert value == expected
    else:
        case, error = value
        assert (case, error.error.errno) == ("last-operation-failed", expected)
