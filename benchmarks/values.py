"""Echoes of compound values. The limit is the same work written by hand for just this type, without any checks."""

from __future__ import annotations

import struct
from array import array
from functools import partial
from typing import TYPE_CHECKING, Any, final

from benchmarks import guest
from benchmarks.case import Case, Runners, Target, loop
from benchmarks.peer import Peer, record
from benchmarks.raw import RawCore, core_module

if TYPE_CHECKING:
    from collections.abc import Callable

BYTES = bytes(range(256)) * 256
TEXT = "x" * 65536
NUMBERS = list(range(10_000))
PLACES = [{"x": 1.0 * i, "y": 2.0 * i, "name": f"n{i}"} for i in range(1000)]

_PLACE = struct.Struct("<ddII")


@final
class RawEcho:
    """The guest's core functions and its memory."""

    def __init__(self, module: bytes) -> None:
        core = RawCore(module)
        self.realloc = core.func("realloc", 4).of_four()
        self.echo = core.func("echo", 2).of_two()
        self.reset = core.func("reset", 1).of_one()
        self.realloc(0, 0, 8, 1 << 20)
        self.reset(0)
        self.memory = core.memory()
        self.words = self.memory.cast("I")

    def bytes(self, data: bytes) -> bytes:
        """Echo bytes."""
        length, memory = len(data), self.memory
        start = self.realloc(0, 0, 1, length)
        memory[start : start + length] = data
        start, length = self._echoed(start, length)
        data = bytes(memory[start : start + length])
        self.reset(0)
        return data

    def string(self, text: str) -> str:
        """Echo a string."""
        data, memory = text.encode(), self.memory
        start = self.realloc(0, 0, 1, len(data))
        memory[start : start + len(data)] = data
        start, length = self._echoed(start, len(data))
        text = str(memory[start : start + length], "utf-8")
        self.reset(0)
        return text

    def u32s(self, numbers: list[int]) -> list[int]:
        """Echo numbers."""
        words = self.words
        start = self.realloc(0, 0, 4, 4 * len(numbers)) >> 2
        words[start : start + len(numbers)] = array("I", numbers)
        start, length = self._echoed(4 * start, len(numbers))
        numbers = words[start >> 2 : (start >> 2) + length].tolist()
        self.reset(0)
        return numbers

    def places(self, places: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Echo records; each string has memory of its own."""
        memory, realloc, pack = self.memory, self.realloc, _PLACE.pack_into
        start = at = realloc(0, 0, 8, 24 * len(places))
        for place in places:
            name = place["name"].encode()
            pointer = realloc(0, 0, 1, len(name))
            memory[pointer : pointer + len(name)] = name
            pack(memory, at, place["x"], place["y"], pointer, len(name))
            at += 24
        start, length = self._echoed(start, len(places))
        found = [
            {"x": x, "y": y, "name": str(memory[pointer : pointer + size], "utf-8")}
            for x, y, pointer, size in _PLACE.iter_unpack(memory[start : start + 24 * length])
        ]
        self.reset(0)
        return found

    def _echoed(self, start: int, length: int) -> tuple[int, int]:
        at = self.echo(start, length) >> 2
        return self.words[at], self.words[at + 1]


def _echo(name: str, value: Any, raw: Callable[[RawEcho, Any], Any]) -> Runners:
    component = guest.load("values")
    store, instance = guest.instantiate(component)
    weft_echo = instance.get_func(f"echo-{name}")
    peer_echo = Peer(guest.text("values")).func(f"echo-{name}")
    raw_echo = partial(raw, RawEcho(core_module(component)))
    # Each side gets what it gives: for records that is a class of its own.
    weft_value = weft_echo.call(store, value)
    peer_value = [record(**place) for place in value] if value is PLACES else value
    assert len(weft_value) == len(value)
    assert weft_echo.call(store, weft_value) == weft_value
    assert raw_echo(value) == value
    assert len(peer_echo(peer_value)) == len(value)
    return Runners(
        loop(partial(weft_echo.call, store, weft_value)),
        loop(partial(raw_echo, value)),
        loop(partial(peer_echo, peer_value)),
    )


CASES = (
    Case("list<u8> of 64 KiB", partial(_echo, "bytes", BYTES, RawEcho.bytes), Target(of_peer=500)),
    Case("string of 64 KiB", partial(_echo, "string", TEXT, RawEcho.string)),
    Case("list<u32> of 10,000", partial(_echo, "u32s", NUMBERS, RawEcho.u32s), Target(of_peer=20)),
    Case("list of 1,000 {f64, f64, string}", partial(_echo, "places", PLACES, RawEcho.places), Target(of_peer=8)),
)
