"""Contexts: what they take, and where they do what may wait for a disk."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from weft.wasi import DescriptorInput, DescriptorOutput, Discard, MemoryInput, Network, Preopen, WasiCtx
from weft.wasi.ctx import THREADS, whole_data


def test_nothing_by_default() -> None:
    """A context that is told nothing gives nothing."""
    ctx = WasiCtx()
    assert (ctx.args, ctx.env, ctx.cwd, list(ctx.preopens)) == ((), (), None, [])
    assert isinstance(ctx.stdin, MemoryInput)
    assert isinstance(ctx.stdout, Discard)
    assert isinstance(ctx.stderr, Discard)
    assert (ctx.network, ctx.http.outgoing) == (Network(), False)


def test_inherited_stdio() -> None:
    """Stdio can be that of the process."""
    ctx = WasiCtx(stdin="inherit", stdout="inherit", stderr="inherit")
    assert isinstance(ctx.stdin, DescriptorInput)
    assert isinstance(ctx.stdout, DescriptorOutput)
    assert isinstance(ctx.stderr, DescriptorOutput)


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_misspelt_stdio(name: str) -> None:
    """No other word will do."""
    given: dict[str, Any] = {name: "inherited"}
    with pytest.raises(ValueError, match="'inherited'"):
        WasiCtx(**given)


def test_preopens_take_paths(tmp_path: Any) -> None:
    """A directory may be given as a path or as text, and is writable unless it is said."""
    assert Preopen(tmp_path, "/") == Preopen(str(tmp_path), "/", read_only=False)


@pytest.mark.parametrize(
    "given", [{"args": ["\udcff"]}, {"env": {"A": "\udcff"}}, {"env": {"\udcff": ""}}, {"cwd": "\udcff"}]
)
def test_text_that_is_none(given: dict[str, Any]) -> None:
    """What a system has that is no Unicode cannot be given to guests; who makes the context is told, not the guest."""
    with pytest.raises(ValueError, match="no Unicode"):
        WasiCtx(**given)


def test_names_of_preopens_are_text(tmp_path: Any) -> None:
    """So it is with what guests call a directory; on the host it may be called anything."""
    assert Preopen("\udcff", "/").host_path == "\udcff"
    with pytest.raises(ValueError, match="no Unicode"):
        Preopen(tmp_path, "\udcff")


def test_data_that_is_no_context() -> None:
    """Data of a store that is something else is told of, with what to do."""
    ctx = WasiCtx()
    assert whole_data(ctx) is ctx
    with pytest.raises(TypeError, match="the data of the store is a NoneType"):
        whole_data(None)


@pytest.mark.anyio
@pytest.mark.parametrize("block_loop", [False, True])
async def test_blocking_work(block_loop: bool) -> None:
    """What may wait for a disk is done in a thread, unless the context may hold up the loop; errors come out."""
    ctx = WasiCtx(block_loop=block_loop)
    here = threading.get_ident()
    assert (await ctx.run_blocking(threading.get_ident) == here) is block_loop
    assert await ctx.run_blocking(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await ctx.run_blocking(divmod, 7, 0)


@pytest.mark.anyio
async def test_blocking_work_is_not_interrupted() -> None:
    """A task that is cancelled while a thread works for it waits until that is done, and has its result."""
    ctx = WasiCtx()
    begun, go_on, results = threading.Event(), threading.Event(), []

    def work() -> str:
        begun.set()
        assert go_on.wait(20)
        return "done"

    async def run() -> None:
        results.append(await ctx.run_blocking(work))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.to_thread.run_sync(begun.wait)
        group.cancel_scope.cancel()
        go_on.set()
    assert results == ["done"]


@pytest.mark.anyio
async def test_blocking_work_that_waits_for_a_thread_is_cancelled() -> None:
    """Guests have so many threads and no more, and what they have asked for beside that is not done when they stop."""
    ctx = WasiCtx()
    begun, go_on, done = threading.Semaphore(0), threading.Event(), []

    def work(number: int) -> None:
        begun.release()
        assert go_on.wait(20)
        done.append(number)

    async with anyio.create_task_group() as group:
        for number in range(3 * THREADS):
            group.start_soon(ctx.run_blocking, work, number)
        for _ in range(THREADS):
            await anyio.to_thread.run_sync(begun.acquire)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
        go_on.set()
    assert len(done) == THREADS
    assert not begun.acquire(blocking=False)
    assert await ctx.run_blocking(divmod, 7, 2) == (3, 1)
