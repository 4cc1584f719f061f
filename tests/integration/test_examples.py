"""The examples work, and do what they say."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import socket
import threading
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import weft

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "examples"
MIB = 1 << 20


def load(name: str) -> Any:
    """Import an example, which is in no package."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Receiver:
    """Hashes what comes through a socket, in a thread, with one buffer that exists before anything is measured."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._room = memoryview(bytearray(256 * 1024))
        self._hash = hashlib.blake2b()
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()

    def _receive(self) -> None:
        while count := self._connection.recv_into(self._room):
            self._hash.update(self._room[:count])

    def join(self) -> str:
        """Return the hash of everything."""
        self._thread.join(20)
        return self._hash.hexdigest()


async def flow(example: Any, store: weft.Store, pipe: weft.Func, path: Path) -> tuple[str, int]:
    """Send a file, and return the hash of what came and how many bytes Python's objects had at most meanwhile."""
    near, far = socket.socketpair()
    with near, far:
        receiver = Receiver(far)
        tracemalloc.start()
        try:
            await example.file_to_socket(store, pipe, path, near)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            near.shutdown(socket.SHUT_RDWR)
        return receiver.join(), peak


@pytest.mark.parametrize("copies", [False, True], ids=["direct", "copying"])
async def test_a_file_goes_to_a_socket_without_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: bool
) -> None:
    """64 MiB flow through a guest while the host never has 256 KiB; with a producer that copies it does have more."""
    example = load("file_to_socket")
    block = os.urandom(MIB)
    large, small = tmp_path / "large", tmp_path / "small"
    small.write_bytes(block)
    blocks = 4 if copies else 64
    with large.open("wb") as file:
        file.writelines([block] * blocks)
    if copies:
        monkeypatch.setattr(weft.producers, "from_raw_file", weft.producers.from_file)
    async with weft.Store(weft.Engine()) as store:
        pipe = await example.make_pipe(store)
        await flow(example, store, pipe, small)  # what is made once is no part of the flow
        digest, peak = await flow(example, store, pipe, large)
    assert digest == hashlib.blake2b(block * blocks).hexdigest()
    assert (peak >= 256 * 1024) == copies


class Mirrors:
    """Mirrors of which one answers, when all have been asked; the others never do."""

    def __init__(self, count: int, fastest: int | None) -> None:
        self.fastest = fastest
        self.asked: set[int] = set()
        self.cancelled: set[int] = set()
        self._left = count
        self._all_asked = anyio.Event()
        self.on_all_asked: Callable[[], None] = self._all_asked.set

    async def fetch(self, _accessor: weft.Accessor, mirror: int) -> int:
        self.asked.add(mirror)
        self._left -= 1
        if not self._left:
            self.on_all_asked()
        try:
            await self._all_asked.wait()
            if mirror != self.fastest:
                await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.cancelled.add(mirror)
            raise
        return 10 * mirror


async def race(mirrors: Mirrors, count: int, seconds: float) -> int:
    """Run the example's race over all mirrors, and see that the guest can race once more afterwards."""
    example = load("race")
    async with weft.Store(weft.Engine()) as store:
        ask = await example.make_ask(store, mirrors.fetch)
        try:
            answer: int = await store.run_concurrent(example.first_of, ask, range(count), seconds)
        finally:
            assert mirrors.cancelled == mirrors.asked - {mirrors.fastest}
            mirrors.fastest = 0
            assert await store.run_concurrent(example.first_of, ask, [0], 10) == 0
        return answer


async def test_the_first_answer_wins_and_the_losers_are_cancelled() -> None:
    """Of 50 calls the first answer is taken; then the 49 others and the host functions they wait for are gone."""
    mirrors = Mirrors(50, fastest=17)
    assert await race(mirrors, 50, 10) == 170
    assert len(mirrors.cancelled) == 49


async def test_a_timeout_cancels_all() -> None:
    """A timeout of anyio's around calls fires, and nothing waits any more when it is raised."""
    mirrors = Mirrors(50, fastest=None)
    with pytest.raises(TimeoutError):
        await race(mirrors, 50, 0.1)
    assert mirrors.cancelled


@pytest.mark.parametrize("on_cancel", ["detach", "cancel"])
async def test_a_timeout_of_one_call(on_cancel: Any) -> None:
    """A timeout around `call_concurrent` fires at once; the guest is asked to stop if `on_cancel` says so."""
    mirrors = Mirrors(1, fastest=None)
    async with weft.Store(weft.Engine()) as store:
        ask = await load("race").make_ask(store, mirrors.fetch)

        async def main(accessor: weft.Accessor) -> None:
            with anyio.move_on_after(10) as scope:
                mirrors.on_all_asked = lambda: setattr(scope, "deadline", anyio.current_time())
                await ask.call_concurrent(accessor, 1, on_cancel=on_cancel)
            assert scope.cancelled_caught
            await anyio.wait_all_tasks_blocked()
            assert mirrors.cancelled == ({1} if on_cancel == "cancel" else set())

        await store.run_concurrent(main)
