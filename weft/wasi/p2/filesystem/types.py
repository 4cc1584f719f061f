"""wasi:filesystem/types: files and directories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

from weft import Err
from weft.wasi.filesystem import Entries, FileBytes, error_code, kind_of
from weft.wasi.filesystem.methods import define_methods, methods
from weft.wasi.p2.clocks.wall_clock import datetime
from weft.wasi.p2.filesystem.streams import DirectoryEntryStream, input_stream, output_stream
from weft.wasi.p2.io.error import VERSION

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from weft import Accessor, Linker, Store
    from weft.wasi.ctx import Getter
    from weft.wasi.filesystem import Entry
    from weft.wasi.filesystem.descriptor import Descriptor
    from weft.wasi.p2.clocks.wall_clock import Datetime
    from weft.wasi.p2.io import Error, InputStream, OutputStream

READ_BYTE_LENGTH: Final = 64 << 10
"""How much ``read`` gives at once, however much is asked for."""


# Values.


def descriptor_type(kind: str) -> str:
    """Return the label of a type as a ``descriptor-type``."""
    return "unknown" if kind == "other" else kind


def _timestamp(time_ns: int) -> Datetime | None:
    return None if time_ns < 0 else datetime(time_ns)  # the interface knows of no time before 1970


Stat = TypedDict(
    "Stat",
    {
        "type": str,
        "link-count": int,
        "size": int,
        "data-access-timestamp": "Datetime | None",
        "data-modification-timestamp": "Datetime | None",
        "status-change-timestamp": "Datetime | None",
    },
)


def descriptor_stat(status: os.stat_result) -> Stat:
    """Return attributes as a ``descriptor-stat``."""
    return {
        "type": descriptor_type(kind_of(status.st_mode)),
        "link-count": status.st_nlink,
        "size": status.st_size,
        "data-access-timestamp": _timestamp(status.st_atime_ns),
        "data-modification-timestamp": _timestamp(status.st_mtime_ns),
        "status-change-timestamp": _timestamp(status.st_ctime_ns),
    }


def _directory_entry(entry: Entry | None) -> dict[str, str] | None:
    return None if entry is None else {"type": descriptor_type(entry.kind), "name": entry.name}


# Methods that may block: called in a thread.


def _read(descriptor: Descriptor, length: int, offset: int) -> tuple[bytearray, bool]:
    descriptor.check_file()
    buffer = bytearray(min(length, READ_BYTE_LENGTH))
    with memoryview(buffer) as view:
        count = FileBytes(descriptor.file, offset).read_into(view)
    del buffer[count:]
    return buffer, not count


def _write(descriptor: Descriptor, contents: bytes, offset: int) -> int:
    descriptor.check_writable_file()
    if not contents:
        return 0
    return FileBytes(descriptor.file, offset).write_from(memoryview(contents))


_BLOCKING: Final[Mapping[str, Callable[..., Any]]] = {**methods(descriptor_stat), "read": _read, "write": _write}


# Methods that return at once.


def _get_flags(_store: Store, descriptor: Descriptor) -> frozenset[str]:
    return descriptor.flags


def _get_type(_store: Store, descriptor: Descriptor) -> str:
    return descriptor_type(kind_of(descriptor.file.mode))


def filesystem_error_code(_store: Store, error: Error) -> str:
    """Return what an error of a stream is called in the interface."""
    return error_code(error.error)


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance(f"wasi:filesystem/types@{VERSION}")
    api.object_resource("descriptor")
    api.object_resource("directory-entry-stream")
    api.func_wrap("[method]descriptor.get-flags", _get_flags)
    api.func_wrap("[method]descriptor.get-type", _get_type)
    api.func_wrap("filesystem-error-code", filesystem_error_code)

    define_methods(api.func_wrap_async, getter, _BLOCKING, error_code)

    @api.func_wrap("[method]descriptor.read-via-stream")
    def read_via_stream(store: Store, descriptor: Descriptor, offset: int) -> InputStream:
        if descriptor.file.is_directory:
            raise Err("is-directory")
        return input_stream(getter(store.data), descriptor.file, offset)

    def write_via(store: Store, descriptor: Descriptor, offset: int | None) -> OutputStream:
        try:
            descriptor.check_writable_file()
        except OSError as error:
            raise Err(error_code(error)) from None
        return output_stream(getter(store.data), descriptor.file, offset)

    @api.func_wrap("[method]descriptor.write-via-stream")
    def write_via_stream(store: Store, descriptor: Descriptor, offset: int) -> OutputStream:
        return write_via(store, descriptor, offset)

    @api.func_wrap("[method]descriptor.append-via-stream")
    def append_via_stream(store: Store, descriptor: Descriptor) -> OutputStream:
        return write_via(store, descriptor, None)

    @api.func_wrap("[method]descriptor.read-directory")
    def read_directory(store: Store, descriptor: Descriptor) -> DirectoryEntryStream:
        ctx = getter(store.data)
        try:
            return DirectoryEntryStream(ctx, Entries(descriptor, ctx.handles))
        except OSError as error:
            raise Err(error_code(error)) from None

    @api.func_wrap_async("[method]directory-entry-stream.read-directory-entry")
    async def read_directory_entry(_accessor: Accessor, stream: DirectoryEntryStream) -> dict[str, str] | None:
        try:
            return _directory_entry(await stream.next())
        except OSError as error:
            raise Err(error_code(error)) from None


__all__ = ["READ_BYTE_LENGTH", "add_to_linker", "descriptor_stat", "descriptor_type", "filesystem_error_code"]
