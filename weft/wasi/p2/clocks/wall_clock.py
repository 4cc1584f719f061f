"""wasi:clocks/wall-clock: the time of day."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from weft.wasi.p2.io.error import VERSION
from weft.wasi.p3.clocks.system_clock import NANOSECONDS

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter


class Datetime(TypedDict):
    """A point in time, or a length of it: seconds, since 1970 or not, and nanoseconds after those."""

    seconds: int
    nanoseconds: int


def datetime(time_ns: int) -> Datetime:
    """Return nanoseconds as the interface has them, which knows of no time before 1970."""
    seconds, nanoseconds = divmod(max(time_ns, 0), NANOSECONDS)
    return {"seconds": seconds, "nanoseconds": nanoseconds}


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance(f"wasi:clocks/wall-clock@{VERSION}")

    @api.func_wrap("now")
    def now(store: Store) -> Datetime:
        return datetime(getter(store.data).wall_clock.now_ns())

    @api.func_wrap("resolution")
    def resolution(store: Store) -> Datetime:
        return datetime(getter(store.data).wall_clock.resolution_ns())


__all__ = ["Datetime", "add_to_linker", "datetime"]
