"""wasi:random 0.2: random, insecure and insecure-seed.

Unlike 0.3, a guest gets as many bytes as it asks for; one that asks for more than the limits say traps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft import Trap, TrapCode
from weft.wasi.p2.io.error import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Linker, Store
    from weft.wasi.ctx import Getter, WasiCtx


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import every interface of the package."""

    def define(name: str, prefix: str, source: Callable[[WasiCtx], Callable[[int], bytes]]) -> None:
        api = linker.instance(f"wasi:random/{name}@{VERSION}")

        @api.func_wrap(f"get-{prefix}random-bytes")
        def get_bytes(store: Store, length: int) -> bytes:
            ctx = getter(store.data)
            limit = ctx.limits.random_byte_length
            if length > limit:
                raise Trap(TrapCode.OTHER, f"{length} random bytes were asked for, and {limit} are allowed at once")
            return source(ctx)(length)

        @api.func_wrap(f"get-{prefix}random-u64")
        def get_u64(store: Store) -> int:
            return int.from_bytes(source(getter(store.data))(8), "little")

    define("random", "", lambda ctx: ctx.random.secure_bytes)
    define("insecure", "insecure-", lambda ctx: ctx.random.insecure_bytes)
    linker.instance(f"wasi:random/insecure-seed@{VERSION}").func_wrap(
        "insecure-seed", lambda store: getter(store.data).random.insecure_seed
    )


__all__ = ["add_to_linker"]
