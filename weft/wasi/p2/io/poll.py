"""wasi:io/poll: waiting for any of several things.

A `Pollable` stands for anything with the two methods of `Readiness`: a stream, a socket, a point in time. It is no more
than a name for it; when a guest drops a stream and keeps its pollable, that stays, and is ready. (Wasmtime traps at the
drop of the stream.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

import anyio
import anyio.lowlevel
from attrs import frozen

from weft import Trap, TrapCode
from weft.host.groups import ungrouped
from weft.wasi.p2.io.error import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from weft import Accessor, Linker
    from weft.wasi.clocks import MonotonicClock
    from weft.wasi.ctx import Getter


MOST_WAITS: Final = 16_384
"""How many distinct things a guest may wait for at once, of which each takes a task of the event loop's."""

TURN_WAITS: Final = 256
"""How many such tasks are started before the event loop gets a turn."""


class Readiness(Protocol):
    """Something that a guest waits for."""

    def is_ready(self) -> bool:
        """Whether it has come. Never raises: an error to be had makes it ready, too."""
        ...

    async def wait_ready(self) -> None:
        """Wait until `is_ready` may be true; it is asked again. Any number of tasks may wait, and be cancelled."""
        ...


@final
@frozen(eq=False)
class Pollable:
    """The resource ``pollable``.

    Attributes:
        of: what it stands for.
    """

    of: Readiness


@final
@frozen(eq=False)
class Deadline:
    """A point in time (`Readiness`).

    Attributes:
        clock: by which clock.
        when_ns: what `clock` says then.
    """

    clock: MonotonicClock
    when_ns: int

    def is_ready(self) -> bool:
        """Whether the time has come."""
        return self.clock.now_ns() >= self.when_ns

    async def wait_ready(self) -> None:
        """Wait for it."""
        await self.clock.wait_until_ns(self.when_ns)


async def ready(_accessor: Accessor, pollable: Pollable) -> bool:
    """Return whether a pollable is ready.

    It never waits; but a guest that asks without end leaves others their turn, since the store calls what may wait only
    while it is the guest's turn.
    """
    return pollable.of.is_ready()


async def block(accessor: Accessor, pollable: Pollable) -> None:
    """Wait until a pollable is ready."""
    await poll(accessor, [pollable])


async def poll(_accessor: Accessor, pollables: Sequence[Pollable]) -> list[int]:
    """Wait until at least one of `pollables` is ready; return the indices of all that are, in order.

    Raises:
        Trap: there are none, or the guest would wait for more than `MOST_WAITS` things at once.
    """
    if not pollables:
        raise Trap(TrapCode.OTHER, "`poll` was called with an empty list")
    while not (indices := _ready_indices(pollables)):
        await _wait_for_any(_distinct(pollables))
    return indices


def _ready_indices(pollables: Sequence[Pollable]) -> list[int]:
    return [index for index, pollable in enumerate(pollables) if pollable.of.is_ready()]


def _distinct(pollables: Iterable[Pollable]) -> list[Readiness]:
    """Return each thing once, and of the points in time only the first by each clock."""
    deadlines: dict[int, Deadline] = {}
    others: dict[int, Readiness] = {}
    for pollable in pollables:
        of = pollable.of
        if isinstance(of, Deadline):
            earliest = deadlines.setdefault(id(of.clock), of)
            if of.when_ns < earliest.when_ns:
                deadlines[id(of.clock)] = of
        else:
            others[id(of)] = of
    return [*deadlines.values(), *others.values()]


async def _wait_for_any(things: Sequence[Readiness]) -> None:
    if len(things) == 1:
        await things[0].wait_ready()
        return
    if len(things) > MOST_WAITS:
        raise Trap(TrapCode.OTHER, f"`poll` waits for at most {MOST_WAITS} things at once, and not for {len(things)}")
    async with ungrouped(), anyio.create_task_group() as group:

        async def wait(thing: Readiness) -> None:
            await thing.wait_ready()
            group.cancel_scope.cancel()

        for at, thing in enumerate(things, 1):
            group.start_soon(wait, thing)
            if not at % TURN_WAITS:
                await anyio.lowlevel.checkpoint()


def add_to_linker(linker: Linker, _getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance(f"wasi:io/poll@{VERSION}")
    api.object_resource("pollable")
    api.func_wrap_async("[method]pollable.ready", ready)
    api.func_wrap_async("[method]pollable.block", block)
    api.func_wrap_async("poll", poll)


__all__ = ["Deadline", "Pollable", "Readiness", "add_to_linker", "block", "poll", "ready"]
