"""The host of the demo: runs the built guest and checks what it does. Exit code 1 when anything is wrong.

``make demo`` builds the guest first; afterwards ``python examples/demo/run.py`` runs it again.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from attrs import define, field

import weft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

GUEST = Path(__file__).resolve().parent / "build" / "guest.wasm"
HOST = "demo:pipeline/host@0.1.0"
JOBS = "demo:pipeline/jobs@0.1.0"
VALUES = "demo:pipeline/values@0.1.0"
BANK = "demo:pipeline/bank@0.1.0"
TROUBLE = "demo:pipeline/trouble@0.1.0"

CALLS = 100
NAP_MS = 500
PIPE_BYTE_LENGTH = 64 << 20
BLOCK_BYTE_LENGTH = 1 << 20


# What the guest imports.


@define
class Counters:
    """The host's side of the resource `counter`: a guest holds the number, the host what it stands for."""

    values: dict[int, int] = field(factory=dict)
    numbers: Iterator[int] = field(factory=lambda: itertools.count(1))

    def new(self, start: int) -> int:
        number = next(self.numbers)
        self.values[number] = start
        return number

    def drop(self, number: int) -> None:
        del self.values[number]


def link(engine: weft.Engine, counters: Counters) -> weft.Linker:
    """Return a linker that has everything the guest imports."""
    linker = weft.Linker(engine)
    host = linker.instance(HOST)
    counter_type = host.resource("counter", counters.drop)

    @host.func_wrap_concurrent("nap")
    async def nap(_accessor: weft.Accessor, ms: int) -> int:
        await anyio.sleep(ms / 1000)
        return ms

    @host.func_wrap("log")
    def log(_store: weft.Store, level: Any, message: str) -> None:
        print(f"     guest, {level.name.lower()}: {message}")

    @host.func_wrap("[constructor]counter")
    def new_counter(_store: weft.Store, start: int) -> weft.Resource:
        return weft.Resource(counter_type, counters.new(start))

    @host.func_wrap("[method]counter.add")
    def add(_store: weft.Store, counter: weft.Resource, amount: int) -> int:
        counters.values[counter.rep] += amount
        return counters.values[counter.rep]

    @host.func_wrap_concurrent("[method]counter.read-later")
    async def read_later(_accessor: weft.Accessor, counter: weft.Resource, ms: int) -> int:
        await anyio.sleep(ms / 1000)
        return counters.values[counter.rep]

    @host.func_wrap("[static]counter.alive")
    def alive(_store: weft.Store) -> int:
        return len(counters.values)

    return linker


# What is checked.


@define
class Report:
    """Prints a line for each check and remembers whether one failed; knows the state of the host for that."""

    counters: Counters = field(factory=Counters)
    failed: int = 0

    def check(self, passed: bool, name: str, text: str) -> None:
        self.failed += not passed
        print(f"{'ok  ' if passed else 'FAIL'} {name}: {text}", flush=True)


async def sleeping_calls(accessor: weft.Accessor, instance: weft.Instance, report: Report) -> None:
    """Many calls that each await a sleeping import take about the time of one."""
    sleep_and_add = instance.get_func(JOBS, "sleep-and-add")
    sums: dict[int, int] = {}

    async def call(number: int) -> None:
        sums[number] = await sleep_and_add.call_concurrent(accessor, NAP_MS, number, 1000)

    one = await _timed(call(0))
    started = time.perf_counter()
    async with anyio.create_task_group() as calls:
        for number in range(CALLS):
            calls.start_soon(call, number)
    elapsed = time.perf_counter() - started
    right = sums == {number: number + 1000 for number in range(CALLS)}
    text = f"{CALLS} calls asleep for {NAP_MS} ms each took {elapsed:.3f} s; one takes {one:.3f} s"
    report.check(right and elapsed < 2 * one, "concurrent calls", text)


async def naps_in_one_call(accessor: weft.Accessor, instance: weft.Instance, report: Report) -> None:
    """One call awaits many imports at once."""
    started = time.perf_counter()
    total = await instance.get_func(JOBS, "sleep-together").call_concurrent(accessor, NAP_MS, CALLS)
    elapsed = time.perf_counter() - started
    text = f"{CALLS} imports of {NAP_MS} ms awaited together took {elapsed:.3f} s"
    report.check(total == CALLS * NAP_MS and elapsed < 2 * NAP_MS / 1000, "one call", text)


def blocks() -> Iterator[bytes]:
    """Yield PIPE_BYTE_LENGTH bytes, the same on every run and no two blocks alike."""
    source = random.Random(PIPE_BYTE_LENGTH)
    for _ in range(PIPE_BYTE_LENGTH // BLOCK_BYTE_LENGTH):
        yield source.randbytes(BLOCK_BYTE_LENGTH)


async def byte_pipe(accessor: weft.Accessor, instance: weft.Instance, report: Report) -> None:
    """A stream goes in, its bytes come back inverted."""
    invert = bytes(255 - byte for byte in range(256))
    data = list(blocks())
    expected = hashlib.sha256()
    for block in data:
        expected.update(block.translate(invert))
    received = hashlib.sha256()
    started = time.perf_counter()
    source = weft.StreamReader.new(accessor, weft.producers.from_iterable(data))
    piped = await instance.get_func(JOBS, "pipe").call_concurrent(accessor, source)
    await piped.pipe(accessor, weft.consumers.to_callback(received.update))
    elapsed = time.perf_counter() - started
    text = f"{PIPE_BYTE_LENGTH >> 20} MiB in and out in {elapsed:.3f} s, {_rate(elapsed)}"
    report.check(received.digest() == expected.digest(), "pipe", f"{text}, sha256 {received.hexdigest()[:16]}")


async def byte_sink(accessor: weft.Accessor, instance: weft.Instance, report: Report) -> None:
    """A stream goes in, the guest's hash of it comes back."""
    expected = hashlib.sha256()
    data = list(blocks())
    for block in data:
        expected.update(block)
    started = time.perf_counter()
    source = weft.StreamReader.new(accessor, weft.producers.from_iterable(data))
    digest = await instance.get_func(JOBS, "hash").call_concurrent(accessor, source)
    elapsed = time.perf_counter() - started
    right = digest.sha256 == expected.digest() and digest.byte_length == PIPE_BYTE_LENGTH
    text = f"{PIPE_BYTE_LENGTH >> 20} MiB hashed by the guest in {elapsed:.3f} s, {_rate(elapsed)}"
    report.check(right, "hash", text)


async def typed_streams(accessor: weft.Accessor, instance: weft.Instance, report: Report) -> None:
    """Streams of numbers come out, streams of strings go in."""
    count = 100_000
    numbers: list[int] = []
    started = time.perf_counter()
    stream = await instance.get_func(JOBS, "count-up").call_concurrent(accessor, count)
    await stream.pipe(accessor, weft.consumers.to_callback(numbers.extend))
    elapsed = time.perf_counter() - started
    report.check(numbers == list(range(count)), "stream<u32>", f"{len(numbers)} numbers in {elapsed:.3f} s")

    words = ["weft", "warp", "naïve", "糸", "🧵"] * 200
    source = weft.StreamReader.new(accessor, weft.producers.from_iterable([words]))
    joined = await instance.get_func(JOBS, "join-words").call_concurrent(accessor, source)
    report.check(joined == " ".join(words), "stream<string>", f"{len(words)} words joined")


async def futures(accessor: weft.Accessor, instance: weft.Instance, report: Report) -> None:
    """A future goes in before it has a value, another one comes out and resolves later."""
    returned = anyio.Event()

    async def value() -> int:
        await returned.wait()
        return 21

    source = weft.FutureReader.new(accessor, value())
    result = await instance.get_func(JOBS, "double").call_concurrent(accessor, source)
    returned.set()
    doubled = await result.read(accessor)
    report.check(doubled == 42, "future<u32>", f"21 went in after the call returned, {doubled} came out")


async def host_resources(accessor: weft.Accessor, instance: weft.Instance, report: Report) -> None:
    """A resource of the host is made by the guest, lent to it, and given to it."""
    counter = await instance.get_func(JOBS, "make-counter").call_concurrent(accessor, 5)
    bumped = await instance.get_func(JOBS, "bump").call_concurrent(accessor, counter, 2, 10)
    consumed = await instance.get_func(JOBS, "consume-counter").call_concurrent(accessor, counter)
    alive = len(report.counters.values)
    text = f"made at 5, bumped to {bumped}, consumed at {consumed}, {alive} alive"
    report.check((bumped, consumed, alive) == (25, 25, 0), "host resource", text)


async def guest_resources(accessor: weft.Accessor, instance: weft.Instance, report: Report) -> None:
    """A resource of the guest is made, used, refused money, merged and dropped by the host."""

    async def call(name: str, *args: Any) -> Any:
        return await instance.get_func(BANK, name).call_concurrent(accessor, *args)

    ada = await call("[constructor]account", "Ada")
    bob = await call("[constructor]account", "Bob")
    await call("[method]account.deposit", ada, 100)
    left = await call("[method]account.withdraw-later", ada, 30, 1)
    try:
        refusal = await call("[method]account.withdraw-later", bob, 1, 1)
    except weft.Err as error:
        refusal = error.value
    both = await call("[static]account.merge", ada, bob)
    owner = await call("[method]account.owner", both)
    balance = await call("balance", both)
    both.drop()
    right = (left, refusal, owner, balance) == (70, "Bob has only 0", "Ada and Bob", 70)
    report.check(right, "guest resource", f"{owner} have {balance}; {refusal!r}")


NUMBERS = (255, -32768, 2**32 - 1, -(2**63), 0.5, 1e300)
POINT = {"x": -3, "y": 2**31 - 1, "label": "naïve 🧵"}

# An echo function, its arguments, and what is true of what comes back.
ECHOES: tuple[tuple[str, tuple[Any, ...], Callable[[Any], bool]], ...] = (
    ("numbers", NUMBERS, NUMBERS.__eq__),
    ("string", ("no\0ne 糸" * 100,), ("no\0ne 糸" * 100).__eq__),
    ("char", ("🧵",), "🧵".__eq__),
    ("bytes", (bytes(range(256)) * 256,), (bytes(range(256)) * 256).__eq__),
    ("record", (POINT,), lambda got: {"x": got.x, "y": got.y, "label": got.label} == POINT),
    ("records", ([POINT] * 500,), lambda got: len(got) == 500 and got[499].label == POINT["label"]),
    ("variant", ("empty",), lambda got: got.case == "empty"),
    ("variant", (("circle", 1.5),), lambda got: (got.case, got.value) == ("circle", 1.5)),
    ("variant", (("polygon", [POINT, POINT]),), lambda got: [corner.x for corner in got.value] == [-3, -3]),
    ("enum", ("green",), lambda got: got.value == "green"),
    ("flags", ({"read", "execute"},), lambda got: [flag.name for flag in got] == ["READ", "EXECUTE"]),
    ("option", (None,), lambda got: got is None),
    ("option", ("some",), "some".__eq__),
    ("nested-option", (None,), lambda got: got is None),
    ("nested-option", (weft.Some(None),), weft.Some(None).__eq__),
    ("nested-option", (weft.Some(7),), weft.Some(7).__eq__),
)


def values(store: weft.Store, instance: weft.Instance, report: Report) -> None:
    """Values of every kind survive the way in and out; synchronous calls need no event loop."""
    for name, args, right in ECHOES:
        echo = instance.get_func(VALUES, f"echo-{name}")
        got = echo.call(store, *args)
        # What came out goes in again: instances of the generated classes are arguments like any other.
        again = echo.call(store, *got) if name == "numbers" else echo.call(store, got)
        report.check(right(got) and again == got, f"echo-{name}", _short(got))
    echo = instance.get_func(VALUES, "echo-result")
    report.check(echo.call(store, weft.Ok(7)) == 7, "echo-result", "ok(7) came back as 7")
    try:
        refusal = echo.call(store, weft.Err("no"))
    except weft.Err as error:
        refusal = error.value
    report.check(refusal == "no", "echo-result", f"error({refusal!r}) was raised")


async def crash(accessor: weft.Accessor, instance: weft.Instance, report: Report) -> None:
    """A guest that traps raises `Trap` in the call that ran it, and its instance cannot be entered again."""
    errors: list[str] = []
    for _ in range(2):
        try:
            await instance.get_func(TROUBLE, "crash").call_concurrent(accessor, "on purpose")
        except weft.Trap as trap:
            errors.append(trap.code.name)
    report.check(errors == ["UNREACHABLE", "CANNOT_ENTER_COMPONENT"], "trap", ", then ".join(errors))


async def _timed(awaitable: Awaitable[None]) -> float:
    """Return how many seconds `awaitable` takes."""
    started = time.perf_counter()
    await awaitable
    return time.perf_counter() - started


def _rate(seconds: float) -> str:
    """Return the rate at which PIPE_BYTE_LENGTH bytes passed."""
    return f"{PIPE_BYTE_LENGTH / 2**20 / seconds:.0f} MiB/s"


def _short(value: object) -> str:
    """Return a representation that fits on a line."""
    text = repr(value)
    return text if len(text) <= 70 else f"{text[:60]}... ({len(text)} characters)"


async def run(report: Report) -> None:
    """Run every check, the trap last and in a store of its own."""
    started = time.perf_counter()
    engine = weft.Engine()
    component = weft.Component.from_file(engine, GUEST)
    compiled = time.perf_counter() - started
    linker = link(engine, report.counters)
    started = time.perf_counter()
    async with weft.Store(engine) as store:
        instance = await linker.instantiate(store, component)
        instantiated = time.perf_counter() - started
        report.check(True, "start", f"loaded in {compiled:.3f} s, instantiated in {instantiated:.3f} s")
        values(store, instance, report)

        async def main(accessor: weft.Accessor) -> None:
            for check in (
                sleeping_calls,
                naps_in_one_call,
                byte_pipe,
                byte_sink,
                typed_streams,
                futures,
                host_resources,
                guest_resources,
            ):
                await check(accessor, instance, report)

        await store.run_concurrent(main)
    async with weft.Store(engine) as store:
        instance = await linker.instantiate(store, component)
        await store.run_concurrent(lambda accessor: crash(accessor, instance, report))


def main() -> int:
    """Run the demo from the command line."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not GUEST.exists():
        print(f"{GUEST} is missing: run `make demo`, or examples/demo/build_guest.py", file=sys.stderr)
        return 1
    report = Report()
    anyio.run(run, report)
    print("everything is as it should be" if not report.failed else f"{report.failed} checks failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
