"""wasi:random 0.3: random, insecure and insecure-seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Linker, Store
    from weft.wasi.ctx import Getter, WasiCtx


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package. They get at most as many bytes at once as the limits say."""

    def define(name: str, prefix: str, source: Callable[[WasiCtx], Callable[[int], bytes]]) -> None:
        api = linker.instance(f"wasi:random/{name}@0.3.0")

        @api.func_wrap(f"get-{prefix}random-bytes")
        def get_bytes(store: Store, max_len: int) -> bytes:
            ctx = getter(store.data)
            return source(ctx)(min(max_len, ctx.limits.random_byte_length))

        @api.func_wrap(f"get-{prefix}random-u64")
        def get_u64(store: Store) -> int:
            return int.from_bytes(source(getter(store.data))(8), "little")

    define("random", "", lambda ctx: ctx.random.secure_bytes)
    define("insecure", "insecure-", lambda ctx: ctx.random.insecure_bytes)
    linker.instance("wasi:random/insecure-seed@0.3.0").func_wrap(
        "get-insecure-seed", lambda store: getter(store.data).random.insecure_seed
    )


__all__ = ["add_to_linker"]
