"""System calls on the memory of real guests, while those guests come to harm."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

import weft

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

STREAMS = Path(__file__).with_name("streams.wat")


@pytest.fixture(scope="module")
def component() -> weft.Component:
    return weft.Component.from_file(weft.Engine(), STREAMS)


class Slow:
    """A file whose reads take as long as the test wants, and write to the guest's memory at their very end."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.wrote = False

    def readinto(self, view: memoryview) -> int:
        with memoryview(view) as held:  # as a system call holds the buffer
            self.started.set()
            assert self.go_on.wait(10)
            held[:] = b"x" * len(held)
            self.wrote = bytes(held) == b"x" * len(held)
            return len(held)


async def harm(component: weft.Component, how: Callable[[weft.Store, weft.Call], Any]) -> Slow:
    """Have a guest read from a `Slow`, harm it by `how` while the thread reads, and let the thread go on then."""
    file = Slow()
    async with weft.Store(component.engine) as store:
        instance = await weft.Linker(component.engine).instantiate(store, component)

        async def main(accessor: weft.Accessor) -> None:
            call = instance.get_func("read").start_call_concurrent(accessor, weft.producers.from_raw_file(file), 4096)
            while not file.started.is_set():
                await anyio.lowlevel.checkpoint()
            how(store, call)
            await call.wait()
            with pytest.raises((weft.CallAbortedError, weft.StoreError)):
                call.outcome()

        try:
            with anyio.fail_after(10):
                await store.run_concurrent(main)
        except weft.StoreError:
            assert store.closed
        file.go_on.set()
    return file


async def test_a_thread_may_read_for_a_guest_that_was_aborted(component: weft.Component) -> None:
    """The guest is gone at once, and its memory only when the thread has let go of it."""
    assert (await harm(component, lambda _store, call: call.abort())).wrote


async def test_a_thread_may_read_for_a_store_that_was_closed(component: weft.Component) -> None:
    """Closing the store frees everything but the memory that a thread still fills."""
    assert (await harm(component, lambda store, _call: store.close())).wrote
