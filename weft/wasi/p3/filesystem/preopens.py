"""wasi:filesystem/preopens: the directories that guests start with."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from weft import Trap, TrapCode
from weft.wasi.filesystem import open_preopen

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter, WasiCtx
    from weft.wasi.filesystem import Descriptor


_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What a guest can bring about that holds all that there is."""


def open_preopens(ctx: WasiCtx) -> list[tuple[Descriptor, str]]:
    """Return new descriptors of all directories that a guest starts with, and what it calls them.

    Raises:
        Trap: the guest has too many handles open, or the process has; it may ask any number of times, and there is no
            error code for it.
        OSError: a directory that the embedder gave cannot be opened.
    """
    if ctx.handles.open + len(ctx.preopens) > ctx.handles.limit:
        raise Trap(TrapCode.OTHER, f"the guest may not have more than {ctx.handles.limit} handles open")
    opened: list[tuple[Descriptor, str]] = []
    try:
        for preopen in ctx.preopens:
            opened.append((open_preopen(ctx, preopen), preopen.guest_path))  # noqa: PERF401 - kept when one fails
    except BaseException as error:
        for descriptor, _ in opened:
            descriptor.on_drop()
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            raise Trap(TrapCode.OTHER, f"no directory can be opened: {os.strerror(error.errno)}") from error
        raise
    return opened


def add_to_linker(linker: Linker, getter: Getter, version: str = "0.3.0") -> None:
    """Let guests import the interface, which is the same in both versions of WASI."""

    @linker.instance(f"wasi:filesystem/preopens@{version}").func_wrap("get-directories")
    def get_directories(store: Store) -> list[tuple[Descriptor, str]]:
        return open_preopens(getter(store.data))


__all__ = ["add_to_linker", "open_preopens"]
