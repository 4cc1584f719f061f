"""wasi:clocks/monotonic-clock: measuring and waiting, in nanoseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p2.io import Deadline, Pollable
from weft.wasi.p2.io.error import VERSION

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.clocks import MonotonicClock
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance(f"wasi:clocks/monotonic-clock@{VERSION}")

    def clock(store: Store) -> MonotonicClock:
        return getter(store.data).monotonic_clock

    @api.func_wrap("now")
    def now(store: Store) -> int:
        return clock(store).now_ns()

    @api.func_wrap("resolution")
    def resolution(store: Store) -> int:
        return clock(store).resolution_ns()

    @api.func_wrap("subscribe-instant")
    def subscribe_instant(store: Store, when: int) -> Pollable:
        return Pollable(Deadline(clock(store), when))

    @api.func_wrap("subscribe-duration")
    def subscribe_duration(store: Store, when: int) -> Pollable:
        source = clock(store)
        return Pollable(Deadline(source, source.now_ns() + when))


__all__ = ["add_to_linker"]
