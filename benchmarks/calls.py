"""Calls of the smallest functions: the host's of a guest, a guest's of the host, a guest's of another guest."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import guest
from benchmarks.case import Case, Runners, Target, inner_loop, loop
from benchmarks.peer import Peer
from benchmarks.raw import RawCore, core_module
from weft.bindgen import load

if TYPE_CHECKING:
    import weft

LIST_BYTE_LENGTH = 1 << 16


def _add() -> Runners:
    component = guest.load("values")
    store, instance = guest.instantiate(component)
    weft_add = instance.get_func("add")
    raw_add = RawCore(core_module(component)).func("add", 2).of_two()
    peer_add = Peer(guest.text("values")).func("add")
    assert weft_add.call(store, 1, 2) == raw_add(1, 2) == peer_add(1, 2) == 3
    return Runners(
        loop(partial(weft_add.call, store, 1, 2)), loop(partial(raw_add, 1, 2)), loop(partial(peer_add, 1, 2))
    )


def _bound_add() -> Runners:
    """The limit is the same call without generated code."""
    component = guest.load("values")
    store, instance = guest.instantiate(component)
    bound = load(component).World(instance).add_sync
    dynamic = partial(instance.get_func("add").call, store)
    assert bound(1, 2) == dynamic(1, 2) == 3
    return Runners(loop(partial(bound, 1, 2)), loop(partial(dynamic, 1, 2)))


def _step(_store: object, a: int, b: int) -> int:
    del b
    return a + 1


def _raw_step(_env: object, _caller: object, values: int, _count: int) -> None:
    value = ctypes.c_int32.from_address(values)
    value.value += 1


def _import() -> Runners:
    component = guest.load("imports")
    store, instance = guest.instantiate(component, step=_step)
    weft_run = partial(instance.get_func("run").call, store)
    raw_run = RawCore.with_host(core_module(component), _raw_step).func("run", 1).of_one()
    peer_run = Peer(guest.text("imports"), {"step": _step}).func("run")
    assert weft_run(9) == raw_run(9) == peer_run(9) == 9
    return Runners(inner_loop(weft_run), inner_loop(raw_run), inner_loop(peer_run))


def _linked(component: weft.Component) -> RawCore:
    """Link the core modules of the two components directly: no adapter at all."""
    callee = RawCore(core_module(component, 0))
    imports = [callee.exports["add"], callee.exports["length"]]
    return RawCore(core_module(component, 2), imports, beside=callee)


def _composed_add() -> Runners:
    component = guest.load("composed")
    store, instance = guest.instantiate(component)
    weft_adds = partial(instance.get_func("adds").call, store)
    raw_adds = _linked(component).func("adds", 1).of_one()
    peer_adds = Peer(guest.text("composed")).func("adds")
    assert weft_adds(9) == raw_adds(9) == peer_adds(9) == 9
    return Runners(inner_loop(weft_adds), inner_loop(raw_adds), inner_loop(peer_adds))


def _composed_list() -> Runners:
    component = guest.load("composed")
    store, instance = guest.instantiate(component)
    weft_lengths = instance.get_func("lengths")
    peer_lengths = Peer(guest.text("composed")).func("lengths")
    count = 3
    assert weft_lengths.call(store, count, LIST_BYTE_LENGTH) == count * LIST_BYTE_LENGTH
    assert peer_lengths(count, LIST_BYTE_LENGTH) == count * LIST_BYTE_LENGTH
    here, there = bytearray(LIST_BYTE_LENGTH), memoryview(bytearray(LIST_BYTE_LENGTH))
    return Runners(
        inner_loop(lambda count: weft_lengths.call(store, count, LIST_BYTE_LENGTH)),
        loop(partial(there.__setitem__, slice(None), here)),
        inner_loop(lambda count: peer_lengths(count, LIST_BYTE_LENGTH)),
    )


CASES = (
    Case("host -> guest: add(u32, u32)", _add, Target(of_limit=3, of_peer=10)),
    Case("host -> guest: bindgen'd add, limit: Func.call", _bound_add),
    Case("guest -> host: import(u32, u32)", _import),
    Case("guest -> guest: add(u32, u32)", _composed_add),
    Case("guest -> guest: list<u8> of 64 KiB", _composed_list),
)
