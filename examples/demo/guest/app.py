"""The demo guest: async Python that runs inside a component, built by componentize-py (see ../build_guest.py)."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import wit_world
from componentize_py_async_support import spawn
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import jobs
from wit_world.imports import host

if TYPE_CHECKING:
    import bank
    from componentize_py_async_support.futures import FutureReader, FutureWriter
    from componentize_py_async_support.streams import ByteStreamReader, ByteStreamWriter, StreamReader, StreamWriter
    from componentize_py_types import Result, Some
    from wit_world.exports import values

# One read asks for this much. A read gives what the host has ready, so a large size costs guest memory only, while
# every chunk costs one turn of the interpreter inside Wasm, whatever its length.
CHUNK_BYTE_LENGTH = 1 << 20
BATCH_LENGTH = 1024
INVERT = bytes(255 - byte for byte in range(256))


async def _invert(source: ByteStreamReader, sink: ByteStreamWriter) -> None:
    """Copy `source` to `sink` with all bits inverted, until either end goes away."""
    with source, sink:
        while not (source.writer_dropped or sink.reader_dropped):
            chunk = await source.read(CHUNK_BYTE_LENGTH)
            await sink.write_all(chunk.translate(INVERT))


async def _count(count: int, sink: StreamWriter[int]) -> None:
    """Write the numbers below `count` in batches."""
    with sink:
        for start in range(0, count, BATCH_LENGTH):
            if sink.reader_dropped:
                return
            await sink.write_all(list(range(start, min(start + BATCH_LENGTH, count))))


async def _double(source: FutureReader[int], sink: FutureWriter[int]) -> None:
    """Wait for a number and pass twice of it on."""
    await sink.write(2 * await source.read())


class Jobs(exports.Jobs):
    """Calls that wait, and data that flows."""

    async def sleep_and_add(self, ms: int, a: int, b: int) -> int:
        await host.nap(ms)
        return a + b

    async def sleep_together(self, ms: int, times: int) -> int:
        return sum(await asyncio.gather(*(host.nap(ms) for _ in range(times))))

    async def pipe(self, input: ByteStreamReader) -> ByteStreamReader:  # noqa: A002 -- the interface's name
        writer, reader = wit_world.byte_stream()
        spawn(_invert(input, writer))
        return reader

    async def hash(self, input: ByteStreamReader) -> jobs.Digest:  # noqa: A002 -- the interface's name
        digest = hashlib.sha256()
        byte_length = 0
        with input:
            while not input.writer_dropped:
                chunk = await input.read(CHUNK_BYTE_LENGTH)
                byte_length += len(chunk)
                digest.update(chunk)
        return jobs.Digest(byte_length, digest.digest())

    async def count_up(self, count: int) -> StreamReader[int]:
        writer, reader = wit_world.u32_stream()
        spawn(_count(count, writer))
        return reader

    async def join_words(self, words: StreamReader[str]) -> str:
        gathered: list[str] = []
        with words:
            while not words.writer_dropped:
                gathered += await words.read(BATCH_LENGTH)
        return " ".join(gathered)

    async def double(self, x: FutureReader[int]) -> FutureReader[int]:
        writer, reader = wit_world.u32_future(lambda: 0)
        spawn(_double(x, writer))
        return reader

    def bump(self, counter: host.Counter, amount: int, times: int) -> int:
        value = 0
        for _ in range(times):
            value = counter.add(amount)
        return value

    def make_counter(self, start: int) -> host.Counter:
        counter = host.Counter(start)
        host.log(host.Level.INFO, f"a counter at {start}; {host.Counter.alive()} alive")
        return counter

    async def consume_counter(self, counter: host.Counter) -> int:
        with counter:
            return await counter.read_later(1)


class Values(exports.Values):
    """Values there and back."""

    def echo_numbers(
        self, a: int, b: int, c: int, d: int, e: float, f: float
    ) -> tuple[int, int, int, int, float, float]:
        return a, b, c, d, e, f

    def echo_string(self, value: str) -> str:
        return value

    def echo_char(self, value: str) -> str:
        return value

    def echo_bytes(self, value: bytes) -> bytes:
        return value

    def echo_record(self, value: values.Point) -> values.Point:
        return value

    def echo_records(self, value: list[values.Point]) -> list[values.Point]:
        return value

    def echo_variant(self, value: values.Shape) -> values.Shape:
        return value

    def echo_enum(self, value: values.Colour) -> values.Colour:
        return value

    def echo_flags(self, value: values.Permissions) -> values.Permissions:
        return value

    def echo_option(self, value: str | None) -> str | None:
        return value

    def echo_nested_option(self, value: Some[int | None] | None) -> Some[int | None] | None:
        return value

    def echo_result(self, value: Result[int, str]) -> int:
        if isinstance(value, Err):
            raise value
        return value.value

    async def echo_records_async(self, value: list[values.Point]) -> list[values.Point]:
        return value


class Bank(exports.Bank):
    """What is asked of an account from outside it."""

    def balance(self, account: bank.Account) -> int:
        return account.balance


class Trouble(exports.Trouble):
    """Guests that misbehave."""

    async def crash(self, message: str) -> None:
        raise RuntimeError(message)

    def spin(self, rounds: int) -> int:
        value = 1
        for _ in range(rounds):
            value = value * 1_664_525 + 1_013_904_223 & 0xFFFF_FFFF
        return value
