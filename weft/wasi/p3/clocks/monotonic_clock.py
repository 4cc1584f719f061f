"""wasi:clocks/monotonic-clock: measuring and waiting, in nanoseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from weft import Accessor, Linker, Store
    from weft.wasi.clocks import MonotonicClock
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance("wasi:clocks/monotonic-clock@0.3.0")

    def clock(store: Store | Accessor) -> MonotonicClock:
        return getter(store.data).monotonic_clock

    @api.func_wrap("now")
    def now(store: Store) -> int:
        return clock(store).now_ns()

    @api.func_wrap("get-resolution")
    def get_resolution(store: Store) -> int:
        return clock(store).resolution_ns()

    # What is over already is over at once, on any event loop.
    @api.func_wrap_concurrent("wait-until")
    def wait_until(accessor: Accessor, when: int) -> Awaitable[None] | None:
        source = clock(accessor)
        return source.wait_until_ns(when) if when > source.now_ns() else None

    @api.func_wrap_concurrent("wait-for")
    def wait_for(accessor: Accessor, how_long: int) -> Awaitable[None] | None:
        source = clock(accessor)
        return source.wait_until_ns(source.now_ns() + how_long) if how_long else None


__all__ = ["add_to_linker"]
