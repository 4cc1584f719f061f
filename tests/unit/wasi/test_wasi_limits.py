"""Limits, counts of handles, and random numbers within limits."""

from __future__ import annotations

import errno
import resource
from typing import Any

import pytest

import weft
from weft import wasi
from weft.wasi import Randomness, WasiCtx, WasiLimits
from weft.wasi.limits import HandleCount

RANDOM = """
(component
  (import "wasi:random/{name}@{version}" (instance $random
    (export "get-{prefix}random-bytes" (func (param "{param}" u64) (result (list u8))))
    (export "get-{prefix}random-u64" (func (result u64)))))
  (export "bytes" (func $random "get-{prefix}random-bytes"))
  (export "u64" (func $random "get-{prefix}random-u64")))
"""


@pytest.mark.parametrize("given", [-1, 1.5, "1", None])
def test_nonsense(given: Any) -> None:
    """A limit is a whole number, not below zero."""
    with pytest.raises((TypeError, ValueError)):
        WasiLimits(handles=given)


def test_handles() -> None:
    """There are as many handles as the limit, and again as many as are given back."""
    handles = HandleCount(2)
    handles.acquire()
    handles.acquire()
    with pytest.raises(OSError, match="more than 2 handles") as caught:
        handles.acquire()
    assert caught.value.errno == errno.EMFILE
    handles.release()
    handles.acquire()
    assert handles.open == 2


def test_a_context_counts_its_own_handles() -> None:
    """Contexts with the same limits do not share counts."""
    limits = WasiLimits(handles=1)
    one, other = WasiCtx(limits=limits), WasiCtx(limits=limits)
    one.handles.acquire()
    other.handles.acquire()
    assert (one.handles.open, one.handles.limit) == (1, 1)


def test_seeded_randomness() -> None:
    """A seed makes everything repeat; without one nothing does."""
    one, same, other = Randomness(7), Randomness(7), Randomness(8)
    assert one.secure_bytes(8) == same.secure_bytes(8) != other.secure_bytes(8)
    assert one.insecure_bytes(8) == same.insecure_bytes(8) != other.insecure_bytes(8)
    assert one.insecure_seed == same.insecure_seed != other.insecure_seed
    assert Randomness().insecure_seed != Randomness().insecure_seed
    assert Randomness().secure_bytes(16) != Randomness().secure_bytes(16)


def test_secure_bytes_say_nothing_of_insecure_ones() -> None:
    """With a seed, the two are still different numbers."""
    source = Randomness(7)
    assert source.secure_bytes(8) != Randomness(7).insecure_bytes(8)


def guest_of(ctx: WasiCtx, name: str, prefix: str) -> tuple[weft.Store, Any]:
    """Return a component of nothing but an interface of random numbers, which it exports."""
    engine = weft.Engine(weft.Config(cache_dir=None, opt_level="none"))
    linker = weft.Linker(engine)
    wasi.add_to_linker(linker)
    text = RANDOM.format(name=name, prefix=prefix, version="0.3.0", param="max-len")
    store = weft.Store(engine, data=ctx)
    return store, linker.instantiate_sync(store, weft.Component(engine, text))


@pytest.mark.parametrize(("name", "prefix"), [("random", ""), ("insecure", "insecure-")])
def test_random_bytes(name: str, prefix: str) -> None:
    """A guest gets as many bytes as it asks for, or as the limits give at once: the interface lets hosts give less."""
    ctx = WasiCtx(limits=WasiLimits(random_byte_length=100))
    store, guest = guest_of(ctx, name, prefix)
    with store:
        lengths = [len(guest.get_func("bytes").call(store, count)) for count in (0, 1, 100, 101, (1 << 64) - 1)]
        assert lengths == [0, 1, 100, 100, 100]
        assert len({guest.get_func("u64").call(store) for _ in range(8)}) == 8


def test_guests_leave_descriptors_to_others() -> None:
    """By default guests may have half of the descriptors of the process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, hard))
        assert WasiLimits().handles == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert WasiLimits(handles=7).handles == 7
