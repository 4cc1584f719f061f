"""The database: one connection, used by one worker thread at a time."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager
from os import PathLike, fspath
from typing import TYPE_CHECKING, TypeVar, final

import anyio
import anyio.to_thread
from attrs import define, field

import weft
from keyvalue import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from keyvalue.bindings.buckets import Change
    from keyvalue.watches import Watch

T = TypeVar("T")


@final
@define(eq=False)
class Database:
    """Values by bucket and key, and who watches them; for one event loop.

    A change is written and told in one turn: those who watch get to know of changes in the order of the database, and
    of none that was not written. A call that is cancelled before its turn changes nothing; in its turn it ends first.

    Attributes:
        watches: who watches, by the number of the bucket.
    """

    _connection: sqlite3.Connection
    watches: dict[int, set[Watch]] = field(factory=dict)
    _turn: anyio.Lock = field(factory=anyio.Lock)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: str | PathLike[str], *, byte_length: int | None = None, patience: float = 5.0
    ) -> AsyncIterator[Database]:
        """Open a database for the time of a block.

        Args:
            path: of the file, which is made if need be.
            byte_length: how large it may become.
            patience: how many seconds to wait for other processes that lock it.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        connection = await anyio.to_thread.run_sync(statements.connect, fspath(path), byte_length, patience)
        database = cls(connection)
        try:
            yield database
        finally:
            with anyio.CancelScope(shield=True):
                async with database._turn:
                    await anyio.to_thread.run_sync(connection.close)

    async def run(self, statement: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a statement returns.

        Raises:
            weft.Err[Error]: what the interface calls the error of the database.
            sqlite3.Error: another error.
        """
        async with self._turn:
            return await self._run(statement)

    async def change(
        self, bucket: int, statement: Callable[[sqlite3.Connection], T], change: Callable[[T], Change | None]
    ) -> T:
        """Return what a statement returns, after telling those who watch what `change` makes of that."""
        async with self._turn:
            result = await self._run(statement)
            changed = change(result)
            if changed is not None:
                for watch in self.watches.get(bucket, ()):
                    watch.tell(changed)
        return result

    async def _run(self, statement: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await anyio.to_thread.run_sync(statement, self._connection)
        except sqlite3.Error as error:
            refusal = statements.refusal(error)
            if refusal is None:
                raise
            raise weft.Err(refusal) from error

    def watch(self, bucket: int, watch: Watch) -> None:
        """Tell `watch` of the changes of a bucket from now on."""
        self.watches.setdefault(bucket, set()).add(watch)

    def unwatch(self, bucket: int, watch: Watch) -> None:
        """Tell it no more."""
        self.watches[bucket].remove(watch)
        if not self.watches[bucket]:
            del self.watches[bucket]
