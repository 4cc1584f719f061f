"""Calls that wait for a disk."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from weft.wasi.filesystem.descriptor import Descriptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.wasi.ctx import WasiCtx

T = TypeVar("T")
P = ParamSpec("P")


async def call(
    ctx: WasiCtx,
    func: Callable[Concatenate[Descriptor, P], T],
    descriptor: Descriptor,
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Return ``func(descriptor, ...)``, called where it may block; no descriptor that it is given is closed meanwhile.

    Raises:
        OSError: as `func` does.
    """
    with ExitStack() as held:
        for argument in (descriptor, *args):
            if isinstance(argument, Descriptor):
                held.enter_context(argument.file)
        return await ctx.run_blocking(partial(func, descriptor, *args, **kwargs))


__all__ = ["call"]
