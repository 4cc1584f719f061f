"""Whatever guests and peers do, streams of WASI 0.2 lose nothing, double nothing and hold no more than they may."""

from __future__ import annotations

from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from p2_fakes import FakeInput, FakeOutput, engine

import weft
from weft.wasi.p2.io import InputStream, OutputStream

LIMIT = 8

WRITER_STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "flush", "room", "turn"]), st.integers(0, 2 * LIMIT)), max_size=30
)
READER_STEPS = st.lists(
    st.tuples(st.sampled_from(["feed", "read", "skip", "ask"]), st.integers(0, 2 * LIMIT)), max_size=30
)


def numbered(start: int, length: int) -> bytes:
    return bytes((start + at) % 256 for at in range(length))


async def write(steps: list[tuple[str, int]]) -> None:
    sink, accepted = FakeOutput(room=0), b""
    async with weft.Store(engine()) as store:
        stream = OutputStream(sink, buffer_byte_length=LIMIT)
        for step, number in steps:
            if step == "write":
                contents = numbered(len(accepted), min(number, stream.check_write()))
                if contents:
                    await stream.write(store, contents)
                    accepted += contents
            elif step == "flush":
                stream.flush(store)
            elif step == "room":
                sink.give_room(number)
            else:
                await checkpoint()
            assert accepted.startswith(sink.taken)
            assert len(accepted) - len(sink.taken) <= LIMIT
            assert 0 <= stream.check_write() <= LIMIT
        sink.give_room(1 << 20)
        await stream.wait_ready()
        await stream.blocking_flush(store)
    assert sink.taken == accepted


@settings(max_examples=30)
@given(WRITER_STEPS)
def test_what_was_accepted_arrives(steps: list[tuple[str, int]]) -> None:
    """What a stream accepted arrives in order and once; it never holds or permits more than its limit."""
    anyio.run(write, steps)


async def read(steps: list[tuple[str, int]]) -> None:
    source, fed, got = FakeInput(), b"", b""
    stream = InputStream(source)
    for step, number in steps:
        if step == "feed" and number:
            source.feed(numbered(len(fed), number))
            fed += numbered(len(fed), number)
        elif step == "ask":
            assert stream.is_ready() is (got != fed)
        elif step in {"read", "skip"}:
            chunk = await stream.read(number)
            assert len(chunk) <= number
            assert bool(chunk) is bool(number and got != fed)
            got += chunk
        assert fed.startswith(got)
    source.feed(b"")
    while True:
        try:
            got += await stream.read(3, wait=True)
        except weft.Err as error:
            closed: Any = error.value
            break
    assert (closed, got) == ("closed", fed)


@settings(max_examples=30)
@given(READER_STEPS)
def test_what_was_fed_is_read(steps: list[tuple[str, int]]) -> None:
    """What a source gives is read in order and once, however often it is asked whether there is something."""
    anyio.run(read, steps)
