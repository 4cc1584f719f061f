"""The interface ``example:keyvalue/buckets@0.1.0`` of a component. Written by ``weft bindgen``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias, final

import attrs
import weft
from weft.bindgen.support import BytesLike, StreamLike


INTERFACE: Final = "example:keyvalue/buckets@0.1.0"


@final
@attrs.frozen
class ErrorInvalidName:
    """The case ``invalid-name`` of ``variant error``.

    The name of a bucket has 1 to 64 letters, digits, `-` or `_`.
    """

    case: ClassVar[Literal["invalid-name"]] = "invalid-name"


@final
@attrs.frozen
class ErrorKeyTooLong:
    """The case ``key-too-long`` of ``variant error``.

    The key is longer than this many bytes of UTF-8.
    """

    value: int
    case: ClassVar[Literal["key-too-long"]] = "key-too-long"


@final
@attrs.frozen
class ErrorValueTooLarge:
    """The case ``value-too-large`` of ``variant error``.

    The value is longer than this many bytes.
    """

    value: int
    case: ClassVar[Literal["value-too-large"]] = "value-too-large"


@final
@attrs.frozen
class ErrorNotANumber:
    """The case ``not-a-number`` of ``variant error``.

    The value is not the decimal text of an s64, or the sum is none.
    """

    case: ClassVar[Literal["not-a-number"]] = "not-a-number"


@final
@attrs.frozen
class ErrorTooMany:
    """The case ``too-many`` of ``variant error``.

    So many buckets or watches are open already.
    """

    value: int
    case: ClassVar[Literal["too-many"]] = "too-many"


@final
@attrs.frozen
class ErrorFull:
    """The case ``full`` of ``variant error``.

    The database has no room left.
    """

    case: ClassVar[Literal["full"]] = "full"


@final
@attrs.frozen
class ErrorBusy:
    """The case ``busy`` of ``variant error``.

    Somebody else has kept the database locked for too long.
    """

    case: ClassVar[Literal["busy"]] = "busy"


@final
@attrs.frozen
class ErrorReadOnly:
    """The case ``read-only`` of ``variant error``.

    The database can only be read.
    """

    case: ClassVar[Literal["read-only"]] = "read-only"


@final
@attrs.frozen
class ErrorBroken:
    """The case ``broken`` of ``variant error``.

    The database cannot be read or written; the text says why.
    """

    value: str
    case: ClassVar[Literal["broken"]] = "broken"


Error: TypeAlias = (
    ErrorInvalidName
    | ErrorKeyTooLong
    | ErrorValueTooLarge
    | ErrorNotANumber
    | ErrorTooMany
    | ErrorFull
    | ErrorBusy
    | ErrorReadOnly
    | ErrorBroken
)
"""``variant error``."""


def lift_error(value: Any) -> Error:
    """Make a `Error` of what weft lifts."""
    if value.case == "invalid-name":
        return ErrorInvalidName()
    if value.case == "key-too-long":
        return ErrorKeyTooLong(value.value)
    if value.case == "value-too-large":
        return ErrorValueTooLarge(value.value)
    if value.case == "not-a-number":
        return ErrorNotANumber()
    if value.case == "too-many":
        return ErrorTooMany(value.value)
    if value.case == "full":
        return ErrorFull()
    if value.case == "busy":
        return ErrorBusy()
    if value.case == "read-only":
        return ErrorReadOnly()
    if value.case == "broken":
        return ErrorBroken(value.value)
    raise AssertionError(value)


@final
@attrs.frozen
class Change:
    """``record change``.

    What a key has now: a value, or none after it was deleted.
    """

    key: str
    value: bytes | None


def lift_change(value: Any) -> Change:
    """Make a `Change` of what weft lifts."""
    return Change(
        value.key,
        value.value,
    )


class Bucket(Protocol):
    """``resource bucket``, which the host implements.

    A guest that drops one it owns calls its method ``on_drop()``, if it has one.
    """

    async def get(self, accessor: weft.Accessor, key: str) -> BytesLike | None:
        """``get: async func(key: string) -> result<option<list<u8>>, error>``

        Raises:
            weft.Err[Error]: the error of the result.
        """
        ...

    async def set(self, accessor: weft.Accessor, key: str, value: bytes) -> None:
        """``set: async func(key: string, value: list<u8>) -> result<_, error>``

        Raises:
            weft.Err[Error]: the error of the result.
        """
        ...

    async def delete(self, accessor: weft.Accessor, key: str) -> bool:
        """``delete: async func(key: string) -> result<bool, error>``

        Whether there was a value.

        Raises:
            weft.Err[Error]: the error of the result.
        """
        ...

    async def increment(self, accessor: weft.Accessor, key: str, amount: int) -> int:
        """``increment: async func(key: string, amount: s64) -> result<s64, error>``

        Add to a value that is the decimal text of an s64; none counts as zero. Nobody comes in between.

        Raises:
            weft.Err[Error]: the error of the result.
        """
        ...

    async def list_keys(self, accessor: weft.Accessor, prefix: str, after: str | None) -> Sequence[str]:
        """``list-keys: async func(prefix: string, after: option<string>) -> result<list<string>, error>``

        Keys that begin with `prefix`, in the order of their bytes: the first ones after `after`, and none at the end.

        Raises:
            weft.Err[Error]: the error of the result.
        """
        ...

    def watch(self, store: weft.Store, prefix: str) -> StreamLike[Change]:
        """``watch: func(prefix: string) -> result<stream<change>, error>``

        What changes from now on. Of several changes of one key that were not read yet, only the last is left. The
        stream ends when more has changed than the host keeps for a reader: list the keys again, and watch again.

        Raises:
            weft.Err[Error]: the error of the result.
        """
        ...


class Buckets(Protocol):
    """The interface ``example:keyvalue/buckets@0.1.0``, which the host implements.

    Values under keys, which outlive the guest.
    """

    async def open(self, accessor: weft.Accessor, name: str) -> Bucket:
        """``open: async func(name: string) -> result<bucket, error>``

        A bucket that does not exist is empty.

        Raises:
            weft.Err[Error]: the error of the result.
        """
        ...


def add_buckets(linker: weft.Linker, impl: Buckets) -> None:
    """Let components import the interface ``example:keyvalue/buckets@0.1.0`` from `impl`."""
    instance = linker.instance(INTERFACE)
    instance.object_resource("bucket")

    async def call_bucket_method_get(accessor: weft.Accessor, self: Bucket, key: Any) -> BytesLike | None:
        return await self.get(accessor, key)

    instance.func_wrap_concurrent("[method]bucket.get", call_bucket_method_get)

    async def call_bucket_method_set(accessor: weft.Accessor, self: Bucket, key: Any, value: Any) -> None:
        await self.set(accessor, key, value)

    instance.func_wrap_concurrent("[method]bucket.set", call_bucket_method_set)

    async def call_bucket_method_delete(accessor: weft.Accessor, self: Bucket, key: Any) -> bool:
        return await self.delete(accessor, key)

    instance.func_wrap_concurrent("[method]bucket.delete", call_bucket_method_delete)

    async def call_bucket_method_increment(accessor: weft.Accessor, self: Bucket, key: Any, amount: Any) -> int:
        return await self.increment(accessor, key, amount)

    instance.func_wrap_concurrent("[method]bucket.increment", call_bucket_method_increment)

    async def call_bucket_method_list_keys(
        accessor: weft.Accessor,
        self: Bucket,
        prefix: Any,
        after: Any,
    ) -> Sequence[str]:
        return await self.list_keys(accessor, prefix, after)

    instance.func_wrap_concurrent("[method]bucket.list-keys", call_bucket_method_list_keys)

    def call_bucket_method_watch(store: weft.Store, self: Bucket, prefix: Any) -> StreamLike[Change]:
        return self.watch(store, prefix)

    instance.func_wrap("[method]bucket.watch", call_bucket_method_watch)
    instance.func_wrap_concurrent("open", impl.open)
