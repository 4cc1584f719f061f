"""The methods of ``descriptor`` that are the same in both versions of WASI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from weft import Err
from weft.wasi.filesystem import directory
from weft.wasi.filesystem.blocking import call
from weft.wasi.filesystem.descriptor import Descriptor
from weft.wasi.filesystem.opening import open_at
from weft.wasi.filesystem.values import follows, hash_value, labels, new_time

if TYPE_CHECKING:
    import enum
    import os
    from collections.abc import Callable, Mapping

    from weft import Accessor
    from weft.wasi.ctx import Getter


def _advise(descriptor: Descriptor, offset: int, length: int, advice: enum.Enum) -> None:
    descriptor.advise(offset, length, advice.value)


def _set_times(descriptor: Descriptor, access: Any, modification: Any) -> None:
    descriptor.set_times(new_time(access), new_time(modification))


def _set_times_at(descriptor: Descriptor, path_flags: enum.Flag, path: str, access: Any, modification: Any) -> None:
    follow = follows(path_flags)
    directory.set_times_at(descriptor, path, new_time(access), new_time(modification), follow=follow)


def _link_at(descriptor: Descriptor, path_flags: enum.Flag, old: str, new_descriptor: Descriptor, new: str) -> None:
    directory.link_at(descriptor, old, new_descriptor, new, follow=follows(path_flags))


def _metadata_hash(descriptor: Descriptor) -> dict[str, int]:
    return hash_value(descriptor.metadata_hash())


def _metadata_hash_at(descriptor: Descriptor, path_flags: enum.Flag, path: str) -> dict[str, int]:
    return hash_value(directory.metadata_hash_at(descriptor, path, follow=follows(path_flags)))


_METHODS: Final[Mapping[str, Callable[..., Any]]] = {
    "advise": _advise,
    "sync-data": Descriptor.sync_data,
    "set-size": Descriptor.set_size,
    "set-times": _set_times,
    "sync": Descriptor.sync,
    "create-directory-at": directory.create_directory_at,
    "set-times-at": _set_times_at,
    "link-at": _link_at,
    "readlink-at": directory.read_link_at,
    "remove-directory-at": directory.remove_directory_at,
    "rename-at": directory.rename_at,
    "symlink-at": directory.symlink_at,
    "unlink-file-at": directory.unlink_file_at,
    "is-same-object": Descriptor.is_same_object,
    "metadata-hash": _metadata_hash,
    "metadata-hash-at": _metadata_hash_at,
}


def methods(descriptor_stat: Callable[[os.stat_result], Any]) -> dict[str, Callable[..., Any]]:
    """Return what the methods do, by their names: functions of what the guest gives, which block.

    Args:
        descriptor_stat: makes a ``descriptor-stat`` of attributes.
    """

    def stat(descriptor: Descriptor) -> Any:
        return descriptor_stat(descriptor.stat())

    def stat_at(descriptor: Descriptor, path_flags: enum.Flag, path: str) -> Any:
        return descriptor_stat(directory.stat_at(descriptor, path, follow=follows(path_flags)))

    return {**_METHODS, "stat": stat, "stat-at": stat_at}


def define_methods(
    wrap: Callable[[str], Callable[[Callable[..., Any]], object]],
    getter: Getter,
    blocking: Mapping[str, Callable[..., Any]],
    error_code: Callable[[OSError], Any],
) -> None:
    """Define ``open-at`` and methods that block.

    Args:
        wrap: defines a function of the interface that awaits.
        getter: finds the context of a guest.
        blocking: what the others do, by their names.
        error_code: what an error is called in the interface.
    """

    def define(name: str, func: Callable[..., Any]) -> None:
        @wrap(f"[method]descriptor.{name}")
        async def method(accessor: Accessor, descriptor: Descriptor, *args: Any) -> Any:
            try:
                return await call(getter(accessor.data), func, descriptor, *args)
            except OSError as error:
                raise Err(error_code(error)) from None

    for name, func in blocking.items():
        define(name, func)

    @wrap("[method]descriptor.open-at")
    async def open_(
        accessor: Accessor,
        descriptor: Descriptor,
        path_flags: enum.Flag,
        path: str,
        open_flags: enum.Flag,
        flags: enum.Flag,
    ) -> Descriptor:
        ctx, follow = getter(accessor.data), follows(path_flags)
        try:
            return await open_at(ctx, descriptor, path, labels(open_flags), labels(flags), follow=follow)
        except OSError as error:
            raise Err(error_code(error)) from None


__all__ = ["define_methods", "methods"]
