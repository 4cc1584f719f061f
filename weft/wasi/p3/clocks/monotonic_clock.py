"""wasi:clocks/monotonic-clock: measuring and waiting, in nanoseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

    @api.func_wrap_concurrent("wait-until")
    async def wait_until(accessor: Accessor, when: int) -> None:
        await clock(accessor).wait_until_ns(when)

    @api.func_wrap_concurrent("wait-for")
    async def wait_for(accessor: Accessor, how_long: int) -> None:
        source = clock(accessor)
        await source.wait_until_ns(source.now_ns() + how_long)


__all__ = ["add_to_linker"]
