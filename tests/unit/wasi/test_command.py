"""Running commands in a program: their status, their output, what they leave running."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import anyio
import pytest
from wasi_guests import COPY, FLOOD, command, hello

import weft
from weft import wasi
from weft.wasi import Capture, DescriptorInput, DescriptorOutput, MemoryInput, WasiCtx

pytestmark = pytest.mark.anyio

OLD = command("(i32.const 1)").replace("wasi:cli/run@0.3.0", "wasi:cli/run@0.2.3").replace("$run async", "$run")

# Returns, and then waits: for a clock, or for what never comes; and says what it did by exiting.
LEFT_RUNNING = """
(component
  (import "wasi:cli/exit@0.3.0" (instance $exit (export "exit-with-code" (func (param "status-code" u8)))))
  (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock (export "wait-until" (func async (param "when" u64)))))
  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (type $bytes (stream u8))
  (core func $exit (canon lower (func $exit "exit-with-code")))
  (core func $wait-until (canon lower (func $clock "wait-until")))
  (core func $new (canon stream.new $bytes))
  (core func $read (canon stream.read $bytes (memory (core memory $memory "memory"))))
  (core func $return (canon task.return (result (result))))
  (core module $Guest
    (import "" "exit" (func $exit (param i32)))
    (import "" "wait-until" (func $wait_until (param i64)))
    (import "" "new" (func $new (result i64)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "return" (func $return (param i32)))
    (func (export "run")
      (call $return (i32.const RESULT))
      (call $wait_until (i64.const 1000000))
      REST))
  (core instance $guest (instantiate $Guest (with "" (instance
    (export "exit" (func $exit)) (export "wait-until" (func $wait-until)) (export "new" (func $new))
    (export "read" (func $read)) (export "return" (func $return))))))
  (func $run async (result (result)) (canon lift (core func $guest "run") async))
  (instance $api (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $api)))
"""
FOR_EVER = "(drop (call $read (i32.wrap_i64 (call $new)) (i32.const 0) (i32.const 1)))"


async def run(text: str, **ctx: Any) -> int:
    """Run a command."""
    engine = weft.Engine(weft.Config(cache_dir=None, opt_level="none"))
    linker = weft.Linker(engine)
    wasi.add_to_linker(linker)
    async with weft.Store(engine, data=WasiCtx(**ctx)) as store:
        with anyio.fail_after(30):
            return await wasi.run_command(store, await linker.instantiate(store, weft.Component(engine, text)))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (command("(i32.const 0)"), 0),
        (command("(i32.const 1)"), 1),
        (command("(call $exit (i32.const 3)) unreachable"), 3),
        (command("(call $exit (i32.const 0)) unreachable"), 0),
        (OLD, 1),
    ],
)
async def test_status(text: str, status: int) -> None:
    """The status is 0, 1 for an error, or what the command exits with; a command of 0.2 will do as well."""
    assert await run(text) == status


async def test_trap() -> None:
    """A trap is raised."""
    with pytest.raises(weft.Trap) as caught:
        await run(command("unreachable"))
    assert caught.value.code is weft.TrapCode.UNREACHABLE


async def test_deadlock() -> None:
    """A command that waits for what cannot come is told of, not waited for."""
    with pytest.raises(weft.DeadlockError):
        await run(command("(drop (call $read (i32.wrap_i64 (call $new)) (i32.const 0) (i32.const 1))) (i32.const 0)"))


@pytest.mark.parametrize("result", [0, 1])
async def test_left_running(result: int) -> None:
    """What a command does after it returned is waited for, whatever it returned."""
    text = LEFT_RUNNING.replace("RESULT", str(result))
    assert await run(text.replace("REST", "(call $exit (i32.const 7))")) == 7
    assert await run(text.replace("REST", "")) == result
    with pytest.raises(weft.Trap):
        await run(text.replace("REST", "unreachable"))


@pytest.mark.parametrize("result", [0, 1])
async def test_left_waiting(result: int) -> None:
    """A command that has returned, and waits for what cannot come, is over."""
    assert await run(LEFT_RUNNING.replace("RESULT", str(result)).replace("REST", FOR_EVER)) == result


async def test_no_command() -> None:
    """A component that is no command is refused."""
    with pytest.raises(weft.LinkError, match="no command"):
        await run("(component)")


async def test_other_data() -> None:
    """A store whose data is no context says so when a guest first asks for it."""
    engine = weft.Engine(weft.Config(cache_dir=None, opt_level="none"))
    linker = weft.Linker(engine)
    wasi.add_to_linker(linker)
    async with weft.Store(engine, data={}) as store:
        instance = await linker.instantiate(store, weft.Component(engine, hello()))
        with pytest.raises(TypeError, match="the data of the store is a dict, not a WasiCtx"):
            await wasi.run_command(store, instance)


async def test_output() -> None:
    """What a command prints is captured."""
    out = Capture()
    assert await run(hello(), stdout=out) == 0
    assert out.text == "hello\n"


async def test_copy() -> None:
    """All of the input arrives in the output, and both ends say that all went well."""
    data = bytes(range(256)) * 1000
    out = Capture()
    assert await run(COPY, stdin=MemoryInput(data), stdout=out) == 0
    assert out.data == data


async def test_full_output() -> None:
    """When the output is full, the guest learns of it by the outcome, as error ``io``."""
    out = Capture(limit=100_000)
    assert await run(FLOOD, stdout=out) == 1
    assert len(out.data) == 100_000


class Broken:
    """Somebody's own input and output, which fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def read_into(self, view: memoryview) -> int:
        raise self.error

    def write_from(self, view: memoryview) -> int:
        raise self.error

    async def wait_readable(self) -> None:
        raise self.error

    async def wait_writable(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (BrokenPipeError(32, "gone"), 3),
        (ConnectionResetError(104, "gone"), 3),
        (OSError(84, "no text"), 2),
        (OSError(5, "broken"), 1),
        (OSError("no number"), 1),
    ],
)
async def test_errors_have_codes(error: OSError, number: int) -> None:
    """A guest learns how reading and writing ended: of a closed peer as ``pipe``, of all that has no code as ``io``."""
    assert await run(FLOOD, stdout=Broken(error)) == number
    assert await run(COPY, stdin=Broken(error)) == number


async def test_bugs_of_the_host_surface() -> None:
    """What is no OSError is a bug of whoever made the output, and comes out of the run."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one, is seen below
        await run(FLOOD, stdout=Broken(ZeroDivisionError("bug")))
    chain = [caught.value]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)  # type: ignore[arg-type]
    assert any(isinstance(error, ZeroDivisionError) for error in chain)


class Trickle:
    """An input and output of one byte at a time, which is ready only every other time, and interrupted now and then."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.written = bytearray()
        self.turn = 0

    def _turn(self) -> None:
        self.turn += 1
        if self.turn % 3 == 0:
            raise BlockingIOError
        if self.turn % 7 == 0:
            raise InterruptedError

    def read_into(self, view: memoryview) -> int:
        self._turn()
        chunk, self.data = self.data[:1], self.data[1:]
        view[: len(chunk)] = chunk
        return len(chunk)

    def write_from(self, view: memoryview) -> int:
        self._turn()
        self.written += view[:1]
        return 1

    async def wait_readable(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def wait_writable(self) -> None:
        await anyio.lowlevel.checkpoint()


async def test_slow_peers() -> None:
    """Bytes that come and go one by one, with waits and interruptions in between, all arrive in order."""
    peer = Trickle(bytes(range(200)))
    assert await run(COPY, stdin=peer, stdout=peer) == 0
    assert bytes(peer.written) == bytes(range(200))


async def test_closed_pipe() -> None:
    """A guest that writes to a pipe which nobody reads learns of it as ``pipe``."""
    near, far = os.pipe()
    os.close(near)
    try:
        assert await run(FLOOD, stdout=DescriptorOutput(far)) == 3
    finally:
        os.close(far)


async def test_full_pipe() -> None:
    """A guest that writes more than a pipe takes waits, while the event loop goes on and reads it."""
    data = bytes(range(256)) * 4000
    near, far = os.pipe()
    received = bytearray()

    async def read_all() -> None:
        while len(received) < len(data):
            await anyio.wait_readable(near)
            received.extend(os.read(near, 1 << 16))

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(read_all)
            assert await run(COPY, stdin=MemoryInput(data), stdout=DescriptorOutput(far)) == 0
    finally:
        os.close(near)
        os.close(far)
    assert received == data


@pytest.mark.parametrize("count", [0, 1])
async def test_guest_that_reads_no_more(count: int) -> None:
    """A guest that drops its input early has read without error, and what it did not read stays."""
    body = f"""
      (call $stdin (i32.const 0))
      (drop (call $read (i32.load (i32.const 0)) (i32.const 1024) (i32.const {count})))
      (call $close_readable (i32.load (i32.const 0)))
      (call $result_of (i32.load (i32.const 4)))"""
    source = MemoryInput(b"ab")
    assert await run(command(body), stdin=source) == 0
    rest = bytearray(5)
    assert source.read_into(memoryview(rest)) == 2 - count


async def test_guest_that_never_asks_how_it_ended() -> None:
    """Streams may be left open, and outcomes unread, when a command ends."""
    assert await run(command("(drop (drop (call $open))) (call $stdin (i32.const 0)) (i32.const 0)")) == 0


async def test_a_run_can_be_cancelled() -> None:
    """Whoever awaits a command may stop waiting; the store can be closed then."""
    near, far = os.pipe()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(run, COPY, stdin=DescriptorInput(near)))
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
    finally:
        os.close(near)
        os.close(far)
