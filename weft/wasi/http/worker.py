"""An instance of a service, and how many requests it may have.

An instance is used from the tasks of its requests; all that a worker's own task does is to keep the instance's loop
running until it has to go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, final

import anyio
from attrs import define, field, frozen, validators

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Service(Protocol):
    """An instance that can take requests."""

    @property
    def is_reusable(self) -> bool:
        """Whether it can handle more than one request."""
        ...

    @property
    def stopped(self) -> BaseException | None:
        """Why it can take no call ever again; None while it can."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a call made now would have to wait until the instance lets it in."""
        ...

    async def wait_ready(self) -> None:
        """Wait until it is not `busy`."""
        ...

    async def run(self, main: Callable[[], Awaitable[object]]) -> None:
        """Let the instance make progress for as long as ``main()`` takes.

        Raises:
            Trap: it trapped in something that no request waits for.
            Exception: a host function failed there.
        """
        ...

    async def wait_quiet(self) -> None:
        """Wait until it has nothing left to do."""
        ...


S = TypeVar("S", bound=Service)


def _count(default: int) -> int:
    count: int = field(default=default, validator=[validators.instance_of(int), validators.ge(1)])
    return count


@final
@frozen(kw_only=True)
class PoolLimits:
    """How instances are used.

    Attributes:
        max_instances: how many there may be at once.
        max_concurrent_per_instance: how many requests one may handle at once.
        max_requests_per_instance: how many one may handle before another takes its place.
        max_waiting: how many requests may wait for an instance.
        idle_timeout: seconds after which an instance without requests goes; with 0, none is kept.
        shutdown_grace: seconds for what an instance still does when it is to go.
    """

    max_instances: int = _count(16)
    max_concurrent_per_instance: int = _count(16)
    max_requests_per_instance: int = _count(10_000)
    max_waiting: int = field(default=1000, validator=[validators.instance_of(int), validators.ge(0)])
    idle_timeout: float = field(default=60.0, validator=validators.ge(0))
    shutdown_grace: float = field(default=10.0, validator=validators.ge(0))


@final
@define(eq=False)
class Worker(Generic[S]):
    """An instance and what it has to do.

    Attributes:
        service: the instance, once it is there.
        in_flight: how many requests it handles.
        total: how many it was given so far.
        retired: whether it gets no more.
        error: what ended it too early: its requests fail with this.
        watched: whether someone waits until it lets requests in.
        opened: set when it is there, or will not be.
    """

    limits: PoolLimits
    service: S | None = None
    in_flight: int = 0
    total: int = 0
    retired: bool = False
    error: BaseException | None = None
    watched: bool = False
    opened: anyio.Event = field(factory=anyio.Event)
    _idle_since: float = 0.0
    _over: anyio.Event = field(factory=anyio.Event)

    @property
    def has_room(self) -> bool:
        """Whether the limits let it have one more request."""
        room = self.in_flight < self.limits.max_concurrent_per_instance
        return self.service is not None and not self.retired and room

    def take(self) -> None:
        """Count one more request; the last one it may have retires it."""
        self.in_flight += 1
        self.total += 1
        if self.total >= self.limits.max_requests_per_instance or not (self.service and self.service.is_reusable):
            self.retired = True

    def give_back(self) -> None:
        """Count one less."""
        self.in_flight -= 1
        if not self.in_flight:
            self._idle_since = anyio.current_time()
            if self.retired or not self.limits.idle_timeout:
                self.retire()

    def retire(self) -> None:
        """Give it no more requests; those it has are finished."""
        self.retired = True
        if not self.in_flight:
            self._over.set()

    def fail(self, error: BaseException) -> None:
        """Note that it is of no use any more: it trapped."""
        if self.error is None:
            self.error = error
        self.retired = True
        self._over.set()

    async def serve(self) -> None:
        """Wait until it is to go, and has done what it had to do."""
        self._idle_since = anyio.current_time()
        while not self._over.is_set() and (left := self._seconds_left()) > 0:
            with anyio.move_on_after(left):
                await self._over.wait()
        self.retired = True
        if self.error is None and self.service is not None:
            with anyio.move_on_after(self.limits.shutdown_grace):
                await self.service.wait_quiet()

    def _seconds_left(self) -> float:
        if self.in_flight:
            return max(self.limits.idle_timeout, 1.0)
        return self._idle_since + self.limits.idle_timeout - anyio.current_time()


__all__ = ["PoolLimits", "S", "Service", "Worker"]
