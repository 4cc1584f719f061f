"""wasi:filesystem/types: files and directories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from weft import producers
from weft.wasi.filesystem import Entries, kind_of
from weft.wasi.filesystem.methods import define_methods, methods
from weft.wasi.outcome import Outcome
from weft.wasi.p3.filesystem.streams import DirectoryReads, reads, writes
from weft.wasi.p3.filesystem.values import descriptor_stat, descriptor_type, error_code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from weft import Accessor, Linker, Store, StreamProducer, StreamReader
    from weft.wasi.ctx import Getter, WasiCtx
    from weft.wasi.filesystem import Descriptor


def _get_flags(descriptor: Descriptor) -> frozenset[str]:
    return descriptor.flags


def _get_type(descriptor: Descriptor) -> Any:
    return descriptor_type(kind_of(descriptor.file.mode))


_AT_ONCE: Final[Mapping[str, Callable[[Descriptor], Any]]] = {"get-flags": _get_flags, "get-type": _get_type}


# What gives or takes a stream.


def _read(ctx: WasiCtx, descriptor: Descriptor, offset: int) -> tuple[StreamProducer, Outcome]:
    outcome = Outcome()
    if descriptor.file.is_directory:
        outcome.fail("is-directory")
        return producers.empty(), outcome
    return reads(ctx, descriptor.file, offset, outcome), outcome


def _write(store: Store, ctx: WasiCtx, descriptor: Descriptor, data: StreamReader, offset: int | None) -> Outcome:
    outcome = Outcome()
    try:
        descriptor.check_writable_file()
    except OSError as error:
        outcome.fail(error_code_of(error))
        data.close(store)
    else:
        data.pipe(store, writes(ctx, descriptor.file, offset, outcome))
    return outcome


def _read_directory(ctx: WasiCtx, descriptor: Descriptor) -> tuple[StreamProducer, Outcome]:
    outcome = Outcome()
    try:
        entries = Entries(descriptor, ctx.handles)
    except OSError as error:
        outcome.fail(error_code_of(error))
        return producers.empty(), outcome
    return DirectoryReads(ctx, entries, outcome), outcome


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance("wasi:filesystem/types@0.3.0")
    api.object_resource("descriptor")

    def define_at_once(name: str, func: Callable[[Descriptor], Any]) -> None:
        @api.func_wrap_concurrent(f"[method]descriptor.{name}")
        async def method(_accessor: Accessor, descriptor: Descriptor) -> Any:
            return func(descriptor)

    for name, at_once in _AT_ONCE.items():
        define_at_once(name, at_once)
    define_methods(api.func_wrap_concurrent, getter, methods(descriptor_stat), error_code_of)

    @api.func_wrap("[method]descriptor.read-via-stream")
    def read_via_stream(store: Store, descriptor: Descriptor, offset: int) -> tuple[StreamProducer, Outcome]:
        return _read(getter(store.data), descriptor, offset)

    @api.func_wrap("[method]descriptor.write-via-stream")
    def write_via_stream(store: Store, descriptor: Descriptor, data: StreamReader, offset: int) -> Outcome:
        return _write(store, getter(store.data), descriptor, data, offset)

    @api.func_wrap("[method]descriptor.append-via-stream")
    def append_via_stream(store: Store, descriptor: Descriptor, data: StreamReader) -> Outcome:
        return _write(store, getter(store.data), descriptor, data, None)

    @api.func_wrap("[method]descriptor.read-directory")
    def read_directory(store: Store, descriptor: Descriptor) -> tuple[StreamProducer, Outcome]:
        return _read_directory(getter(store.data), descriptor)


__all__ = ["add_to_linker"]
