"""wasi:io and its users as guests see them, hostile ones too."""

from __future__ import annotations

import errno

import anyio
import anyio.lowlevel
import pytest
from anyio import wait_all_tasks_blocked
from p2_fakes import FakeClock, FakeInput, FakeOutput
from p2_guest import IO_PROGRAM, Guest, compiled, run

import weft
from weft import wasi
from weft.wasi.p2.io import OutputStream

pytestmark = pytest.mark.anyio

HUGE = 2**64 - 1
FAILED, CLOSED = "last-operation-failed", "closed"


async def failure(guest: Guest, name: str, *args: object) -> tuple[str, int | None]:
    with pytest.raises(weft.Err) as caught:
        await guest(name, *args)
    value: tuple[str, int | None] = caught.value.value  # type: ignore[assignment]
    return value


async def test_reading_to_the_end() -> None:
    """A guest reads, skips, and finds the end; lengths may be anything."""

    async def main(guest: Guest) -> None:
        stdin = await guest("get-stdin")
        assert await guest("input-stream-read", stdin, 3) == b"abc"
        assert await guest("input-stream-skip", stdin, 2) == 2
        assert await guest("input-stream-blocking-read", stdin, 2) == b"fg"
        assert await guest("input-stream-blocking-skip", stdin, HUGE) == 1
        for name in ("read", "blocking-read", "skip", "blocking-skip"):
            assert await failure(guest, f"input-stream-{name}", stdin, HUGE) == (CLOSED, None)

    await run(main, wasi.WasiCtx(stdin=wasi.MemoryInput(b"abcdefgh")))


async def test_writing() -> None:
    """A guest writes in every way there is; what it wrote is there though it never flushed."""
    out = wasi.Capture()

    async def main(guest: Guest) -> None:
        stdout = await guest("get-stdout")
        assert await guest("output-stream-check-write", stdout) >= 4096
        await guest("output-stream-blocking-write-and-flush", stdout, b"ab")
        await guest("output-stream-flush", stdout)
        await guest("output-stream-blocking-flush", stdout)
        await guest("output-stream-write-zeroes", stdout, 2)
        await guest("output-stream-blocking-write-zeroes-and-flush", stdout, 1)
        await guest("output-stream-write", stdout, b"cd")

    await run(main, wasi.WasiCtx(stdout=out))
    assert out.data == b"ab\0\0\0cd"


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("write", bytes(2 << 20)),
        ("blocking-write-and-flush", bytes(4097)),
        ("write-zeroes", HUGE),
        ("blocking-write-zeroes-and-flush", 4097),
        ("blocking-write-zeroes-and-flush", HUGE),
    ],
)
async def test_writing_too_much_traps(name: str, argument: object) -> None:
    """A guest that writes more than it may traps, and the host makes no room for it first."""

    async def main(guest: Guest) -> None:
        stdout = await guest("get-stdout")
        with pytest.raises(weft.Trap, match=r"permitted|too many"):
            await guest(f"output-stream-{name}", stdout, argument)

    await run(main)


async def test_errors_say_what_happened_and_no_more() -> None:
    """The error of a failed operation is a resource, which says what happened but not to what; then all is closed."""
    source = FakeInput(fed=[OSError(errno.EIO, "on /etc/secret", "/etc/secret")])

    async def main(guest: Guest) -> None:
        stdin, stderr = await guest("get-stdin"), await guest("get-stderr")
        case, error = await failure(guest, "input-stream-blocking-read", stdin, 1)
        said = await guest("to-debug-string", error)
        assert (case, "secret" in said, "EIO" in said) == (FAILED, False, True)
        await guest("drop-error", error)
        assert await failure(guest, "input-stream-read", stdin, 1) == (CLOSED, None)
        case, error = await failure(guest, "output-stream-blocking-write-and-flush", stderr, b"a")
        assert (case, await guest("to-debug-string", error)) == (FAILED, "input/output error")
        assert await failure(guest, "output-stream-check-write", stderr) == (CLOSED, None)

    await run(main, wasi.WasiCtx(stdin=source, stderr=FakeOutput(error=OSError("secret"))))


async def test_splicing() -> None:
    """A splice moves what both sides allow, and tells the error of either."""
    source, sink = FakeInput(), FakeOutput()

    async def main(guest: Guest) -> None:
        stdin, stdout = await guest("get-stdin"), await guest("get-stdout")
        assert await guest("output-stream-splice", stdout, stdin, HUGE) == 0
        source.feed(b"abcdef")
        assert await guest("output-stream-splice", stdout, stdin, 4) == 4
        assert await guest("output-stream-blocking-splice", stdout, stdin, 0) == 0
        assert await guest("output-stream-blocking-splice", stdout, stdin, HUGE) == 2
        source.feed(b"")
        assert await failure(guest, "output-stream-splice", stdout, stdin, 1) == (CLOSED, None)
        assert await failure(guest, "output-stream-blocking-splice", stdout, stdin, 1) == (CLOSED, None)

    await run(main, wasi.WasiCtx(stdin=source, stdout=sink))
    assert sink.taken == b"abcdef"


async def test_a_guest_waits_for_input_and_time() -> None:
    """A poll of input and a point in time ends with whichever comes first, and tells which."""
    source, clock = FakeInput(), FakeClock(time_ns=5)

    async def main(guest: Guest) -> None:
        stdin = await guest("get-stdin")
        readable = await guest("input-stream-subscribe", stdin)
        timeout = await guest("subscribe-duration", 100)
        assert await guest("now") == 5
        assert [await guest("ready", each) for each in (readable, timeout)] == [False, False]
        call = guest.start("poll", [readable, timeout, readable])
        await wait_all_tasks_blocked()
        clock.go_on(100)
        assert await guest.finish(call) == [1]
        await guest("block", timeout)
        source.feed(b"x")
        assert await guest("poll", [readable, timeout, readable]) == [0, 1, 2]
        late = await guest("subscribe-instant", HUGE)
        assert await guest("poll", [await guest("subscribe-duration", HUGE), late, timeout]) == [2]

    await run(main, wasi.WasiCtx(stdin=source, monotonic_clock=clock))


async def test_polling_nothing_traps() -> None:
    """A guest that polls an empty list traps."""

    async def main(guest: Guest) -> None:
        with pytest.raises(weft.Trap, match="empty"):
            await guest("poll", [])

    await run(main)


@pytest.mark.parametrize("resource", ["input", "output"])
@pytest.mark.parametrize("pollable_first", [False, True])
async def test_streams_and_pollables_go_in_any_order(resource: str, *, pollable_first: bool) -> None:
    """A guest may drop a stream before the pollables it has of it; these are ready then."""

    async def main(guest: Guest) -> None:
        stream = await guest("get-stdin" if resource == "input" else "get-stdout")
        pollables = [await guest(f"{resource}-stream-subscribe", stream) for _ in range(2)]
        if pollable_first:
            await guest("drop-pollable", pollables.pop())
        await guest(f"drop-{resource}", stream)
        for pollable in pollables:
            assert await guest("ready", pollable) is True
            await guest("block", pollable)
            await guest("drop-pollable", pollable)

    await run(main, wasi.WasiCtx(stdin=FakeInput()))


async def test_handles_are_checked() -> None:
    """A guest that uses a handle it dropped, or one of another resource, traps."""

    async def dropped(guest: Guest) -> None:
        stdin = await guest("get-stdin")
        await guest("drop-input", stdin)
        with pytest.raises(weft.Trap):
            await guest("input-stream-read", stdin, 1)

    async def other(guest: Guest) -> None:
        stdout = await guest("get-stdout")
        with pytest.raises(weft.Trap):
            await guest("poll", [stdout])

    await run(dropped)
    await run(other)


async def test_read_ahead_is_seen_by_all_streams() -> None:
    """Bytes that were read to learn that there are some are there for the next stream over the same input."""
    source = FakeInput(fed=[b"abc"])

    async def main(guest: Guest) -> None:
        stdin = await guest("get-stdin")
        assert await guest("ready", await guest("input-stream-subscribe", stdin))
        await guest("drop-input", stdin)
        assert await guest("input-stream-read", await guest("get-stdin"), 10) == b"abc"

    await run(main, wasi.WasiCtx(stdin=source))


@pytest.mark.parametrize("name", ["poll", "block", "input-stream-blocking-read"])
async def test_a_guest_that_is_aborted_leaves_nothing_behind(name: str) -> None:
    """A guest that is stopped while it waits leaves nothing that waits."""
    source, clock = FakeInput(), FakeClock()

    async def main(guest: Guest) -> None:
        stdin = await guest("get-stdin")
        pollable = await guest("input-stream-subscribe", stdin)
        args = {
            "poll": ([pollable, await guest("subscribe-duration", 1)],),
            "block": (pollable,),
            "input-stream-blocking-read": (stdin, 1),
        }
        call = guest.start(name, *args[name])
        await wait_all_tasks_blocked()
        assert source.waiting == 1
        call.abort()
        with pytest.raises(weft.CallAbortedError):
            await guest.finish(call)
        await wait_all_tasks_blocked()
        assert (source.waiting, clock.waiting) == (0, 0)

    await run(main, wasi.WasiCtx(stdin=source, monotonic_clock=clock))


async def test_a_slow_output_holds_up_its_writer_only() -> None:
    """A guest that writes more than standard output takes waits, and everything else goes on."""
    sink = FakeOutput(room=2)

    async def main(guest: Guest) -> None:
        stdout = await guest("get-stdout")
        call = guest.start("output-stream-write", stdout, b"abcde")
        await wait_all_tasks_blocked()
        assert sink.taken == b"ab"
        sink.give_room(10)
        await guest.finish(call)

    await run(main, wasi.WasiCtx(stdout=sink))
    assert sink.taken == b"abcde"


@pytest.mark.parametrize("name", ["spin-until-ready", "block-until", "poll-until"])
async def test_a_busy_guest_leaves_turns_to_others(name: str) -> None:
    """A guest that asks without end for what is ready does not keep the rest of the program out."""
    clock = FakeClock()

    async def main(guest: Guest) -> None:
        later, now = await guest("subscribe-instant", 3), await guest("subscribe-instant", 0)
        call = guest.start(name, later) if name == "spin-until-ready" else guest.start(name, now, 3)
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
            clock.go_on(1)
        await guest.finish(call)

    await run(main, wasi.WasiCtx(monotonic_clock=clock))


async def test_a_guest_that_spins_until_it_may_write() -> None:
    """A guest that asks without end whether it may write does not keep away what makes room."""
    sink = FakeOutput(room=0)

    async def main(guest: Guest) -> None:
        stdout = await guest("get-stdout")
        await guest("output-stream-write", stdout, b"ab")
        call = guest.start("spin-until-permitted", stdout)
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        sink.give_room(1)
        await guest.finish(call)
        assert await guest("output-stream-check-write", stdout) == 1

    await run(main, stdout=OutputStream(sink, buffer_byte_length=2))
    assert sink.taken == b"a"


async def test_a_flush_that_takes_its_time() -> None:
    """During a flush a guest may write nothing, and traps if it does; its pollable tells when that is over."""
    sink = FakeOutput(room=0)

    async def main(guest: Guest) -> None:
        stdout = await guest("get-stdout")
        writable = await guest("output-stream-subscribe", stdout)
        await guest("output-stream-write-zeroes", stdout, 1)
        await guest("output-stream-flush", stdout)
        assert await guest("output-stream-check-write", stdout) == 0
        call = guest.start("block", writable)
        await wait_all_tasks_blocked()
        sink.give_room(1)
        await guest.finish(call)
        await guest("output-stream-write", stdout, b"a")
        await guest("output-stream-flush", stdout)
        with pytest.raises(weft.Trap, match="permitted"):
            await guest("output-stream-write", stdout, b"b")

    await run(main, stdout=OutputStream(sink))
    assert sink.taken == b"\0"


async def test_all_of_wasi_at_once() -> None:
    """`wasi.add_to_linker` defines every interface of both versions that the packages of each define."""
    made, component = compiled(IO_PROGRAM)
    linker = weft.Linker(made)
    wasi.add_to_linker(linker)
    with pytest.raises(weft.LinkError, match="defined already"):
        wasi.p2.add_to_linker(linker)
    with pytest.raises(weft.LinkError, match="defined already"):
        wasi.p3.add_to_linker(linker)
    with weft.Store(made, data=wasi.WasiCtx()) as store:
        linker.instantiate_sync(store, component)


async def test_ten_thousand_pollables() -> None:
    """A guest may poll ten thousand pollables."""

    async def main(guest: Guest) -> None:
        pollables = [await guest("subscribe-duration", 10**18 + at) for at in range(1000)]
        pollables[500] = await guest("subscribe-duration", 0)
        assert await guest("poll", pollables * 10) == [500 + 1000 * at for at in range(10)]

    await run(main)
