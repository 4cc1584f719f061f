"""A key-value store for guests, as a library would ship it: it knows nothing of the program that embeds it.

    package example:kv@0.1.0;

    interface store {
      resource bucket {
        get: func(key: string) -> option<string>;
        set: async func(key: string, value: string);
        watch: func() -> stream<string>;  // the keys that are set from now on
      }
      open: func(name: string) -> bucket;
    }

A program keeps a `KeyValue` somewhere in the data of each `weft.Store`, and says where::

    kv.add_to_linker(linker, lambda data: data.kv)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from anyio.lowlevel import checkpoint
from attrs import define, field

import weft

if TYPE_CHECKING:
    from collections.abc import Callable

INTERFACE = "example:kv/store@0.1.0"


@define(eq=False)
class KeyValue:
    """What the package keeps for each store: the buckets by name, and which of them guests have opened."""

    buckets: dict[str, Bucket] = field(factory=dict)
    table: weft.ResourceTable = field(factory=weft.ResourceTable)


Getter: TypeAlias = "Callable[[Any], KeyValue]"
"""Finds the package's part in the data of a store."""


@define(eq=False)
class Bucket:
    """A dict, and who watches it."""

    values: dict[str, str] = field(factory=dict)
    watches: list[Watch] = field(factory=list)

    async def set(self, key: str, value: str) -> None:
        """Set a value; a real store would wait for its disk here."""
        await checkpoint()
        self.values[key] = value
        for watch in self.watches:
            watch.add(key)

    def watch(self) -> Watch:
        """Begin to watch."""
        watch = Watch(self)
        self.watches.append(watch)
        return watch


class Watch(weft.StreamProducer):
    """The keys that were set and not read yet, each once: slow readers hold nobody up, and need no room without end."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._keys: dict[str, None] = {}
        self._waker: weft.Waker | None = None

    def add(self, key: str) -> None:
        """Take note of a change, and tell the reader if it waits."""
        self._keys[key] = None
        if self._waker is not None:
            self._waker.wake()

    def poll_produce(self, waker: weft.Waker, destination: weft.Destination, finish: bool) -> weft.StreamAnswer:
        """Give the keys that there are, or wait for one."""
        self._waker = waker
        if not self._keys:
            return weft.CANCELLED if finish else weft.PENDING
        if destination.remaining != 0:
            destination.write(list(self._keys))
            self._keys.clear()
        return weft.StreamResult.COMPLETED

    def close(self) -> None:
        """Forget the watch: nobody reads it any more."""
        self._bucket.watches.remove(self)


def add_to_linker(linker: weft.Linker, getter: Getter) -> None:
    """Let guests import the interface.

    Args:
        linker: defines it from now on.
        getter: finds the `KeyValue` in the data of a store.
    """
    api = linker.instance(INTERFACE)

    # A destructor that awaits nothing; only this kind is told in which store it is, and so which table it is about.
    async def drop(accessor: weft.Accessor, rep: int) -> None:
        accessor.with_getter(getter).get().table.delete(rep)

    bucket = api.resource_concurrent("bucket", drop)

    @api.func_wrap("open")
    def open_bucket(store: weft.Store, name: str) -> weft.Resource:
        kv = store.with_getter(getter).get()
        return kv.table.new(bucket, kv.buckets.setdefault(name, Bucket()))

    @api.func_wrap("[method]bucket.get")
    def get(store: weft.Store, handle: weft.Resource, key: str) -> str | None:
        return store.with_getter(getter).get().table.get(handle, Bucket).values.get(key)

    @api.func_wrap_concurrent("[method]bucket.set")
    async def set_value(accessor: weft.Accessor, handle: weft.Resource, key: str, value: str) -> None:
        await accessor.with_getter(getter).get().table.get(handle, Bucket).set(key, value)

    @api.func_wrap("[method]bucket.watch")
    def watch(store: weft.Store, handle: weft.Resource) -> Watch:
        return store.with_getter(getter).get().table.get(handle, Bucket).watch()
