"""Random calls of WASI by a guest, in a world that changes: nothing leaks, hangs, escapes, or fails without a name."""

from __future__ import annotations

import contextlib
import errno
import functools
import re
import socket
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import anyio
import pytest
from anyio.lowlevel import checkpoint
from fs_sandbox import SECRET, Sandbox
from hypothesis import given, settings
from hypothesis import strategies as st
from wasi_peers import Peers
from wasi_values import Values
from wasi_worlds import p2_world, p3_world

import weft
from weft import wasi
from weft.wasi.sockets import lookup

if TYPE_CHECKING:
    from collections.abc import Callable

    from sockets_guest import Function, World

Backend = Literal["asyncio", "trio"]
MOST_TURNS = 400
"""Turns of the event loop after which what waits is said to wait for what does not come."""

_WORLDS = {2: p2_world, 3: p3_world}
_TOKENS = re.compile(r"\(own \$([a-z-]+)\)|\$(bytes|entries|fs-outcome|data|sent|connections)\b")
_POOLS = {"bytes": "data", "fs-outcome": "file-outcome", "sent": "outcome"}
_WAITING = re.compile("block|poll|connect|receive|wait-|splice|read$|write$|list|outcome|accept|flush")
_RICH = re.compile("open-at|stream|bind|connect|listen|accept|create|-send$|-receive$|subscribe|get-std")
"""What leads to more that a guest can do."""

Program: TypeAlias = "list[tuple[int, int]]"
programs = st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)), min_size=5, max_size=60)


def handles_in(result: str | None, value: Any) -> list[tuple[str, int]]:
    """Return the kinds and the numbers of the handles in a result of some component type."""
    kinds = [kind for pair in _TOKENS.findall(result or "") for kind in pair if kind]
    if not kinds:
        return []
    if isinstance(value, list):  # of preopens
        return [("descriptor", handle) for handle, _ in value]
    numbers = [value] if isinstance(value, int) else [each for each in value if isinstance(each, int)]
    return list(zip(kinds, numbers, strict=True))


class Guest:
    """A guest, the handles that it has by kind, and the calls that it is in."""

    def __init__(self, accessor: weft.Accessor, instance: weft.Instance, world: World, random: Random, peers: Peers):
        self.accessor = accessor
        self.instance = instance
        self.world = world
        self.random = random
        self.peers = peers
        self.values = Values(random)
        self.values.ports += [peers.port] * 3
        self.has: dict[str, list[int]] = {}
        self.calls: list[tuple[weft.Call, list[tuple[str, int]], str | None, str]] = []
        self.trapped: weft.Trap | None = None
        self.has_lost = False  # a result, and so perhaps handles, of a call that was cancelled
        self.trace: list[object] = []
        self.builtins = self._builtins() if world.is_async else {}
        functions = [each for each in world.functions for _ in range(4 if _RICH.search(each.export) else 1)]
        self.ops: list[Callable[[], None]] = [functools.partial(self.pass_on, each) for each in functions]
        self.ops += [functools.partial(self.built_in, name) for name in self.builtins] * 4
        self.ops += [self.drop] * 3 + [self.cancel] + [lambda: peers.act(self.values.ports)] * 12

    def _builtins(self) -> dict[str, tuple[str, ...]]:
        return {
            "new-bytes": (), "end-bytes": ("writable",), "drop-bytes": ("data",), "drop-sockets": ("connections",),
            "write": ("writable",), "read": ("data",), "accept": ("connections",), "outcome": ("outcome",),
            "list": ("entries",), "file-outcome": ("file-outcome",), "drop-entries": ("entries",),
            "drop-outcome": ("outcome",), "drop-file-outcome": ("file-outcome",),
        }  # fmt: skip

    # Handles.

    def keep(self, kind: str, handle: int) -> None:
        self.has.setdefault(_POOLS.get(kind, kind), []).append(handle)

    def pick(self, kind: str) -> int:
        busy = {each for _, lent, _, _ in self.calls for each in lent}
        pool = [handle for handle in self.has.get(kind, []) if (kind, handle) not in busy]
        if not pool:
            raise LookupError(kind)
        return self.random.choice(pool[-4:])

    def forget(self, kind: str, handle: int) -> None:
        self.has[kind].remove(handle)

    # Operations.

    def argument(self, text: str, lent: list[tuple[str, int]]) -> Any:
        """Return an argument for a parameter of a component type, and note the handles in it."""
        if text == "(list (borrow $pollable))":
            picked = [self.pick("pollable") for _ in range(self.random.choice((1, 1, 2, 5)))]
            lent += [("pollable", handle) for handle in picked]
            return picked
        if text in ("$data", "$bytes"):
            handle = self.pick("data")
            self.forget("data", handle)
            return handle
        if text.startswith("(borrow $"):
            kind = text[9:-1]
            lent.append((kind, self.pick(kind)))
            return lent[-1][1]
        return self.values.made_by[text]()

    def pass_on(self, function: Function) -> None:
        """Call a function that the guest imports."""
        if _WAITING.search(function.export) and not self.world.is_async and self.random.random() < 0.8:
            return
        lent: list[tuple[str, int]] = []
        if function.export == "resolve-addresses":
            args = [*(self.argument(each.imported, lent) for each in function.params[:-1]), self.values.host()]
        else:
            args = [self.argument(each.imported, lent) for each in function.params]
        self.start(function.export, args, lent, function.result.imported if function.result else None)

    def built_in(self, name: str) -> None:
        """Use a stream or a future."""
        kinds = self.builtins[name]
        lent = [(kind, self.pick(kind)) for kind in kinds]
        args: list[Any] = [handle for _, handle in lent]
        if name == "write":
            args.append(self.values.made_by["(list u8)"]())
        elif name == "list":
            args.append(self.random.choice((0, 1, 16)))
        elif name.startswith(("end-", "drop-")):
            self.forget(*lent[0])
        self.start(name, args, lent, None)

    def drop(self) -> None:
        kind = self.random.choice(self.world.resources)
        handle = self.pick(kind)
        self.forget(kind, handle)
        self.start(f"drop-{kind}", [handle], [], None)

    def cancel(self) -> None:
        if self.calls and self.world.is_async:
            self.random.choice(self.calls)[0].cancel()

    def start(self, name: str, args: list[Any], lent: list[tuple[str, int]], result: str | None) -> None:
        self.trace.append(name)
        call = self.instance.get_func(name).start_call_concurrent(self.accessor, *args)
        self.calls.append((call, lent, result, name))

    # Results.

    def collect(self) -> None:
        """Take the results of calls that are over."""
        for entry in list(self.calls):
            if entry[0].resolved:
                self.calls.remove(entry)
                self.finish(*entry)

    def finish(self, call: weft.Call, lent: list[tuple[str, int]], result: str | None, name: str) -> None:
        try:
            value = call.outcome()
        except weft.Err as error:
            failure: Any = error.value
            self.trace.append((name, getattr(failure, "case", failure)))
            if getattr(failure, "case", None) == "last-operation-failed":
                self.keep("error", failure.value)
            if name.endswith("outcome"):
                self.note(name, lent, None)
        except weft.Trap as trap:
            self.trapped = trap
        except weft.CallCancelledError:
            self.trace.append((name, "cancelled"))
            self.has_lost = True
            for kind, handle in lent:  # the task may go on in what it was called for
                self.has[kind] = [each for each in self.has[kind] if each != handle]
        else:
            self.check(value)
            ok = result.removeprefix("(result ").partition("(error")[0] if result else None
            for kind, handle in handles_in(ok, value):
                self.keep(kind, handle)
            self.note(name, lent, value)

    def check(self, value: Any) -> None:
        assert SECRET not in str(value)
        assert SECRET.encode() not in (value if isinstance(value, bytes) else b"")

    def note(self, name: str, lent: list[tuple[str, int]], value: Any) -> None:
        """Note what the result of a built-in says of the ends it was used on."""
        if name == "new-bytes":
            self.keep("data", value & 0xFFFF_FFFF)
            self.keep("writable", value >> 32)
        elif name == "accept" and value[0] >> 4:
            self.keep("tcp-socket", value[1])
        if name in ("outcome", "file-outcome") and lent[0][1] in self.has[lent[0][0]]:
            self.forget(*lent[0])
            self.start(f"drop-{name}", [lent[0][1]], [], None)
        elif name in ("read", "write", "accept", "list"):
            status = value if isinstance(value, int) else value[0]
            if status & 15 == 1 and lent[0][1] in self.has[lent[0][0]]:
                self.forget(*lent[0])
                ends = {"read": "drop-bytes", "write": "end-bytes", "accept": "drop-sockets", "list": "drop-entries"}
                self.start(ends[name], [lent[0][1]], [], None)
        elif "local-address" in name:
            self.values.ports.append(value.value.port)

    # The course of things.

    async def settle(self, turns: int) -> None:
        """Wait until no call waits that may keep others waiting."""
        for _ in range(turns):
            self.collect()
            if self.trapped or not self.calls:
                return
            await checkpoint()

    async def step(self, op: int, number: int) -> bool:
        """Do something; return whether the guest can go on after it."""
        self.random.seed(number)
        with contextlib.suppress(LookupError):
            self.ops[op % len(self.ops)]()
        await self.settle(3 if self.world.is_async else MOST_TURNS)
        return not self.trapped and (self.world.is_async or not self.calls)

    async def let_go(self, ctx: wasi.WasiCtx) -> None:
        """Cancel every call and drop every handle: then the host has nothing left for the guest."""
        for call, *_ in self.calls:
            call.cancel()
        await self.settle(MOST_TURNS)
        if self.calls:
            return
        drops = {"writable": "end-bytes", "data": "drop-bytes", "connections": "drop-sockets"}
        while not self.trapped and (kind := next((kind for kind, pool in self.has.items() if pool), None)):
            self.start(drops.get(kind, f"drop-{kind}"), [self.has[kind].pop()], [], None)
            await self.settle(MOST_TURNS)
        if self.trapped or self.calls or self.has_lost:
            return
        for _ in range(MOST_TURNS):
            if not ctx.handles.open:
                break
            await checkpoint()
        else:
            raise AssertionError(f"{ctx.handles.open} handles are open that no guest has")


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def scene(guest: Guest) -> None:
    """Give the guest something to begin with."""
    names = {each.export: each for each in guest.world.functions}
    firsts = ["get-directories"]
    if guest.world.is_async:
        firsts += ["tcp-socket-create", "udp-socket-create"]
    else:
        firsts += ["instance-network", "get-stdin", "get-stdout", "create-tcp-socket", "create-udp-socket"]
    for name in firsts:
        guest.pass_on(names[name])
        await guest.settle(MOST_TURNS)
    if guest.world.is_async:
        return
    address = ("ipv4", {"port": guest.peers.port, "address": (127, 0, 0, 1)})
    ((network,), (tcp,)) = guest.has["network"], guest.has["tcp-socket"]
    guest.start("tcp-socket-start-connect", [tcp, network, address], [], None)
    await guest.settle(MOST_TURNS)
    for _ in range(20):
        await checkpoint()
    guest.start("tcp-socket-finish-connect", [tcp], [], "(result (tuple (own $input-stream) (own $output-stream))")
    await guest.settle(MOST_TURNS)


@functools.cache
def prepared(version: int) -> tuple[World, weft.Component, weft.Linker]:
    world = _WORLDS[version]()
    engine = weft.Engine(weft.Config(cache_dir=None, opt_level="none"))
    linker = weft.Linker(engine)
    wasi.add_to_linker(linker)
    return world, weft.Component(engine, world.text()), linker


def context(sandbox: Sandbox, peers: Peers, *, block_loop: bool) -> wasi.WasiCtx:
    """Return what the guest is given: little of everything."""
    return wasi.WasiCtx(
        stdin=wasi.DescriptorInput(peers.stdin[0]),
        stdout=wasi.DescriptorOutput(peers.stdout[1]),
        preopens=[wasi.Preopen(sandbox.root, "/"), wasi.Preopen(sandbox.root / "dir", "ro", read_only=True)],
        network=wasi.Network(
            tcp=True,
            udp=True,
            name_lookup=["localhost", "example.org"],
            addresses=["127.0.0.0/8", "::1", "0.0.0.0", "::"],
        ),
        limits=wasi.WasiLimits(handles=30, buffer_byte_length=1000, directory_entries=3, held_byte_length=4000),
        block_loop=block_loop,
    )


async def play(version: int, program: Program, directory: str, *, block_loop: bool) -> list[object]:
    """Run a program, then let go of everything one by one, or close the store with everything in progress."""
    before, random = open_descriptors(), Random(0)
    with Sandbox(Path(directory)) as sandbox, contextlib.closing(Peers(sandbox, random)) as peers:
        ctx = context(sandbox, peers, block_loop=block_loop)
        with anyio.fail_after(20):
            trace = await call_all(version, program, ctx, random, peers)
        assert (ctx.handles.open, ctx.held.held) == (0, 0)
    assert open_descriptors() == before
    return trace


async def call_all(version: int, program: Program, ctx: wasi.WasiCtx, random: Random, peers: Peers) -> list[object]:
    world, component, linker = prepared(version)

    async def main(accessor: weft.Accessor) -> list[object]:
        guest = Guest(accessor, instance, world, random, peers)
        await scene(guest)
        for op, number in program:
            if not await guest.step(op, number):
                break
        else:
            if program[0][1] % 2:
                await guest.let_go(ctx)
        return [*guest.trace, guest.trapped]

    async with weft.Store(linker.engine, data=ctx) as store:
        instance = await linker.instantiate(store, component)
        return await store.run_concurrent(main)


async def found(name: str | bytes, *_arguments: object, **_options: object) -> list[Any]:
    """Resolve names as a resolver does, but without a thread, which might outlive the guest that asks."""
    await checkpoint()
    if b"localhost" not in (name if isinstance(name, bytes) else name.encode()):
        raise OSError(errno.ECONNREFUSED, "the resolver is not there")
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))]


def run(version: int, program: Program, backend: Backend, *, block_loop: bool = True) -> list[object]:
    playing = functools.partial(play, version, program, block_loop=block_loop)
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup.anyio, "getaddrinfo", found)
        return anyio.run(playing, directory, backend=backend)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=40)
@given(programs)
def test_whatever_a_guest_calls(backend: Backend, version: int, program: Program) -> None:
    """Only error codes and traps come out, it ends, and when the guest is gone no descriptor is open."""
    run(version, program, backend)
