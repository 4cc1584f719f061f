"""Streams and futures: every state of an end against every operation, and what two ends make of each other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fake_engine import FakeGuest
from fake_guest import FakeContext, FakeMemory
from hypothesis import given
from hypothesis import strategies as st

from weft.canon.builtins import transmits as t
from weft.canon.compile import ValueOptions
from weft.canon.handles import lift_future, lift_stream
from weft.canon.types import FutureType, Prim, StreamType
from weft.errors import Trap, TrapCode
from weft.runtime.ends import CopyState, ReadableStreamEnd
from weft.runtime.shared import CopyResult
from weft.runtime.waitable import WaitableSet

BLOCKED = t.NOT_YET
COMPLETED, DROPPED, CANCELLED = CopyResult


class Pair:
    """Both ends of a stream or future of u8, in one instance."""

    def __init__(self, kind: str = "stream") -> None:
        self.kind = kind
        self.guest = FakeGuest()
        self.inst = self.guest.inst
        self.memory = FakeMemory(4096)
        cx: Any = FakeContext(self.memory)
        cx.instance = self.inst
        cx.options = ValueOptions("utf8", memory64=False)
        cx.lift_budget = 1 << 20
        self.cx = cx
        self.type: Any = (StreamType if kind == "stream" else FutureType)(Prim.U8)
        self.copier = t.Copy.of(cx, self.type, is_async=True)
        both = getattr(t, f"canon_{kind}_new")(self.inst, self.type, True)
        self.ends = {"read": both & 0xFFFFFFFF, "write": both >> 32}

    def end(self, side: str) -> Any:
        return self.inst.handles.get(self.ends[side])

    def copy(self, side: str, ptr: int = 0, count: int = 4) -> int:
        args = (ptr, count) if self.kind == "stream" else (ptr,)
        return getattr(t, f"canon_{self.kind}_{side}")(self.copier, self.ends[side], *args)

    def cancel(self, side: str) -> int:
        return getattr(t, f"canon_{self.kind}_cancel_{side}")(self.inst, Prim.U8, True, self.ends[side])

    def drop(self, side: str) -> None:
        verb = {"read": "readable", "write": "writable"}[side]
        getattr(t, f"canon_{self.kind}_drop_{verb}")(self.inst, Prim.U8, self.ends[side])

    def lift(self) -> object:
        return (lift_stream if self.kind == "stream" else lift_future)(self.cx, self.ends["read"], self.type)

    def event(self, side: str) -> int | None:
        end = self.end(side)
        return end.get_pending_event()[2] if end.has_pending_event() else None


def other(side: str) -> str:
    return "write" if side == "read" else "read"


class Deaf:
    """What a readable end reads from that answers nothing at once, as a host may."""

    payload = Prim.U8
    take_bytes = None

    def __init__(self) -> None:
        self.copier: Any = None

    def read(self, _inst: object, _buffer: object, copier: object) -> None:
        self.copier = copier

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def in_state(kind: str, side: str, state: str) -> Pair:
    """Return a pair with the end of `side` in a state."""
    pair = Pair(kind)
    if state in ("copying", "event pending", "cancelling"):
        if state == "cancelling":
            pair.end(side).shared = SimpleNamespace(
                payload=Prim.U8, take_bytes=None, read=lambda *_: None, write=lambda *_: None,
                cancel_read=lambda: None, cancel_write=lambda: None, drop_readable=lambda: None,
                drop_writable=lambda: None, reset_pending=lambda: None,
            )  # fmt: skip
        assert pair.copy(side) == BLOCKED
        if state == "event pending":
            pair.copy(other(side))
        elif state == "cancelling":
            assert pair.cancel(side) == BLOCKED
    elif state == "done":
        if kind == "stream" or side == "write":
            pair.drop(other(side))
            assert pair.copy(side) == DROPPED
        else:
            pair.copy("write")
            assert pair.copy("read") == COMPLETED
    return pair


IDLE_STATES = {"idle": CopyState.IDLE, "copying": CopyState.COPYING, "event pending": CopyState.COPYING}
STATES = {**IDLE_STATES, "cancelling": CopyState.CANCELLING_COPY, "done": CopyState.DONE}

# operation -> state -> None where it is allowed, or the trap.
OPERATIONS: dict[str, dict[str, TrapCode | None]] = {
    "copy": {
        "idle": None,
        "copying": TrapCode.CONCURRENT_FUTURE_STREAM_OP,
        "event pending": TrapCode.CONCURRENT_FUTURE_STREAM_OP,
        "cancelling": TrapCode.CONCURRENT_FUTURE_STREAM_OP,
        "done": TrapCode.COPY_STATE,
    },
    "cancel": {
        "idle": TrapCode.COPY_STATE,
        "copying": None,
        "event pending": None,
        "cancelling": TrapCode.COPY_STATE,
        "done": TrapCode.COPY_STATE,
    },
    "drop": {
        "idle": None,
        "copying": TrapCode.COPY_STATE,
        "event pending": TrapCode.COPY_STATE,
        "cancelling": TrapCode.COPY_STATE,
        "done": None,
    },
    "lift": {
        "idle": None,
        "copying": TrapCode.COPY_STATE,
        "event pending": TrapCode.COPY_STATE,
        "cancelling": TrapCode.COPY_STATE,
        "done": TrapCode.COPY_STATE,
    },
}
CASES = [
    (kind, side, state, operation)
    for kind in ("stream", "future")
    for side in ("read", "write")
    for state in STATES
    for operation in OPERATIONS
    if operation != "lift" or side == "read"
]


@pytest.mark.parametrize(("kind", "side", "state", "operation"), CASES)
def test_every_state_and_operation(kind: str, side: str, state: str, operation: str) -> None:
    """An end allows in each state what the table says, and traps otherwise."""
    pair = in_state(kind, side, state)
    assert pair.end(side).state is STATES[state]
    expected = OPERATIONS[operation][state]
    if (kind, side, operation, state) == ("future", "write", "drop", "idle"):
        expected = TrapCode.FUTURE_DROPPED_UNWRITTEN
    act = pair.lift if operation == "lift" else lambda: getattr(pair, operation)(side)
    if expected is None:
        act()
        return
    with pytest.raises(Trap) as caught:
        act()
    assert caught.value.code is expected


@pytest.mark.parametrize("operation", ["copy", "cancel", "drop", "lift"])
def test_in_a_set(operation: str) -> None:
    """An end in a set can do all but be passed on; dropping it leaves the set."""
    pair = in_state("stream", "read", "copying" if operation == "cancel" else "idle")
    wset = WaitableSet()
    pair.end("read").join(wset)
    if operation == "lift":
        with pytest.raises(Trap) as caught:
            pair.lift()
        assert caught.value.code is TrapCode.COPY_STATE
        return
    getattr(pair, operation)("read")
    assert bool(wset.elems) is (operation != "drop")


# What the second of two operations returns, and what event the first one then has.
MATRIX = [
    (("read", 0), ("write", 0), COMPLETED, None),
    (("write", 0), ("read", 0), BLOCKED, COMPLETED),
    (("read", 0), ("write", 4), BLOCKED, COMPLETED),
    (("write", 0), ("read", 4), BLOCKED, COMPLETED),
    (("read", 4), ("write", 0), COMPLETED, None),
    (("write", 4), ("read", 0), COMPLETED, None),
    (("read", 4), ("write", 2), COMPLETED | 2 << 4, COMPLETED | 2 << 4),
    (("write", 4), ("read", 2), COMPLETED | 2 << 4, COMPLETED | 2 << 4),
    (("read", 4), ("write", 4), COMPLETED | 4 << 4, COMPLETED | 4 << 4),
    (("read", 2), ("write", 4), COMPLETED | 2 << 4, COMPLETED | 2 << 4),
]


@pytest.mark.parametrize(("first", "second", "result", "event"), MATRIX)
def test_rendezvous(first: tuple[str, int], second: tuple[str, int], result: int, event: int | None) -> None:
    """Whoever comes second copies; zero-length operations ask whether the other side is there."""
    pair = Pair()
    assert pair.copy(first[0], 0, first[1]) == BLOCKED
    assert pair.copy(second[0], 64, second[1]) == result
    assert pair.event(first[0]) == event


@pytest.mark.parametrize("first", ["read", "write"])
@pytest.mark.parametrize("end", ["deliver", "cancel", "drop peer"])
def test_progress_adds_up(first: str, end: str) -> None:
    """A pending operation goes on until its event is delivered; how it ends keeps the count."""
    pair = Pair()
    assert pair.copy(first, 0, 10) == BLOCKED
    for count in (1, 2, 3):
        assert pair.copy(other(first), 64, count) == count << 4
    if end == "cancel":
        assert pair.cancel(first) == CANCELLED | 6 << 4
        assert pair.end(first).state is CopyState.IDLE
        return
    if end == "drop peer":
        pair.drop(other(first))
        assert pair.event(first) == DROPPED | 6 << 4
        assert pair.end(first).state is CopyState.DONE
        return
    assert pair.event(first) == 6 << 4
    assert pair.copy(other(first), 64, 1) == BLOCKED


@pytest.mark.parametrize("first", ["read", "write"])
def test_delivered_is_over(first: str) -> None:
    """After its event is delivered an operation's memory is not touched any more."""
    pair = Pair()
    pair.memory.data[64:68] = b"abcd"
    assert pair.copy("read", 0, 4) == BLOCKED
    assert pair.copy("write", 64, 2) == 2 << 4
    assert pair.event("read") == 2 << 4
    assert pair.copy("write", 64, 2) == BLOCKED
    assert bytes(pair.memory.data[:4]) == b"ab\0\0"
    assert pair.event("write") is None
    del first


@given(st.lists(st.tuples(st.sampled_from(["read", "write", "cancel", "event"]), st.integers(0, 5), st.booleans())))
def test_nothing_is_lost_or_doubled(commands: list[tuple[str, int, bool]]) -> None:
    """Whatever the two ends do, the bytes that were read are those that were written, in order, and counts agree."""
    pair = Pair()
    pair.memory.data[1024:4096] = bytes(index % 251 for index in range(3072))
    done = {"read": 0, "write": 0}
    busy: dict[str, bool] = {"read": False, "write": False}

    def settle(side: str, packed: int | None) -> None:
        if packed is None or packed == BLOCKED:
            busy[side] = busy[side] or packed == BLOCKED
            return
        busy[side] = False
        done[side] += packed >> 4
        assert packed & 15 in (COMPLETED, CANCELLED)

    for verb, count, flag in commands:
        side = verb if verb in done else "read" if flag else "write"
        if verb in done and not busy[side]:
            settle(side, pair.copy(side, done[side] + (0 if side == "read" else 1024), count))
        elif verb == "cancel" and busy[side]:
            settle(side, pair.cancel(side))
        elif verb == "event" and busy[side]:
            settle(side, pair.event(side))
        assert pair.end(side).copying() is busy[side]
    for side in ("read", "write"):
        if busy[side]:
            settle(side, pair.cancel(side))
    assert done["read"] == done["write"]
    assert pair.memory.data[: done["read"]] == pair.memory.data[1024 : 1024 + done["write"]]


# When an instance traps, its ends are dropped.


@pytest.mark.parametrize("side", ["read", "write"])
@pytest.mark.parametrize("state", ["idle", "copying", "event pending", "done"])
def test_poison_drops_ends(side: str, state: str) -> None:
    """The peer of an end whose instance trapped learns that it is gone, whatever that end was doing."""
    pair = in_state("stream", side, state)
    peer_index, peer = pair.ends[other(side)], None
    bystander = FakeGuest(store=pair.guest.store)
    if state != "done":
        # The peer belongs to another tree of instances.
        peer = pair.inst.handles.remove(peer_index)
        peer.index = bystander.inst.handles.add(peer)
        if not peer.has_pending_event() and state != "copying":
            pair.copier.cx.instance = bystander.inst
            pair.ends[other(side)], saved = peer.index, pair.inst
            pair.inst = bystander.inst
            result = pair.copy(other(side))
            pair.inst = saved
            assert result == BLOCKED
    end = pair.end(side)
    pair.guest.root.poison(RuntimeError("trapped"))
    assert end.state is CopyState.DONE
    assert end.shared.dropped
    assert len(pair.inst.handles) == 0
    if peer is not None and peer.copying():
        assert peer.get_pending_event()[2] & 15 == DROPPED
    assert bystander.root.poisoned is None


def test_a_drop_that_traps_is_a_drop_all_the_same() -> None:
    """An end that traps because it is busy is still known to its instance, which drops it for good."""
    pair = in_state("stream", "write", "copying")
    shared = pair.end("write").shared
    with pytest.raises(Trap) as caught:
        pair.drop("write")
    pair.guest.root.poison(caught.value)
    assert shared.dropped
    assert shared.writer_trap is caught.value


def test_cancel_that_is_answered_later() -> None:
    """A host may answer a cancellation later; until then the end is neither free nor done."""
    pair = Pair()
    end: ReadableStreamEnd = pair.end("read")
    deaf: Any = Deaf()
    end.shared = deaf
    assert pair.copy("read") == BLOCKED
    assert pair.cancel("read") == BLOCKED
    assert end.state is CopyState.CANCELLING_COPY
    deaf.copier.on_copy_done(CANCELLED)
    assert pair.event("read") == CANCELLED
    assert end.state is CopyState.IDLE
