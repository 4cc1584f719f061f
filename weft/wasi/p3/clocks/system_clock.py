"""wasi:clocks/system-clock: the time of day."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter

NANOSECONDS = 1_000_000_000


class Instant(TypedDict):
    """A point in time: seconds since 1970, and nanoseconds after those."""

    seconds: int
    nanoseconds: int


def instant(time_ns: int) -> Instant:
    """Return nanoseconds since 1970 as the interface has them."""
    seconds, nanoseconds = divmod(time_ns, NANOSECONDS)
    return {"seconds": seconds, "nanoseconds": nanoseconds}


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance("wasi:clocks/system-clock@0.3.0")

    @api.func_wrap("now")
    def now(store: Store) -> Instant:
        return instant(getter(store.data).wall_clock.now_ns())

    @api.func_wrap("get-resolution")
    def get_resolution(store: Store) -> int:
        return getter(store.data).wall_clock.resolution_ns()


__all__ = ["NANOSECONDS", "Instant", "add_to_linker", "instant"]
