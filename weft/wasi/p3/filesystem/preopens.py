"""wasi:filesystem/preopens: the directories that guests start with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from weft import Trap, TrapCode
from weft.wasi.filesystem import open_preopen

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter, Preopen, WasiCtx
    from weft.wasi.filesystem import Descriptor


def open_preopens(ctx: WasiCtx) -> list[tuple[Descriptor, str]]:
    """Return new descriptors of all directories that a guest starts with, and what it calls them.

    Raises:
        Trap: the guest has too many handles open, or a directory cannot be opened; it may ask any number of times, also
            after it has moved the directory away or used up all descriptors, and there is no error code for it.
    """
    if ctx.handles.open + len(ctx.preopens) > ctx.handles.limit:
        raise Trap(TrapCode.OTHER, f"the guest may not have more than {ctx.handles.limit} handles open")
    opened: list[tuple[Descriptor, str]] = []
    try:
        for preopen in ctx.preopens:
            opened.append((_open(ctx, preopen), preopen.guest_path))  # noqa: PERF401 - kept when one fails
    except BaseException:
        for descriptor, _ in opened:
            descriptor.on_drop()
        raise
    return opened


def _open(ctx: WasiCtx, preopen: Preopen) -> Descriptor:
    try:
        return open_preopen(ctx, preopen)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise Trap(TrapCode.OTHER, f"the directory {preopen.guest_path!r} cannot be opened: {reason}") from error


def add_to_linker(linker: Linker, getter: Getter, version: str = "0.3.0") -> None:
    """Let guests import the interface, which is the same in both versions of WASI."""

    @linker.instance(f"wasi:filesystem/preopens@{version}").func_wrap("get-directories")
    def get_directories(store: Store) -> list[tuple[Descriptor, str]]:
        return open_preopens(getter(store.data))


__all__ = ["add_to_linker", "open_preopens"]
