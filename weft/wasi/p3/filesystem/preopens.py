"""wasi:filesystem/preopens: the directories that guests start with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.filesystem import open_preopen

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter
    from weft.wasi.filesystem import Descriptor


def add_to_linker(linker: Linker, getter: Getter, version: str = "0.3.0") -> None:
    """Let guests import the interface, which is the same in both versions of WASI.

    A directory that the embedder gave and that cannot be opened is an OSError, out of the call of the guest.
    """

    @linker.instance(f"wasi:filesystem/preopens@{version}").func_wrap("get-directories")
    def get_directories(store: Store) -> list[tuple[Descriptor, str]]:
        ctx = getter(store.data)
        return [(open_preopen(ctx, preopen), preopen.guest_path) for preopen in ctx.preopens]


__all__ = ["add_to_linker"]
