"""Any calls with any handles and lengths, in any order: a guest gets values, errors and traps, and the host no bugs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import anyio
from anyio import wait_all_tasks_blocked
from hypothesis import given, settings
from hypothesis import strategies as st
from p2_fakes import FakeOutput
from p2_guest import IO_FUNCTIONS, Guest, run

import weft
from weft import wasi
from weft.wasi.p2.io import OutputStream

if TYPE_CHECKING:
    from collections.abc import Sequence

DROPS = {"drop-error": ("u32",), "drop-pollable": ("u32",), "drop-input": ("u32",), "drop-output": ("u32",)}
PARAMS = {function.export: function.params for function in IO_FUNCTIONS} | DROPS

ARGUMENTS = {
    "u32": st.integers(0, 12) | st.just(2**32 - 1),
    "u64": st.sampled_from([0, 1, 4096, 4097, 2**32, 2**63, 2**64 - 1]),
    "(list u8)": st.sampled_from([b"", b"a", bytes(4096), bytes(5000), bytes(1 << 17)]),
    "(list u32)": st.lists(st.integers(0, 12), max_size=5),
}

CALLS = st.sampled_from(sorted(PARAMS)).flatmap(
    lambda name: st.tuples(st.just(name), st.tuples(*(ARGUMENTS[param] for param in PARAMS[name])))
)


async def call_all(calls: Sequence[tuple[str, tuple[object, ...]]]) -> None:
    released: list[None] = []
    sink = FakeOutput(room=3000)
    stdout = OutputStream(sink, buffer_byte_length=4096, release=lambda: released.append(None))

    async def main(guest: Guest) -> None:
        stdin, out = await guest("get-stdin"), await guest("get-stdout")
        for name, handle in (("input-stream-subscribe", stdin), ("output-stream-subscribe", out)):
            await guest(name, handle)
        for name, args in calls:
            call = guest.start(name, *args)
            await wait_all_tasks_blocked()
            if not call.resolved:  # the guest waits for what will not come
                return
            with contextlib.suppress(weft.Err):
                await guest.finish(call)
            await guest("reset")

    ctx = wasi.WasiCtx(stdin=wasi.MemoryInput(bytes(100_000)))
    with contextlib.suppress(weft.Trap):
        await run(main, ctx, stdout=stdout)
    assert released == [None]


@settings(max_examples=50)
@given(st.lists(CALLS, max_size=20))
def test_any_calls(calls: list[tuple[str, tuple[object, ...]]]) -> None:
    """Whatever a guest calls, with whatever handles, it traps or goes on; what it owned is released in the end."""
    anyio.run(call_all, calls, backend="trio")
