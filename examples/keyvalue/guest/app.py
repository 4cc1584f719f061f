"""The world `visits`, in async Python that runs inside a component."""

from __future__ import annotations

from typing import TYPE_CHECKING

import wit_world
from wit_world.imports import buckets

if TYPE_CHECKING:
    from componentize_py_async_support.streams import StreamReader


class WitWorld(wit_world.WitWorld):
    """What the guest exports."""

    async def visit(self, who: str) -> int:
        with await buckets.open("visits") as bucket:
            return await bucket.increment(who, 1)

    async def visitors(self) -> StreamReader[buckets.Change]:
        with await buckets.open("visits") as bucket:
            return bucket.watch("")
