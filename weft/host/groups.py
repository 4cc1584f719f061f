"""Task groups that do not show in the errors of who uses weft."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def ungrouped() -> AsyncIterator[None]:
    """Take the exception group off what comes out of the one task group inside, unless it holds several errors."""
    only: BaseException | None = None
    try:
        yield
    except BaseExceptionGroup as group:
        only = _only(group)
    try:
        if only is not None:
            # Outside the handler: the error keeps the cause and the context that it has.
            raise only
    finally:
        del only


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what stands for a group: what ends the program, else the error if there is one, else the errors."""
    cancelled = anyio.get_cancelled_exc_class()
    distinct = list({id(error): error for error in group.exceptions}.values())
    errors = [error for error in distinct if not isinstance(error, cancelled)]
    for error in errors:
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            return error
    if len(errors) > 1:
        return group.derive(errors)
    return (errors or distinct)[0]


__all__ = ["ungrouped"]
