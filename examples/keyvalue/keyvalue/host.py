"""The interface ``buckets``, implemented: the classes that the generated Protocols ask for."""

from __future__ import annotations

import re
import weakref
from functools import partial
from typing import TYPE_CHECKING, Final, final

from attrs import define, field

import weft
from keyvalue import statements
from keyvalue.bindings import buckets
from keyvalue.limits import Limits, Places
from keyvalue.watches import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyvalue.database import Database

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@final
@define(eq=False)
class KeyValue:
    """The functions of the interface, for guests that share limits; others can share the database.

    Attributes:
        opened, watched: how many buckets and watches there are.
    """

    database: Database
    limits: Limits = field(factory=Limits)
    opened: Places = field(init=False)
    watched: Places = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.opened = Places(self.limits.buckets)
        self.watched = Places(self.limits.watches)

    async def open(self, _accessor: weft.Accessor, name: str) -> Bucket:
        """Open a bucket."""
        if not _NAME.fullmatch(name):
            raise weft.Err(buckets.ErrorInvalidName())
        self.opened.take()
        try:
            number = await self.database.run(partial(statements.bucket, name=name))
        except BaseException:
            self.opened.leave()
            raise
        return Bucket(self, number)


@final
@define(eq=False)
class Bucket:
    """A resource that guests own: one opening of a bucket."""

    owner: KeyValue
    number: int
    _leave: Callable[[], object] = field(init=False)

    def __attrs_post_init__(self) -> None:
        # A guest that is stopped while `open` runs never gets the bucket, and so never drops it.
        self._leave = weakref.finalize(self, self.owner.opened.leave)

    async def get(self, _accessor: weft.Accessor, key: str) -> bytes | None:
        """Return a value, or None."""
        self.owner.limits.check_key(key)
        return await self.owner.database.run(partial(statements.get, bucket=self.number, key=key))

    async def set(self, _accessor: weft.Accessor, key: str, value: bytes) -> None:
        """Set a value."""
        self.owner.limits.check_key(key)
        self.owner.limits.check_value(value)
        put = partial(statements.put, bucket=self.number, key=key, value=value)
        await self.owner.database.change(self.number, put, lambda _: buckets.Change(key, value))

    async def delete(self, _accessor: weft.Accessor, key: str) -> bool:
        """Delete a value."""
        self.owner.limits.check_key(key)
        delete = partial(statements.delete, bucket=self.number, key=key)
        return await self.owner.database.change(
            self.number, delete, lambda existed: buckets.Change(key, None) if existed else None
        )

    async def increment(self, _accessor: weft.Accessor, key: str, amount: int) -> int:
        """Add to a value."""
        self.owner.limits.check_key(key)
        increment = partial(statements.increment, bucket=self.number, key=key, amount=amount)
        return await self.owner.database.change(
            self.number, increment, lambda total: buckets.Change(key, b"%d" % total)
        )

    async def list_keys(self, _accessor: weft.Accessor, prefix: str, after: str | None) -> list[str]:
        """Return the next keys."""
        limit = self.owner.limits.page_length
        page = partial(statements.list_keys, bucket=self.number, prefix=prefix, after=after, limit=limit)
        return await self.owner.database.run(page)

    def watch(self, _store: weft.Store, prefix: str) -> Watch:
        """Begin to watch; goes on when the bucket is dropped."""
        self.owner.watched.take()
        watch = Watch(prefix, self.owner.limits.watch_byte_length, self._unwatch)
        self.owner.database.watch(self.number, watch)
        return watch

    def _unwatch(self, watch: Watch) -> None:
        self.owner.database.unwatch(self.number, watch)
        self.owner.watched.leave()

    def on_drop(self) -> None:
        """Give the place back: the guest has dropped its handle."""
        self._leave()
