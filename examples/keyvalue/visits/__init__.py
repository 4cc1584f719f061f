"""The world of a component. Written by ``weft bindgen``."""

from __future__ import annotations

from typing import Any, final

import weft
from weft.bindgen.support import Exports, lifted_stream, lifted_error
from keyvalue.bindings import buckets as buckets
from keyvalue.bindings.buckets import Change as Change
from keyvalue.bindings.buckets import Error as Error
from keyvalue.bindings.buckets import lift_change as lift_change
from keyvalue.bindings.buckets import lift_error as lift_error


@final
class World:
    """What the world exports of one instance of the component."""

    def __init__(self, instance: weft.Instance) -> None:
        self._exports = Exports(instance)

    async def visit(self, accessor: weft.Accessor, who: str) -> int:
        """``visit: async func(who: string) -> result<s64, error>``

        Count one visit of `who`, and return how many there were.

        Raises:
            weft.Err[Error]: the error of the result.
        """
        with lifted_error(lift_error):
            result: int = await self._exports.func("visit").call_concurrent(accessor, who)
        return result

    async def visitors(self, accessor: weft.Accessor) -> weft.StreamReader[list[Change]]:
        """``visitors: async func() -> result<stream<change>, error>``

        The counts of those who visit from now on.

        Raises:
            weft.Err[Error]: the error of the result.
        """
        with lifted_error(lift_error):
            result: Any = await self._exports.func("visitors").call_concurrent(accessor)
        return lifted_stream(result, lift_change)
