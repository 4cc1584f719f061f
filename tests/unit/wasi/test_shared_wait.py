"""Waiting for one thing from several tasks."""

from __future__ import annotations

import anyio
import pytest

from weft.wasi.shared_wait import SharedWait

pytestmark = pytest.mark.anyio


class Bell:
    """Something to wait for, by one at a time."""

    def __init__(self) -> None:
        self.event = anyio.Event()
        self.waiting = 0
        self.most = 0
        self.waits = 0
        self.error: Exception | None = None

    async def wait(self) -> None:
        self.waiting += 1
        self.waits += 1
        self.most = max(self.most, self.waiting)
        try:
            await self.event.wait()
            if self.error is not None:
                raise self.error
        finally:
            self.waiting -= 1


async def test_one_waits_for_all() -> None:
    """However many wait, one awaits the thing, and all wake."""
    bell = Bell()
    shared = SharedWait(bell.wait)
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(shared)
        await anyio.wait_all_tasks_blocked()
        bell.event.set()
    assert (bell.waits, bell.most) == (1, 1)


async def test_another_takes_over() -> None:
    """Each time who waits is cancelled, one of the others goes on in its place."""
    bell, woken = Bell(), []
    shared = SharedWait(bell.wait)

    async def wait(scope: anyio.CancelScope, number: int) -> None:
        with scope:
            await shared()
            woken.append(number)

    async with anyio.create_task_group() as group:
        scopes = [anyio.CancelScope() for _ in range(4)]
        for number, scope in enumerate(scopes):
            group.start_soon(wait, scope, number)
        await anyio.wait_all_tasks_blocked()
        for scope in scopes[:2]:
            scope.cancel()
            await anyio.wait_all_tasks_blocked()
            assert bell.waiting == 1
        bell.event.set()
    assert (sorted(woken), bell.most) == ([2, 3], 1)


async def test_cancelled_follower() -> None:
    """A task that waits for who waits can be cancelled; nothing else happens."""
    bell = Bell()
    shared = SharedWait(bell.wait)
    async with anyio.create_task_group() as group:
        group.start_soon(shared)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0) as scope:
            await shared()
        assert scope.cancelled_caught
        assert bell.waiting == 1
        bell.event.set()


async def test_errors() -> None:
    """An error is raised in the task that awaited; the others try for themselves."""
    bell = Bell()
    shared, errors = SharedWait(bell.wait), []
    bell.error = OSError("gone")

    async def wait() -> None:
        try:
            await shared()
        except OSError as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        bell.event.set()
    assert (errors, bell.most) == ([bell.error] * 3, 1)


async def test_again() -> None:
    """After a wait is over, the next one waits anew."""
    bell = Bell()
    shared = SharedWait(bell.wait)
    bell.event.set()
    await shared()
    await shared()
    assert bell.waits == 2
